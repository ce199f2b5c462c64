//! The choice of a proxy for a request.

use std::env;
use std::ffi::OsString;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use crate::no_proxy::NoProxy;

/// Which proxy a client uses.
#[derive(Clone, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no other source of a proxy")]
pub enum ProxySettings {
    /// That of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower or upper case.
    #[default]
    Environment,
    /// No proxy; the environment is ignored.
    Off,
    /// This one for all requests, as `http://user:password@host:port`. `NO_PROXY` is ignored.
    Url(String),
}

impl ProxySettings {
    /// Reads the settings, once.
    ///
    /// # Errors
    ///
    /// Fails if a proxy is invalid. It is not ignored, since requests would bypass a proxy that is
    /// wanted.
    pub fn rules(&self) -> Result<ProxyRules, ProxyError> {
        match self {
            Self::Environment => ProxyRules::from_environment(|name| env::var_os(name)),
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
            // The part before the last `@` may hold a password.
            Self::Url(url) => write!(f, "Url({})", url.rsplit('@').next().unwrap_or_default()),
        }
    }
}

/// Maps URLs to proxies.
///
/// Hosts on this machine are no exception: requests to `http://localhost` use the proxy, unless
/// `NO_PROXY` matches it.
///
/// ```
/// use export_host::ProxyRules;
///
/// let rules = ProxyRules::from_environment(|name| match name {
///     "https_proxy" => Some("http://me:secret@proxy.example:3128".into()),
///     "no_proxy" => Some("localhost,.example.org,10.0.0.0/8".into()),
///     _ => None,
/// })?;
/// let proxy = rules.for_url(&"https://api.app.wdesk.com/".parse()?).expect("no entry exempts it");
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
    /// Reads the variables through `lookup`. The lower-case name takes precedence, as in curl, and
    /// an empty value counts as unset. In a CGI program (`REQUEST_METHOD` is set), the upper-case
    /// `HTTP_PROXY` is ignored, since it holds the `Proxy` header of the client.
    ///
    /// # Errors
    ///
    /// Fails if the value of a variable is invalid.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, ProxyError> {
        let ask = |name: &'static str| match lookup(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value).filter(|value| !value.trim().is_empty())),
            // To ignore it would be to connect without the proxy.
            Some(Err(_)) => Err(ProxyError { variable: name.into(), reason: "not valid UTF-8" }),
        };
        let first = |names: [&'static str; 2]| {
            let named = |name| Ok(ask(name)?.map(|value| (name, value)));
            match named(names[0])? {
                None => named(names[1]),
                found => Ok(found),
            }
        };
        let proxy_of = |names| {
            match first(names)? {
                None => first(["all_proxy", "ALL_PROXY"]),
                found => Ok(found),
            }?
            .map(|(name, url)| Proxy::new(name, &url))
            .transpose()
        };
        let is_cgi = lookup("REQUEST_METHOD").is_some();
        let http = if is_cgi { ["http_proxy"; 2] } else { ["http_proxy", "HTTP_PROXY"] };
        let direct = first(["no_proxy", "NO_PROXY"])?.map(|(_, list)| NoProxy::new(&list));
        Ok(Self {
            http: proxy_of(http)?,
            https: proxy_of(["https_proxy", "HTTPS_PROXY"])?,
            direct: direct.unwrap_or_default(),
        })
    }

    /// Exempts the hosts of a list, in the syntax of `NO_PROXY`, as well.
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

    /// The proxy for this URL; `None` for a direct connection.
    #[must_use]
    pub fn for_url(&self, url: &Uri) -> Option<&Proxy> {
        let proxy = match url.scheme_str()? {
            "https" => self.https.as_ref()?,
            "http" => self.http.as_ref()?,
            _ => return None,
        };
        self.exempted_by(url).is_none().then_some(proxy)
    }

    /// The entry of `NO_PROXY` that matches the host of this URL, if one does.
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

/// The address of a proxy, and the credentials for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    uri: Uri,
    authorization: Option<HeaderValue>,
    source: String,
}

impl Proxy {
    fn new(source: &str, url: &str) -> Result<Self, ProxyError> {
        let fail = |reason| Err(ProxyError { variable: source.into(), reason });
        let url = url.trim();
        if url.starts_with(['"', '\'']) {
            return fail("it is in quotes: remove them, since they are part of the value");
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return fail("only http and https proxies are supported, not SOCKS");
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if path.contains('@') {
            // Otherwise the user name would be taken for the host, and looked up.
            return fail("a / ? or # in the user name or password has to be percent-encoded");
        }
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let Ok(uri) = format!("{scheme}://{host}/").parse::<Uri>() else {
            return fail("not a URL");
        };
        if uri.host().is_none_or(str::is_empty) {
            return fail("no host");
        }
        Ok(Self { uri, authorization: user.map(basic), source: source.into() })
    }

    /// The scheme, host and port, without credentials.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Where it was set: the name of an environment variable, such as `HTTPS_PROXY`, or
    /// `the proxy's URL`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value of `Proxy-Authorization`, if the URL contained a user name.
    #[must_use]
    pub const fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

/// Basic credentials (RFC 7617) from the percent-encoded user information of a URL.
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
        let credentials = if self.authorization.is_some() { " (with a password)" } else { "" };
        write!(f, "{}{credentials}", self.uri)
    }
}

/// An invalid proxy setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct ProxyError {
    // The value is not part of the text, since it may hold a password.
    variable: String,
    reason: &'static str,
}

impl ProxyError {
    /// What is wrong, without the name of the setting.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}
