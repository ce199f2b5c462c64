//! One export, with as many processes as it takes.

use std::fmt::Debug;

use export_core::{
    Artifact, Checkpoint, Config, Error, ExportJob, ExportSpec, Timestamp, TokenSource,
};
use export_sim::Service;

use super::broken::Broken;
use super::clock::Clock;
use super::disk::Disk;
use super::fate::{Fate, Moment, Turn};
use super::line::{API, STORAGE};
use super::pace::Pace;
use super::secrets::Secrets;
use crate::case::{Case, SECRET};

/// A world for one export.
#[derive(Debug)]
pub struct Lab<F> {
    spec: ExportSpec,
    config: Config,
    /// How many bytes are written at once.
    pub(super) piece: usize,
    /// How often an export is gone on with that ended in an error which allows it.
    reruns: usize,
    pub(super) fate: F,
    pub(super) service: Service,
    pub(super) clock: Clock,
    pub(super) disk: Disk,
    pub(super) secrets: Secrets,
    /// The checkpoint, in JSON.
    pub(super) stored: Option<String>,
    /// The checkpoint says that the export was accepted.
    pub(super) is_accepted: bool,
    /// What the service allows, as far as this process has heard it.
    pub(super) pace: Pace,
    /// What it allowed when the checkpoint was stored: a process that dies takes the rest along.
    stored_pace: Pace,
    /// The revision of the job that is stored; none yet in this process.
    pub(super) revision: Option<u64>,
    /// A checkpoint of this process could not be stored.
    pub(super) store_failed: bool,
    /// Requests of this process.
    pub(super) requests: u64,
    /// This process has asked for the file.
    pub(super) has_fetched: bool,
    /// When the time of this process's job is over.
    pub(super) deadline: Timestamp,
    pub(super) broken: Vec<Broken>,
    pub(super) tally: Tally,
    log: Option<String>,
    is_watchful: bool,
}

/// How a process ended that did not come to the end of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dead {
    /// Killed.
    Killed,
    /// With the whole machine.
    Unplugged,
    /// A promise was broken: there is nothing more to be learnt.
    OfShame,
}

/// How an export ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ended {
    /// With its file.
    File(Box<Artifact>),
    /// Without.
    Error(Box<Error>),
    /// Not at all, since a promise was broken, or its processes died too often.
    Nowhere,
}

/// What happened, in numbers.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Requests that were sent, to the service or elsewhere.
    pub requests: u64,
    /// Requests of which the scenario made something else, or that did not get through.
    pub faults: u64,
    /// Processes that were killed, with and without the machine.
    pub deaths: u64,
    /// Handles that were dropped.
    pub drops: u64,
    /// Stores and writes that failed.
    pub failures: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.faults += other.faults;
        self.deaths += other.deaths;
        self.drops += other.drops;
        self.failures += other.failures;
    }
}

/// An export that was played to its end.
#[derive(Debug)]
#[non_exhaustive]
pub struct Played<F> {
    /// How it ended.
    pub ended: Ended,
    /// The promises that were broken.
    pub broken: Vec<Broken>,
    /// What happened, in numbers.
    pub tally: Tally,
    /// What happened, in words, if that was asked for.
    pub log: String,
    /// The fate, as it is afterwards.
    pub fate: F,
}

/// A fate that kills more often than this has no end in mind.
const MOST_LIVES: usize = 40;

impl<F: Fate> Lab<F> {
    /// The world of a case: what is exported, from which service, with which settings.
    ///
    /// # Panics
    ///
    /// Panics if the rules of the case are not written as the simulator wants them.
    #[must_use]
    pub fn of_case(case: &Case, fate: F) -> Self {
        let config = Config::new(API).expect("it is a URL on this machine");
        let config = config
            .with_api_version(case.version)
            .with_limits(case.limits)
            .with_resubmit(case.resubmit)
            .with_pace(export_core::Pace::Exact);
        Self::new(case.spec.clone(), config, case.service(), fate)
    }

    pub(super) fn new(
        spec: ExportSpec,
        config: Config,
        service: export_sim::Config,
        fate: F,
    ) -> Self {
        let service = service.with_public_url(http::Uri::from_static(API));
        let service = service.with_storage_url(http::Uri::from_static(STORAGE));
        Self {
            spec,
            config,
            piece: 97,
            reruns: 0,
            fate,
            service: Service::new(service),
            clock: Clock::start(),
            disk: Disk::default(),
            secrets: Secrets::new(),
            stored: None,
            is_accepted: false,
            pace: Pace::free(),
            stored_pace: Pace::free(),
            revision: None,
            store_failed: false,
            requests: 0,
            has_fetched: false,
            deadline: Timestamp::EPOCH,
            broken: Vec::new(),
            tally: Tally::default(),
            log: None,
            is_watchful: false,
        }
    }

    /// Goes on so often with an export that ended in an error which allows it. **0** by default.
    #[must_use]
    pub fn with_reruns(mut self, reruns: usize) -> Self {
        self.reruns = reruns;
        self
    }

