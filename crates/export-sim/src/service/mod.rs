//! The service: turns requests into responses, without sockets and without a clock.

mod downloads;
pub(crate) mod errors;
mod exports;
pub(crate) mod files;
mod operations;
mod route;
mod schema;
mod started_export;
mod tokens;
mod urls;

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HOST, HeaderName, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode};

use self::operations::Operations;
use self::route::{Route, Target};
use self::tokens::Tokens;
use self::urls::Urls;
use crate::faults::{ConnectionFault, Fault, FaultContext, FaultPlan, FaultSelector, Role, apply};
use crate::random::{Random, hash};
use crate::record::RequestLog;
use crate::response::header_value;
use crate::{Config, Mistake, Origin, RecordedRequest, SimResponse, Timestamp, mistakes};

pub use self::files::WorkspaceFile;
pub use self::route::Endpoint;
pub(crate) use self::schema::ExportRequest;
pub use self::started_export::StartedExport;

/// The maximum size of a request body, in bytes: 10 MiB.
pub(crate) const MAX_BODY: usize = 10_485_760;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_VERSION: HeaderName = HeaderName::from_static("x-version");

/// A simulation of Workiva's export API, without sockets and without a clock.
///
/// A request goes to the storage origin if its URI or `Host` matches the configured storage URL
/// (`http://127.0.0.1:8081` by default), and to the API otherwise. An [`Origin`] in the request's extensions takes
/// precedence.
///
/// ```
/// use export_sim::{Config, Service, Timestamp};
/// use http::Request;
///
/// let mut service = Service::new(Config::default().with_token("t"));
/// let request = Request::post("/documents/d1/export")
///     .header("authorization", "Bearer t")
///     .header("x-version", "2026-01-01")
///     .header("content-type", "application/json")
///     .body(r#"{"format": "pdf"}"#)?;
/// let response = service.handle(Timestamp::from_millis(0), request);
/// assert_eq!(response.status(), 202);
/// assert_eq!(response.headers()["retry-after"], "5");
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Service {
    config: Config,
    urls: Urls,
    tokens: Tokens,
    operations: Operations,
    selector: FaultSelector,
    requests: RequestLog,
    random: Random,
}

/// A request with its id and time.
#[derive(Debug)]
struct RequestContext {
    now: Timestamp,
    /// The expiry of URLs that are signed for this request.
    signed_until: Timestamp,
    request_id: String,
    parts: Parts,
    body: Bytes,
}

