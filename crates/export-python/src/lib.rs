//! The native part of the Python package `workiva_export`: what its Python modules build their interface on.
//!
//! Everything here is documented for Python in `python/src/workiva_export/_native.pyi`.

#![forbid(unsafe_code)]

mod job;
mod machine;
mod pace;
mod run;
mod settings;
mod simulator;
mod sink;
mod values;

use pyo3::prelude::*;

/// Imported as `workiva_export._native`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::job::{Job, options};
    #[pymodule_export]
    use crate::machine::{Action, Machine, MachineClient};
    #[pymodule_export]
    use crate::run::{Client, Run};
    #[pymodule_export]
    use crate::settings::Settings;
    #[pymodule_export]
    use crate::simulator::Simulator;
    #[pymodule_export]
    use crate::sink::{Artifact, FileSink};
}
