//! What is done when a command that exports begins and ends: `--on-failure`, `--on-success` and
//! `--ping`. None of it changes the exit code.

mod command;
mod metrics;
mod ping;
mod summary;

use export_hyper::Timestamp;
use tokio::task::JoinHandle;

use self::ping::Pinger;
use self::summary::Summary;
pub(crate) use self::summary::VARIABLES;
use crate::args::{HookArgs, ShowArgs};
use crate::clock;
use crate::problem::{Exit, Problem};
use crate::run_facts::RunFacts;
use crate::settings::{HookSettings, PingSignal, Settings};
use crate::signals;
use crate::ui::Reporter;

/// The hooks of a command, from its beginning to its end.
#[derive(Debug)]
pub(crate) struct Hooks {
    began: Timestamp,
    settings: HookSettings,
    pinger: Option<Pinger>,
    /// The ping of the start, while the command runs.
    started: Option<JoinHandle<Option<String>>>,
    warnings: Vec<String>,
}

/// Where warnings about hooks are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) show: ShowArgs,
    /// Whether the file itself goes to standard output.
    pub(crate) stdout_carries_file: bool,
}

impl Hooks {
    /// The hooks of a command that begins. One whose settings are invalid has those of its flags.
    pub(crate) fn begin(settings: &Result<Settings, Problem>, flags: &HookArgs) -> Self {
        let hooks = match settings {
            Ok(settings) => settings.hooks.clone(),
            Err(_) => HookSettings::without_settings(flags),
        };
        let (mut pinger, mut warnings) = (None, Vec::new());
        if let (Some(ping), Ok(settings)) = (&hooks.ping, settings) {
            match Pinger::new(&ping.value, settings) {
                Ok(ready) => pinger = Some(ready),
                Err(reason) => warnings.push(format!("cannot ping {}: {reason}", ping.value)),
            }
        }
        let started = pinger
            .clone()
            .map(|pinger| tokio::spawn(async move { pinger.ping(PingSignal::Start).await.err() }));
        Self { began: clock::now(), settings: hooks, pinger, started, warnings }
    }

    /// Runs the hooks of a command that ends with this exit code. A signal ends them.
    pub(crate) async fn end(mut self, exit: Exit, runs: &[RunFacts], shown: Shown) {
        let mut warnings = std::mem::take(&mut self.warnings);
        let work = self.run(exit, runs, &mut warnings);
        if signals::interruptible(work).await.is_err() {
            warnings.push("the hooks were stopped by a signal".into());
        }
        if !warnings.is_empty() {
            let reporter = Reporter::of_single(shown.show, None, shown.stdout_carries_file);
            warnings.into_iter().for_each(|warning| reporter.warn(warning));
        }
    }

    async fn run(self, exit: Exit, runs: &[RunFacts], warnings: &mut Vec<String>) {
        let summary = Summary::new(exit, runs, clock::now().since(self.began));
        let (name, command, signal) = match exit {
            Exit::Done => ("on_success", self.settings.on_success, PingSignal::Success),
            _ => ("on_failure", self.settings.on_failure, PingSignal::Failure),
        };
        // The monitor is told first: it must not wait for a command that hangs.
        if let Some(pinger) = self.pinger {
            if let Some(started) = self.started {
                warnings.extend(started.await.ok().flatten());
            }
            warnings.extend(pinger.ping(signal).await.err());
        }
        if let Some(file) = self.settings.metrics
            && let Err(error) = metrics::write(&file.value, &summary, clock::now())
        {
            let path = file.value.display();
            warnings.push(format!("cannot write the metrics to {path}: {error}"));
        }
        if let Some(command) = command {
            let time_limit = self.settings.timeout.value;
            let (text, variables) = (summary.text(), summary.variables());
            let ran = command::run(&command.value, text, variables, time_limit).await;
            let warn = |reason| format!("{name} ({}) {reason}", command.source);
            warnings.extend(ran.err().map(warn));
        }
    }
}
