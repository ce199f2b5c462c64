use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::time::Instant;

use crate::{Service, Timestamp};

/// What all connections have in common: the service and the time.
#[derive(Debug)]
pub(super) struct Shared {
    service: Mutex<Service>,
    /// The wall clock is read once; from then on time only goes forward.
    started: (Timestamp, Instant),
}

impl Shared {
    pub(super) fn new(service: Service) -> Self {
        let started = (SystemTime::now().into(), Instant::now());
        Self { service: Mutex::new(service), started }
    }

    pub(super) fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        let (wall, instant) = self.started;
        wall.after(instant.elapsed())
    }
}
