//! `wexport demo`: exports a file of each kind from a simulated service in the same process.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use export_core::ExportJob;
use export_core::workiva::{ArchiveOptions, StyleGuideExport, TestAttachment};
use export_hyper::{
    ApiVersion, DocumentExport, ExportSpec, FileExport, PresentationExport, SpreadsheetExport,
};

use crate::args::{
    ConnectionArgs, DemoArgs, DurationArg, IfExistsArg, RateArg, Session, StateArgs,
};
use crate::clock;
use crate::engine::{self, Plan};
use crate::output::{Destination, Earlier, Moment};
use crate::problem::{Exit, Problem};
use crate::request::{ExportRequest, ListedExport};
use crate::settings::Settings;
use crate::state::{RowEnd, RunOptions};
use crate::subject::Subject;
use crate::text::size;
use crate::ui::{Reporter, print};

/// Exports one file of each kind with each version of the API.
pub(super) async fn run(args: &DemoArgs) -> Result<(), Problem> {
    let config = export_sim::Config::default()
        .with_client("demo", "secret")
        .with_complete_after(Duration::from_millis(100))
        .with_retry_after(0)
        .with_operations_rate(0.0);
    let server = export_sim::Server::start_blocking(config)
        .map_err(|error| Problem::local("cannot start the simulated service", &error))?;
    print(&format!(
        "A simulated service listens on {}. No account or network is needed.\n",
        server.url()
    ))?;
    for version in [ApiVersion::V2026_01_01, ApiVersion::V2022_01_01] {
        let folder = args.folder.join(version.as_str());
        std::fs::create_dir_all(&folder).map_err(|error| {
            Problem::local(format!("cannot create {}", folder.display()), &error)
        })?;
        print(&format!("\nAPI version {version}, into {}:\n", folder.display()))?;
        export_all(server.url(), version, &folder).await?;
    }
    let one = args.folder.join("2026-01-01").join("annual-report.pdf");
    print(&format!(
        "\nEach file has a receipt beside it. To check a file against its receipt:\n  \
         wexport verify {}\n\
         To export one of your documents:\n  \
         export WORKIVA_CLIENT_ID=... WORKIVA_CLIENT_SECRET=...\n  \
         wexport document ID --format pdf -o report.pdf\n",
        one.display()
    ))
}

async fn export_all(url: &str, version: ApiVersion, folder: &Path) -> Result<(), Problem> {
    let settings = Settings::resolve_without_file(&session(url, version), &credentials)?;
    let config = settings.config()?;
    for (kind, id, spec) in exports() {
        let Ok(job) = ExportJob::new(spec, &config) else {
            print(&format!("  {kind:<18} not in this version\n"))?;
            continue;
        };
        let subject = Subject { kind: kind.into(), id: id.into(), ..Subject::default() };
        let destination = Destination {
            earlier: Earlier::Unknown,
            output: None,
            folder: folder.into(),
            if_exists: IfExistsArg::Replace,
            moment: Moment::local(clock::now()),
            receipt: true,
        };
        let request = ExportRequest::without_body(job, subject);
        let plan = Plan::Single(
            Box::new(ListedExport { line: 1, request, destination }),
            RunOptions::default(),
        );
        let outcome = engine::run(plan, settings.clone(), &Arc::new(Reporter::silent())).await?;
        match (outcome.end, outcome.problem) {
            (Some(RowEnd::Done { file, receipt: Some(receipt) }), _) => {
                print(&format!("  {kind:<18} {file} ({})\n", size(receipt.bytes)))?;
            }
            (_, Some(problem)) => return Err(problem),
            _ => return Err(Problem::new(Exit::Failed, format!("{kind}: no file"))),
        }
    }
    Ok(())
}

/// Flags that override all settings of the user.
fn session(url: &str, version: ApiVersion) -> Session {
    let connection = ConnectionArgs {
        base_url: Some(url.into()),
        api_version: Some(version),
        proxy: Some("none".into()),
        poll_interval: Some(DurationArg(Duration::from_millis(50))),
        // Learning the limit would take a second for each export.
        poll_rate: Some(RateArg::per_second(1_000.0)),
        ..ConnectionArgs::default()
    };
    let state = StateArgs { no_state: true, folder: None };
    Session { connection, state, ..Session::default() }
}

/// An environment that has only the credentials of the simulated service.
fn credentials(name: &str) -> Option<OsString> {
    match name {
        "WORKIVA_CLIENT_ID" => Some("demo".into()),
        "WORKIVA_CLIENT_SECRET" => Some("secret".into()),
        _ => None,
    }
}

/// One of each kind and format.
fn exports() -> Vec<(&'static str, &'static str, ExportSpec)> {
    let (report, figures, slides) = ("annual-report", "figures", "roadshow");
    let attachment = TestAttachment::new("sox-404", "phase-1", "evidence");
    vec![
        ("document pdf", report, ExportSpec::document(report, DocumentExport::pdf())),
        ("document docx", report, ExportSpec::document(report, DocumentExport::docx())),
        ("document xhtml", report, ExportSpec::document(report, DocumentExport::xhtml())),
        ("spreadsheet xlsx", figures, ExportSpec::spreadsheet(figures, SpreadsheetExport::xlsx())),
        ("spreadsheet csv", figures, ExportSpec::spreadsheet(figures, SpreadsheetExport::csv())),
        ("spreadsheet pdf", figures, ExportSpec::spreadsheet(figures, SpreadsheetExport::pdf())),
        ("presentation pptx", slides, ExportSpec::presentation(slides, PresentationExport::pptx())),
        ("presentation pdf", slides, ExportSpec::presentation(slides, PresentationExport::pdf())),
        ("file", "letter", ExportSpec::file("letter", FileExport::supporting_document())),
        ("folder", "board", ExportSpec::file("board", FileExport::folder(None))),
        ("container", "space", ExportSpec::container("space", ArchiveOptions::default())),
        ("style guide", "style", ExportSpec::style_guide("style", StyleGuideExport::latest())),
        ("graph report", "controls", ExportSpec::graph_report("controls")),
        ("test form", "sox-404", ExportSpec::test_form("sox-404")),
        ("attachment", "evidence", ExportSpec::test_attachment(attachment)),
    ]
}
