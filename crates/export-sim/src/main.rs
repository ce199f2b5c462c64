//! The `export-sim` program.

#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use export_sim::{Completion, Config, Downloads, Scenario, Server};
use http::Uri;

/// Simulates Workiva's export API, with fault injection.
///
/// All options have defaults. The credentials to use are printed to stderr. When the server is ready, a line
/// `listening on URL` is printed to stdout.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Address that the API listens on; port 0 selects a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Address that the storage origin, which serves signed URLs, listens on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    storage_listen: SocketAddr,

    /// URL at which clients reach the API, if it is behind a proxy.
    #[arg(long, value_name = "URL", value_parser = base_url)]
    public_url: Option<Uri>,

    /// URL at which clients reach the storage origin, if it is behind a proxy.
    #[arg(long, value_name = "URL", value_parser = base_url)]
    storage_url: Option<Uri>,

    /// Enable TLS and HTTP/2, with a CA generated for this run.
    #[arg(long)]
    tls: bool,

    /// File to write the CA certificate to [default: a new file in the temporary directory]
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca: Option<PathBuf>,

    /// Access token that never expires; can be repeated.
    #[arg(long, value_name = "TOKEN")]
    token: Vec<String>,

    /// Client that can request tokens; can be repeated.
    #[arg(long, value_name = "ID:SECRET", value_parser = client)]
    client: Vec<(String, String)>,

    /// Lifetime of requested tokens, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    token_lifetime: u64,

    /// Serve files from this directory, named {id}.{extension of the format} or {id}.
    #[arg(long, value_name = "DIR", conflicts_with = "artifact_size")]
    files: Option<PathBuf>,

    /// Serve generated files of this size (1048576, 64MiB, 1GiB) instead of documents.
    #[arg(long, value_name = "BYTES", value_parser = size)]
    artifact_size: Option<u64>,

    /// How files are downloaded: from the API host, by a redirect to the storage origin, or by a signed URL.
    #[arg(long, value_name = "METHOD", default_value = "api-host", value_parser = downloads)]
    downloads: Downloads,

    /// Time that an export takes: 2s (fixed), 1s..5s (uniform) or ~2s (exponential with this mean).
    #[arg(long, value_name = "DURATION", default_value_t = Completion::Fixed(std::time::Duration::from_secs(2)))]
    complete_after: Completion,

    /// Retry-After of submits and polls, in seconds [default: 5 for submits, 1 for polls]
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<u64>,

    /// Number of operation requests per second that each token can send; 0 disables the limit.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1.0, value_parser = rate)]
    operations_rate: f64,

    /// Number of bytes per second that all clients together receive (119MiB is about 1 Gbit/s); 0 disables the limit.
    #[arg(long, value_name = "BYTES", default_value_t = 0, value_parser = size)]
    bandwidth: u64,

    /// JSON file with the faults to inject.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,

    /// Share of the requests to fail at random, from 0 to 1.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = share)]
    fault_rate: f64,

    /// Seed of all random values.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "export-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), String> {
    let (listen, storage, ca) = (args.listen, args.storage_listen, args.ca.clone());
    let config = config(args)?;
    let tokens = config.tokens().join(" ");
    let clients: Vec<_> =
        config.clients().iter().map(|(id, secret)| format!("{id}:{secret}")).collect();
    let server = Server::start_blocking(config)
        .map_err(|error| format!("cannot listen on {listen} and {storage}: {error}"))?;

    let mut notes = String::new();
    let mut note = |name: &str, value: &str| {
        if !value.is_empty() {
            notes += &format!("{name:<8} {value}\n");
        }
    };
    note("token", &tokens);
    note("client", &clients.join(" "));
    note("storage", server.storage_url());
    if let Some(pem) = server.ca_pem() {
        note("CA", &write_ca(ca, pem)?.display().to_string());
    }
    // The server runs even if stderr is closed.
    let _ = io::stderr().write_all(notes.as_bytes());
    let scheme = if server.ca_pem().is_some() { "https" } else { "http" };
    let _ = writeln!(io::stdout(), "listening on {scheme}://{}", server.address());
    loop {
        std::thread::park();
    }
}

