//! A demonstration: exports one document of each kind with both adapters and both generations of
//! the API from a simulated service. Run by `cargo xtask demo [FOLDER]`.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use export_core::pacer::{Pacer, Rates};
use export_core::workiva::{
    ApiVersion, ArchiveOptions, DocumentExport, ExportSpec, FileExport, PresentationExport,
    SpreadsheetExport, StyleGuideExport, TestAttachment,
};
use export_core::{Event, Limits};
use export_sim::Server;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let folder = PathBuf::from(env::args().nth(1).unwrap_or_else(|| "export-demo".into()));
    let config = export_sim::Config::default()
        .with_client("demo", "secret")
        .with_complete_after(Duration::from_millis(120))
        .with_retry_after(0)
        .with_operations_rate(0.0);
    let server = Server::start_blocking(config)?;
    println!("The simulator listens on {}.", server.url());
    println!("Each line shows the responses, waits and file of an export.");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut done, mut refused) = (0, 0);
    for version in [ApiVersion::V2022_01_01, ApiVersion::V2026_01_01] {
        for adapter in ["hyper", "ureq"] {
            let folder = folder.join(format!("{adapter}-{version}"));
            fs::create_dir_all(&folder)?;
            println!("\nexport-{adapter}, API version {version}, into {}:", folder.display());
            for (name, spec) in documents() {
                print!("  {name:<16}");
                let exported = match adapter {
                    "hyper" => runtime.block_on(by_hyper(&server, version, spec, &folder)),
                    _ => by_ureq(&server, version, spec, &folder),
                };
                match exported {
                    Ok((path, bytes)) => {
                        println!(" -> {}, {bytes} bytes", name_of(&path));
                        done += 1;
                    }
                    // Some kinds exist in one generation only.
                    Err(error) => {
                        println!(" {error}");
                        refused += 1;
                    }
                }
            }
        }
    }
    println!(
        "\n{done} files are in {}. {refused} exports were rejected before the submit,",
        folder.display()
    );
    println!("because only the other generation of the API supports them.");
    if (done, refused) == (EXPECTED_FILES, EXPECTED_REFUSALS) {
        Ok(())
    } else {
        Err(format!("expected {EXPECTED_FILES} files and {EXPECTED_REFUSALS} refusals").into())
    }
}

const EXPECTED_FILES: usize = 2 * (10 + 13);
const EXPECTED_REFUSALS: usize = 2 * (4 + 1);

/// An export of each kind and format.
fn documents() -> Vec<(&'static str, ExportSpec)> {
    let folder = || FileExport::folder(ArchiveOptions::default());
    vec![
        ("document pdf", ExportSpec::document("annual-report", DocumentExport::pdf())),
        ("document docx", ExportSpec::document("annual-report", DocumentExport::docx())),
        ("document xhtml", ExportSpec::document("annual-report", DocumentExport::xhtml())),
        ("spreadsheet xlsx", ExportSpec::spreadsheet("figures", SpreadsheetExport::xlsx())),
        ("spreadsheet csv", ExportSpec::spreadsheet("figures", SpreadsheetExport::csv())),
        ("spreadsheet pdf", ExportSpec::spreadsheet("figures", SpreadsheetExport::pdf())),
        ("presentation", ExportSpec::presentation("roadshow", PresentationExport::pptx())),
        ("file", ExportSpec::file("supporting-letter", FileExport::supporting_document())),
        ("folder", ExportSpec::file("board-papers", folder())),
        ("container", ExportSpec::container("workspace", ArchiveOptions::default())),
        ("style guide", ExportSpec::style_guide("house-style", StyleGuideExport::latest())),
        ("graph report", ExportSpec::graph_report("controls")),
        ("test form", ExportSpec::test_form("sox-404")),
        (
            "attachment",
            ExportSpec::test_attachment(TestAttachment::new("sox-404", "phase-1", "evidence")),
        ),
    ]
}

/// Limits with a short poll interval.
fn quick() -> Limits {
    Limits::default().with_min_poll_interval(Duration::from_millis(50))
}

async fn by_hyper(
    server: &Server,
    version: ApiVersion,
    spec: ExportSpec,
    folder: &Path,
) -> Outcome<(PathBuf, u64)> {
    let client = export_hyper::Client::builder()
        .credentials(export_hyper::Credentials::client("demo", "secret"))
        .base_url(server.url())
        .api_version(version)
        .limits(quick())
        .pacer(Pacer::new(Rates::unlimited()))
        .on_event(show)
        .build()?;
    let (path, artifact) = client.export(spec).to_dir(folder).await?;
    Ok((path, artifact.length().unwrap_or_default()))
}

fn by_ureq(
    server: &Server,
    version: ApiVersion,
    spec: ExportSpec,
    folder: &Path,
) -> Outcome<(PathBuf, u64)> {
    let client = export_ureq::Client::builder()
        .credentials(export_ureq::Credentials::client("demo", "secret"))
        .base_url(server.url())
        .api_version(version)
        .limits(quick())
        .pacer(Pacer::new(Rates::unlimited()))
        .on_event(show)
        .build()?;
    let (path, artifact) = client.export(spec).to_dir(folder)?;
    Ok((path, artifact.length().unwrap_or_default()))
}

/// Prints an event.
fn show(event: &Event) {
    match event {
        Event::Response { phase, status, .. } => print!(" {phase} {}", status.as_u16()),
        Event::Status { status, .. } => print!(" ({status})"),
        Event::Waiting { at, until, .. } => print!(" wait {:?}", until.since(*at)),
        Event::Failed { phase, kind, .. } => print!(" {phase} {kind:?}"),
        Event::Sunset { notice, .. } => print!(" [ends in {} days]", notice.days_left),
        _ => {}
    }
    let _ = io::stdout().flush();
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
