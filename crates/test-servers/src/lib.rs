//! Servers on loopback for the tests of this workspace.
//!
//! A [`Server`] is HTTP by script: a closure returns an [`Action`] for each request. The [`service()`]
//! is one whose exports complete at once. An [`Authority`] makes certificates for servers with TLS,
//! [`settings`] configures a client of any adapter for a server, and [`Postgres`] is a PostgreSQL server.
//!
//! The servers run on threads: the tests of an async client and of a blocking one use the same.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot continue has failed"
)]

mod authority;
mod client;
mod dialect;
mod postgres;
mod server;
mod service;

pub use authority::Authority;
pub use client::{any_bundle, failures, one_attempt, only, quick, settings, spec};
pub use dialect::OtherService;
pub use postgres::Postgres;
pub use server::{Action, Server, header, json, response, unused_url};
pub use service::{
    FILE, accepted, completed, first, first_without_etag, operation, rest, service, token, whole,
};
