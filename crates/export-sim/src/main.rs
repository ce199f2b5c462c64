//! Workiva's export API, simulated: the program.

#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use export_sim::{Completion, Config, Downloads, Scenario, Server};
use http::Uri;

/// Simulates Workiva's export API: submits, operations, downloads and tokens, and what goes wrong with them.
///
/// With no arguments it works at once. It prints what to sign in with on stderr, and one line on stdout when it is
/// ready: `listening on URL`.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Where the API listens; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Where the storage origin listens, which signed URLs lead to.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    storage_listen: SocketAddr,

    /// The URL under which clients reach the API, if a proxy stands in front of it.
    #[arg(long, value_name = "URL", value_parser = base_url)]
    public_url: Option<Uri>,

    /// The URL under which clients reach the storage origin.
    #[arg(long, value_name = "URL", value_parser = base_url)]
    storage_url: Option<Uri>,

    /// Speak TLS, with HTTP/2, under a CA made for this run.
    #[arg(long)]
    tls: bool,

    /// Where to write the CA's certificate; a new file among the temporary ones by default.
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca: Option<PathBuf>,

    /// An access token that is good for ever; may be repeated.
    #[arg(long, value_name = "TOKEN")]
    token: Vec<String>,

    /// A client that may ask for tokens; may be repeated.
    #[arg(long, value_name = "ID:SECRET", value_parser = client)]
    client: Vec<(String, String)>,

    /// How long a token lives that a client asked for, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    token_lifetime: u64,

    /// Serve the files of this folder: {id}.{extension of the format}, or the id as it is.
    #[arg(long, value_name = "DIR", conflicts_with = "artifact_size")]
    files: Option<PathBuf>,

    /// Serve a pattern of this many bytes (1048576, 64MiB, 1GiB) in place of documents.
    #[arg(long, value_name = "BYTES", value_parser = size)]
    artifact_size: Option<u64>,

    /// Where files come from: the API host, a redirect from there to the storage origin, or a signed URL at once.
    #[arg(long, value_name = "WAY", default_value = "api-host", value_parser = downloads)]
    downloads: Downloads,

    /// How long an export takes: 2s, 1s..5s (anything between) or ~2s (on average, some much longer).
    #[arg(long, value_name = "DURATION", default_value_t = Completion::Fixed(std::time::Duration::from_secs(2)))]
    complete_after: Completion,

    /// The Retry-After of submits and polls, in seconds [default: 5 at submits, 1 at polls]
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<u64>,

    /// How often a token may ask for operations; 0 turns the limit off.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1.0, value_parser = rate)]
    operations_rate: f64,

    /// What goes wrong, as JSON.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,

    /// The share of all requests that go wrong at random, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    fault_rate: f64,

    /// The seed of all that is random.
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
    // Whether anybody reads along is no condition for the server.
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
            export_sim::Randomly { seed: args.seed, rate: args.fault_rate, faults: Vec::new() };
        scenario = scenario.with_random(random);
    }
    let mut config = Config::default()
        .with_listen(args.listen)
        .with_storage_listen(args.storage_listen)
        .with_token_lifetime(std::time::Duration::from_secs(args.token_lifetime))
        .with_downloads(args.downloads)
        .with_completion(args.complete_after)
        .with_operations_rate(args.operations_rate)
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
            return Err(format!("{} is no folder", folder.display()));
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

/// Writes the CA's certificate and says where.
fn write_ca(path: Option<PathBuf>, pem: &str) -> Result<PathBuf, String> {
    let mut options = OpenOptions::new();
    options.write(true);
    let path = match path {
        Some(path) => {
            options.create(true).truncate(true);
            path
        }
        None => {
            // Others may write among the temporary files: what is there already is not ours.
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
        _ => Err("write it as https://host or https://host:port".to_owned()),
    }
}

fn client(text: &str) -> Result<(String, String), String> {
    let (id, secret) = text.split_once(':').ok_or("write it as ID:SECRET")?;
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
        _ => return Err("write bytes, or a number with KiB, MiB, GiB or TiB".to_owned()),
    };
    let number: u64 =
        text[..text.len() - unit.len()].parse().map_err(|error| format!("{error}"))?;
    number.checked_mul(1 << shift).ok_or_else(|| "is too large".to_owned())
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
        _ => Err("write api-host, redirect (302), redirect-303, redirect-307 or signed".to_owned()),
    }
}
