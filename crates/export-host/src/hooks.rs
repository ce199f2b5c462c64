//! What a caller wants to see, and to add.

use std::fmt;
use std::sync::Arc;

use export_core::{Access, Event};
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Request};

#[cfg(feature = "tracing")]
use crate::spans::Spans;

/// A caller's functions.
#[derive(Clone, Default)]
pub struct Hooks {
    pub(crate) event: Option<Observe>,
    pub(crate) progress: Option<Progress>,
    pub(crate) headers: Option<AddHeaders>,
}

pub(crate) type Observe = Arc<dyn Fn(&Event) + Send + Sync>;
pub(crate) type Progress = Arc<dyn Fn(u64, Option<u64>) + Send + Sync>;
pub(crate) type AddHeaders = Arc<dyn Fn(&mut HeaderMap) + Send + Sync>;

impl Hooks {
    /// The same functions, but that events go to this one alone.
    #[must_use]
    pub fn with_event(mut self, observe: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.event = Some(Arc::new(observe));
        self
    }

    /// The same functions, but that the progress of downloads goes to this one alone.
    #[must_use]
    pub fn with_progress(
        mut self,
        observe: impl Fn(u64, Option<u64>) + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Arc::new(observe));
        self
    }

    /// The functions at work on one job.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch {
            hooks: self.clone(),
            #[cfg(feature = "tracing")]
            spans: Spans::new(),
        }
    }

    /// Adds the caller's headers, where somebody may see them who knows the caller anyway. The
    /// caller sees none that are there already, the token least of all, and replaces none. There
    /// is always a `User-Agent`: firewalls turn requests without one away.
    pub fn dress<B>(&self, request: &mut Request<B>, access: Access) {
        if access == Access::Anonymous {
            return;
        }
        let mut added = HeaderMap::new();
        if let Some(add) = &self.headers {
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

const DEFAULT_USER_AGENT: &str = concat!("wwexportent/", env!("CARGO_PKG_VERSION"));

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

/// Whoever watches one job: the caller's functions, and `tracing` if that feature is on.
#[derive(Debug)]
pub struct Watch {
    hooks: Hooks,
    #[cfg(feature = "tracing")]
    spans: Spans,
}

impl Watch {
    /// Passes on all events that are there; they are taken from the job even if nobody listens.
    pub fn observe(&mut self, mut next: impl FnMut() -> Option<Event>) {
        while let Some(event) = next() {
            #[cfg(feature = "tracing")]
            self.spans.observe(&event);
            if let Some(observe) = &self.hooks.event {
                observe(&event);
            }
        }
    }

    /// Tells how many bytes of an artifact are here, and how many there will be.
    pub fn progress(&self, position: u64, length: Option<u64>) {
        if let Some(observe) = &self.hooks.progress {
            observe(position, length);
        }
    }
}
