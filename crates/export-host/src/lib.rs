//! The parts of an adapter of [`export_core`] that are the same in async and blocking code.
//!
//! The core does no I/O. Two adapters do it, one async and one blocking. What does not depend on
//! that difference is here, so that both behave alike: a file that appears only when it is complete
//! ([`PartFile`]), checkpoints on disk ([`CheckpointFile`]), TLS with the system's certificate
//! authorities ([`TlsOptions`]), proxies ([`ProxySettings`]), one pacer for all jobs of a client
//! ([`SharedPacer`]), the clocks ([`Clock`], [`wall_clock`]), and the settings of a client
//! ([`ClientBuilder`]).
//!
//! Nothing here is async, and nothing sends a request. Programs use an adapter, not this crate. It
//! is for authors of other adapters: `docs/drivers.md` in the repository says what an adapter has to do.

#![forbid(unsafe_code)]

mod access;
mod builder;
mod ca_bundle;
mod cert_recorder;
mod checkpoint_file;
mod checkpoint_slot;
mod checkpoint_store;
mod client_certificate;
mod clock;
mod credentials;
mod early_flush;
mod export_error;
mod fallback;
mod file_name;
mod file_target;
mod folder_checks;
mod hooks;
mod host_port;
mod if_exists;
mod net_options;
mod no_proxy;
mod pace_file;
mod pace_store;
mod part_file;
mod peer_error;
mod proxy;
mod random;
mod room;
mod shared_pacer;
mod shared_sync;
#[cfg(feature = "tracing")]
mod spans;
mod stable_hash;
mod status;
mod store_retries;
mod tls;
mod token_fn;
mod tunnel;
mod until;

pub use builder::{BuildError, ClientBuilder, FromSettings, Settings};
pub use ca_bundle::CaBundle;
pub use cert_recorder::{CertRecorder, IssuerTrust, PeerCertificate};
pub use checkpoint_file::CheckpointFile;
pub use checkpoint_slot::CheckpointSlot;
pub use checkpoint_store::{CheckpointFolder, CheckpointStore};
pub use client_certificate::{ClientCertificate, ScopedCertificate};
pub use clock::{Clock, timestamp, wall_clock};
pub use credentials::Credentials;
pub use export_error::ExportError;
pub use fallback::Fallback;
pub use file_name::{name_room, numbered, shortened_name};
pub use file_target::{FileTarget, several_files};
pub use folder_checks::{FolderChecks, is_mount_point, sync_folder};
pub use hooks::{Hooks, JobObserver};
pub use host_port::host_and_port;
pub use if_exists::IfExists;
pub use net_options::{HttpVersions, NetOptions, ResolverFn};
pub use pace_file::PaceFile;
pub use pace_store::{PaceStore, StoredPacer};
pub use part_file::{FinishedFile, PartFile};
pub use peer_error::{
    UnexpectedTls, find_cause, is_closed_by_peer, root_cause, tls_alert, tls_verdict, unsent_kind,
};
pub use proxy::{Proxy, ProxyError, ProxyRules, ProxySettings};
pub use random::random_number;
pub use room::{RoomWatch, check_room};
pub use shared_pacer::{PacedRequest, SharedPacer, SharedTurns};
pub use status::{Finished, Status, Submitted};
pub use store_retries::StoreRetries;
pub use tls::{TlsError, TlsOptions};
pub use token_fn::{AccessToken, AsyncTokenFn, BlockingTokenFn, TokenError};
pub use tunnel::{Tunnel, TunnelError};
pub use until::Until;
