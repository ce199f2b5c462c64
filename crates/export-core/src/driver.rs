//! The steps of a job, for the code that carries them out.
//!
//! The [loop of a driver](crate#the-loop-of-a-driver) shows how they follow each other.

pub use crate::job::{
    Checked, Collect, Complete, InFlight, Inline, Reply, RequestInfo, Step, Stream, SyncTimer,
    Transmit, Wait, Why,
};
