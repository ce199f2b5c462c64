//! Runs a client of FHIR Bulk Data against a simulation of its service: `other_service CLIENT FOLDER`
//! runs `CLIENT URL FOLDER`.

use std::env;
use std::error::Error;
use std::process::{Command, exit};

use conformance::dialects::site::Site;
use conformance::dialects::{STORE, fhir};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(client), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: other_service CLIENT FOLDER".into());
    };
    let store = Site::start((fhir::SAMPLE.service)(STORE));
    let site = Site::start((fhir::SAMPLE.service)(&store.url()));
    let status = Command::new(client).arg(site.url()).arg(folder).status()?;
    exit(status.code().unwrap_or(1));
}
