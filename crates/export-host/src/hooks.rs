//! What a caller wants to see, and to add.

use std::fmt;
use std::sync::Arc;

use export_core::{Access, Event};
use http::{HeaderMap, Request};

/// A caller's functions, as an adapter calls them.
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
    /// Passes on all events that are there; they are taken from the job even if nobody listens.
    pub fn observe(&self, mut next: impl FnMut() -> Option<Event>) {
        while let Some(event) = next() {
            if let Some(observe) = &self.event {
                observe(&event);
            }
        }
    }

    /// Tells how many bytes of an artifact are here, and how many there will be.
    pub fn progress(&self, position: u64, length: Option<u64>) {
        if let Some(observe) = &self.progress {
            observe(position, length);
        }
    }

    /// Adds the caller's headers, where somebody may see them who knows the caller anyway. The
    /// caller sees none that are there already, the token least of all, and replaces none.
    pub fn dress<B>(&self, request: &mut Request<B>, access: Access) {
        let (Some(add), Access::Trusted) = (&self.headers, access) else { return };
        let mut added = HeaderMap::new();
        add(&mut added);
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

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}