    /// Writes so many bytes at once.
    #[must_use]
    pub fn with_piece(mut self, bytes: usize) -> Self {
        self.piece = bytes.max(1);
        self
    }

    /// Writes down what happens.
    #[must_use]
    pub fn with_log(mut self) -> Self {
        self.log = Some(String::new());
        self
    }

    /// Looks for secrets in everything that can be printed; slow.
    #[must_use]
    pub fn with_watch(mut self) -> Self {
        self.is_watchful = true;
        self
    }

    /// Plays it to the end.
    #[must_use]
    pub fn play(mut self) -> Played<F> {
        let mut reruns = 0;
        let mut ended = Ended::Nowhere;
        for _ in 0..MOST_LIVES {
            match self.one_life() {
                Ok(Ok(artifact)) => {
                    ended = Ended::File(Box::new(artifact));
                    break;
                }
                Ok(Err(error)) => {
                    self.show(&format_args!("{error} {error:?}"));
                    let goes_on = error.is_resumable() && reruns < self.reruns;
                    ended = Ended::Error(Box::new(error));
                    if !goes_on {
                        break;
                    }
                    reruns += 1;
                }
                Err(Dead::OfShame) => break,
                Err(Dead::Killed) => self.tally.deaths += 1,
                Err(Dead::Unplugged) => {
                    self.tally.deaths += 1;
                    self.disk.lose_power(|end| self.fate.pick(end));
                }
            }
            self.pace = self.stored_pace;
        }
        self.count_mails();
        let requests = self.service.requests();
        self.tally.faults += requests.iter().filter(|it| !it.faults().is_empty()).count() as u64;
        let Self { broken, tally, log, fate, .. } = self;
        Played { ended, broken, tally, log: log.unwrap_or_default(), fate }
    }

    /// A process: it begins the job, or goes on with what is stored.
    fn one_life(&mut self) -> Result<Result<Artifact, Error>, Dead> {
        self.revision = None;
        self.store_failed = false;
        self.requests = 0;
        self.has_fetched = false;
        self.deadline = self.clock.now() + self.config.limits().job + self.config.limits().attempt;
        let mut source = TokenSource::client_credentials("the-client", SECRET, &self.config);
        let job = match self.stored.as_deref().map(serde_json::from_str::<Checkpoint>) {
            None => ExportJob::new(self.spec.clone(), &self.config).map_err(|it| it.to_string()),
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(saved)) => {
                ExportJob::resume(saved, &self.config).map_err(|error| error.to_string())
            }
        };
        match job {
            Ok(mut job) => self.live(&mut job, &mut source),
            Err(error) => {
                self.break_promise(Broken::Checkpoint(error));
                Err(Dead::OfShame)
            }
        }
    }

    /// Asks fate what happens now.
    pub(super) fn meet(&mut self, moment: Moment) -> Result<Turn, Dead> {
        let turn = self.fate.turn(moment);
        if turn != Turn::GoOn {
            self.log(|| format!("{turn:?} at {moment:?}"));
        }
        match turn {
            Turn::Die => return Err(Dead::Killed),
            Turn::LosePower => return Err(Dead::Unplugged),
            Turn::Drop => self.tally.drops += 1,
            Turn::Fail => self.tally.failures += 1,
            Turn::GoOn => {}
        }
        Ok(turn)
    }

    /// Stores a checkpoint as a process would: as text.
    pub(super) fn keep(&mut self, checkpoint: &Checkpoint) {
        let text = serde_json::to_string(checkpoint).expect("a checkpoint is plain data");
        if self.secrets.is_shown_in(&text) {
            self.break_promise(Broken::Shown(text.clone()));
        }
        self.is_accepted |= checkpoint.operation().is_some();
        self.stored_pace = self.pace;
        self.stored = Some(text);
    }

    /// Compares the file under its final name with what the service has.
    pub(super) fn compare(&mut self) {
        let served =
            self.service.exports().into_iter().filter_map(|it| it.content().to_bytes().ok());
        let file = self.disk.file().unwrap_or_default();
        if !served.into_iter().any(|served| served == file) {
            self.break_promise(Broken::Damaged(format!("{} bytes of something", file.len())));
        }
    }

    fn count_mails(&mut self) {
        let mails = self.service.exports().iter().filter(|export| export.mails()).count();
        if mails > 1 && self.config.resubmit() != export_core::Resubmit::Always {
            self.break_promise(Broken::TwoMails(mails));
        }
    }

    /// Looks for secrets in what can be printed.
    pub(super) fn show(&mut self, what: &impl Debug) {
        if self.is_watchful {
            let text = format!("{what:?}");
            if self.secrets.is_shown_in(&text) {
                self.break_promise(Broken::Shown(text));
            }
        }
    }

    pub(super) fn break_promise(&mut self, broken: Broken) {
        self.log(|| format!("BROKEN: {broken}"));
        self.broken.push(broken);
    }

    pub(super) fn log(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            let now = self.clock.now();
            *log += &format!("{now}  {}\n", line());
        }
    }
}
