//! The async adapter over real sockets.

mod whole;
