//! Random numbers, from the keys of the standard library's hash maps.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A random number for names, and for the seed of
/// [`Config::with_jitter`](export_core::Config::with_jitter). Not for secrets.
#[must_use]
pub fn random_number() -> u64 {
    RandomState::new().build_hasher().finish()
}
