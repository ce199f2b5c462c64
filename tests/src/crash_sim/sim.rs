//! The simulation of one export, with as many processes as it takes.

use std::fmt::Debug;
use std::time::Duration;

use export_core::token::TokenSource;
use export_core::workiva::ExportSpec;
use export_core::{Artifact, Checkpoint, Config, Error, ExportJob, Timestamp};
use export_sim::Service;

use super::disk::Disk;
use super::inject::{CrashPoint, Injection, Injector};
use super::network::{API, STORAGE};
use super::retry_after::EarliestSend;
use super::secrets::Secrets;
use super::violation::Violation;
use crate::case::{Case, SECRET};

/// The simulation of one export.
#[derive(Debug)]
pub struct CrashSim<F> {
    spec: ExportSpec,
    config: Config,
    /// The number of bytes to write at once.
    pub(super) write_size: usize,
    /// How often to resume the export after a resumable error.
    resumes: usize,
    pub(super) injector: F,
    pub(super) service: Service,
    pub(super) clock: Clock,
    pub(super) disk: Disk,
    pub(super) secrets: Secrets,
    /// The stored checkpoint as JSON.
    pub(super) stored: Option<String>,
    /// Whether the stored checkpoint says that the export was accepted.
    pub(super) is_accepted: bool,
    /// When the service allows the next requests, by the responses that this process has received.
    pub(super) earliest_send: EarliestSend,
    /// The value of `earliest_send` when the checkpoint was stored: the rest is lost with a process.
    stored_earliest_send: EarliestSend,
    /// The stored revision of the job. `None` if this process has not stored one yet.
    pub(super) revision: Option<u64>,
    /// Whether this process failed to store a checkpoint.
    pub(super) store_failed: bool,
    /// The number of requests of this process.
    pub(super) requests: u64,
    /// Whether this process has requested the file.
    pub(super) has_fetched: bool,
    /// The deadline of the job of this process.
    pub(super) deadline: Timestamp,
    pub(super) violations: Vec<Violation>,
    pub(super) counters: Counters,
    log: Option<String>,
    checks_output: bool,
}

/// Why a process ended before its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// The process was killed.
    Killed,
    /// The machine lost power.
    PowerLost,
    /// An invariant was violated, which ends the simulation.
    Violation,
}

/// The outcome of a simulated export.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The export succeeded.
    File(Box<Artifact>),
    /// The export failed.
    Error(Box<Error>),
    /// The simulation ended first: an invariant was violated, or there were too many processes.
    None,
}

/// Counters of the events of a simulation.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Requests sent.
    pub requests: u64,
    /// Requests with an injected fault, or that did not reach the service.
    pub faults: u64,
    /// Processes killed, including those that lost power.
    pub kills: u64,
    /// Handles dropped.
    pub drops: u64,
    /// Stores and writes that failed.
    pub failures: u64,
}

impl Counters {
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.faults += other.faults;
        self.kills += other.kills;
        self.drops += other.drops;
        self.failures += other.failures;
    }
}

/// The result of a simulation.
#[derive(Debug)]
#[non_exhaustive]
pub struct SimReport<F> {
    /// The outcome of the export.
    pub outcome: Outcome,
    /// The violated invariants.
    pub violations: Vec<Violation>,
    /// Counters of what happened.
    pub counters: Counters,
    /// The log, if it was enabled.
    pub log: String,
    /// The injector in its final state.
    pub injector: F,
}

/// The maximum number of processes, which ends simulations whose injector kills all of them.
const MAX_PROCESSES: usize = 40;

impl<F: Injector> CrashSim<F> {
    /// Simulates a case: its export, service and settings.
    ///
    /// # Panics
    ///
    /// Panics if the rules of the case are not valid JSON for the simulator.
    #[must_use]
    pub fn for_case(case: &Case, injector: F) -> Self {
        let config = Config::new(API).expect("the URL is valid");
        let config = config
            .with_api_version(case.version)
            .with_limits(case.limits)
            .with_resubmit(case.resubmit)
            .with_pace(export_core::Pace::Exact);
        Self::new(case.spec.clone(), config, case.service(), injector)
    }

    pub(super) fn new(
        spec: ExportSpec,
        config: Config,
        service: export_sim::Config,
        injector: F,
    ) -> Self {
        let service = service.with_public_url(http::Uri::from_static(API));
        let service = service.with_storage_url(http::Uri::from_static(STORAGE));
        Self {
            spec,
            config,
            write_size: 97,
            resumes: 0,
            injector,
            service: Service::new(service),
            clock: Clock::start(),
            disk: Disk::default(),
            secrets: Secrets::new(),
            stored: None,
            is_accepted: false,
            earliest_send: EarliestSend::unrestricted(),
            stored_earliest_send: EarliestSend::unrestricted(),
            revision: None,
            store_failed: false,
            requests: 0,
            has_fetched: false,
            deadline: Timestamp::EPOCH,
            violations: Vec::new(),
            counters: Counters::default(),
            log: None,
            checks_output: false,
        }
    }

    /// Sets how often to resume the export after a resumable error. **0** by default.
    #[must_use]
    pub fn with_resumes(mut self, resumes: usize) -> Self {
        self.resumes = resumes;
        self
    }

    /// Sets the number of bytes to write at once. **97** by default.
    #[must_use]
    pub fn with_write_size(mut self, bytes: usize) -> Self {
        self.write_size = bytes.max(1);
        self
    }

    /// Enables the log.
    #[must_use]
    pub fn with_log(mut self) -> Self {
        self.log = Some(String::new());
        self
    }

