//! The generation of the API that is in use, and until when there is one.

use export_hyper::{
    ArchiveOptions, Config, DocumentExport, ExportJob, ExportSpec, FileExport, PresentationExport,
    SpreadsheetExport, StyleGuideExport, TestAttachment,
};

use super::chart::Chart;
use crate::{clock, sunset};

/// An export of each command. Nobody asks for them: they tell what is known of the endpoints.
pub(super) fn samples() -> Vec<(&'static str, ExportSpec)> {
    let archive = ArchiveOptions::default;
    vec![
        ("document", ExportSpec::document("x", DocumentExport::pdf())),
        ("spreadsheet", ExportSpec::spreadsheet("x", SpreadsheetExport::xlsx())),
        ("presentation", ExportSpec::presentation("x", PresentationExport::pdf())),
        ("style-guide", ExportSpec::style_guide("x", StyleGuideExport::latest())),
        ("file", ExportSpec::file("x", FileExport::supporting_document())),
        ("folder", ExportSpec::file("x", FileExport::folder(None))),
        ("container", ExportSpec::container("x", archive())),
        ("graph-report", ExportSpec::graph_report("x")),
        ("test-form", ExportSpec::test_form("x")),
        ("attachment", ExportSpec::test_attachment(TestAttachment::new("x", "x", "x"))),
    ]
}

/// Tells the generation, what it lacks, and which of its endpoints end.
pub(super) fn version(config: &Config, chart: &mut Chart<'_>) {
    let version = config.api_version();
    let (mut lacking, mut near, mut far) = (Vec::new(), Vec::new(), Vec::new());
    for (command, spec) in samples() {
        let Ok(job) = ExportJob::new(spec, config) else {
            lacking.push(command);
            continue;
        };
        let Some(notice) = job.sunset(clock::now()) else { continue };
        let (endpoint, date) = (notice.sunset.endpoint, notice.sunset.sunset.to_string());
        let day = date.split('T').next().unwrap_or(&date);
        match sunset::end(day, notice.days_left, endpoint) {
            Some(end) if !near.contains(&end) => near.push(end),
            Some(_) => {}
            None => far.push(format!("{endpoint} ends on {day}")),
        }
    }
    let without = match lacking.is_empty() {
        true => String::new(),
        false => format!(" (without the commands {})", lacking.join(", ")),
    };
    let ends = [near.as_slice(), &far].concat().join("; ");
    match (near.is_empty(), ends.is_empty()) {
        (_, true) => chart.ok("api version", format!("{version}{without}: no end is announced")),
        (true, _) => chart.ok("api version", format!("{version}{without}: {ends}")),
        (false, _) => {
            let what = format!("{version}{without}: {ends}");
            chart.warning("api version", what, &sunset::way(version.as_str()));
        }
    }
}
