//! Pings of a monitor of cron jobs, such as healthchecks.io: a dead man's switch.

use std::time::Duration;

use bytes::Bytes;
use export_hyper::HttpSender;
use http::Request;
use http_body_util::Empty;
use tokio::time::{sleep, timeout};

use crate::settings::{PingSignal, PingUrl, Settings, apply_headers};

/// Sends pings, over connections with the settings of exports.
#[derive(Clone, Debug)]
pub(super) struct Pinger {
    url: PingUrl,
    sender: HttpSender<Empty<Bytes>>,
}

/// How often a ping is tried, how long each try may take, and the pause between two: 18 s at most.
const TRIES: u32 = 3;
const TIME_LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1_500);

impl Pinger {
    pub(super) fn new(url: &PingUrl, settings: &Settings) -> Result<Self, String> {
        let rules = settings.proxy.value.rules().map_err(|error| error.to_string())?;
        let sender = HttpSender::new(&settings.tls(), rules).map_err(|error| error.to_string())?;
        Ok(Self { url: url.clone(), sender })
    }

    /// Tells the monitor. A lost ping raises an alarm, so a failed one is repeated.
    pub(super) async fn ping(&self, signal: PingSignal) -> Result<(), String> {
        let mut tries = 1;
        loop {
            match self.try_once(signal).await {
                Err(Failed { may_pass: true, .. }) if tries < TRIES => {
                    tries += 1;
                    sleep(PAUSE).await;
                }
                Err(Failed { reason, .. }) => {
                    return Err(format!("cannot ping {}: {reason}", self.url));
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn try_once(&self, signal: PingSignal) -> Result<(), Failed> {
        // The URL has been validated.
        let mut request = Request::get(self.url.of(signal))
            .body(Empty::new())
            .map_err(|error| Failed { reason: error.to_string(), may_pass: false })?;
        apply_headers(request.headers_mut());
        match timeout(TIME_LIMIT, self.sender.send(request)).await {
            Err(_) => Err(Failed { reason: "no response within 5 s".into(), may_pass: true }),
            Ok(Err(failure)) => Err(Failed { reason: failure.to_string(), may_pass: true }),
            Ok(Ok(response)) if response.status().is_success() => Ok(()),
            Ok(Ok(response)) => {
                let status = response.status();
                let may_pass = status.is_server_error() || status.as_u16() == 429;
                Err(Failed { reason: format!("the response is {status}"), may_pass })
            }
        }
    }
}

/// A try without success.
struct Failed {
    reason: String,
    may_pass: bool,
}
