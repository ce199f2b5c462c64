//! Which way leads to the service: directly, or through a proxy, and why.

use std::time::Duration;

use export_host::{CertRecorder, Proxy};
use export_hyper::{Config, ProxySettings};
use http::Uri;
use tokio_rustls::rustls::ClientConfig;

use super::chart::Chart;
use crate::problem::Problem;
use crate::settings::Settings;

/// A way that was chosen and not taken yet.
#[derive(Debug)]
pub(super) struct Route {
    /// Where it leads.
    pub(super) target: Uri,
    /// Through this one, if through any.
    pub(super) proxy: Option<Proxy>,
    /// What TLS needs, or why there can be none.
    pub(super) tls: Result<(ClientConfig, CertRecorder), Problem>,
    /// How long each step may take.
    pub(super) within: Duration,
}

impl Route {
    pub(super) fn choose(
        settings: &Settings,
        config: &Config,
        within: Duration,
        chart: &mut Chart<'_>,
    ) -> Option<Self> {
        // The config has checked it.
        let target: Uri = config.base_url().parse().ok()?;
        let rules = match settings.proxy.value.rules() {
            Ok(rules) => rules,
            Err(error) => {
                chart.failed("proxy", &settings.wrong_proxy(&error));
                chart.not_checked(&["name", "connection", "tls"], "the proxy cannot be used");
                return None;
            }
        };
        let proxy = rules.for_url(&target).cloned();
        let host = target.host().unwrap_or_default();
        match (&proxy, &settings.proxy.value, rules.exempted_by(&target)) {
            (Some(proxy), ProxySettings::Url(_), _) => {
                chart.ok("proxy", format!("{proxy:?}, by {}", settings.proxy.from));
            }
            (Some(proxy), ..) => chart.ok("proxy", format!("{proxy:?}, by {}", proxy.source())),
            (None, ProxySettings::Off, _) => {
                chart.ok("proxy", format!("none, by {}", settings.proxy.from));
            }
            (None, _, Some(entry)) => {
                chart.ok("proxy", format!("none: NO_PROXY names {host} by its entry {entry:?}"));
            }
            (None, _, None) => chart.ok("proxy", "none: no variable names one"),
        }
        let tls = settings.tls().recording_client_config();
        let tls = tls.map_err(|error| settings.wrong_tls(&error));
        Some(Self { target, proxy, tls, within })
    }

    /// Whose name has to be known here: the proxy's, if there is one, and it knows the rest.
    pub(super) fn first_hop(&self) -> &Uri {
        self.proxy.as_ref().map_or(&self.target, Proxy::uri)
    }
}

/// The host without the brackets of an IPv6 address, and the port.
pub(super) fn address(uri: &Uri) -> (&str, u16) {
    let host = uri.host().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let default = if is_https(uri) { 443 } else { 80 };
    (bare, uri.port_u16().unwrap_or(default))
}

pub(super) fn is_https(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}
