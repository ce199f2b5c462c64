//! A caller's callbacks: events, progress and headers.

use std::fmt;
use std::sync::Arc;

use export_core::Event;
use export_core::origins::Access;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Request};

#[cfg(feature = "tracing")]
use crate::spans::Spans;

/// A caller's callbacks.
#[derive(Clone, Default)]
pub struct Hooks {
    pub(crate) event: Option<OnEvent>,
    pub(crate) progress: Option<OnProgress>,
    pub(crate) headers: Option<AddHeaders>,
}

pub(crate) type OnEvent = Arc<dyn Fn(&Event) + Send + Sync>;
pub(crate) type OnProgress = Arc<dyn Fn(u64, Option<u64>) + Send + Sync>;
pub(crate) type AddHeaders = Arc<dyn Fn(&mut HeaderMap) + Send + Sync>;

impl Hooks {
    /// Replaces the callback for events.
    #[must_use]
    pub fn with_event(mut self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.event = Some(Arc::new(on_event));
        self
    }

    /// Replaces the callback for the progress of downloads.
    #[must_use]
    pub fn with_progress(
        mut self,
        on_progress: impl Fn(u64, Option<u64>) + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Arc::new(on_progress));
        self
    }

    /// An observer of one job that calls these callbacks.
    #[must_use]
    pub fn observer(&self) -> JobObserver {
        JobObserver {
            hooks: self.clone(),
            #[cfg(feature = "tracing")]
            spans: Spans::new(),
        }
    }

    /// Adds the caller's headers to a request that goes to a trusted origin. The callback sees none
    /// of the headers that the request has, such as the token, and replaces none of them. There is
    /// always a `User-Agent`, since firewalls reject requests without one.
    pub fn apply_headers<B>(&self, request: &mut Request<B>, access: Access) {
        if access == Access::Anonymous {
            return;
        }
        self.add_headers(request, self.headers.as_ref());
    }

    /// Adds the caller's headers to a token request, unless it goes to another origin: there, only a
    /// `User-Agent`.
    pub fn apply_token_headers<B>(&self, request: &mut Request<B>, access: Access) {
        self.add_headers(request, self.headers.as_ref().filter(|_| access == Access::Trusted));
    }

    fn add_headers<B>(&self, request: &mut Request<B>, add: Option<&AddHeaders>) {
        let mut added = HeaderMap::new();
        if let Some(add) = add {
            add(&mut added);
        }
        added.entry(USER_AGENT).or_insert(HeaderValue::from_static(DEFAULT_USER_AGENT));
        let headers = request.headers_mut();
        for name in added.keys() {
            if !headers.contains_key(name) {
                for value in added.get_all(name) {
                    headers.append(name, value.clone());
                }
            }
        }
    }
}

const DEFAULT_USER_AGENT: &str = concat!("wexport-client/", env!("CARGO_PKG_VERSION"));

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

/// Passes the events of one job to the caller's callbacks, and to `tracing` if that feature is on.
#[derive(Debug)]
pub struct JobObserver {
    hooks: Hooks,
    #[cfg(feature = "tracing")]
    spans: Spans,
}

impl JobObserver {
    /// Passes on all queued events. They are taken from the job even without a callback.
    pub fn observe(&mut self, mut next: impl FnMut() -> Option<Event>) {
        while let Some(event) = next() {
            #[cfg(feature = "tracing")]
            self.spans.observe(&event);
            if let Some(on_event) = &self.hooks.event {
                on_event(&event);
            }
        }
    }

    /// Passes on what delays the token for a request.
    pub fn token_delayed(&mut self, events: [Event; 2]) {
        let mut events = events.into_iter();
        self.observe(|| events.next());
    }

    /// Reports how many bytes of an artifact were received, and how many it has, if that is known.
    pub fn progress(&self, position: u64, length: Option<u64>) {
        if let Some(on_progress) = &self.hooks.progress {
            on_progress(position, length);
        }
    }
}
