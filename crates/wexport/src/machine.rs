//! The machine of a test: what a command finds when it runs on it, in place of the real clock, network, disk,
//! environment and terminal. The threads of a test's runtime have one.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use export_hyper::{Client, ClientBuilder, OwnTransport, Timestamp};
use jiff::tz::TimeZone;
use tokio::time::Instant;

thread_local! {
    static MACHINE: RefCell<Option<Arc<Machine>>> = const { RefCell::new(None) };
}

/// The machine of a test.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The time at this instant of tokio's clock.
    started: (Timestamp, Instant),
    pub(crate) zone: TimeZone,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By how many **milliseconds** the clock of the system is ahead.
    ahead: i64,
    variables: Vec<(&'static str, String)>,
    transport: Option<OwnTransport>,
    has_full_disk: bool,
    errors: Vec<u8>,
}

impl Machine {
    /// A machine that is started now, at this time.
    pub(crate) fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self { started: (now, Instant::now()), zone, state: Mutex::default() }
    }

    /// The machine of this thread, if it has one.
    pub(crate) fn current() -> Option<Arc<Self>> {
        MACHINE.with_borrow(Clone::clone)
    }

    /// Makes it the machine of this thread.
    pub(crate) fn install(self: Arc<Self>) {
        MACHINE.set(Some(self));
    }

    /// The true time.
    pub(crate) fn now(&self) -> Timestamp {
        let (time, instant) = self.started;
        time + instant.elapsed()
    }

    /// The instant of a time.
    pub(crate) fn instant(&self, time: Timestamp) -> Instant {
        self.started.1 + time.since(self.started.0)
    }

    /// The time that the clock of the system shows.
    pub(crate) fn wall_clock(&self) -> Timestamp {
        let now = self.now().as_millis();
        Timestamp::from_millis(now.saturating_add_signed(self.state().ahead))
    }

    /// Sets the clock of the system, to this many **milliseconds** after the true time.
    pub(crate) fn set_ahead(&self, ahead: i64) {
        self.state().ahead = ahead;
    }

    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        let state = self.state();
        let found = state.variables.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| value.into())
    }

    pub(crate) fn set_variable(&self, name: &'static str, value: impl Into<String>) {
        let mut state = self.state();
        state.variables.retain(|(other, _)| *other != name);
        state.variables.push((name, value.into()));
    }

    pub(crate) fn set_transport(&self, transport: OwnTransport) {
        self.state().transport = Some(transport);
    }

    pub(crate) fn fill_disk(&self, is_full: bool) {
        self.state().has_full_disk = is_full;
    }

    /// What was printed to standard error since the last call.
    pub(crate) fn take_errors(&self) -> String {
        let errors = std::mem::take(&mut self.state().errors);
        String::from_utf8(errors).expect("the program prints UTF-8")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a client the time and the network of the machine.
pub(crate) fn set_up(builder: ClientBuilder<Client>) -> ClientBuilder<Client> {
    let Some(machine) = Machine::current() else { return builder };
    let transport = machine.state().transport.clone().expect("the machine has a network");
    // Without chance, a seed decides all.
    builder.now(machine.wall_clock()).transport(transport).jitter(0)
}

/// Fails if the disk of the machine is full.
pub(crate) fn check_disk() -> io::Result<()> {
    match Machine::current() {
        Some(machine) if machine.state().has_full_disk => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    }
}

/// Gives a file the time of the machine, since the system gives it the real one.
pub(crate) fn set_modified(file: &Path) -> io::Result<()> {
    let Some(machine) = Machine::current() else { return Ok(()) };
    let time = UNIX_EPOCH + Duration::from_millis(machine.wall_clock().as_millis());
    File::options().write(true).open(file)?.set_modified(time)
}

/// The standard error of a machine.
pub(crate) struct StandardError(pub(crate) Arc<Machine>);

impl Write for StandardError {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.state().errors.write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
