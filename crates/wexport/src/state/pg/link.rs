//! A connection to the database, on a thread of its own.
//!
//! Statements are made one after the other. Those that wait at the same time are made in one transaction,
//! so that a server whose commits are slow commits once for all of them. Those that fail because the server
//! cannot be reached, restarts or has no space are made again: so each has the same effect when it is made
//! twice.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::error::{Cause, PgError, is_passing};
use super::set_option;
use super::tls::Connector;
use crate::problem::Problem;
use crate::settings::PgPlace;

/// A connection that is made when it is needed, and again when it is lost.
#[derive(Clone)]
pub(super) struct Link {
    place: Arc<PgPlace>,
    tls: Connector,
    limits: [Duration; 2],
    jobs: UnboundedSender<Job>,
}

/// A statement with its parameters.
pub(super) struct Query {
    sql: Cow<'static, str>,
    parameters: Vec<Parameter>,
}

pub(super) type Parameter = Box<dyn ToSql + Send + Sync>;

/// Makes a statement: `query!("SELECT $1::TEXT", text)`.
macro_rules! query {
    ($sql:expr $(, $parameter:expr)* $(,)?) => {
        $crate::state::pg::link::Query::new($sql, vec![$(Box::new($parameter)),*])
    };
}
pub(super) use query;

impl Query {
    pub(super) fn new(sql: impl Into<Cow<'static, str>>, parameters: Vec<Parameter>) -> Self {
        Self { sql: sql.into(), parameters }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.parameters.iter().map(|it| &**it as &(dyn ToSql + Sync)).collect()
    }
}

enum Work {
    /// In one transaction. The rows are those of the last.
    Queries(Vec<Query>),
    /// The same without rows. The statements are asked for one after the other.
    Streamed(mpsc::Sender<Ask>),
}

/// Asks for the next statement of a transaction. `None` is its end; if the answer is dropped, it is rolled
/// back.
struct Ask {
    /// Whether the transaction begins, perhaps again.
    is_first: bool,
    answer: oneshot::Sender<Option<Query>>,
}

type Answer = Result<Vec<Row>, PgError>;

type OnAnswer = Box<dyn FnOnce(Answer) + Send>;

struct Job {
    work: Work,
    answer: OnAnswer,
}

/// The most jobs that are done in one transaction.
const GROUP: usize = 200;

/// For how long statements are made again while the server cannot be reached. Those that wait for others do
/// not wait for longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A server that does not answer for this long cannot be reached.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

/// The same once it could not be reached for longer than the patience: a process that ends makes several
/// statements.
const SHORTEST: Duration = Duration::from_secs(2);

