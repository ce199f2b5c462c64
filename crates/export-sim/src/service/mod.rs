//! The service itself: requests in, answers out, no sockets and no clock.

mod downloads;
pub(crate) mod errors;
mod exports;
mod operations;
mod route;
mod schema;
mod started;
mod tokens;
mod urls;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HOST, HeaderName};
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode};

use self::operations::Operations;
use self::route::{Route, Target};
use self::tokens::Tokens;
use self::urls::Urls;
use crate::answer::header_value;
use crate::faults::{Context, Director, Fault, Plan, Refusal, Role, apply};
use crate::random::{Random, hash};
use crate::record::Record;
use crate::{Answer, Config, Origin, RecordedRequest, Timestamp};

pub use self::route::Endpoint;
pub(crate) use self::schema::Order;
pub use self::started::StartedExport;

/// The most that a request's body may be.
pub(crate) const LARGEST_BODY: usize = 10_485_760;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_VERSION: HeaderName = HeaderName::from_static("x-version");

/// Workiva's export API, without sockets and without a clock.
///
/// A request whose URI or `Host` names the storage URL of the configuration (`http://127.0.0.1:8081` by default) is
/// one to the storage origin, any other one to the API. An [`Origin`] among the request's extensions decides before
/// that.
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
/// let answer = service.handle(Timestamp::from_millis(0), request);
/// assert_eq!(answer.status(), 202);
/// assert_eq!(answer.headers()["retry-after"], "5");
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Service {
    config: Config,
    urls: Urls,
    tokens: Tokens,
    operations: Operations,
    director: Director,
    record: Record,
    random: Random,
}

/// A request, and what is known of it before it is acted on.
#[derive(Debug)]
struct Call {
    now: Timestamp,
    /// Until when a URL is good that is signed now.
    signed_until: Timestamp,
    request_id: String,
    parts: Parts,
    body: Bytes,
}

impl Service {
    /// A service on its first day.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            urls: Urls::new(&config),
            tokens: Tokens::new(&config),
            operations: Operations::default(),
            director: Director::new(config.scenario.clone()),
            record: Record::new(config.record_limit),
            random: Random::new(hash(config.seed, b"ids")),
            config,
        }
    }

    /// Answers a request. Whatever it is, there is an answer, and none of them is a 5xx unless the scenario says so.
    pub fn handle<B: Into<Bytes>>(&mut self, now: Timestamp, request: Request<B>) -> Answer {
        let (parts, body) = request.into_parts();
        let signed_until = now.after(self.config.signed_url_lifetime);
        let request_id = self.random.uuid();
        let mut call = Call { now, signed_until, request_id, parts, body: body.into() };
        let origin = self.origin(&call.parts);
        let route = route::find(origin, call.parts.uri.path());
        let endpoint = route.as_ref().map_or(Endpoint::Other, Route::endpoint);
        let recorded = (call.parts.uri.clone(), call.parts.headers.clone());

        let about = route.as_ref().and_then(Route::operation);
        let plan = self.director.plan(endpoint, about);
        self.prepare(&plan, about, &mut call);
        let mut answer = match plan.role {
            Role::Idle => Answer::new(StatusCode::OK),
            Role::Acts => self.dispatch(origin, route.as_ref(), &call),
        };
        let operation = match about {
            Some(id) => Some(id.to_owned()),
            // A submit that was accepted is about the operation that it has just started.
            None => self.operations.started_by(&call.request_id),
        };
        let context = Context {
            now,
            endpoint,
            url: self.url(origin, &call.parts),
            other: self
                .base(match origin {
                    Origin::Api => Origin::Storage,
                    Origin::Storage => Origin::Api,
                })
                .to_owned(),
            signed: about.and_then(|id| self.signed_url(id, call.signed_until)),
        };
        for fault in &plan.faults {
            answer = apply(fault, answer, &context);
        }
        self.sign(&mut answer, &call);

        let (uri, headers) = recorded;
        self.record.push(RecordedRequest {
            at: now,
            origin,
            endpoint,
            method: call.parts.method,
            uri,
            headers,
            body_len: call.body.len() as u64,
            body: call.body,
            status: answer.delivery.shows_head().then(|| answer.status()),
            operation,
            faults: plan.faults.iter().map(Fault::name).collect(),
        });
        answer
    }

    /// Whether the scenario wants this request, whose body nobody has read yet, to be answered before that.
    pub(crate) fn answers_early(&self, origin: Origin, path: &str) -> bool {
        let route = route::find(origin, path);
        let endpoint = route.as_ref().map_or(Endpoint::Other, Route::endpoint);
        self.director.is_next(endpoint, route.as_ref().and_then(Route::operation), &Fault::Early)
    }

    /// What the scenario wants to become of a connection that was just made.
    pub(crate) fn refuses(&mut self, origin: Origin) -> Option<Refusal> {
        self.director.connection(origin)
    }

    /// How many connections were made to this origin so far.
    #[must_use]
    pub fn connections(&self, origin: Origin) -> u64 {
        self.director.connections(origin)
    }

    /// The requests received so far, on both origins, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.record.to_vec()
    }

    /// The exports started so far, in their order. One whose file has gone from the user's folder is left out.
    #[must_use]
    pub fn exports(&self) -> Vec<StartedExport> {
        self.operations.iter().filter_map(|it| StartedExport::new(self, it).ok()).collect()
    }

    /// What the service was told to be.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Does what a fault does to the service, before the service acts.
    fn prepare(&mut self, plan: &Plan, about: Option<&str>, call: &mut Call) {
        for fault in &plan.faults {
            let operation = about.and_then(|id| self.operations.get_mut(id));
            match (fault, operation) {
                (Fault::ExpireUrl, _) => call.signed_until = call.now,
                (Fault::RevokeToken, _) => self.tokens.revoke(&call.parts.headers),
                (Fault::IgnoreRange, _) => {
                    call.parts.headers.remove(http::header::RANGE);
                }
                (Fault::ChangeArtifact, Some(operation)) => operation.edition += 1,
                (Fault::EndOperation { status, code, message }, Some(operation)) => {
                    operation.end(call.now, *status, code, message);
                }
                _ => {}
            }
        }
    }

    fn dispatch(&mut self, origin: Origin, route: Option<&Route>, call: &Call) -> Answer {
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
        if call.body.len() > LARGEST_BODY {
            return errors::too_large(LARGEST_BODY);
        }
        match (route.target, &route.ids[..]) {
            (Target::Token, _) => {
                let Call { now, parts, body, .. } = call;
                self.tokens.issue(*now, &mut self.random, &parts.headers, body)
            }
            (Target::Submit(family), ids) => self.submit(call, family, generation, ids),
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

    /// The headers that every answer has.
    fn sign(&self, answer: &mut Answer, call: &Call) {
        let date = header_value(&call.now.http_date(0));
        answer.headers_mut().entry(DATE).or_insert(date);
        let id = header_value(&call.request_id);
        answer.headers_mut().entry(X_REQUEST_ID).or_insert(id);
        if call.parts.method == Method::HEAD {
            answer.drop_body();
        }
    }
}

/// The version asked for, if any; nothing if it is asked for in two ways.
fn version(headers: &HeaderMap) -> Option<Option<&str>> {
    let mut versions = headers.get_all(X_VERSION).iter();
    match (versions.next(), versions.next()) {
        (None, _) => Some(None),
        (Some(version), None) => Some(Some(version.to_str().ok()?)),
        (Some(_), Some(_)) => None,
    }
}

/// The media type of a body, without its parameters and in lower case.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next().unwrap_or_default();
    Some(media_type.trim().to_ascii_lowercase())
}
