//! The requests that the core sends: a snapshot for each endpoint and API generation.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fmt::Write as _;

use export_core::dialect::{Dialect, Sunset};
use export_core::driver::{Reply, Step};
use export_core::token::{Token, TokenNeed, TokenSource, TokenStep};
use export_core::workiva::{
    ApiVersion, ArchiveOptions, DocumentDocxOptions, DocumentExport, DocumentPdfOptions,
    DocumentXhtmlOptions, ExportPrecision, ExportSpec, FileExport, PageOrientation, PageScale,
    PresentationExport, PresentationPdfOptions, PresentationPptxOptions, Region,
    SpreadsheetCsvOptions, SpreadsheetExport, SpreadsheetPdfOptions, SpreadsheetXlsxOptions,
    StyleGuideExport, TestAttachment, Workiva,
};
use export_core::{Config, ExportJob, Timestamp};
use http::{Request, Response};

const OLD: ApiVersion = ApiVersion::V2022_01_01;
const NEW: ApiVersion = ApiVersion::V2026_01_01;

#[test]
fn file_requests() {
    let kinds = [
        ("as it was uploaded", FileExport::supporting_document()),
        ("document", FileExport::document(document_exports().remove(1).1)),
        ("document, the format left to the service", FileExport::document(None)),
        ("spreadsheet", FileExport::spreadsheet(spreadsheet_exports().remove(1).1)),
        ("presentation", FileExport::presentation(presentation_exports().remove(1).1)),
        ("folder", FileExport::folder(all_archive_options())),
        ("Workiva file", FileExport::workiva(all_archive_options())),
    ];
    let specs = kinds.map(|(about, export)| (about, ExportSpec::file("f/1", export)));
    submits("file", &[OLD, NEW], specs);
}

#[test]
fn container_requests() {
    let plain = ExportSpec::container("c/1", ArchiveOptions::default());
    let full = ExportSpec::container("c/1", all_archive_options());
    submits("container", &[OLD], [("plain", plain), ("every option", full)]);
}

#[test]
fn document_requests() {
    let exports = document_exports().into_iter();
    let specs = exports.map(|(about, export)| (about, ExportSpec::document("d/1", export)));
    submits("document", &[OLD, NEW], specs);
}

#[test]
fn spreadsheet_requests() {
    let exports = spreadsheet_exports().into_iter();
    let specs = exports.map(|(about, export)| (about, ExportSpec::spreadsheet("s/1", export)));
    submits("spreadsheet", &[OLD, NEW], specs);
}

#[test]
fn presentation_requests() {
    let exports = presentation_exports().into_iter();
    let specs = exports.map(|(about, export)| (about, ExportSpec::presentation("p/1", export)));
    submits("presentation", &[OLD, NEW], specs);
}

#[test]
fn style_guide_requests() {
    let latest = ExportSpec::style_guide("g/1", StyleGuideExport::latest());
    let former = ExportSpec::style_guide("g/1", StyleGuideExport::revision("r7"));
    submits("style-guide", &[NEW], [("latest", latest), ("a revision", former)]);
}

#[test]
fn graph_report_requests() {
    submits("graph-report", &[OLD, NEW], [("csv", ExportSpec::graph_report("r/1"))]);
}

#[test]
fn test_form_requests() {
    submits("test-form", &[OLD, NEW], [("xlsx", ExportSpec::test_form("t/1"))]);
    let attachment = || TestAttachment::new("t/1", "p/1", "a/1");
    let spec = ExportSpec::test_attachment(attachment());
    submits("phase-attachment", &[OLD, NEW], [("pdf", spec)]);
    let spec = ExportSpec::test_attachment(attachment().of_matrix("m/1"));
    submits("matrix-attachment", &[OLD, NEW], [("pdf", spec)]);
    let spec = ExportSpec::test_attachment(attachment().of_sample("m/1", "s/1"));
    submits("sample-attachment", &[OLD, NEW], [("pdf", spec)]);
    let originals =
        [attachment(), attachment().of_matrix("m/1"), attachment().of_sample("m/1", "s/1")];
    let [phase, matrix, sample] = originals.map(ExportSpec::original_test_attachment);
    let specs = [("of a phase", phase), ("of a matrix", matrix), ("of a sample", sample)];
    submits("original-attachment", &[OLD, NEW], specs);
}

