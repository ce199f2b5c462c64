//! The dialect: what to export, written for one generation of the API.

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::value::RawValue;

use super::answers;
use super::errors;
use super::format::FileFormat;
use super::generation::ApiVersion;
use super::routes::{Endpoint, Route};
use super::saved;
use super::spec::{ExportSpec, SpecError};
use crate::api_error::ApiError;
use crate::config::Config;
use crate::dialect::{Contradiction, Dialect, Head, Phase, Reading, Repeat};
use crate::origin::Purpose;
use crate::redact::Redacted;
use crate::sunset::Sunset;
use crate::url::UrlError;

/// Workiva's API, and one export in it.
///
/// This is the [`Dialect`] that the crate ships. Most callers never name it:
/// [`ExportJob::new`](crate::ExportJob::new) makes one of an [`ExportSpec`].
pub struct Workiva {
    pub(super) version: ApiVersion,
    pub(super) config: Config,
    /// `None` for an operation that somebody else started.
    pub(super) submit: Option<Submit>,
}

/// All that is kept of a spec: thousands of jobs may be waiting.
pub(super) struct Submit {
    pub(super) uri: Uri,
    /// The part of the URI that is the endpoint's own, without the base URL's path.
    pub(super) path: usize,
    pub(super) body: Box<RawValue>,
    pub(super) format: FileFormat,
    pub(super) file_name: Box<str>,
    pub(super) repeat: Repeat,
    pub(super) sunset: Option<&'static Sunset>,
}

const X_VERSION: HeaderName = HeaderName::from_static("x-version");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Workiva {
    /// An export that is to be asked for, in the generation of the API that the config names.
    ///
    /// # Errors
    ///
    /// Fails if the export cannot be asked for as it is described; nothing was sent.
    ///
    /// ```
    /// use export_core::{ArchiveOptions, Config, ExportSpec, Region, Workiva};
    ///
    /// let config = Config::for_region(Region::Us);
    /// let spec = ExportSpec::container("", ArchiveOptions::default());
    /// let refused = Workiva::new(&spec, &config).unwrap_err();
    /// assert_eq!(refused.to_string(), "sourceId is empty: give the id of what is meant");
    /// ```
    pub fn new(spec: &ExportSpec, config: &Config) -> Result<Self, SpecError> {
        let version = config.api_version();
        let rendered = spec.render(version)?;
        let (uri, path) = submit_uri(config, &rendered.path)?;
        let submit = Submit {
            uri,
            path,
            body: rendered.body,
            format: rendered.format,
            file_name: rendered.file_name.into(),
            repeat: if rendered.mails { Repeat::SideEffect } else { Repeat::Harmless },
            sunset: rendered.route.sunset.as_ref(),
        };
        Ok(Self { version, config: config.clone(), submit: Some(submit) })
    }

    /// An operation that somebody else started: it can be polled, and its file fetched.
    ///
    /// There is nothing to submit. Asked for that request all the same, it gives a `GET` of the
    /// base URL, which starts nothing.
    #[must_use]
    pub fn attached(config: &Config) -> Self {
        Self { version: config.api_version(), config: config.clone(), submit: None }
    }

    /// The URL of an operation, of which the id, the path or the URL is given.
    ///
    /// ```
    /// use export_core::{Config, Region, Workiva};
    ///
    /// let workiva = Workiva::attached(&Config::for_region(Region::Eu));
    /// assert_eq!(
    ///     workiva.operation_url("op-1")?,
    ///     "https://api.eu.wdesk.com/platform/v1/operations/op-1"
    /// );
    /// assert_eq!(workiva.operation_url("/operations/op-1")?, "/operations/op-1");
    /// # Ok::<(), export_core::SpecError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if nothing is given.
    pub fn operation_url(&self, id_or_url: &str) -> Result<String, SpecError> {
        let given = id_or_url.trim();
        if given.is_empty() {
            return Err(SpecError::EmptyId { id: "operationId" });
        }
        if given.starts_with('/') || given.contains("://") {
            let known = answers::with_cluster(given.into(), &|| self.cluster());
            return Ok(known.map_or_else(|| given.to_owned(), Cow::into_owned));
        }
        let path = self.operations().map(|route| route.render(&[given])).unwrap_or_default();
        Ok(format!("{}{path}", self.config.base_url()))
    }

    /// The generation of the API.
    #[must_use]
    pub const fn api_version(&self) -> ApiVersion {
        self.version
    }

    /// What stands for `${WORKIVA_CLUSTER_DOMAIN}`.
    ///
    /// **Source:** observed; in every region the API's host is `api.` and this domain.
    fn cluster(&self) -> Option<String> {
        let host = self.config.origins().base().host();
        host.strip_prefix("api.").map(String::from)
    }

    fn operations(&self) -> Option<&'static Route> {
        Endpoint::Operation.in_version(self.version)
    }
}

/// The absolute URI of an endpoint, and where in its path the endpoint's own begins.
pub(super) fn submit_uri(config: &Config, path: &str) -> Result<(Uri, usize), UrlError> {
    let url = [config.base_url(), path].concat();
    let target = config.origins().judge(None, &url, Purpose::Api)?;
    let whole = target.uri().path();
    let own = whole.strip_suffix(path).ok_or(UrlError::Syntax)?.len();
    Ok((target.uri().clone(), own))
}

