//! Other services on the same machine.

mod azure;
mod fhir;

use export_core::{Config, ExportJob};
use std::sync::Arc;

use crate::world::{Reply, World};

fn run(dialect: impl export_core::Dialect + 'static, replies: Vec<Reply>) -> String {
    let config = Config::new("https://api.example.com").unwrap();
    let job = ExportJob::with_dialect(Arc::new(dialect), &config);
    World::new(replies).run(job).log
}
