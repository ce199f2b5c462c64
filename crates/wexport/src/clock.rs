//! The wall clock, for what is stored and shown. What is measured is measured with
//! [`Clock`](export_host::Clock).

pub(crate) use export_host::{timestamp as at, wall_clock as now};