    /// Searches the debug output of all events, handles and errors for secrets, which is slow.
    #[must_use]
    pub fn with_output_check(mut self) -> Self {
        self.checks_output = true;
        self
    }

    /// Runs the simulation.
    #[must_use]
    pub fn run(mut self) -> SimReport<F> {
        let mut resumes = 0;
        let mut outcome = Outcome::None;
        for _ in 0..MAX_PROCESSES {
            match self.run_process() {
                Ok(Ok(artifact)) => {
                    outcome = Outcome::File(Box::new(artifact));
                    break;
                }
                Ok(Err(error)) => {
                    self.check_output(&format_args!("{error} {error:?}"));
                    let is_resumed = error.is_resumable() && resumes < self.resumes;
                    outcome = Outcome::Error(Box::new(error));
                    if !is_resumed {
                        break;
                    }
                    resumes += 1;
                }
                Err(Interrupted::Violation) => break,
                Err(Interrupted::Killed) => self.counters.kills += 1,
                Err(Interrupted::PowerLost) => {
                    self.counters.kills += 1;
                    self.disk.lose_power(|end| self.injector.pick(end));
                }
            }
            self.earliest_send = self.stored_earliest_send;
        }
        self.check_emails();
        let requests = self.service.requests();
        self.counters.faults += requests.iter().filter(|it| !it.faults().is_empty()).count() as u64;
        let Self { violations, counters, log, injector, .. } = self;
        SimReport { outcome, violations, counters, log: log.unwrap_or_default(), injector }
    }

    /// Runs one process, which starts the job or resumes it from the stored checkpoint.
    fn run_process(&mut self) -> Result<Result<Artifact, Error>, Interrupted> {
        self.revision = None;
        self.store_failed = false;
        self.requests = 0;
        self.has_fetched = false;
        self.deadline = self.clock.now()
            + self.config.limits().job_timeout
            + self.config.limits().request_timeout;
        let mut source = TokenSource::client_credentials("the-client", SECRET, &self.config);
        let job = match self.stored.as_deref().map(serde_json::from_str::<Checkpoint>) {
            None => ExportJob::new(self.spec.clone(), &self.config).map_err(|it| it.to_string()),
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(saved)) => {
                ExportJob::resume(saved, &self.config).map_err(|error| error.to_string())
            }
        };
        match job {
            Ok(mut job) => self.drive(&mut job, &mut source),
            Err(error) => {
                self.add_violation(Violation::InvalidCheckpoint(error));
                Err(Interrupted::Violation)
            }
        }
    }

    /// Injects what the injector decides at this point.
    pub(super) fn reach(&mut self, point: CrashPoint) -> Result<Injection, Interrupted> {
        let injection = self.injector.at(point);
        if injection != Injection::None {
            self.log(|| format!("{injection:?} at {point:?}"));
        }
        match injection {
            Injection::Kill => return Err(Interrupted::Killed),
            Injection::PowerLoss => return Err(Interrupted::PowerLost),
            Injection::DropHandle => self.counters.drops += 1,
            Injection::Fail => self.counters.failures += 1,
            Injection::None => {}
        }
        Ok(injection)
    }

    /// Stores a checkpoint as JSON.
    pub(super) fn save(&mut self, checkpoint: &Checkpoint) {
        let text = serde_json::to_string(checkpoint).expect("a checkpoint is plain data");
        if self.secrets.is_shown_in(&text) {
            self.add_violation(Violation::SecretShown(text.clone()));
        }
        self.is_accepted |= checkpoint.operation().is_some();
        self.stored_earliest_send = self.earliest_send;
        self.stored = Some(text);
    }

    /// Compares the file under its final name with the content at the service.
    pub(super) fn check_file(&mut self) {
        let served =
            self.service.exports().into_iter().filter_map(|it| it.content().to_bytes().ok());
        let file = self.disk.file().unwrap_or_default();
        if !served.into_iter().any(|served| served == file) {
            self.add_violation(Violation::DamagedFile(format!("{} unexpected bytes", file.len())));
        }
    }

    fn check_emails(&mut self) {
        let emails = self.service.exports().iter().filter(|export| export.mails()).count();
        if emails > 1 && self.config.resubmit() != export_core::Resubmit::Always {
            self.add_violation(Violation::DuplicateEmail(emails));
        }
    }

    /// Searches the debug output of a value for secrets.
    pub(super) fn check_output(&mut self, value: &impl Debug) {
        if self.checks_output {
            let text = format!("{value:?}");
            if self.secrets.is_shown_in(&text) {
                self.add_violation(Violation::SecretShown(text));
            }
        }
    }

    pub(super) fn add_violation(&mut self, violation: Violation) {
        self.log(|| format!("VIOLATION: {violation}"));
        self.violations.push(violation);
    }

    pub(super) fn log(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            let now = self.clock.now();
            *log += &format!("{now}  {}\n", line());
        }
    }
}

/// A manual clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Timestamp);

impl Clock {
    /// Starts before the deprecation of any endpoint, so that jobs do not depend on the current date.
    const fn start() -> Self {
        Self(Timestamp::from_date(2026, 1, 5))
    }

    /// The time as the core represents it.
    pub(super) const fn now(self) -> Timestamp {
        self.0
    }

    /// The time as the simulated service represents it.
    pub(super) const fn service_now(self) -> export_sim::Timestamp {
        export_sim::Timestamp::from_millis(self.0.as_millis())
    }

    pub(super) fn advance(&mut self, time: Duration) {
        self.0 = self.0 + time;
    }

    pub(super) fn advance_to(&mut self, until: Timestamp) {
        self.0 = self.0.max(until);
    }
}
