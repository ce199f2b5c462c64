//! Whether a request goes through a proxy, and through which.

use std::env;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use crate::no_proxy::NoProxy;

/// Where a client learns which proxy to use.
#[derive(Clone, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is asked, named, or not used")]
pub enum ProxySettings {
    /// From `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower or upper case.
    #[default]
    Environment,
    /// No proxy, whatever the environment says.
    Off,
    /// This one for everything, as `http://user:password@host:port`. `NO_PROXY` is not asked.
    Url(String),
}

impl ProxySettings {
    /// Reads the settings, once.
    ///
    /// # Errors
    ///
    /// Fails if a proxy is named that cannot be used. To ignore it would send requests around a
    /// proxy that somebody wanted.
    pub fn rules(&self) -> Result<ProxyRules, ProxyError> {
        match self {
            Self::Environment => ProxyRules::from_environment(|name| env::var(name).ok()),
            Self::Off => Ok(ProxyRules::default()),
            Self::Url(url) => {
                let proxy = Proxy::new("the proxy's URL", url)?;
                let (http, https) = (Some(proxy.clone()), Some(proxy));
                Ok(ProxyRules { http, https, direct: NoProxy::default() })
            }
        }
    }
}

impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::Off => f.write_str("Off"),
            // Whatever stands in front of the last `@` may be a password.
            Self::Url(url) => write!(f, "Url({})", url.rsplit('@').next().unwrap_or_default()),
        }
    }
}

/// The proxy for every URL there is.
///
/// A host of this machine is no exception: `http://localhost` goes through a proxy too, unless
/// `NO_PROXY` names it.
///
/// ```
/// use export_host::ProxyRules;
///
/// let rules = ProxyRules::from_environment(|name| match name {
///     "https_proxy" => Some("http://me:secret@proxy.example:3128".into()),
///     "no_proxy" => Some("localhost,.example.org,10.0.0.0/8".into()),
///     _ => None,
/// })?;
/// let proxy = rules.for_url(&"https://api.app.wdesk.com/".parse()?).expect("none exempts it");
/// assert_eq!(proxy.uri(), "http://proxy.example:3128/");
/// assert!(rules.for_url(&"https://files.example.org/".parse()?).is_none());
/// assert!(rules.for_url(&"http://api.app.wdesk.com/".parse()?).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyRules {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: NoProxy,
}

impl ProxyRules {
    /// Reads the variables by way of `lookup`. The lower-case name is asked first, as curl does;
    /// an empty value counts as none. A CGI program (one with `REQUEST_METHOD` set) ignores the
    /// upper-case `HTTP_PROXY`, which there is a header of whoever calls it.
    ///
    /// # Errors
    ///
    /// Fails if a variable names a proxy that cannot be used.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let ask = |name: &'static str| lookup(name).filter(|value| !value.trim().is_empty());
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| ask(name).map(|value| (name, value)))
        };
        let proxy_of = |named: Option<(&str, String)>| {
            named.map(|(name, url)| Proxy::new(name, &url)).transpose()
        };
        let is_cgi = lookup("REQUEST_METHOD").is_some();
        let http = if is_cgi { ["http_proxy"; 2] } else { ["http_proxy", "HTTP_PROXY"] };
        let any = || first(["all_proxy", "ALL_PROXY"]);
        let direct = first(["no_proxy", "NO_PROXY"]).map(|(_, list)| NoProxy::new(&list));
        Ok(Self {
            http: proxy_of(first(http).or_else(any))?,
            https: proxy_of(first(["https_proxy", "HTTPS_PROXY"]).or_else(any))?,
            direct: direct.unwrap_or_default(),
        })
    }

    /// Reaches the hosts of a list without a proxy too; it has the form of `NO_PROXY`.
    ///
    /// ```
    /// use export_host::ProxySettings;
    ///
    /// let rules = ProxySettings::Url("http://proxy.example:3128".into()).rules()?;
    /// let rules = rules.with_direct("169.254.0.0/16");
    /// assert!(rules.for_url(&"http://169.254.169.254/".parse()?).is_none());
    /// assert!(rules.for_url(&"http://example.com/".parse()?).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_direct(mut self, list: &str) -> Self {
        self.direct.extend(NoProxy::new(list));
        self
    }

    /// The proxy for this URL; `None` if it is reached directly.
    #[must_use]
    pub fn for_url(&self, url: &Uri) -> Option<&Proxy> {
        let proxy = match url.scheme_str()? {
            "https" => self.https.as_ref()?,
            "http" => self.http.as_ref()?,
            _ => return None,
        };
        self.exempted_by(url).is_none().then_some(proxy)
    }

    /// The entry of `NO_PROXY` that names the host of this URL, if one does.
    ///
    /// ```
    /// use export_host::ProxyRules;
    ///
    /// let rules = ProxyRules::from_environment(|name| match name {
    ///     "no_proxy" => Some("localhost,.example.org".into()),
    ///     _ => None,
    /// })?;
    /// let entry = rules.exempted_by(&"https://files.example.org/".parse()?);
    /// assert_eq!(entry, Some(".example.org"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn exempted_by(&self, url: &Uri) -> Option<&str> {
        self.direct.entry(url.host()?)
    }
}

/// A proxy: where it is, and what to say to be let through.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    uri: Uri,
    authorization: Option<HeaderValue>,
    named_by: String,
}

impl Proxy {
    fn new(source: &str, url: &str) -> Result<Self, ProxyError> {
        let fail = |reason| Err(ProxyError { variable: source.into(), reason });
        let url = url.trim();
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return fail("only http and https proxies are known, and no SOCKS");
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let Ok(uri) = format!("{scheme}://{host}/").parse::<Uri>() else {
            return fail("it is not a URL");
        };
        if uri.host().is_none_or(str::is_empty) {
            return fail("it names no host");
        }
        Ok(Self { uri, authorization: user.map(basic), named_by: source.into() })
    }

    /// Scheme, host and port, without a user name.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// What named it: a variable of the environment, such as `HTTPS_PROXY`, or `the proxy's URL`.
    #[must_use]
    pub fn named_by(&self) -> &str {
        &self.named_by
    }

    /// The value of `Proxy-Authorization`, if the URL held a user name.
    #[must_use]
    pub const fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

/// RFC 7617, with the user's name and password as they were before they were put into a URL.
fn basic(user: &str) -> HeaderValue {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut plain: Vec<u8> = percent_decode_str(name).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(plain)))
        .expect("base64 is legal in a header");
    value.set_sensitive(true);
    value
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known_there = if self.authorization.is_some() { " (with a password)" } else { "" };
        write!(f, "{}{known_there}", self.uri)
    }
}

/// A proxy that was named and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct ProxyError {
    // The value stays out of the text: there may be a password in it.
    variable: String,
    reason: &'static str,
}

impl ProxyError {
    /// What is wrong with it, without what named it.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}
