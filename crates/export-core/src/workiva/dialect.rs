//! The dialect: one export, written for one version of the API.

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::value::RawValue;

use super::errors;
use super::format::FileFormat;
use super::responses;
use super::routes::{Endpoint, ROUTES, Route};
use super::saved::{RestoreError, Saved, SavedSubmit};
use super::settings::ApiVersion;
use super::spec::{ExportSpec, NO_BODY, SpecError, asks_for_mail};
use crate::api_error::ApiError;
use crate::config::Config;
use crate::dialect::{Contradiction, Dialect, Head, Reading, Repeat, is_gzip_type};
use crate::file_name::safe_file_name;
use crate::origins::Purpose;
use crate::phase::Phase;
use crate::redact::Redacted;
use crate::sunset::Sunset;
use crate::url::UrlError;

/// One export from Workiva's API: the [`Dialect`] that this crate ships.
///
/// Most callers do not name it: [`ExportJob::new`](crate::ExportJob::new) builds one from an
/// [`ExportSpec`].
pub struct Workiva {
    version: ApiVersion,
    config: Config,
    /// `None` for an operation that another client started.
    submit: Option<Submit>,
    /// The expected format of the file of such an operation.
    expected: FileFormat,
}

/// What is kept of a spec. It is small, since thousands of jobs may be waiting.
struct Submit {
    uri: Uri,
    /// Where the endpoint's own path begins in the path of `uri`, behind that of the base URL.
    path: usize,
    body: Box<RawValue>,
    format: FileFormat,
    file_name: Box<str>,
    repeat: Repeat,
    sunset: Option<&'static Sunset>,
}

/// The name of the dialect in checkpoints.
pub(super) const NAME: &str = "workiva";

const X_VERSION: HeaderName = HeaderName::from_static("x-version");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Workiva {
    /// An export to submit, in the config's version of the API.
    ///
    /// # Errors
    ///
    /// Fails if the service would refuse the export. No request is sent to find out.
    ///
    /// ```
    /// use export_core::workiva::{ArchiveOptions, ExportSpec, Region, Workiva};
    /// use export_core::Config;
    ///
    /// let config = Config::for_region(Region::Us);
    /// let spec = ExportSpec::container("", ArchiveOptions::default());
    /// let refused = Workiva::new(&spec, &config).unwrap_err();
    /// assert_eq!(refused.to_string(), "sourceId must not be empty");
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
        Ok(Self {
            version,
            config: config.clone(),
            submit: Some(submit),
            expected: FileFormat::Any,
        })
    }

    /// An operation that another client started: it can be polled, and its file fetched.
    ///
    /// There is nothing to submit. The submit request of this dialect is a `GET` of the base URL,
    /// which starts no export.
    #[must_use]
    pub fn attached(config: &Config) -> Self {
        let (version, config) = (config.api_version(), config.clone());
        Self { version, config, submit: None, expected: FileFormat::Any }
    }

    /// Expects a format of the file of an operation that another client [started](Self::attached), as
    /// an extension: a format that the service exports to, or `tar.gz`. Otherwise the download ends
    /// with [`Error::WrongFormat`](crate::Error::WrongFormat). `file` is any file but JSON, in which
    /// the service describes the results of other operations. Another text, and the default, is
    /// anything.
    #[must_use]
    pub fn expecting(self, format: &str) -> Self {
        Self { expected: FileFormat::of_word(format), ..self }
    }

    /// Restores a dialect from the text that [`Dialect::save`] returned. The API version is the
    /// saved one, the base URL the config's.
    ///
    /// # Errors
    ///
    /// Fails if the text was not saved by this release or an earlier one.
    pub fn restore(saved: &str, config: &Config) -> Result<Self, RestoreError> {
        let saved = Saved::parse(saved)?;
        let submit = match saved.submit {
            None => None,
            Some(submit) => Some(Submit::restore(submit, saved.api, config)?),
        };
        let expected = saved.expects.map_or(FileFormat::Any, |word| FileFormat::of_word(&word));
        Ok(Self { version: saved.api, config: config.clone(), submit, expected })
    }

    /// The format that the file has to have.
    fn format(&self) -> FileFormat {
        self.submit.as_ref().map_or(self.expected, |submit| submit.format)
    }

    /// The URL of an operation, from its id, path or URL.
    ///
    /// ```
    /// use export_core::workiva::{Region, Workiva};
    /// use export_core::Config;
    ///
    /// let workiva = Workiva::attached(&Config::for_region(Region::Eu));
    /// assert_eq!(
    ///     workiva.operation_url("op-1")?,
    ///     "https://api.eu.wdesk.com/platform/v1/operations/op-1"
    /// );
    /// assert_eq!(workiva.operation_url("/operations/op-1")?, "/operations/op-1");
    /// # Ok::<(), export_core::workiva::SpecError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if `id_or_url` is empty.
    pub fn operation_url(&self, id_or_url: &str) -> Result<String, SpecError> {
        let given = id_or_url.trim();
        if given.is_empty() {
            return Err(SpecError::EmptyId { id: "operationId" });
        }
        if given.starts_with('/') || given.contains("://") {
            let known = responses::with_cluster(given.into(), &|| self.cluster());
            return Ok(known.map_or_else(|| given.to_owned(), Cow::into_owned));
        }
        let path = self.operations().map(|route| route.render(&[given])).unwrap_or_default();
        Ok(format!("{}{path}", self.config.base_url()))
    }

    /// The version of the API.
    #[must_use]
    pub const fn api_version(&self) -> ApiVersion {
        self.version
    }

    /// The value of `${WORKIVA_CLUSTER_DOMAIN}`.
    ///
    /// **Source:** observed; in every region the API's host is `api.` and this domain.
    pub(super) fn cluster(&self) -> Option<String> {
        let host = self.config.origins().base().host();
        host.strip_prefix("api.").map(String::from)
    }

    /// The route of the URL of an operation or of a list of files. The service may have named one of
    /// another version, or the caller; the header of this version would then get a 404.
    fn route_of_operation(&self, url: &Uri) -> Option<&'static Route> {
        let base = self.config.base_path();
        let path = url.path().strip_prefix(base).unwrap_or_else(|| url.path());
        let is_read =
            |route: &&Route| matches!(route.endpoint, Endpoint::Files | Endpoint::Operation);
        let mut known = ROUTES.iter().filter(is_read);
        known.find(|route| route.is_of(path)).or_else(|| self.operations())
    }

    fn operations(&self) -> Option<&'static Route> {
        Endpoint::Operation.in_version(self.version)
    }
}

