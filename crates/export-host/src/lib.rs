//! What a driver of [`export_core`] needs of the machine it runs on.
//!
//! The core does no I/O. Two adapters do it in its place, one async and one blocking, and whatever
//! does not depend on that difference lives here, once, so that both behave alike: a file that
//! appears only when it is complete ([`PartFile`]), checkpoints on disk ([`CheckpointFile`]),
//! TLS with the system's certificate authorities ([`TlsOptions`]), the choice of a proxy
//! ([`ProxySettings`]), one pace for all jobs of a client ([`SharedPacer`]), a clock that never goes back ([`Clock`]), and all that can be set about a
//! client ([`ClientBuilder`]).
//!
//! Nothing here is async and nothing sends a request. Programs use an adapter instead of this
//! crate; whoever writes an adapter of their own may find it useful.

#![forbid(unsafe_code)]

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("TLS needs the feature `aws-lc-rs` (the default) or `ring`");

mod builder;
mod checkpoint_file;
mod checkpoint_store;
mod clock;
mod credentials;
mod export_error;
mod file_place;
mod finished;
mod gone;
mod hooks;
mod if_exists;
mod no_proxy;
mod part_file;
mod proxy;
mod shared_pacer;
#[cfg(feature = "tracing")]
mod spans;
mod stable_hash;
mod status;
mod tls;
mod tls_verdict;
mod tls_witness;
mod tunnel;
mod until;

pub use builder::{BuildError, ClientBuilder, FromSettings, Settings};
pub use checkpoint_file::CheckpointFile;
pub use checkpoint_store::{CheckpointFolder, CheckpointStore};
pub use clock::{Clock, jitter_seed};
pub use credentials::Credentials;
pub use export_error::ExportError;
pub use file_place::FilePlace;
pub use finished::Finished;
pub use gone::is_gone;
pub use hooks::{Hooks, Watch};
pub use if_exists::{IfExists, numbered};
pub use part_file::PartFile;
pub use proxy::{Proxy, ProxyError, ProxyRules, ProxySettings};
pub use shared_pacer::{PacedRequest, SharedPacer};
pub use status::{Status, Submitted};
pub use tls::{CaBundle, TlsError, TlsOptions};
pub use tls_verdict::{UnexpectedTls, tls_alert, tls_verdict};
pub use tls_witness::{Authority, Shown, Witness};
pub use tunnel::{Tunnel, TunnelError};
pub use until::{SYNC_EVERY, Until};
