//! Sends the bytes of an export to a sink of one's own: it computes a checksum while the file is
//! downloaded, and keeps no byte.
//!
//! ```text
//! WORKIVA_CLIENT_ID=.. WORKIVA_CLIENT_SECRET=.. cargo run --example blocking_own_sink DOCUMENT_ID
//! ```
//!
//! `WORKIVA_BASE_URL` is the URL of another region, or of a simulator.

use std::env;
use std::error::Error;
use std::hash::{DefaultHasher, Hasher};
use std::io;

use export_ureq::{ApiVersion, Artifact, Client, Credentials, DocumentExport, ExportSpec, Sink};

/// Computes a checksum.
#[derive(Default)]
struct Checksum {
    hasher: DefaultHasher,
    length: u64,
}

impl Sink for Checksum {
    /// How many bytes it has: a download that was interrupted continues behind them.
    fn have(&mut self, _operation: &str) -> io::Result<u64> {
        Ok(self.length)
    }

    fn begin(&mut self, artifact: &Artifact, offset: u64) -> io::Result<()> {
        match offset {
            0 => *self = Self::default(),
            // A checksum cannot forget bytes.
            offset if offset < self.length => {
                let text = format!("{} changed during the download", artifact.file_name());
                return Err(io::Error::other(text));
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.hasher.write(chunk);
        self.length += chunk.len() as u64;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let id = env::args().nth(1).ok_or("usage: blocking_own_sink DOCUMENT_ID")?;
    let credentials =
        Credentials::client(env::var("WORKIVA_CLIENT_ID")?, env::var("WORKIVA_CLIENT_SECRET")?);
    let mut builder =
        Client::builder().credentials(credentials).api_version(ApiVersion::V2026_01_01);
    if let Ok(url) = env::var("WORKIVA_BASE_URL") {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;

    let mut sink = Checksum::default();
    match client.export(ExportSpec::document(id, DocumentExport::pdf())).to_sink(&mut sink) {
        Ok(_) => println!("{} bytes, checksum {:016x}", sink.length, sink.hasher.finish()),
        Err(error) => println!("{error}"),
    }
    Ok(())
}