impl Submit {
    /// Checks every saved value again, since the stored text may have been changed.
    fn restore(
        saved: SavedSubmit<'_>,
        version: ApiVersion,
        config: &Config,
    ) -> Result<Self, RestoreError> {
        let refused = |why: &dyn ToString| {
            RestoreError(format!("{:?} is refused: {}", saved.path, why.to_string()))
        };
        if !saved.path.starts_with('/') {
            return Err(refused(&"it is not a path"));
        }
        let (uri, path) = submit_uri(config, &saved.path).map_err(|error| refused(&error))?;
        let mails = serde_json::from_str(saved.body.get()).is_ok_and(|json| asks_for_mail(&json));
        let route = Route::of_path(&saved.path)
            .map(|(route, _)| route)
            .filter(|route| route.version == version.paths());
        Ok(Self {
            uri,
            path,
            body: saved.body.into_owned(),
            format: FileFormat::of_word(&saved.format),
            file_name: safe_file_name(&saved.file).unwrap_or_else(|| "export".into()).into(),
            repeat: if mails { Repeat::SideEffect } else { Repeat::Harmless },
            sunset: route.and_then(|route| route.sunset.as_ref()),
        })
    }
}

/// The absolute URI of an endpoint, and where the endpoint's own path begins in it.
fn submit_uri(config: &Config, path: &str) -> Result<(Uri, usize), UrlError> {
    let url = [config.base_url(), path].concat();
    let target = config.origins().judge(None, &url, Purpose::Api)?;
    let whole = target.uri().path();
    let own = whole.strip_suffix(path).ok_or(UrlError::Syntax)?.len();
    Ok((target.uri().clone(), own))
}

impl Dialect for Workiva {
    fn name(&self) -> &str {
        NAME
    }

    fn save(&self) -> String {
        let submit = self.submit.as_ref().map(|submit| SavedSubmit {
            path: submit.uri.path().get(submit.path..).unwrap_or_default().into(),
            body: Cow::Borrowed(&submit.body),
            format: submit.format.as_str().into(),
            file: Cow::Borrowed(&submit.file_name),
        });
        let expected = Some(self.expected).filter(|format| *format != FileFormat::Any);
        let expects = expected.map(|format| format.as_str().into());
        Saved { api: self.version, submit, expects }.to_text()
    }