/// The waits before the next try: doubled up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl Link {
    /// A statement is made again for as long as `patience`, and takes as long as `longest`.
    pub(super) fn new(
        place: &Arc<PgPlace>,
        tls: Arc<ClientConfig>,
        [patience, longest]: [Duration; 2],
    ) -> Result<Self, PgError> {
        Self::spawn(Arc::clone(place), Connector(tls), [patience, longest])
    }

    /// Another connection to the same database, whose statements do not wait for those of this one, nor for
    /// the disk of the server.
    pub(super) fn unflushed(&self) -> Result<Self, PgError> {
        let mut place = (*self.place).clone();
        set_option(&mut place, "synchronous_commit=off");
        Self::spawn(Arc::new(place), self.tls.clone(), self.limits)
    }

    fn spawn(place: Arc<PgPlace>, tls: Connector, limits: [Duration; 2]) -> Result<Self, PgError> {
        let (jobs, queue) = unbounded_channel();
        let cause = |error: std::io::Error| PgError {
            place: place.to_string(),
            cause: Cause::Unreachable(error.to_string()),
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(cause)?;
        let [patience, longest] = limits;
        let connecting = Connecting {
            place: Arc::clone(&place),
            tls: tls.clone(),
            patience,
            longest,
            made: None,
            failing_since: None,
        };
        let spawned = thread::Builder::new().name("postgres".into()).spawn(move || {
            runtime.block_on(connecting.serve(queue));
        });
        spawned.map_err(cause)?;
        Ok(Self { place, tls, limits, jobs })
    }

    pub(super) fn error(&self, cause: Cause) -> PgError {
        PgError { place: self.place.to_string(), cause }
    }

    /// Makes a statement, and waits for its rows.
    pub(super) fn call(&self, query: Query) -> Answer {
        self.call_together(vec![query])
    }

    /// Makes statements in one transaction, and waits for the rows of the last.
    pub(super) fn call_together(&self, queries: Vec<Query>) -> Answer {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.send(Work::Queries(queries), move |answer| drop(sender.send(answer)));
        receiver.recv().unwrap_or_else(|_| Err(self.gone()))
    }

    /// Makes statements in one transaction, of which one is in memory at a time. `begin` is called again
    /// if the transaction has to be made again.
    pub(super) fn call_streamed<I>(&self, begin: impl Fn() -> I) -> Result<(), StreamError>
    where
        I: Iterator<Item = Result<Query, Problem>>,
    {
        let (sender, receiver) = mpsc::sync_channel(1);
        let (ask, asked) = mpsc::channel();
        self.send(Work::Streamed(ask), move |answer| drop(sender.send(answer)));
        let mut queries = None;
        // It ends with the transaction.
        for Ask { is_first, answer } in asked {
            if is_first {
                queries = None;
            }
            let query = queries.get_or_insert_with(&begin).next().transpose();
            // If the connection is gone, the statement is asked for again.
            let _ = answer.send(query.map_err(StreamError::Source)?);
        }
        let answer = receiver.recv().unwrap_or_else(|_| Err(self.gone()));
        answer.map(drop).map_err(StreamError::Database)
    }

    /// Makes a statement after those that were pushed before.
    pub(super) fn push(&self, query: Query) -> impl Future<Output = Answer> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        self.send(Work::Queries(vec![query]), move |answer| drop(sender.send(answer)));
        let gone = self.gone();
        async move { receiver.await.unwrap_or(Err(gone)) }
    }

    fn send(&self, work: Work, answer: impl FnOnce(Answer) + Send + 'static) {
        // If the thread is gone, the answer is dropped, which its receiver notices.
        let _ = self.jobs.send(Job { work, answer: Box::new(answer) });
    }

    /// The error of a thread that has panicked.
    fn gone(&self) -> PgError {
        self.error(Cause::Statement("a fault of the program".into()))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.place)
    }
}

struct Connecting {
    place: Arc<PgPlace>,
    tls: Connector,
    patience: Duration,
    longest: Duration,
    made: Option<Connected>,
    /// Since when the server cannot be reached.
    failing_since: Option<Instant>,
}

struct Connected {
    client: Client,
    statements: HashMap<Cow<'static, str>, Statement>,
    /// The longest time for a statement.
    longest: Duration,
}

/// Why a transaction whose statements are made one after the other has failed.
pub(super) enum StreamError {
    Database(PgError),
    /// Its statements could not be made.
    Source(Problem),
}

impl Connecting {
    async fn serve(mut self, mut queue: UnboundedReceiver<Job>) {
        let mut waiting = Vec::new();
        while queue.recv_many(&mut waiting, GROUP).await > 0 {
            let mut jobs = waiting.drain(..).peekable();
            while let Some(job) = jobs.next() {
                match job.work {
                    Work::Queries(queries) => {
                        let mut group = vec![(queries, job.answer)];
                        while let Some(Job { work: Work::Queries(queries), answer }) =
                            jobs.next_if(|job| matches!(job.work, Work::Queries(_)))
                        {
                            group.push((queries, answer));
                        }
                        self.serve_group(group).await;
                    }
                    Work::Streamed(ask) => {
                        let done = self.perform(async |connected| connected.stream(&ask).await);
                        let done =
                            done.await.map(|()| Vec::new()).map_err(|cause| self.error(cause));
                        drop(ask);
                        (job.answer)(done);
                    }
                }
            }
        }
    }