fn config(args: Args) -> Result<Config, String> {
    let mut scenario = match &args.scenario {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            Scenario::from_json(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => Scenario::default(),
    };
    if args.fault_rate > 0.0 {
        let random =
            export_sim::RandomRule { seed: args.seed, rate: args.fault_rate, faults: Vec::new() };
        scenario = scenario.with_random(random);
    }
    let mut config = Config::default()
        .with_listen(args.listen)
        .with_storage_listen(args.storage_listen)
        .with_token_lifetime(std::time::Duration::from_secs(args.token_lifetime))
        .with_downloads(args.downloads)
        .with_completion(args.complete_after)
        .with_operations_rate(args.operations_rate)
        .with_bandwidth(args.bandwidth)
        .with_scenario(scenario)
        .with_seed(args.seed);
    if let Some(url) = args.public_url {
        config = config.with_public_url(url);
    }
    if let Some(url) = args.storage_url {
        config = config.with_storage_url(url);
    }
    if args.tls {
        config = config.with_tls();
    }
    if let Some(folder) = args.files {
        if !folder.is_dir() {
            return Err(format!("{} is not a directory", folder.display()));
        }
        config = config.with_files(folder);
    }
    if let Some(bytes) = args.artifact_size {
        config = config.with_artifact_size(bytes);
    }
    if let Some(seconds) = args.retry_after {
        config = config.with_retry_after(seconds);
    }
    let config = args.token.into_iter().fold(config, Config::with_token);
    Ok(args.client.into_iter().fold(config, |config, (id, secret)| config.with_client(id, secret)))
}

/// Writes the CA certificate and returns the path.
fn write_ca(path: Option<PathBuf>, pem: &str) -> Result<PathBuf, String> {
    let mut options = OpenOptions::new();
    options.write(true);
    let path = match path {
        Some(path) => {
            options.create(true).truncate(true);
            path
        }
        None => {
            // Does not overwrite an existing file: other users can create files in the temporary directory.
            options.create_new(true);
            std::env::temp_dir().join(format!("export-sim-ca-{}.pem", std::process::id()))
        }
    };
    let written = options.open(&path).and_then(|mut file| file.write_all(pem.as_bytes()));
    written.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

fn base_url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (url.scheme_str(), url.authority(), url.query()) {
        (Some("http" | "https"), Some(_), None) => Ok(url),
        _ => Err("expected https://host or https://host:port".to_owned()),
    }
}

fn client(text: &str) -> Result<(String, String), String> {
    let (id, secret) = text.split_once(':').ok_or("expected ID:SECRET")?;
    Ok((id.to_owned(), secret.to_owned()))
}

fn size(text: &str) -> Result<u64, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => {
            return Err(
                "expected a number of bytes, or a number with KiB, MiB, GiB or TiB".to_owned()
            );
        }
    };
    let number: u64 =
        text[..text.len() - unit.len()].parse().map_err(|error| format!("{error}"))?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if rate.is_finite() && rate >= 0.0 { Ok(rate) } else { Err("must be 0 or more".to_owned()) }
}

fn share(text: &str) -> Result<f64, String> {
    let share = rate(text)?;
    if share <= 1.0 { Ok(share) } else { Err("must be at most 1".to_owned()) }
}

fn downloads(text: &str) -> Result<Downloads, String> {
    match text {
        "api-host" => Ok(Downloads::ApiHost),
        "signed" => Ok(Downloads::Signed),
        "redirect" | "redirect-302" => Ok(Downloads::Redirect(302)),
        "redirect-303" => Ok(Downloads::Redirect(303)),
        "redirect-307" => Ok(Downloads::Redirect(307)),
        _ => {
            Err("expected api-host, redirect (302), redirect-303, redirect-307 or signed"
                .to_owned())
        }
    }
}