    fn repeat(&self) -> Repeat {
        self.submit.as_ref().map_or(Repeat::Harmless, |submit| submit.repeat)
    }

    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let submit = self.submit.as_ref().filter(|_| phase == Phase::Submit);
        let body = submit.map(|submit| submit.body.get()).filter(|body| *body != NO_BODY);
        let mut request = Request::new(body.map(Vec::from).unwrap_or_default());
        // Room for the headers that the machine and the adapter add, to allocate once.
        *request.headers_mut() = HeaderMap::with_capacity(8);
        let headers = request.headers_mut();
        let route = match target {
            Some(target) if phase == Phase::Poll => self.route_of_operation(target),
            _ => self.operations(),
        };
        let version = route.and_then(|route| route.version_header(self.version));
        headers.extend(version.map(|version| (X_VERSION, version)));
        if phase != Phase::Fetch {
            headers.insert(ACCEPT, JSON);
        }
        if body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        if let Some(submit) = submit {
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
        responses::read(phase, head, body, &|| self.cluster())
    }

    fn error(&self, head: &Head<'_>, body: &[u8]) -> ApiError {
        errors::read(head, body)
    }

    fn contradiction(
        &self,
        media_type: Option<&str>,
        first: &[u8],
        is_whole: bool,
    ) -> Option<Contradiction> {
        self.format().contradiction(media_type, first, is_whole)
    }