    /// Makes the statements of several jobs in one transaction.
    async fn serve_group(&mut self, group: Vec<(Vec<Query>, OnAnswer)>) {
        let (works, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let all = self.perform(async |connected| connected.query_all(&works).await).await;
        match all {
            Ok(rows) => answers.into_iter().zip(rows).for_each(|(answer, rows)| answer(Ok(rows))),
            // A statement of one job must not fail the others.
            Err(Cause::Statement(_)) if works.len() > 1 => {
                for (work, answer) in works.iter().zip(answers) {
                    let work = std::slice::from_ref(work);
                    let rows =
                        self.perform(async |connected| connected.query_all(work).await).await;
                    let rows = rows.map(|mut rows| rows.pop().unwrap_or_default());
                    answer(rows.map_err(|cause| self.error(cause)));
                }
            }
            Err(cause) => {
                answers.into_iter().for_each(|answer| answer(Err(self.error(cause.clone()))));
            }
        }
    }

    fn error(&self, cause: Cause) -> PgError {
        PgError { place: self.place.to_string(), cause }
    }

    /// Makes a transaction, again for as long as its error may pass.
    async fn perform<T>(
        &mut self,
        transaction: impl AsyncFn(&mut Connected) -> Result<T, Failure>,
    ) -> Result<T, Cause> {
        let began = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            let patient_until = self.failing_since.unwrap_or(began) + self.patience;
            let left = patient_until.saturating_duration_since(Instant::now());
            let attempt = match self.connected(left.max(SHORTEST).min(self.longest)).await {
                Ok(connected) => transaction(connected).await,
                Err(failure) => Err(failure),
            };
            let cause = match attempt {
                Ok(done) => {
                    self.failing_since = None;
                    return Ok(done);
                }
                Err(Failure::Sql(error)) if is_passing(&error) => match Cause::from(&error) {
                    Cause::Statement(text) | Cause::Login(text) => Cause::Unreachable(text),
                    cause => cause,
                },
                Err(Failure::Sql(error)) => {
                    self.failing_since = None;
                    return Err(Cause::from(&error));
                }
                Err(Failure::NoAnswer(longest)) => {
                    Cause::Unreachable(format!("no answer for {} s", longest.as_secs()))
                }
                Err(Failure::Source) => return Err(Cause::Statement("it was cancelled".into())),
            };
            self.made = None;
            let since = *self.failing_since.get_or_insert(began);
            if Instant::now() + wait >= since + self.patience {
                return Err(cause);
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// The connection, with the longest time for a statement.
    async fn connected(&mut self, longest: Duration) -> Result<&mut Connected, Failure> {
        let made = match self.made.take().filter(|made| !made.client.is_closed()) {
            Some(made) => Connected { longest, ..made },
            None => {
                let connect = self.place.config.connect(self.tls.clone());
                let (client, connection) = within(longest, connect).await?;
                // It ends with the client; its error is that of the statement too.
                tokio::spawn(async move { drop(connection.await) });
                Connected { client, statements: HashMap::new(), longest }
            }
        };
        Ok(self.made.insert(made))
    }
}

/// Why a transaction was not made.
enum Failure {
    Sql(tokio_postgres::Error),
    /// The server has not answered for this long.
    NoAnswer(Duration),
    /// Its next statement could not be made.
    Source,
}

async fn within<T>(
    longest: Duration,
    call: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Failure> {
    match timeout(longest, call).await {
        Ok(done) => done.map_err(Failure::Sql),
        Err(_) => Err(Failure::NoAnswer(longest)),
    }
}

impl Connected {
    /// Makes statements in one transaction. Returns the rows of the last of each job.
    async fn query_all(&mut self, jobs: &[Vec<Query>]) -> Result<Vec<Vec<Row>>, Failure> {
        if let [job] = jobs
            && let [query] = &job[..]
        {
            return Ok(vec![self.query(query).await?]);
        }
        self.execute("BEGIN").await?;
        let mut found = Vec::new();
        for job in jobs {
            let mut rows = Vec::new();
            for query in job {
                rows = self.query_or_roll_back(query).await?;
            }
            found.push(rows);
        }
        self.execute("COMMIT").await?;
        Ok(found)
    }

    /// Makes statements in one transaction, each when it is handed over.
    async fn stream(&mut self, ask: &mpsc::Sender<Ask>) -> Result<(), Failure> {
        self.execute("BEGIN").await?;
        let mut is_first = true;
        loop {
            let (answer, next) = oneshot::channel();
            let _ = ask.send(Ask { is_first, answer });
            is_first = false;
            match next.await {
                Ok(Some(query)) => drop(self.query_or_roll_back(&query).await?),
                Ok(None) => return self.execute("COMMIT").await,
                Err(_) => {
                    self.execute("ROLLBACK").await?;
                    return Err(Failure::Source);
                }
            }
        }
    }

    async fn query_or_roll_back(&mut self, query: &Query) -> Result<Vec<Row>, Failure> {
        let queried = self.query(query).await;
        if matches!(queried, Err(Failure::Sql(_))) {
            let _ = self.execute("ROLLBACK").await;
        }
        queried
    }

    async fn execute(&mut self, sql: &str) -> Result<(), Failure> {
        within(self.longest, self.client.batch_execute(sql)).await
    }

    async fn query(&mut self, query: &Query) -> Result<Vec<Row>, Failure> {
        let statement = match self.statements.get(&query.sql) {
            Some(statement) => statement.clone(),
            None => {
                let statement = within(self.longest, self.client.prepare(&query.sql)).await?;
                self.statements.insert(query.sql.clone(), statement.clone());
                statement
            }
        };
        within(self.longest, self.client.query(&statement, &query.parameters())).await
    }
}

#[cfg(test)]
impl Link {
    /// A connection to the database of a test.
    pub(super) fn to(postgres: &test_servers::Postgres, database: &str) -> Self {
        let url = format!("postgres://ada@127.0.0.1:{}/{database}", postgres.port());
        let password =
            |name: &str| (name == "PGPASSWORD").then(|| test_servers::Postgres::PASSWORD.into());
        let place = Arc::new(PgPlace::new(&url, &password).unwrap());
        let tls = Arc::new(export_host::TlsOptions::new().client_config().unwrap());
        Self::new(&place, tls, [PATIENCE, LONGEST]).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use export_host::TlsOptions;

    use super::*;
    use crate::problem::Exit;

    /// A link to a server that accepts connections, and says nothing.
    fn silent(limits: [Duration; 2]) -> (TcpListener, Link) {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://ada@{}/book", server.local_addr().unwrap());
        let place = Arc::new(PgPlace::new(&url, &|_| None).unwrap());
        let tls = Arc::new(TlsOptions::new().client_config().unwrap());
        (server, Link::new(&place, tls, limits).unwrap())
    }

    #[test]
    fn silent_server_is_given_up() {
        let (_server, link) = silent([Duration::from_millis(200), Duration::from_millis(50)]);
        let error = link.call(query!("SELECT 1")).unwrap_err();
        assert!(error.to_string().contains("cannot reach"), "{error}");
        assert_eq!(Problem::from(error).exit, Exit::GaveUp);
    }

    #[test]
    fn silent_server_is_tried_briefly_after_the_patience() {
        let (_server, link) = silent([Duration::from_millis(50), LONGEST]);
        let began = std::time::Instant::now();
        link.call(query!("SELECT 1")).unwrap_err();
        assert!(began.elapsed() < LONGEST / 2, "{:?}", began.elapsed());
    }

    #[test]
    fn statements_that_wait_share_the_patience() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("postgres://ada@127.0.0.1:{port}/x?sslmode=disable");
        let place = Arc::new(PgPlace::new(&url, &|_| None).unwrap());
        let tls = Arc::new(TlsOptions::new().client_config().unwrap());
        let patience = Duration::from_millis(400);
        let link = Link::new(&place, tls, [patience, LONGEST]).unwrap();
        let began = std::time::Instant::now();
        let _pushed: Vec<_> = (0..9).map(|_| link.push(query!("SELECT 1"))).collect();
        let error = link.call(query!("SELECT 1")).unwrap_err();
        assert!(matches!(error.cause, Cause::Unreachable(_)), "{error}");
        assert!(began.elapsed() < patience * 5, "{:?}", began.elapsed());
    }
}
