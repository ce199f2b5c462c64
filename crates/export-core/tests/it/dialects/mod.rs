//! Dialects of other services on the same machine.

mod azure;
mod fhir;

use export_core::{Config, ExportJob};
use std::sync::Arc;

use crate::harness::{Harness, ScriptedReply};

fn run(
    dialect: impl export_core::dialect::Dialect + 'static,
    replies: Vec<ScriptedReply>,
) -> String {
    let config = Config::new("https://api.example.com").unwrap();
    let job = ExportJob::with_dialect(Arc::new(dialect), &config);
    Harness::new(replies).run(job).log
}