    fn is_gzip(&self, media_type: Option<&str>) -> bool {
        match self.format() {
            FileFormat::TarGz => true,
            FileFormat::Any | FileFormat::File => is_gzip_type(media_type),
            _ => false,
        }
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
    use super::*;
    use crate::workiva::{ArchiveOptions, DocumentExport, FileExport, Region};

    fn config() -> Config {
        Config::new("https://api.example.com:8443/wk").unwrap()
    }

    fn mailing() -> ExportSpec {
        let options = ArchiveOptions::default().email_on_complete(true);
        ExportSpec::file("a b/..", FileExport::folder(options))
    }

    #[test]
    fn cluster_domain_is_taken_from_the_host() {
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
    fn operation_id_is_appended_to_the_base_url() {
        let new = config().with_api_version(ApiVersion::V2026_01_01);
        let attached = Workiva::attached(&new);
        assert_eq!(
            attached.operation_url("a/../b").as_deref(),
            Ok("https://api.example.com:8443/wk/operations/a%2F..%2Fb")
        );
        assert_eq!(attached.operation_url(" "), Err(SpecError::EmptyId { id: "operationId" }));
    }

    #[test]
    fn version_header_of_a_poll_follows_the_url() {
        let version = |api, path: &str| {
            let workiva = Workiva::attached(&config().with_api_version(api));
            let url = format!("https://api.example.com:8443/wk{path}").parse().unwrap();
            let request = workiva.request(Phase::Poll, Some(&url));
            request.headers()[X_VERSION].to_str().unwrap().to_owned()
        };
        for api in ApiVersion::ALL {
            assert_eq!(version(api, "/operations/1"), "2026-01-01");
            assert_eq!(version(api, "/platform/v1/operations/1"), "2022-01-01");
            assert_eq!(version(api, "/prototype/platform/operations/1"), "2022-01-01");
            assert_eq!(version(api, "/elsewhere/1"), api.as_str());
        }
    }

    #[test]
    fn later_version_has_the_newest_paths() {
        let config = config().with_api_version("2029-06-01".parse().unwrap());
        let workiva = Workiva::new(&ExportSpec::graph_report("r1"), &config).unwrap();
        for workiva in [Workiva::restore(&workiva.save(), &config).unwrap(), workiva] {
            let request = workiva.request(Phase::Submit, None);
            assert_eq!(request.uri().path(), "/wk/graph/reports/r1/export");
            assert_eq!(request.headers()[X_VERSION], "2029-06-01");
            let operation = workiva.operation_url("1").unwrap().parse().unwrap();
            let request = workiva.request(Phase::Poll, Some(&operation));
            assert_eq!(request.headers()[X_VERSION], "2029-06-01");
        }
    }

    #[test]
    fn attached_dialect_submits_nothing() {
        let request = Workiva::attached(&config()).request(Phase::Submit, None);
        assert_eq!(request.method(), Method::GET);
        assert!(request.body().is_empty());
    }

    #[test]
    fn format_decides_whether_a_file_is_a_gzip() {
        let pdf = ExportSpec::document("d1", DocumentExport::pdf());
        let archive = Workiva::new(&mailing(), &config()).unwrap();
        let pdf = Workiva::new(&pdf, &config()).unwrap();
        let attached = Workiva::attached(&config());
        for (media_type, unknown) in [
            (None, false),
            (Some("application/pdf"), false),
            (Some("application/gzip"), true),
            (Some("Application/X-GZip"), true),
        ] {
            assert!(archive.is_gzip(media_type));
            assert!(!pdf.is_gzip(media_type));
            assert_eq!(attached.is_gzip(media_type), unknown, "{media_type:?}");
        }
    }

    #[test]
    fn dialect_takes_at_most_320_bytes() {
        let spec = ExportSpec::document("d1", DocumentExport::pdf());
        let workiva = Workiva::new(&spec, &Config::for_region(Region::Us)).unwrap();
        let submit = workiva.submit.as_ref().unwrap();
        let heap = submit.uri.to_string().len() + submit.body.get().len() + submit.file_name.len();
        assert!(size_of::<Workiva>() + heap <= 320, "{} + {heap}", size_of::<Workiva>());
    }

    #[test]
    fn header_map_has_room_for_added_headers() {
        let workiva = Workiva::new(&mailing(), &config()).unwrap();
        let mut request = workiva.request(Phase::Submit, None);
        let room = request.headers().capacity();
        for name in ["authorization", "accept-encoding", "user-agent", "traceparent", "range"] {
            request.headers_mut().insert(name, JSON);
        }
        assert_eq!(request.headers().capacity(), room);
    }

    #[test]
    fn restored_dialect_keeps_its_api_version() {
        let old = config().with_api_version(ApiVersion::V2022_01_01);
        let new = config().with_api_version(ApiVersion::V2026_01_01);
        let workiva = Workiva::new(&mailing(), &old).unwrap();
        assert_eq!(
            workiva.save(),
            r#"{"api":"2022-01-01","submit":{"path":"/prototype/platform/files/a%20b%2F../export","body":{"folderExport":{"emailOnComplete":true},"kind":"Folder"},"format":"tar.gz","file":"a b_...tar.gz"}}"#
        );
        let restored = Workiva::restore(&workiva.save(), &new).unwrap();
        assert_eq!(restored.save(), workiva.save());
        assert_eq!(restored.repeat(), Repeat::SideEffect);
        assert_eq!(restored.sunset(), workiva.sunset());
        assert!(restored.sunset().is_some());
        assert_eq!(restored.file_name(), workiva.file_name());
        let request = |workiva: &Workiva| format!("{:?}", workiva.request(Phase::Submit, None));
        assert_eq!(request(&restored), request(&workiva));

        let attached = Workiva::attached(&old);
        assert_eq!(attached.save(), r#"{"api":"2022-01-01"}"#);
        assert_eq!(Workiva::restore(&attached.save(), &new).unwrap().save(), attached.save());
    }

    #[test]
    fn tampered_save_leads_to_no_other_host() {
        for path in ["@evil.example/", ".evil.example/", ":1/", "", "files/f1/export", "?", "/a#/b"]
        {
            let saved = format!(
                r#"{{"api":"2026-01-01","submit":{{"path":"{path}","body":{{}},"format":"x","file":"../x"}}}}"#
            );
            assert!(Workiva::restore(&saved, &config()).is_err(), "{path}");
        }
        let saved = r#"{"api":"2026-01-01","submit":{"path":"//evil.example/x","body":{},"format":"x","file":"../x"}}"#;
        let restored = Workiva::restore(saved, &config()).unwrap();
        let request = restored.request(Phase::Submit, None);
        assert_eq!(request.uri(), "https://api.example.com:8443/wk//evil.example/x");
        assert_eq!(restored.file_name(), "x");
        for broken in ["", "{}", r#"{"api":"2024-01-01"}"#, r#"{"api":"2026-01-01","submit":{}}"#] {
            assert!(Workiva::restore(broken, &config()).is_err(), "{broken}");
        }
    }
}
