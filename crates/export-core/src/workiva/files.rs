//! The list of the files of a workspace, page by page.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};

use http::{HeaderMap, Request, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::dialect::Workiva;
use super::lenient::{Lenient, Text};
use super::responses;
use super::routes::{Endpoint, Route};
use crate::api_error::ApiError;
use crate::config::Config;
use crate::dialect::{Dialect, Head, Reading, Repeat};
use crate::error::Error;
use crate::job::ExportJob;
use crate::json::{NotJson, cannot_be_json, parse_object};
use crate::origins::Purpose;
use crate::phase::Phase;
use crate::redact::Redacted;
use crate::sunset::SunsetNotice;
use crate::time::Timestamp;
use crate::url::UrlError;

/// Which files to list. All of them by default.
///
/// ```
/// use export_core::workiva::FilesQuery;
///
/// let query = FilesQuery::new().with_text("Q4").with_kind("Document");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesQuery {
    text: Option<String>,
    kind: Option<String>,
    container: Option<String>,
    state: Option<String>,
    page_size: Option<u16>,
}

impl FilesQuery {
    /// All files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists files whose name contains this text, in any case.
    #[must_use]
    pub fn with_text(self, text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..self }
    }

    /// Lists files of this kind, such as `Document` or `Folder`, in any case.
    #[must_use]
    pub fn with_kind(self, kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), ..self }
    }

    /// Lists files in the folder with this id, but not in its folders. The root has the id `""`.
    #[must_use]
    pub fn with_container(self, container: impl Into<String>) -> Self {
        Self { container: Some(container.into()), ..self }
    }

    /// Lists files in this state, such as `Active` or `Trashed`, in any case.
    #[must_use]
    pub fn with_state(self, state: impl Into<String>) -> Self {
        Self { state: Some(state.into()), ..self }
    }

    /// Sets the number of files of a page, at most 1,000. **1,000** by default, as the service has it.
    #[must_use]
    pub fn with_page_size(self, size: u16) -> Self {
        Self { page_size: Some(size.clamp(1, 1_000)), ..self }
    }

    /// Whether a file is to be listed. A state that the service does not name is `Active`.
    fn matches(&self, file: &ListedFile) -> bool {
        let contains = |text: &String| file.name.to_lowercase().contains(&text.to_lowercase());
        let is = |wanted: &Option<String>, given: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(given))
        };
        self.text.as_ref().is_none_or(contains)
            && is(&self.kind, &file.kind)
            && is(&self.state, file.state.as_deref().unwrap_or("Active"))
            && self.container.as_deref().is_none_or(|id| id == file.container().unwrap_or_default())
    }

    /// The filter for the service. It has the kind only: how the service compares texts is not
    /// documented, and a file that it leaves out could not be found here.
    fn filter(&self) -> Option<String> {
        let kind = self.kind.as_ref()?;
        // A kind that is written otherwise would match nothing there.
        let known = KINDS.into_iter().find(|known| known.eq_ignore_ascii_case(kind))?;
        Some(format!("kind eq '{known}'"))
    }
}

/// **Source:** Workiva's API reference, as of 2026-11. The list may grow.
const KINDS: [&str; 6] =
    ["Document", "Spreadsheet", "Presentation", "Folder", "Script", "SupportingDocument"];

/// A file of a workspace. The service may leave out everything but the name and the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    id: Option<String>,
    name: String,
    kind: String,
    type_name: Option<String>,
    container: Option<String>,
    created: Option<String>,
    modified: Option<String>,
    state: Option<String>,
    is_template: bool,
}

impl ListedFile {
    /// The id, which an export takes.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The name, in the user's words. It may have any character.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind in the service's word, such as `Document`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The type of a document, such as `10-K`.
    #[must_use]
    pub fn type_name(&self) -> Option<&str> {
        self.type_name.as_deref()
    }

    /// The id of the folder; `None` for a file in the root.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    /// When it was created, as the service writes it (RFC 3339).
    #[must_use]
    pub fn created(&self) -> Option<&str> {
        self.created.as_deref()
    }

    /// When it was last changed, as the service writes it (RFC 3339).
    #[must_use]
    pub fn modified(&self) -> Option<&str> {
        self.modified.as_deref()
    }

    /// The state in the service's word: `Active` or `Trashed`.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Whether it is a template.
    #[must_use]
    pub const fn is_template(&self) -> bool {
        self.is_template
    }
}