impl Service {
    /// Creates a service without any exports.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            urls: Urls::new(&config),
            tokens: Tokens::new(&config),
            operations: Operations::default(),
            selector: FaultSelector::new(config.scenario.clone()),
            requests: RequestLog::new(config.record_limit),
            random: Random::new(hash(config.seed, b"ids")),
            config,
        }
    }

    /// Handles a request. Every request gets a response, and it is never a 5xx unless the scenario injects one.
    pub fn handle<B: Into<Bytes>>(&mut self, now: Timestamp, request: Request<B>) -> SimResponse {
        let (parts, body) = request.into_parts();
        let signed_until = now.after(self.config.signed_url_lifetime);
        let request_id = self.random.uuid();
        let mut call = RequestContext { now, signed_until, request_id, parts, body: body.into() };
        let origin = self.origin(&call.parts);
        let route = route::find(origin, call.parts.uri.path());
        let endpoint = route.as_ref().map_or(Endpoint::Other, Route::endpoint);
        let recorded = (call.parts.uri.clone(), call.parts.headers.clone());

        let named = route.as_ref().and_then(Route::operation);
        let plan = self.selector.next_request(endpoint, self.operations.subject(route.as_ref()));
        self.prepare(&plan, named, &mut call);
        let mut response = match plan.role {
            Role::Idle => SimResponse::new(StatusCode::OK),
            Role::Acts => self.dispatch(origin, route.as_ref(), &call),
        };
        let version = match &route {
            Some(route) => route.generation.version(),
            None => version(&call.parts.headers).flatten(),
        };
        let version = version.unwrap_or("2022-01-01").to_owned();
        errors::set_version(&mut response, &version);
        let operation = match named {
            Some(id) => Some(id.to_owned()),
            // The operation that an accepted submit has just started.
            None => self.operations.started_by(&call.request_id),
        };
        let context = FaultContext {
            now,
            endpoint,
            version,
            url: self.url(origin, &call.parts),
            other: self
                .base(match origin {
                    Origin::Api => Origin::Storage,
                    Origin::Storage => Origin::Api,
                })
                .to_owned(),
            signed: named.and_then(|id| self.signed_url(id, call.signed_until)),
        };
        for fault in &plan.faults {
            response = apply(fault, response, &context);
        }
        self.add_common_headers(&mut response, &call);

        let (uri, headers) = recorded;
        self.requests.push(RecordedRequest {
            at: now,
            origin,
            endpoint,
            method: call.parts.method,
            uri,
            headers,
            body_len: call.body.len() as u64,
            body: call.body,
            status: response.delivery.shows_head().then(|| response.status()),
            retry_after: retry_after(response.headers()),
            operation,
            faults: plan.faults.iter().map(Fault::name).collect(),
        });
        response
    }

    /// Whether the scenario responds to this request before its body is read.
    pub(crate) fn responds_early(&self, origin: Origin, path: &str) -> bool {
        let route = route::find(origin, path);
        let endpoint = route.as_ref().map_or(Endpoint::Other, Route::endpoint);
        self.selector.is_next(endpoint, self.operations.subject(route.as_ref()), &Fault::Early)
    }

    /// Counts a new connection and returns its fault, if any.
    pub(crate) fn next_connection_fault(&mut self, origin: Origin) -> Option<ConnectionFault> {
        self.selector.next_connection(origin)
    }

    /// The number of connections made to this origin so far.
    #[must_use]
    pub fn connections(&self, origin: Origin) -> u64 {
        self.selector.connections(origin)
    }

    /// The requests received so far at both origins, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.to_vec()
    }

    /// What the client has done wrong in the requests received so far. Test a client by asserting that it is empty.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        mistakes::find(&self.requests.to_vec())
    }

    /// The exports started so far, in order. Exports whose file was deleted from the user's folder are left out.
    #[must_use]
    pub fn exports(&self) -> Vec<StartedExport> {
        self.operations.iter().filter_map(|it| StartedExport::new(self, it).ok()).collect()
    }

    /// The configuration of the service.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Applies the effects of faults on the service and the request, before the request is handled.
    fn prepare(&mut self, plan: &FaultPlan, named: Option<&str>, call: &mut RequestContext) {
        for fault in &plan.faults {
            let operation = named.and_then(|id| self.operations.get_mut(id));
            match (fault, operation) {
                (Fault::ExpireUrl, _) => call.signed_until = call.now,
                (Fault::RevokeToken, _) => self.tokens.revoke(&call.parts.headers),
                (Fault::IgnoreRange, _) => {
                    call.parts.headers.remove(http::header::RANGE);
                }
                (Fault::ChangeArtifact, Some(operation)) => operation.revision += 1,
                (Fault::EndOperation { status, code, message }, Some(operation)) => {
                    operation.end(call.now, *status, code, message);
                }
                _ => {}
            }
        }
    }

    fn dispatch(
        &mut self,
        origin: Origin,
        route: Option<&Route>,
        call: &RequestContext,
    ) -> SimResponse {
        let Some(route) = route else {
            return match origin {
                Origin::Api => errors::not_found("the path"),
                Origin::Storage => errors::no_such_key(),
            };
        };
        let generation = route.generation;
        if !version(&call.parts.headers).is_some_and(|version| generation.accepts(version)) {
            return errors::not_found("the path in this version of the API");
        }
        let method = &call.parts.method;
        let allowed = route.methods();
        if !allowed.split(", ").any(|it| it == method.as_str()) {
            return match origin {
                Origin::Api => errors::wrong_method(allowed),
                Origin::Storage => errors::wrong_method_at_storage(allowed),
            };
        }
        if call.body.len() > MAX_BODY {
            return errors::too_large(MAX_BODY);
        }
        match (route.target, &route.ids[..]) {
            (Target::Token, _) => {
                let RequestContext { now, parts, body, .. } = call;
                self.tokens.issue(*now, &mut self.random, &parts.headers, body)
            }
            (Target::Submit(kind), ids) => self.submit(call, kind, generation, ids),
            (Target::Files, _) => self.files(call),
            (Target::Operation, [id]) => self.operation(call, id),
            (Target::Download, [id]) => self.download(call, id),
            (Target::Stored, [id, _]) => self.stored(call, id),
            (Target::Operation | Target::Download | Target::Stored, _) => {
                errors::not_found("the path")
            }
        }
    }

    fn origin(&self, parts: &Parts) -> Origin {
        if let Some(origin) = parts.extensions.get() {
            return *origin;
        }
        let host = || parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = parts.uri.authority().map(|it| it.as_str()).or_else(host);
        let is_storage = authority.is_some_and(|authority| self.urls.is_storage(authority));
        if is_storage { Origin::Storage } else { Origin::Api }
    }

    fn url(&self, origin: Origin, parts: &Parts) -> String {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        format!("{}{target}", self.base(origin))
    }

    fn base(&self, origin: Origin) -> &str {
        match origin {
            Origin::Api => self.urls.api(),
            Origin::Storage => self.urls.storage(),
        }
    }

    /// Adds the headers that every response has.
    fn add_common_headers(&self, response: &mut SimResponse, call: &RequestContext) {
        let date = header_value(&call.now.http_date(0));
        response.headers_mut().entry(DATE).or_insert(date);
        let id = header_value(&call.request_id);
        response.headers_mut().entry(X_REQUEST_ID).or_insert(id);
        if call.parts.method == Method::HEAD {
            response.drop_body();
        }
    }
}

/// The requested `X-Version`, if any. `None` if the header is invalid or was sent more than once.
fn version(headers: &HeaderMap) -> Option<Option<&str>> {
    let mut versions = headers.get_all(X_VERSION).iter();
    match (versions.next(), versions.next()) {
        (None, _) => Some(None),
        (Some(version), None) => Some(Some(version.to_str().ok()?)),
        (Some(_), Some(_)) => None,
    }
}

/// The wait that a response asks for, in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The media type of a body, without its parameters and in lower case.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next().unwrap_or_default();
    Some(media_type.trim().to_ascii_lowercase())
}