impl Dialect for Workiva {
    fn name(&self) -> &str {
        "workiva"
    }

    fn save(&self) -> String {
        saved::save(self)
    }

    fn repeat(&self) -> Repeat {
        self.submit.as_ref().map_or(Repeat::Harmless, |submit| submit.repeat)
    }

    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let submit = self.submit.as_ref().filter(|_| phase == Phase::Submit);
        let mut request = Request::new(submit.map(|s| s.body.get().into()).unwrap_or_default());
        // Room for what the machine and the adapter add, so that the map is made once.
        *request.headers_mut() = HeaderMap::with_capacity(8);
        let headers = request.headers_mut();
        headers.extend(self.operations().and_then(Route::version_header).map(|v| (X_VERSION, v)));
        if phase != Phase::Fetch {
            headers.insert(ACCEPT, JSON);
        }
        if let Some(submit) = submit {
            headers.insert(CONTENT_TYPE, JSON);
            *request.method_mut() = Method::POST;
            *request.uri_mut() = submit.uri.clone();
        } else {
            *request.uri_mut() = match target {
                Some(target) => target.clone(),
                None => self.config.base_url().parse().unwrap_or_default(),
            };
        }
        request
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        answers::read(phase, head, body, &|| self.cluster())
    }

    fn error(&self, head: &Head<'_>, body: &[u8]) -> ApiError {
        errors::read(head, body)
    }

    fn contradiction(&self, media_type: Option<&str>, first: &[u8]) -> Option<Contradiction> {
        self.submit.as_ref()?.format.contradiction(media_type, first)
    }

    fn file_name(&self) -> String {
        self.submit.as_ref().map_or_else(|| "export".into(), |submit| (*submit.file_name).into())
    }

    fn sunset(&self) -> Option<Sunset> {
        match &self.submit {
            Some(submit) => submit.sunset.copied(),
            None => self.operations().and_then(|route| route.sunset),
        }
    }
}

impl fmt::Debug for Workiva {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Workiva");
        shown.field("version", &self.version).field("base_url", &self.config.base_url());
        if let Some(submit) = &self.submit {
            shown.field("submit", &Redacted(&submit.uri)).field("format", &submit.format);
        }
        shown.finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::workiva::{ArchiveOptions, DocumentExport, FileExport, Region};

    fn config() -> Config {
        Config::new("https://api.example.com:8443/wk").unwrap()
    }

    fn mailing() -> ExportSpec {
        let options = ArchiveOptions { email_on_complete: Some(true), ..Default::default() };
        ExportSpec::file("a b/..", FileExport::folder(options))
    }

    #[test]
    fn what_stands_for_the_cluster_is_known_where_the_host_says_so() {
        let cluster = |url| Workiva::attached(&Config::new(url).unwrap()).cluster();
        assert_eq!(
            cluster("https://API.sandbox.example:8443/x").as_deref(),
            Some("sandbox.example")
        );
        assert_eq!(cluster("https://wdesk.example"), None);
        for region in Region::ALL {
            assert_eq!(cluster(region.base_url()).as_deref(), Some(region.cluster_domain()));
        }
        let attached = Workiva::attached(&Config::for_region(Region::Us));
        assert_eq!(
            attached.operation_url(" https://api.${WORKIVA_CLUSTER_DOMAIN}/operations/1 "),
            Ok("https://api.app.wdesk.com/operations/1".into())
        );
    }

    #[test]
    fn an_operation_is_found_by_its_id_below_the_base_url() {
        let new = config().with_api_version(ApiVersion::V2026_01_01);
        let attached = Workiva::attached(&new);
        assert_eq!(
            attached.operation_url("a/../b").as_deref(),
            Ok("https://api.example.com:8443/wk/operations/a%2F..%2Fb")
        );
        assert_eq!(attached.operation_url(" "), Err(SpecError::EmptyId { id: "operationId" }));
    }

    #[test]
    fn an_attached_dialect_starts_nothing() {
        let request = Workiva::attached(&config()).request(Phase::Submit, None);
        assert_eq!(request.method(), Method::GET);
        assert!(request.body().is_empty());
    }

    #[test]
    fn a_waiting_export_needs_little_memory() {
        let spec = ExportSpec::document("d1", DocumentExport::pdf());
        let workiva = Workiva::new(&spec, &Config::for_region(Region::Us)).unwrap();
        let submit = workiva.submit.as_ref().unwrap();
        let heap = submit.uri.to_string().len() + submit.body.get().len() + submit.file_name.len();
        assert!(size_of::<Workiva>() + heap <= 320, "{} + {heap}", size_of::<Workiva>());
    }

    #[test]
    fn a_request_has_room_for_the_headers_of_others() {
        let workiva = Workiva::new(&mailing(), &config()).unwrap();
        let mut request = workiva.request(Phase::Submit, None);
        let room = request.headers().capacity();
        for name in ["authorization", "accept-encoding", "user-agent", "traceparent", "range"] {
            request.headers_mut().insert(name, JSON);
        }
        assert_eq!(request.headers().capacity(), room);
    }
}
