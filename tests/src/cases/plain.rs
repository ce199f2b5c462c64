//! Exports without faults: each kind of export, in each generation of the API that supports it.

use export_core::workiva::{
    ApiVersion, ArchiveOptions, DocumentExport, ExportSpec, FileExport, PresentationExport,
    SpreadsheetExport, StyleGuideExport, TestAttachment,
};
use export_sim::Certificate;

use crate::case::{Case, Goal};

pub(super) fn cases() -> Vec<Case> {
    let archive = ArchiveOptions::default;
    let attachment = || TestAttachment::new("t1", "p1", "a1");
    let both = [
        ("document-pdf", ExportSpec::document("d1", DocumentExport::pdf())),
        ("document-docx", ExportSpec::document("d1", DocumentExport::docx())),
        ("document-xhtml", ExportSpec::document("d1", DocumentExport::xhtml())),
        ("spreadsheet-xlsx", ExportSpec::spreadsheet("s1", SpreadsheetExport::xlsx())),
        ("spreadsheet-csv", ExportSpec::spreadsheet("s1", SpreadsheetExport::csv())),
        ("presentation-pptx", ExportSpec::presentation("p1", PresentationExport::pptx())),
        ("file-as-uploaded", ExportSpec::file("f1", FileExport::supporting_document())),
        ("file-of-a-document", ExportSpec::file("f1", FileExport::document(DocumentExport::pdf()))),
        ("graph-report", ExportSpec::graph_report("r1")),
        ("test-form", ExportSpec::test_form("t1")),
        ("test-attachment", ExportSpec::test_attachment(attachment())),
        ("original-attachment", ExportSpec::original_test_attachment(attachment())),
        ("file-of-a-folder", ExportSpec::file("f1", FileExport::folder(archive()))),
    ];
    let old = [("container", ExportSpec::container("c1", archive()))];
    let new = [("style-guide", ExportSpec::style_guide("g1", StyleGuideExport::latest()))];
    let case = |version: ApiVersion, (name, spec): (&str, ExportSpec)| {
        Case::new(format!("plain-{name}-{}", &version.to_string()[..4])).with(|case| {
            case.spec = spec;
            case.version = version;
        })
    };
    let olds = both.clone().into_iter().chain(old);
    let news = both.into_iter().chain(new);
    let mut cases: Vec<_> = olds.map(|it| case(ApiVersion::V2022_01_01, it)).collect();
    cases.extend(news.map(|it| case(ApiVersion::V2026_01_01, it)));
    cases.extend([
        Case::new("plain-email").sends_email(),
        Case::new("plain-over-tls").with(|case| case.tls = Some(Certificate::Valid)),
        Case::new("plain-handover").with(|case| case.goal = Goal::Handover),
    ]);
    cases
}