#[test]
fn poll_and_fetch_requests() {
    for version in [OLD, NEW] {
        let config = config(version);
        let mut job = ExportJob::attach("op/1", &config).unwrap();
        let mut text = format!("no scope{}\n\n", sunset(&Workiva::attached(&config)));
        request(&mut text, "poll", &sent(&mut job, |response| response));

        for (about, resource) in [
            ("fetch from the API", "/files/result/1"),
            ("fetch from elsewhere", "https://store.example.com/1?signature=s"),
        ] {
            let body = format!(r#"{{"status":"completed","resourceUrl":"{resource}"}}"#);
            let mut job = ExportJob::attach("op/1", &config).unwrap();
            sent(&mut job, |_| Response::new(body));
            request(&mut text, about, &sent(&mut job, |response| response));
        }
        snapshot(&format!("operation_{version}"), &text);
    }
}

#[test]
fn token_requests() {
    for version in [OLD, NEW] {
        let mut text = String::new();
        let source = || TokenSource::client_credentials("id", "s&cret", &config(version));
        for (about, mut source) in
            [("plain", source()), ("with scopes", source().with_scope("file:read file:write"))]
        {
            let TokenStep::Transmit(token, _) = source.step(now(), TokenNeed::any()) else {
                panic!("no token request");
            };
            request(&mut text, about, &token);
        }
        snapshot(&format!("token_{version}"), &text);
    }
}

fn document_exports() -> Vec<(&'static str, DocumentExport)> {
    let pdf = DocumentPdfOptions::default()
        .include_alternate_row_fill(true)
        .include_attachment_labels(true)
        .include_comments(true)
        .include_draft_watermark(true)
        .include_hyperlinks(true)
        .include_leader_dots(true)
        .include_track_changes(true)
        .remove_space_from_partial_export(true)
        .tag_for_web_accessibility(true)
        .use_cmyk_colorspace(true);
    let docx =
        DocumentDocxOptions::default().include_leader_dots(true).show_table_cell_shading(false);
    let xhtml = DocumentXhtmlOptions::default()
        .editable_simple(false)
        .editable_xhtml(false)
        .include_external_hyperlinks(true)
        .include_headers_and_footers(true);
    let simple = DocumentXhtmlOptions::default().editable_simple(true);
    let editable = DocumentXhtmlOptions::default().editable_xhtml(true);
    vec![
        ("pdf", DocumentExport::pdf()),
        ("pdf, every option", DocumentExport::pdf_with(pdf).with_sections(["a", "b"])),
        ("docx, every option", DocumentExport::docx_with(docx)),
        ("xhtml", DocumentExport::xhtml()),
        ("xhtml, every option", DocumentExport::xhtml_with(xhtml)),
        ("xhtml, simple", DocumentExport::xhtml_with(simple)),
        ("xhtml, editable", DocumentExport::xhtml_with(editable)),
    ]
}

fn spreadsheet_exports() -> Vec<(&'static str, SpreadsheetExport)> {
    let pdf = SpreadsheetPdfOptions::default()
        .include_comments(true)
        .include_draft_watermark(true)
        .include_hyperlinks(true)
        .include_leader_dots(true)
        .include_track_changes(true)
        .only_export_print_areas(true)
        .page_height(11.0)
        .page_orientation(PageOrientation::Landscape)
        .page_scale(PageScale::FitToWidth)
        .page_width(8.5)
        .show_cell_fills(true)
        .show_gridlines(true)
        .use_cmyk_colorspace(true);
    let xlsx = SpreadsheetXlsxOptions::default()
        .export_as_formulas(true)
        .export_precision(ExportPrecision::FullPrecision);
    let csv = SpreadsheetCsvOptions::default().export_as_formulas(true);
    vec![
        ("pdf", SpreadsheetExport::pdf()),
        ("pdf, every option", SpreadsheetExport::pdf_with(pdf).with_sheets(["a", "b"])),
        ("xlsx, every option", SpreadsheetExport::xlsx_with(xlsx)),
        ("csv", SpreadsheetExport::csv()),
        ("csv, every option", SpreadsheetExport::csv_with(csv).with_sheets(["a"])),
    ]
}

fn presentation_exports() -> Vec<(&'static str, PresentationExport)> {
    let pdf = PresentationPdfOptions::default()
        .include_alternate_row_fill(true)
        .include_comments(true)
        .include_draft_watermark(true)
        .include_hyperlinks(true)
        .include_leader_dots(true)
        .tag_for_web_accessibility(true)
        .use_cmyk_colorspace(true);
    let pptx = PresentationPptxOptions::default().include_unused_layout_slides(true);
    vec![
        ("pdf", PresentationExport::pdf()),
        ("pdf, every option", PresentationExport::pdf_with(pdf).with_slides(["a", "b"])),
        ("pptx, every option", PresentationExport::pptx_with(pptx)),
    ]
}

fn all_archive_options() -> ArchiveOptions {
    ArchiveOptions::default()
        .email_on_complete(true)
        .include_attachments(true)
        .include_comments(true)
        .include_custom_field_values(true)
        .include_document_markup(true)
        .include_input_cell_values(true)
        .include_outline_labels(true)
        .include_smart_link_metadata(true)
        .include_wdata_incoming_connections(true)
        .include_wdata_outgoing_connections(true)
        .include_xbrl(true)
        .include_xbrl_disconnected(true)
        .keep_input_mode_enabled(true)
        .remove_grc_links(true)
        .remove_links(true)
}

/// Compares the submit requests of these specs with the snapshots, and checks that other generations
/// do not support the specs.
fn submits(
    endpoint: &str,
    versions: &[ApiVersion],
    specs: impl IntoIterator<Item = (&'static str, ExportSpec)>,
) {
    let specs: Vec<_> = specs.into_iter().collect();
    for version in [OLD, NEW] {
        let mut text = String::new();
        for (about, spec) in &specs {
            let workiva = Workiva::new(spec, &config(version));
            assert_eq!(workiva.is_ok(), versions.contains(&version), "{endpoint} in {version}");
            let Ok(workiva) = workiva else { continue };
            if text.is_empty() {
                text = format!("scope {}{}\n\n", spec.scope(), sunset(&workiva));
            }
            let mut job = ExportJob::new(spec.clone(), &config(version)).unwrap();
            request(&mut text, about, &sent(&mut job, |response| response));
        }
        if !text.is_empty() {
            snapshot(&format!("{endpoint}_{version}"), &text);
        }
    }
}

fn config(version: ApiVersion) -> Config {
    Config::for_region(Region::Us).with_api_version(version)
}

fn now() -> Timestamp {
    Timestamp::from_date(2026, 11, 24)
}

/// Sends the next request of the job, responds to it, and returns it.
fn sent(
    job: &mut ExportJob,
    response: impl FnOnce(Response<String>) -> Response<String>,
) -> Request<Vec<u8>> {
    let token = Token::fixed("eyJhbGciOi").unwrap();
    let Step::Transmit(transmit) = job.step(now()) else { panic!("no request") };
    let token = transmit.token_need().map(|_| &token);
    let (request, in_flight) = transmit.start(now(), token, 0);
    let response = response(Response::new(String::new()));
    match in_flight.handle_head(now(), &response) {
        Reply::Collect(collect) => collect.handle_body(now(), response.body().as_bytes()),
        Reply::Stream(stream) => {
            let have = stream.position();
            stream.finish(now(), have);
        }
    }
    request
}

/// The announced sunset of an endpoint.
fn sunset(workiva: &Workiva) -> String {
    let Some(Sunset { endpoint, deprecated, sunset, successor, .. }) = workiva.sunset() else {
        return String::new();
    };
    format!("\n{endpoint}\ndeprecated {deprecated}, gone {sunset}: use {successor}")
}

/// Writes a request as text, with hidden tokens and pretty-printed JSON.
fn request(text: &mut String, about: &str, request: &Request<Vec<u8>>) {
    let gap = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n\n" };
    writeln!(text, "{gap}# {about}\n{} {}", request.method(), request.uri()).unwrap();
    for (name, value) in request.headers() {
        let shown = if value.is_sensitive() { "(hidden)" } else { value.to_str().unwrap() };
        writeln!(text, "{name}: {shown}").unwrap();
    }
    let body = std::str::from_utf8(request.body()).unwrap();
    if !body.is_empty() {
        let json = serde_json::from_str(body)
            .and_then(|json: serde_json::Value| serde_json::to_string_pretty(&json));
        write!(text, "\n{}", json.unwrap_or_else(|_| body.into())).unwrap();
    }
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/wire");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