/// The requests for the pages of a list of files, one after the other, without I/O.
///
/// Each page is the file of a job of its own, so that a driver sends, repeats and paces these requests
/// as all others. `client.files(query)` of the adapters is this loop:
///
/// ```
/// use export_core::workiva::{FilesQuery, ListFiles, Region};
/// use export_core::{Config, Error, ExportJob};
///
/// # fn get(job: ExportJob) -> Result<Vec<u8>, Error> {
/// #     assert_eq!(job.operation().unwrap().path(), "/platform/v1/files");
/// #     Ok(br#"{"data": [{"id": "d1", "name": "Annual report", "kind": "Document"}]}"#.to_vec())
/// # }
/// let mut list = ListFiles::new(FilesQuery::new(), &Config::for_region(Region::Us));
/// while let Some(job) = list.next_page()? {
///     match get(job) {
///         Ok(body) => list.handle_page(&body)?,
///         Err(error) => list.handle_error(error)?,
///     }
/// }
/// assert_eq!(list.into_files()[0].id(), Some("d1"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct ListFiles {
    query: FilesQuery,
    config: Config,
    /// The URL of the next page; `None` after the last.
    next: Option<String>,
    /// Whether the next page is one that the service filters.
    is_filtered: bool,
    /// The URLs of all pages, since a page that leads back to an earlier one would never end.
    pages: BTreeSet<String>,
    /// A file that moves between two pages meanwhile is listed once.
    ids: BTreeSet<String>,
    files: Vec<ListedFile>,
}

impl ListFiles {
    /// The largest body of a page, in **bytes**: 1,000 files have about half a megabyte.
    pub const MAX_PAGE_BYTES: usize = 16 << 20;

    /// The most pages that are read: ten million files.
    const MAX_PAGES: usize = 10_000;

    /// The most files that are listed.
    const MAX_FILES: usize = 1_000_000;

    /// The list of the files that `query` asks for, in the config's version of the API.
    #[must_use]
    pub fn new(query: FilesQuery, config: &Config) -> Self {
        let mut list = Self {
            query,
            config: config.clone(),
            next: None,
            is_filtered: false,
            pages: BTreeSet::new(),
            ids: BTreeSet::new(),
            files: Vec::new(),
        };
        let filter = list.query.filter();
        list.is_filtered = filter.is_some();
        list.next = Some(list.first_page(filter.as_deref()));
        list
    }

    /// The scope that the service requires.
    #[must_use]
    pub const fn scope() -> &'static str {
        Endpoint::Files.scope()
    }

    /// The announced end of the endpoint, if there is one.
    #[must_use]
    pub fn sunset(&self, now: Timestamp) -> Option<SunsetNotice> {
        let sunset = self.route()?.sunset?;
        Some(SunsetNotice { sunset, days_left: sunset.days_left(now) })
    }

    /// A job whose file is the next page; `None` after the last.
    ///
    /// # Errors
    ///
    /// Fails if the service named a URL that may not have the token, or if the pages do not end.
    pub fn next_page(&mut self) -> Result<Option<ExportJob>, Error> {
        let Some(url) = self.next.take() else { return Ok(None) };
        if self.pages.len() >= Self::MAX_PAGES || !self.pages.insert(url.clone()) {
            return Err(invalid("the pages of the list do not end"));
        }
        let page = Arc::new(Page(Workiva::attached(&self.config)));
        let job = ExportJob::attach_with(page, &url, &self.config);
        job.map(Some).map_err(|reason| untrusted(&url, reason)).inspect(|_| self.next = Some(url))
    }

    /// Handles a page.
    ///
    /// # Errors
    ///
    /// Fails if the page is not a list of files, or leads to a URL that may not have the token.
    pub fn handle_page(&mut self, body: &[u8]) -> Result<(), Error> {
        let Some(url) = self.next.take() else { return Ok(()) };
        let headers = HeaderMap::new();
        let page: PageBody<'_> =
            parse_object(&Head::new(StatusCode::OK, &headers), body).map_err(|not_json| {
                match not_json {
                    NotJson::Page => invalid("the list of files is a page of HTML"),
                    NotJson::Broken(what) => invalid(what),
                }
            })?;
        let Some(data) = page.data else {
            return Err(invalid("the list of files has no data"));
        };
        for Lenient(file) in data {
            let Some(file) = file.into_listed() else { continue };
            let is_new = file.id.as_ref().is_none_or(|id| self.ids.insert(id.clone()));
            if is_new && self.query.matches(&file) {
                self.files.push(file);
            }
        }
        if self.files.len() > Self::MAX_FILES {
            return Err(invalid(
                "more than 1,000,000 files: list fewer of them, of one kind or folder",
            ));
        }
        self.is_filtered = false;
        self.next = match page.next_link.into_inner() {
            None => None,
            Some(link) => Some(self.resolve(&url, link)?),
        };
        Ok(())
    }

    /// Handles an error of a page. The first page is requested again without a filter if the service
    /// refuses the one with it as a bad request: which filters it knows is not documented in full.
    ///
    /// # Errors
    ///
    /// Returns any other error.
    pub fn handle_error(&mut self, error: Error) -> Result<(), Error> {
        let is_bad_request = error.status() == Some(StatusCode::BAD_REQUEST);
        if !self.is_filtered || !is_bad_request {
            return Err(error);
        }
        self.is_filtered = false;
        self.next = Some(self.first_page(None));
        Ok(())
    }

    /// The files of all pages, sorted by name.
    #[must_use]
    pub fn into_files(mut self) -> Vec<ListedFile> {
        self.files.sort_by_cached_key(|file| (file.name.to_lowercase(), file.id.clone()));
        self.files
    }

    fn route(&self) -> Option<&'static Route> {
        Endpoint::Files.in_version(self.config.api_version())
    }

    fn first_page(&self, filter: Option<&str>) -> String {
        let path = self.route().map(|route| route.render::<&str>(&[])).unwrap_or_default();
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let filter = filter.map(|filter| format!("$filter={}", encoded(filter)));
        let size = self.query.page_size.map(|size| format!("$maxpagesize={size}"));
        let query = vec![filter, size].into_iter().flatten().collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{query}", self.config.base_url())
    }

    /// The URL of the next page, if it may have the token.
    fn resolve(&self, page: &str, link: Cow<'_, str>) -> Result<String, Error> {
        let cluster = || Workiva::attached(&self.config).cluster();
        let link = responses::with_cluster(link, &cluster)
            .ok_or_else(|| invalid("cannot expand ${WORKIVA_CLUSTER_DOMAIN} in a URL"))?;
        let base: Uri = page.parse().map_err(|_| untrusted(page, UrlError::Syntax))?;
        let judged = self.config.origins().judge(Some(&base), &link, Purpose::Api);
        judged.map(|target| target.uri().to_string()).map_err(|reason| untrusted(&link, reason))
    }
}

