//! A pacer in a row of the database, which the commands of all machines share.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use export_host::random_number;
use export_hyper::{PaceStore, Pacer, StoredPacer, Timestamp};

use super::PgError;
use super::error::Cause;
use super::link::{Link, query};

/// A pacer in a row of the database.
///
/// A process holds the row for the time between two statements. One that is killed meanwhile loses it with
/// its connection, and one that is stopped after a second: the others go on without it if it stays held for
/// two.
pub(crate) struct PgPace {
    link: Link,
    name: String,
    on_failure: Box<dyn Fn(&io::Error) + Send + Sync>,
    /// Whether the row is known to exist.
    is_there: Mutex<bool>,
}

/// For how long a server is waited for: the command goes on alone without it.
pub(super) const PATIENCE: Duration = Duration::ZERO;
pub(super) const LONGEST: Duration = Duration::from_secs(2);

impl PgPace {
    pub(super) fn new(
        link: Link,
        name: String,
        on_failure: impl Fn(&io::Error) + Send + Sync + 'static,
    ) -> Self {
        Self { link, name, on_failure: Box::new(on_failure), is_there: Mutex::default() }
    }

    fn hold(&self, nonce: i64) -> Result<(Timestamp, StoredPacer), io::Error> {
        let rows = self.link.call(query!(
            "UPDATE wexport.pace SET holder = $2, backend = pg_backend_pid(), \
             held_until = clock_timestamp() + INTERVAL '1 s' \
             WHERE name = $1 AND (held_until < clock_timestamp() OR holder = $2 \
                 OR NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = backend)) \
             RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT, latest, pacer",
            self.name.clone(),
            nonce
        ))?;
        let row = rows.first().ok_or(io::ErrorKind::WouldBlock)?;
        let millis = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or_default();
        let [now, latest] = [0, 1].map(|column| Timestamp::from_millis(millis(column)));
        let text: Option<&str> = row.get(2);
        let pacer = text.and_then(|text| serde_json::from_str(text).ok());
        Ok((now, StoredPacer::new(latest, pacer)))
    }
}

impl PaceStore for PgPace {
    fn update(&self, f: &mut dyn FnMut(Timestamp, &mut Option<Pacer>)) -> io::Result<()> {
        let mut is_there = self.is_there.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_there {
            let insert = "INSERT INTO wexport.pace (name) VALUES ($1) ON CONFLICT DO NOTHING";
            self.link.call(query!(insert, self.name.clone()))?;
            *is_there = true;
        }
        let nonce = i64::from_ne_bytes(random_number().to_ne_bytes());
        let (now, mut stored) = self.hold(nonce)?;
        stored.update(now, f);
        let text = stored.pacer().map(serde_json::to_string).transpose()?;
        let latest = i64::try_from(stored.time().as_millis()).unwrap_or(i64::MAX);
        // One that has held the row for too long has lost it: the other has not seen its request.
        self.link.call(query!(
            "UPDATE wexport.pace SET pacer = $3, latest = $4, held_until = '-infinity' \
             WHERE name = $1 AND holder = $2",
            self.name.clone(),
            nonce,
            text,
            latest
        ))?;
        Ok(())
    }

    fn on_failure(&self, error: &io::Error) {
        (self.on_failure)(error);
    }
}

impl fmt::Debug for PgPace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgPace").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PgError {
    pub(super) fn damaged(link: &Link, how: impl fmt::Display) -> Self {
        link.error(Cause::Damaged(how.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use test_servers::Postgres;

    use super::super::schema;
    use super::*;

    #[test]
    fn killed_process_loses_the_pace_with_its_connection() {
        let Some(postgres) = Postgres::start() else { return };
        let database = postgres.database();
        let [one, other] = [(); 2].map(|()| {
            let link = Link::to(&postgres, &database);
            schema::prepare(&link).unwrap();
            PgPace::new(link, "service".into(), |_| ())
        });
        one.update(&mut |_, _| ()).unwrap();
        one.hold(1).unwrap();
        let forever = "UPDATE wexport.pace SET held_until = 'infinity'";
        other.link.call(query!(forever)).unwrap();
        assert_eq!(other.hold(2).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(one);
        let until = Instant::now() + Duration::from_secs(30);
        while other.hold(2).is_err() {
            assert!(Instant::now() < until);
            thread::sleep(Duration::from_millis(5));
        }
    }
}
