//! A connection to the database, on a thread of its own.
//!
//! Statements are made one after the other, each in a transaction of its own. One that fails because the
//! server cannot be reached, or restarts, is made again on a new connection: so each has the same effect
//! when it is made twice.

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
use super::tls::Connector;
use crate::settings::PgPlace;

/// A connection that is made when it is needed, and again when it is lost.
#[derive(Clone)]
pub(super) struct Link {
    place: Arc<PgPlace>,
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
    One(Query),
    /// In one transaction. The rows are those of the last.
    Together(Vec<Query>),
}

type Answer = Result<Vec<Row>, PgError>;

struct Job {
    work: Work,
    answer: Box<dyn FnOnce(Answer) + Send>,
}

/// For how long statements are made again while the server cannot be reached. Those that wait for others do
/// not wait for longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A server that does not answer for this long cannot be reached.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

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
        let (jobs, queue) = unbounded_channel();
        let cause = |error: std::io::Error| PgError {
            place: place.to_string(),
            cause: Cause::Unreachable(error.to_string()),
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(cause)?;
        let (place_of_thread, tls) = (Arc::clone(place), Connector(tls));
        let connecting = Connecting {
            place: place_of_thread,
            tls,
            patience,
            longest,
            made: None,
            failing_since: None,
        };
        let spawned = thread::Builder::new().name("postgres".into()).spawn(move || {
            runtime.block_on(connecting.serve(queue));
        });
        spawned.map_err(cause)?;
        Ok(Self { place: Arc::clone(place), jobs })
    }

    pub(super) fn error(&self, cause: Cause) -> PgError {
        PgError { place: self.place.to_string(), cause }
    }

    /// Makes a statement, and waits for its rows.
    pub(super) fn call(&self, query: Query) -> Answer {
        self.wait_for(Work::One(query))
    }

    /// Makes statements in one transaction, and waits for the rows of the last.
    pub(super) fn call_together(&self, queries: Vec<Query>) -> Answer {
        self.wait_for(Work::Together(queries))
    }

    fn wait_for(&self, work: Work) -> Answer {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.send(work, move |answer| drop(sender.send(answer)));
        receiver.recv().unwrap_or_else(|_| Err(self.gone()))
    }

    /// Makes a statement after those that were pushed before.
    pub(super) fn push(&self, query: Query) -> impl Future<Output = Answer> + Send + use<> {
        let (sender, receiver) = oneshot::channel();
        self.send(Work::One(query), move |answer| drop(sender.send(answer)));
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
}

impl Connecting {
    async fn serve(mut self, mut queue: UnboundedReceiver<Job>) {
        while let Some(Job { work, answer }) = queue.recv().await {
            let answered = self.perform(&work).await;
            let place = &self.place;
            answer(answered.map_err(|cause| PgError { place: place.to_string(), cause }));
        }
    }

    async fn perform(&mut self, work: &Work) -> Result<Vec<Row>, Cause> {
        let began = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            let cause = match timeout(self.longest, self.attempt(work)).await {
                Ok(Ok(rows)) => {
                    self.failing_since = None;
                    return Ok(rows);
                }
                Ok(Err(error)) if is_passing(&error) => match Cause::from(&error) {
                    Cause::Statement(text) | Cause::Login(text) => Cause::Unreachable(text),
                    cause => cause,
                },
                Ok(Err(error)) => {
                    self.failing_since = None;
                    return Err(Cause::from(&error));
                }
                Err(_) => Cause::Unreachable(format!("no answer for {} s", self.longest.as_secs())),
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

    async fn attempt(&mut self, work: &Work) -> Result<Vec<Row>, tokio_postgres::Error> {
        let connected = match self.made.take().filter(|made| !made.client.is_closed()) {
            Some(made) => self.made.insert(made),
            None => {
                let tls = self.tls.clone();
                let (client, connection) = self.place.config.connect(tls).await?;
                // It ends with the client; its error is that of the statement too.
                tokio::spawn(async move { drop(connection.await) });
                self.made.insert(Connected { client, statements: HashMap::new() })
            }
        };
        match work {
            Work::One(query) => connected.query(query).await,
            Work::Together(queries) => {
                connected.client.batch_execute("BEGIN").await?;
                let mut rows = Vec::new();
                for query in queries {
                    match connected.query(query).await {
                        Ok(found) => rows = found,
                        Err(error) => {
                            let _ = connected.client.batch_execute("ROLLBACK").await;
                            return Err(error);
                        }
                    }
                }
                connected.client.batch_execute("COMMIT").await?;
                Ok(rows)
            }
        }
    }
}

impl Connected {
    async fn query(&mut self, query: &Query) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = match self.statements.get(&query.sql) {
            Some(statement) => statement.clone(),
            None => {
                let statement = self.client.prepare(&query.sql).await?;
                self.statements.insert(query.sql.clone(), statement.clone());
                statement
            }
        };
        self.client.query(&statement, &query.parameters()).await
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use export_hyper::TlsOptions;

    use super::*;

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