const fn invalid(what: &'static str) -> Error {
    Error::Protocol { phase: Phase::Poll, status: None, what }
}

fn untrusted(url: &str, reason: UrlError) -> Error {
    let url = url.parse::<Uri>().map_or_else(
        |_| url.split('?').next().unwrap_or_default().into(),
        |url| Redacted(&url).to_string(),
    );
    Error::UntrustedUrl { phase: Phase::Poll, url, reason }
}

/// The dialect of one page: a poll whose response is the file.
#[derive(Debug)]
struct Page(Workiva);

impl Dialect for Page {
    fn name(&self) -> &str {
        "workiva-files"
    }

    fn save(&self) -> String {
        self.0.save()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Harmless
    }

    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        self.0.request(phase, target)
    }

    fn read<'b>(&self, _: Phase, head: &Head<'b>, _: Option<&'b [u8]>) -> Reading<'b> {
        match head.status() {
            StatusCode::OK if cannot_be_json(head) => Reading::Foreign,
            StatusCode::OK => Reading::ReadyHere,
            status if status.is_redirection() => Reading::Redirect,
            _ => Reading::Malformed("expected 200 or an error for a list of files"),
        }
    }

    fn error(&self, head: &Head<'_>, body: &[u8]) -> ApiError {
        self.0.error(head, body)
    }

    fn file_name(&self) -> String {
        "files.json".into()
    }
}

#[derive(Deserialize)]
struct PageBody<'a> {
    #[serde(default, borrow)]
    data: Option<Vec<Lenient<FileBody<'a>>>>,
    #[serde(default, borrow, rename = "@nextLink")]
    next_link: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FileBody<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    name: Text<'a>,
    kind: Text<'a>,
    #[serde(rename = "type")]
    type_name: Text<'a>,
    container: Text<'a>,
    created: Lenient<Moment<'a>>,
    modified: Lenient<Moment<'a>>,
    state: Text<'a>,
    template: Flag,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Moment<'a> {
    #[serde(borrow)]
    date_time: Text<'a>,
}

/// A boolean; `false` for any other type.
#[derive(Default, Deserialize)]
#[serde(from = "serde_json::Value")]
struct Flag(bool);

impl From<serde_json::Value> for Flag {
    fn from(value: serde_json::Value) -> Self {
        Self(value.as_bool().unwrap_or_default())
    }
}

