//! What is done when a command begins and ends.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

use super::setting::{self, Sourced, ValueSource};
use super::sources::Sources;
use crate::args::{DurationArg, HookArgs};
use crate::problem::Problem;

/// The hooks of a command that exports.
#[derive(Clone, Debug)]
pub(crate) struct HookSettings {
    pub(crate) on_failure: Option<Sourced<Vec<String>>>,
    pub(crate) on_success: Option<Sourced<Vec<String>>>,
    /// How long one of these commands may run.
    pub(crate) timeout: Sourced<DurationArg>,
    pub(crate) ping: Option<Sourced<PingUrl>>,
    pub(crate) metrics: Option<Sourced<PathBuf>>,
}

/// The time limit of a command. A mail may wait for a slow server.
const TIMEOUT: DurationArg = DurationArg(Duration::from_secs(60));

/// The variable that a hook has. A wexport that a hook runs must not run the same hook again.
const IN_HOOK: &str = "WEXPORT_EXIT_CODE";

impl HookSettings {
    pub(super) fn resolve(flags: &HookArgs, sources: &Sources<'_>) -> Result<Self, Problem> {
        let ping = sources.get(flags.ping.clone(), &setting::PING)?;
        let ping = ping.map(|Sourced { value, source }| match value.parse() {
            Ok(value) => Ok(Sourced { value, source }),
            // Who knows the URL can ping it: it is not repeated.
            Err(error) => {
                let setting = source.setting(&setting::PING);
                Err(Problem::usage(format!("invalid value for {setting}: {error}")))
            }
        });
        let hooks = Self {
            on_failure: sources.command(flags.on_failure.as_ref(), &setting::ON_FAILURE)?,
            on_success: sources.command(flags.on_success.as_ref(), &setting::ON_SUCCESS)?,
            timeout: sources.get_or(flags.hook_timeout, &setting::HOOK_TIMEOUT, TIMEOUT)?,
            ping: ping.transpose()?,
            metrics: match &flags.metrics {
                Some(path) => Some(flag_path(path)),
                None => sources.path(&setting::METRICS)?,
            },
        };
        Ok(if sources.variable(IN_HOOK)?.is_some() { hooks.of_flags() } else { hooks })
    }

    /// The hooks of a command whose settings are invalid: those of its flags that need no settings.
    pub(crate) fn without_settings(flags: &HookArgs) -> Self {
        let source = || ValueSource::Flag(setting::ON_FAILURE.flag);
        let words = |line: &String| Sourced { value: vec![line.clone()], source: source() };
        let timeout = flags.hook_timeout.unwrap_or(TIMEOUT);
        Self {
            on_failure: flags.on_failure.as_ref().map(words),
            on_success: None,
            timeout: Sourced { value: timeout, source: source() },
            ping: None,
            metrics: flags.metrics.as_deref().map(flag_path),
        }
    }

    fn of_flags(self) -> Self {
        Self {
            on_failure: of_flag(self.on_failure),
            on_success: of_flag(self.on_success),
            ping: of_flag(self.ping),
            metrics: of_flag(self.metrics),
            ..self
        }
    }
}

fn flag_path(path: &Path) -> Sourced<PathBuf> {
    Sourced { value: path.into(), source: ValueSource::Flag(setting::METRICS.flag) }
}

fn of_flag<T>(setting: Option<Sourced<T>>) -> Option<Sourced<T>> {
    setting.filter(|found| matches!(found.source, ValueSource::Flag(_)))
}

/// The URL of a monitor. Who knows it can ping it, so it is a secret of sorts.
#[derive(Clone)]
pub(crate) struct PingUrl {
    /// The URL up to its query.
    base: String,
    /// The query with its question mark, or nothing.
    query: String,
    origin: String,
}

/// What a ping tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PingSignal {
    Start,
    Success,
    Failure,
}

impl PingUrl {
    /// The URL that tells this.
    pub(crate) fn of(&self, signal: PingSignal) -> String {
        let suffix = match signal {
            PingSignal::Start => "/start",
            PingSignal::Success => "",
            PingSignal::Failure => "/fail",
        };
        format!("{}{suffix}{}", self.base, self.query)
    }
}

impl FromStr for PingUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let invalid = "expected an http or https URL such as https://hc-ping.com/UUID";
        let uri: Uri = text.parse().map_err(|_| invalid)?;
        let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme));
        let (Some(scheme), Some(authority)) = (scheme, uri.authority()) else {
            return Err(invalid);
        };
        if authority.as_str().contains('@') {
            return Err("a ping is sent without a user name and a password");
        }
        let origin = format!("{scheme}://{authority}");
        let base = format!("{origin}{}", uri.path().trim_end_matches('/'));
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self { base, query, origin })
    }
}

/// The origin alone.
impl fmt::Display for PingUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/***", self.origin)
    }
}

impl fmt::Debug for PingUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ping_has_a_path_for_each_signal() {
        let urls = |text: &str| {
            let url: PingUrl = text.parse().unwrap();
            [PingSignal::Start, PingSignal::Success, PingSignal::Failure]
                .map(|signal| url.of(signal))
        };
        assert_eq!(
            urls("https://hc-ping.com/1f2e"),
            [
                "https://hc-ping.com/1f2e/start",
                "https://hc-ping.com/1f2e",
                "https://hc-ping.com/1f2e/fail"
            ]
        );
        assert_eq!(
            urls("http://hc.local:8000/ping/k/job/?create=1"),
            [
                "http://hc.local:8000/ping/k/job/start?create=1",
                "http://hc.local:8000/ping/k/job?create=1",
                "http://hc.local:8000/ping/k/job/fail?create=1"
            ]
        );
    }

    #[test]
    fn ping_is_an_http_url_that_is_not_shown() {
        for text in ["hc-ping.com/1f2e", "ftp://hc-ping.com/1f2e", "", "https:///1f2e"] {
            assert!(text.parse::<PingUrl>().is_err(), "{text}");
        }
        assert!("https://me:secret@hc-ping.com/1f2e".parse::<PingUrl>().is_err());
        let url: PingUrl = "https://hc-ping.com/1f2e".parse().unwrap();
        assert_eq!((format!("{url}"), format!("{url:?}")), {
            let shown = "https://hc-ping.com/***".to_owned();
            (shown.clone(), shown)
        });
    }
}