impl FileBody<'_> {
    /// `None` for an entry that has neither a name nor an id.
    fn into_listed(self) -> Option<ListedFile> {
        let text = |text: Text<'_>| text.into_inner().map(Cow::into_owned);
        let (id, name) = (text(self.id), text(self.name));
        if id.is_none() && name.is_none() {
            return None;
        }
        Some(ListedFile {
            id,
            name: name.unwrap_or_default(),
            kind: text(self.kind).unwrap_or_default(),
            type_name: text(self.type_name),
            container: text(self.container),
            created: text(self.created.0.date_time),
            modified: text(self.modified.0.date_time),
            state: text(self.state),
            is_template: self.template.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use super::*;
    use crate::workiva::{ApiVersion, Region};

    fn config() -> Config {
        Config::for_region(Region::Us).with_api_version(ApiVersion::V2026_01_01)
    }

    fn url(list: &mut ListFiles) -> String {
        list.next_page().unwrap().unwrap().operation().unwrap().to_string()
    }

    fn names(list: ListFiles) -> Vec<String> {
        list.into_files().into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn pages_are_requested_in_order_and_sorted() {
        let mut list = ListFiles::new(FilesQuery::new().with_page_size(5_000), &config());
        assert_eq!(url(&mut list), "https://api.app.wdesk.com/files?$maxpagesize=1000");
        let first = r#"{"data": [{"id": "1", "name": "b", "kind": "Folder"},
            {"id": "2", "name": "A", "kind": "Document", "template": 7, "created": {"dateTime": "t"}},
            {"id": null, "name": 9}, 5, null],
            "@nextLink": "?$next=c%2B1", "more": []}"#;
        list.handle_page(first.as_bytes()).unwrap();
        assert_eq!(url(&mut list), "https://api.app.wdesk.com/files?$next=c%2B1");
        let last = r#"{"data": [{"id": "2", "name": "A", "kind": "Document"},
            {"name": "c", "kind": "Script"}], "@nextLink": null}"#;
        list.handle_page(last.as_bytes()).unwrap();
        assert!(list.next_page().unwrap().is_none());
        assert_eq!(names(list), ["A", "b", "c"]);
    }

    #[test]
    fn facts_of_a_file_are_read() {
        let mut list = ListFiles::new(FilesQuery::new(), &config());
        url(&mut list);
        let body = r#"{"data": [{"id": "1", "name": "a", "kind": "Document", "type": "10-K", "container": "f",
            "created": {"dateTime": "2026-01-01T00:00:00Z"}, "modified": {"dateTime": "2026-01-02T00:00:00Z"},
            "state": "Trashed", "template": true}, {"name": "b", "container": "", "created": 7}]}"#;
        list.handle_page(body.as_bytes()).unwrap();
        let [file, other] = &list.into_files()[..] else { panic!("two files are listed") };
        assert_eq!((file.id(), file.name(), file.kind()), (Some("1"), "a", "Document"));
        assert_eq!((file.type_name(), file.container()), (Some("10-K"), Some("f")));
        assert_eq!(file.created(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(file.modified(), Some("2026-01-02T00:00:00Z"));
        assert_eq!((file.state(), file.is_template()), (Some("Trashed"), true));
        assert_eq!((other.id(), other.kind(), other.is_template()), (None, "", false));
        assert_eq!((other.container(), other.created()), (None, None));
    }

    #[test]
    fn each_generation_has_its_path_and_a_next_page_its_version() {
        for (version, path) in
            [(ApiVersion::V2022_01_01, "/platform/v1/files"), (ApiVersion::V2026_01_01, "/files")]
        {
            let mut list = ListFiles::new(FilesQuery::new(), &config().with_api_version(version));
            assert!(url(&mut list).ends_with(path));
            assert_eq!(list.sunset(Timestamp::EPOCH).is_some(), version == ApiVersion::V2022_01_01);
            let page = Page(Workiva::attached(&list.config));
            for (path, version) in [
                ("/files?$next=1", "2026-01-01"),
                ("/platform/v1/files?$next=1", "2022-01-01"),
                ("/prototype/platform/files", "2022-01-01"),
            ] {
                let url = format!("https://api.app.wdesk.com{path}").parse().unwrap();
                let request = page.request(Phase::Poll, Some(&url));
                assert_eq!(request.headers()["x-version"], version, "{path}");
            }
        }
    }

    #[test]
    fn next_link_stays_on_trusted_origins() {
        for (link, expected) in [
            ("https://evil.example/files?$next=1", Err("https://evil.example/files?$next=***")),
            ("http://api.app.wdesk.com/files", Err("http://api.app.wdesk.com/files")),
            ("//evil.example/files", Err("//evil.example/files")),
            ("/files?$next=2", Ok("https://api.app.wdesk.com/files?$next=2")),
            (
                "https://api.${WORKIVA_CLUSTER_DOMAIN}/files?$next=2",
                Ok("https://api.app.wdesk.com/files?$next=2"),
            ),
        ] {
            let mut list = ListFiles::new(FilesQuery::new(), &config());
            url(&mut list);
            let body = format!(r#"{{"data": [], "@nextLink": "{link}"}}"#);
            match (list.handle_page(body.as_bytes()), expected) {
                (Ok(()), Ok(expected)) => assert_eq!(url(&mut list), expected),
                (Err(Error::UntrustedUrl { url, .. }), Err(expected)) => assert_eq!(url, expected),
                (other, _) => panic!("{link}: {other:?}"),
            }
        }
    }

    #[test]
    fn pages_that_lead_in_a_circle_are_an_error() {
        let mut list = ListFiles::new(FilesQuery::new(), &config());
        for next in ["/files?$next=a", "/files?$next=b", "/files?$next=a"] {
            url(&mut list);
            let body = format!(r#"{{"data": [], "@nextLink": "{next}"}}"#);
            list.handle_page(body.as_bytes()).unwrap();
        }
        let error = list.next_page().unwrap_err().to_string();
        assert!(error.contains("do not end"), "{error}");

        // A service that invents pages is stopped.
        let mut list = ListFiles::new(FilesQuery::new(), &config());
        let pages = (0..=ListFiles::MAX_PAGES).take_while(|page| {
            let is_requested = list.next_page().is_ok();
            let body = format!(r#"{{"data": [], "@nextLink": "/files?$next={page}"}}"#);
            list.handle_page(body.as_bytes()).unwrap();
            is_requested
        });
        assert_eq!(pages.count(), ListFiles::MAX_PAGES);
    }

    #[test]
    fn filter_that_the_service_refuses_is_left_out() {
        let refused = |status: u16| Error::Refused {
            phase: Phase::Poll,
            status: StatusCode::from_u16(status).unwrap(),
            reason: Box::new(ApiError::new(crate::ErrorOrigin::Service)),
        };
        let query = FilesQuery::new().with_kind("document").with_text("Q4");
        let mut list = ListFiles::new(query, &config());
        assert!(url(&mut list).ends_with("/files?$filter=kind%20eq%20%27Document%27"));
        assert!(list.handle_error(refused(403)).is_err());
        list.handle_error(refused(400)).unwrap();
        assert!(url(&mut list).ends_with("/files"));
        let body = r#"{"data": [{"id": "1", "name": "Report q4", "kind": "Document"},
            {"id": "2", "name": "Report Q4", "kind": "Spreadsheet"},
            {"id": "3", "name": "Report Q3", "kind": "Document"}]}"#;
        list.handle_page(body.as_bytes()).unwrap();
        assert_eq!(names(list), ["Report q4"]);
        // Without a filter, the error stands.
        let mut list = ListFiles::new(FilesQuery::new().with_kind("NewKind"), &config());
        assert!(url(&mut list).ends_with("/files"));
        assert!(list.handle_error(refused(400)).is_err());
    }

    #[test]
    fn container_and_state_are_compared_here() {
        let body = r#"{"data": [
            {"id": "1", "name": "root", "kind": "Document", "container": ""},
            {"id": "2", "name": "in f", "kind": "Document", "container": "f", "state": "Active"},
            {"id": "3", "name": "trashed", "kind": "Document", "container": "f", "state": "Trashed"}]}"#;
        for (query, found) in [
            (FilesQuery::new().with_container(""), &["root"][..]),
            (FilesQuery::new().with_container("f"), &["in f", "trashed"]),
            (FilesQuery::new().with_state("active"), &["in f", "root"]),
            (FilesQuery::new().with_container("f").with_state("Trashed"), &["trashed"]),
            (FilesQuery::new().with_container("other"), &[]),
        ] {
            let mut list = ListFiles::new(query.clone(), &config());
            url(&mut list);
            list.handle_page(body.as_bytes()).unwrap();
            assert_eq!(names(list), found, "{query:?}");
        }
    }

    #[test]
    fn body_that_is_no_list_is_an_error() {
        for body in ["", "[]", "{", "{}", r#"{"data": null}"#, r#"{"data": {}}"#, "<html>"] {
            let mut list = ListFiles::new(FilesQuery::new(), &config());
            url(&mut list);
            let read = list.handle_page(body.as_bytes());
            assert!(matches!(read, Err(Error::Protocol { .. })), "{body}: {read:?}");
        }
    }
}
