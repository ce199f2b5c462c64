use alloc::string::{String, ToString};
use alloc::vec::Vec;

use http::Method;
use serde_json::json;

use super::*;
use crate::Timestamp;
use crate::config::Config;
use crate::driver::Step;
use crate::job::ExportJob;
use crate::token::Token;
use crate::workiva::Workiva;

fn config() -> Config {
    Config::new("https://api.app.wdesk.com").unwrap().with_api_version(ApiVersion::V2026_01_01)
}

/// The error of a spec, or an empty string.
fn error_of(spec: &ExportSpec) -> String {
    Workiva::new(spec, &config()).err().map(|error| error.to_string()).unwrap_or_default()
}

fn error_of_body(path: &str, body: &Value) -> String {
    match ExportSpec::from_body(path, body.to_string()) {
        Ok(spec) => error_of(&spec),
        Err(error) => error.to_string(),
    }
}

fn sent(spec: &ExportSpec) -> Value {
    let rendered = spec.render(ApiVersion::V2026_01_01).unwrap();
    serde_json::from_str(rendered.body.get()).unwrap()
}

#[test]
fn unset_option_is_not_sent() {
    let document = ExportSpec::document("d1", DocumentExport::pdf());
    assert_eq!(sent(&document), json!({"format": "pdf"}));
    let options = DocumentPdfOptions::default().include_comments(false);
    let document = ExportSpec::document("d1", DocumentExport::pdf_with(options));
    assert_eq!(sent(&document), json!({"format": "pdf", "pdfOptions": {"includeComments": false}}));
}

#[test]
fn csv_takes_one_sheet_or_all() {
    let csv = |sheets: &[&str]| {
        let export = SpreadsheetExport::csv().with_sheets(sheets.iter().copied());
        error_of(&ExportSpec::spreadsheet("s1", export))
    };
    assert_eq!(error_of(&ExportSpec::spreadsheet("s1", SpreadsheetExport::csv())), "");
    assert_eq!(csv(&["a"]), "");
    assert_eq!(
        csv(&["a", "b"]),
        "sheets has 2 sheets: csv allows one, or all if the field is omitted"
    );
    let export = SpreadsheetExport::xlsx().with_sheets(["a", "b"]);
    assert_eq!(error_of(&ExportSpec::spreadsheet("s1", export)), "");
}

#[test]
fn empty_selection_is_refused() {
    let none: [&str; 0] = [];
    assert_eq!(
        error_of(&ExportSpec::document("d1", DocumentExport::pdf().with_sections(none))),
        "sections must not be empty: omit it to export all"
    );
    let slides = PresentationExport::pptx().with_slides(["a", ""]);
    assert_eq!(error_of(&ExportSpec::presentation("p1", slides)), "slides: an id is empty");
    let sheets = SpreadsheetExport::csv().with_sheets(none);
    let nested = ExportSpec::file("f1", FileExport::spreadsheet(sheets));
    assert!(error_of(&nested).starts_with("spreadsheetExport.sheets must not be empty"));
}

#[test]
fn editable_xhtml_excludes_other_options() {
    let with = |options| error_of(&ExportSpec::document("d1", DocumentExport::xhtml_with(options)));
    let none = DocumentXhtmlOptions::default();
    let editable = none.clone().editable_xhtml(true);
    let simple = none.clone().editable_simple(true);
    let links = none.clone().include_external_hyperlinks(true);

    assert_eq!([with(none), with(editable.clone()), with(simple.clone()), with(links)], [""; 4]);
    assert_eq!(
        with(editable.clone().include_headers_and_footers(false)),
        "xhtmlOptions.includeHeadersAndFooters cannot be used with xhtmlOptions.editableXhtml"
    );
    assert_eq!(
        with(simple.editable_xhtml(true)),
        "xhtmlOptions.editableXhtml cannot be used with xhtmlOptions.editableSimple"
    );
    let off = DocumentXhtmlOptions::default().editable_xhtml(false);
    assert_eq!(with(off.include_headers_and_footers(true)), "");
}

#[test]
fn page_side_must_be_3_to_100_inches() {
    let page = SpreadsheetPdfOptions::default;
    let error =
        |options| error_of(&ExportSpec::spreadsheet("s1", SpreadsheetExport::pdf_with(options)));
    assert_eq!(error(page().page_height(3.0).page_width(100.0)), "");
    assert_eq!(
        error(page().page_height(2.99)),
        "pdfOptions.pageHeight is 2.99: expected 3 to 100 inches"
    );
    for width in [100.01, f64::NAN, f64::INFINITY, -0.0, f64::NEG_INFINITY] {
        let error = error(page().page_width(width));
        assert!(error.starts_with("pdfOptions.pageWidth is"), "{width}");
    }
}

#[test]
fn options_of_another_format_are_refused() {
    assert_eq!(
        error_of_body("/documents/d1/export", &json!({"format": "pdf", "docxOptions": {}})),
        "docxOptions requires docx, but the export is pdf"
    );
    assert_eq!(
        error_of_body("/spreadsheets/s1/export", &json!({"format": "csv", "xlsxOptions": {}})),
        "xlsxOptions requires xlsx, but the export is csv"
    );
    assert_eq!(
        error_of_body("/presentations/p1/export", &json!({"format": "pptx", "pdfOptions": {}})),
        "pdfOptions requires pdf, but the export is pptx"
    );
    assert_eq!(
        error_of_body(
            "/files/f1/export",
            &json!({"kind": "Document", "spreadsheetExport": {"format": "csv"}})
        ),
        "spreadsheetExport requires kind Spreadsheet, but the export is kind Document"
    );
    assert_eq!(
        error_of_body(
            "/files/f1/export",
            &json!({"kind": "Document", "documentExport": {"format": "pdf", "xhtmlOptions": {}}})
        ),
        "documentExport.xhtmlOptions requires xhtml, but the export is pdf"
    );
}

#[test]
fn body_error_names_the_field_in_json() {
    let document = |body: Value| error_of_body("/documents/d1/export", &body);
    assert_eq!(document(json!({})), "body: missing field `format`");
    assert_eq!(document(json!(["pdf"])), "body: expected an object");
    assert_eq!(
        document(json!({"format": "odt"})),
        "format: unknown variant `odt`, expected one of `docx`, `pdf`, `xhtml`"
    );
    assert_eq!(
        document(json!({"format": "pdf", "pdfOptions": {"includeComments": "yes"}})),
        "pdfOptions.includeComments: invalid type: string \"yes\", expected a boolean"
    );
    assert_eq!(
        document(json!({"format": "pdf", "pdfOptions": [true]})),
        "pdfOptions: expected an object"
    );
    assert_eq!(
        error_of_body("/files/f1/export", &json!({"kind": "Document", "documentExport": {}})),
        "documentExport: missing field `format`"
    );
    assert_eq!(
        error_of_body("/prototype/platform/files/export", &json!({"kind": "Workiva"})),
        "body: missing field `workivaFileExportOptions`"
    );
    assert_eq!(
        error_of_body(
            "/prototype/platform/files/export",
            &json!({"kind": "Workiva", "workivaFileExportOptions": {}})
        ),
        "workivaFileExportOptions.sourceId: expected the id of a container"
    );
    let broken = ExportSpec::from_body("/documents/d1/export", "{").unwrap_err().to_string();
    assert!(broken.starts_with("body: EOF while parsing"), "{broken}");
}

#[test]
fn body_with_unknown_fields_is_sent_unchanged() {
    let body = json!({
        "kind": "Document",
        "asOf": null,
        "documentExport": {
            "format": "pdf",
            "sections": ["a"],
            "pdfOptions": {"includeComments": false, "new.flag": [1, {"deep": true}]},
        },
    });
    let spec = ExportSpec::from_body("/files/f1/export", body.to_string()).unwrap();
    assert_eq!(spec.unknown_fields(), ["asOf", "documentExport.pdfOptions.new.flag"]);
    assert_eq!(sent(&spec), body);

    let nulls = json!({"format": "pdf", "sections": null, "pdfOptions": {"includeComments": null}});
    let spec = ExportSpec::from_body("/documents/d1/export", nulls.to_string()).unwrap();
    assert_eq!(spec.unknown_fields(), Vec::<String>::new());
    assert_eq!(sent(&spec), json!({"format": "pdf", "pdfOptions": {}}));
}

#[test]
fn rendered_body_reads_as_the_same_spec() {
    let container = ExportSpec::container("c1", ArchiveOptions::default());
    let rendered = container.render(ApiVersion::V2022_01_01).unwrap();
    let read = ExportSpec::from_body(&rendered.path, rendered.body.get()).unwrap();
    assert_eq!(read.unknown_fields(), Vec::<String>::new());
    assert_eq!(read.render(ApiVersion::V2022_01_01).unwrap().body.get(), rendered.body.get());

    for spec in [
        ExportSpec::file("f/1", FileExport::workiva(ArchiveOptions::default())),
        ExportSpec::document("d1", DocumentExport::xhtml()),
        ExportSpec::spreadsheet("s1", SpreadsheetExport::csv().with_sheets(["1"])),
        ExportSpec::presentation("p1", PresentationExport::pptx()),
        ExportSpec::style_guide("g1", StyleGuideExport::revision("7")),
        ExportSpec::graph_report("r1"),
        ExportSpec::test_form("t1"),
        ExportSpec::test_attachment(TestAttachment::new("a", "b", "c").of_sample("d", "e")),
    ] {
        let rendered = spec.render(ApiVersion::V2026_01_01).unwrap();
        let url = format!("https://api.eu.wdesk.com{}?x=y", rendered.path);
        assert_eq!(ExportSpec::from_body(&url, rendered.body.get()), Ok(spec));
    }
}

#[test]
fn job_has_its_spec() {
    let config = config();
    let spec = ExportSpec::document("d1", DocumentExport::pdf().with_sections(["1"]));
    let job = ExportJob::new(spec.clone(), &config).unwrap();
    assert_eq!(job.spec(), Some(spec.clone()));
    assert_eq!(ExportJob::resume(job.checkpoint(), &config).unwrap().spec(), Some(spec));
    assert_eq!(ExportJob::attach("op-1", &config).unwrap().spec(), None);

    let config = config.with_api_version(ApiVersion::V2022_01_01);
    let spec = ExportSpec::container("c1", ArchiveOptions::default().include_xbrl(true));
    assert_eq!(ExportJob::new(spec.clone(), &config).unwrap().spec(), Some(spec));
}

#[test]
fn style_guide_needs_no_body() {
    let spec = ExportSpec::from_body("/content/styleGuides/g1/export", " ").unwrap();
    assert_eq!(spec, ExportSpec::style_guide("g1", StyleGuideExport::latest()));
    assert_eq!(sent(&spec), json!({}));
    assert_eq!(ExportSpec::from_body("/content/styleGuides/g1/export", "null").unwrap(), spec);
}

#[test]
fn original_of_an_attachment_is_requested_without_a_body() {
    let attachment = || TestAttachment::new("t1", "p1", "a1");
    let path = "/testForms/t1/testPhases/p1/attachments/a1/download";
    let spec = ExportSpec::original_test_attachment(attachment());
    assert_eq!((spec.scope(), spec.formats()), ("graph:read", &[][..]));
    for version in [ApiVersion::V2022_01_01, ApiVersion::V2026_01_01] {
        let config = config().with_api_version(version);
        let job = ExportJob::new(spec.clone(), &config).unwrap();
        // Also after a restart.
        for mut job in [ExportJob::resume(job.checkpoint(), &config).unwrap(), job] {
            assert_eq!(job.spec(), Some(spec.clone()));
            let Step::Transmit(transmit) = job.step(Timestamp::EPOCH) else { panic!() };
            let token = Token::fixed("t").unwrap();
            let (request, _in_flight) = transmit.start(Timestamp::EPOCH, Some(&token), 0);
            assert!(request.uri().path().ends_with(path), "{}", request.uri());
            assert_eq!((request.method(), request.body().len()), (&Method::POST, 0));
            assert!(!request.headers().contains_key("content-type"));
            assert_eq!(request.headers()["x-version"], version.as_str());
        }
    }
    for body in ["", " ", "null", "{}"] {
        assert_eq!(ExportSpec::from_body(path, body).as_ref(), Ok(&spec));
    }
    let refused = ExportSpec::from_body(path, r#"{"format": "pdf"}"#).unwrap();
    let refused = ExportJob::new(refused, &config()).unwrap_err().to_string();
    assert_eq!(refused, "format: the download of an original takes no body");
    let matrix = ExportSpec::original_test_attachment(attachment().of_matrix("m1"));
    let sample = ExportSpec::original_test_attachment(attachment().of_sample("m1", "s1"));
    for (spec, part) in
        [(matrix, "/matrices/m1/attachments/"), (sample, "/samples/s1/attachments/")]
    {
        let rendered = spec.render(ApiVersion::V2026_01_01).unwrap();
        assert!(rendered.path.contains(part) && rendered.path.ends_with("/a1/download"));
    }
}

#[test]
fn url_is_no_id() {
    let link = "https://app.wdesk.com/a/QWNj/doc/124efa2a142f";
    let attachment = TestAttachment::new("t1", link, "a1");
    for (spec, id) in [
        (ExportSpec::document(link, DocumentExport::pdf()), "documentId"),
        (ExportSpec::graph_report(link), "reportId"),
        (ExportSpec::test_attachment(attachment), "testPhaseId"),
    ] {
        let refused = spec.render(ApiVersion::V2026_01_01).map(|_| ());
        assert_eq!(refused, Err(SpecError::UrlAsId { id }));
    }
    let container = ExportSpec::container(link, ArchiveOptions::default());
    let refused = container.render(ApiVersion::V2022_01_01).map(|_| ());
    assert_eq!(refused, Err(SpecError::UrlAsId { id: "sourceId" }));
}

#[test]
fn format_may_be_omitted_where_the_service_has_one() {
    let attachment = "/testForms/t1/testPhases/p1/attachments/a1/export";
    for path in ["/testForms/t1/export", attachment] {
        for body in ["{}", r#"{"format": null}"#] {
            assert_eq!(sent(&ExportSpec::from_body(path, body).unwrap()), json!({}));
        }
    }
    assert_eq!(sent(&ExportSpec::test_form("t1")), json!({"format": "xlsx"}));
    assert_eq!(
        error_of_body("/graph/reports/r1/export", &json!({})),
        "body: missing field `format`"
    );
}

#[test]
fn null_counts_as_missing() {
    let body = json!({
        "kind": "Document", "documentExport": {"format": "pdf", "sections": null, "pdfOptions": null},
        "spreadsheetExport": null, "folderExport": null,
    });
    let spec = ExportSpec::from_body("/files/f1/export", body.to_string()).unwrap();
    assert_eq!(spec, ExportSpec::file("f1", FileExport::document(DocumentExport::pdf())));
}

#[test]
fn body_is_sent_as_it_was_written_or_refused() {
    let read = |body: &str| {
        ExportSpec::from_body("/documents/d1/export", body).map_err(|error| error.to_string())
    };
    for body in [
        r#"{"format": "pdf", "format": "docx"}"#,
        r#"{"format": "pdf", "pdfOptions": {"a": 1, "b": 2, "a": 1}}"#,
    ] {
        assert!(read(body).unwrap_err().contains("occurs twice"), "{body}");
    }
    let large = r#"{"format": "pdf", "new": [12345678901234567890123]}"#;
    assert!(read(large).unwrap_err().contains("write it in quotes"));
    let exact = json!({"format": "pdf", "new": [18446744073709551615_u64, -5, 2.5, null, "1e99"]});
    assert_eq!(sent(&read(&exact.to_string()).unwrap()), exact);
}

#[test]
fn deep_bodies_are_refused() {
    let document = || ExportSpec::document("d1", DocumentExport::pdf());
    let path = |depth: usize| vec!["a"; depth].join(".");
    let too_deep = "a has more than 64 objects and lists within each other";
    assert_eq!(error_of(&document().with_field(&path(64), 1).unwrap()), "");
    assert_eq!(document().with_field(&path(65), 1).unwrap_err().to_string(), too_deep);
    assert_eq!(document().with_field(&path(100_000), 1).unwrap_err().to_string(), too_deep);
    assert_eq!(error_of(&document().with_field(&path(63), json!([1])).unwrap()), "");
    assert_eq!(error_of(&document().with_field(&path(63), json!([[1]])).unwrap()), too_deep);

    // The deepest body that is sent can be resumed.
    let config = config();
    let job = ExportJob::new(document().with_field(&path(64), 1).unwrap(), &config).unwrap();
    let saved =
        serde_json::to_string(&json!({ "rows": [{ "checkpoint": job.checkpoint() }] })).unwrap();
    let read: Value = serde_json::from_str(&saved).unwrap();
    let checkpoint = serde_json::from_value(read["rows"][0]["checkpoint"].clone()).unwrap();
    assert_eq!(ExportJob::resume(checkpoint, &config).unwrap().checkpoint(), job.checkpoint());
}

#[test]
fn path_of_no_export_is_refused() {
    for path in ["", "/", "/operations/o1", "/oauth2/token", "/files/f1", "https://h.example"] {
        let error = ExportSpec::from_body(path, "{}").unwrap_err();
        assert_eq!(error, SpecError::Path(path.into()));
    }
}

#[test]
fn with_field_inserts_at_its_path() {
    let spec = ExportSpec::document("d1", DocumentExport::pdf())
        .with_field("pdfOptions.bookmarks.depth", 3)
        .unwrap()
        .with_field("locale", "de")
        .unwrap();
    assert_eq!(spec.unknown_fields(), ["locale", "pdfOptions.bookmarks"]);
    assert_eq!(
        sent(&spec),
        json!({"format": "pdf", "locale": "de", "pdfOptions": {"bookmarks": {"depth": 3}}})
    );
}

#[test]
fn known_field_set_by_name_is_checked() {
    let document = || ExportSpec::document("d1", DocumentExport::pdf());
    let known = document().with_field("pdfOptions.includeComments", true).unwrap();
    assert_eq!((known.unknown_fields(), error_of(&known)), (Vec::new(), String::new()));
    assert_eq!(
        error_of(&document().with_field("pdfOptions.includeComments", 1).unwrap()),
        "pdfOptions.includeComments: invalid type: integer `1`, expected a boolean"
    );
    assert_eq!(
        error_of(&document().with_field("docxOptions.new", 1).unwrap()),
        "docxOptions requires docx, but the export is pdf"
    );
    assert_eq!(
        error_of(&document().with_field("format.x", 1).unwrap()),
        "format.x: format is not an object"
    );
    assert_eq!(
        document().with_field("a..b", 1).unwrap_err().to_string(),
        "a..b: a part of the name is empty"
    );

    let changed = document().with_field("format", "docx").unwrap();
    let rendered = changed.render(ApiVersion::V2026_01_01).unwrap();
    assert_eq!((rendered.format, &*rendered.file_name), (FileFormat::Docx, "d1.docx"));
}

#[test]
fn empty_id_is_named() {
    let attachment = |ids: [&str; 5]| {
        let [form, phase, matrix, sample, attachment] = ids;
        let attachment = TestAttachment::new(form, phase, attachment).of_sample(matrix, sample);
        error_of(&ExportSpec::test_attachment(attachment))
    };
    assert_eq!(attachment(["a", "b", "c", "d", "e"]), "");
    for (index, name) in
        ["testFormId", "testPhaseId", "matrixId", "sampleId", "attachmentId"].iter().enumerate()
    {
        let mut ids = ["x"; 5];
        ids[index] = "";
        assert_eq!(attachment(ids), format!("{name} must not be empty"));
    }
}

#[test]
fn missing_endpoint_names_the_other_version() {
    let old = Config::new("https://api.app.wdesk.com").unwrap();
    let spec = ExportSpec::style_guide("g", StyleGuideExport::latest());
    assert_eq!(
        Workiva::new(&spec, &old).unwrap_err().to_string(),
        "API version 2022-01-01 has no export of style guides: set 2026-01-01 with \
         Config::with_api_version"
    );
    assert_eq!(error_of(&spec), "");
    // Those of public clients of 2024 are known in both.
    assert!(Workiva::new(&ExportSpec::graph_report("r"), &old).is_ok());
    assert!(Workiva::new(&ExportSpec::test_form("t"), &old).is_ok());
    let container = ExportSpec::container("c1", ArchiveOptions::default());
    assert!(Workiva::new(&container, &old).is_ok());
    assert!(error_of(&container).ends_with("set 2022-01-01 with Config::with_api_version"));
}

#[test]
fn request_over_the_size_limit_is_refused() {
    let of_length = |length: usize| {
        let spec = |text: String| {
            ExportSpec::document("d1", DocumentExport::pdf()).with_field("x", text).unwrap()
        };
        let frame = sent(&spec(String::new())).to_string().len();
        error_of(&spec("a".repeat(length - frame)))
    };
    assert_eq!(of_length(10_485_760), "");
    assert_eq!(
        of_length(10_485_761),
        "the body has 10485761 bytes: the service accepts at most 10485760"
    );
    let long = ExportSpec::document("d".repeat(8_000), DocumentExport::pdf());
    assert_eq!(error_of(&long), "the URL of the request is refused: it is longer than 8000 bytes");
}

#[test]
fn email_option_is_found_anywhere_in_the_body() {
    let asks = |json: Value| asks_for_mail(&json);
    assert!(asks(json!({"emailOnComplete": true})));
    assert!(asks(json!({"a": [{"b": {"emailOnComplete": "yes"}}]})));
    assert!(!asks(json!({"emailOnComplete": false, "a": {"emailOnComplete": null}})));
    assert!(!asks(json!({"a": "emailOnComplete"})));
}

#[test]
fn default_file_name_is_the_id() {
    for (spec, name) in [
        (ExportSpec::document("d1", DocumentExport::docx()), "d1.docx"),
        (ExportSpec::spreadsheet("s1", SpreadsheetExport::csv()), "s1.zip"),
        (ExportSpec::spreadsheet("s1", SpreadsheetExport::csv().with_sheets(["a"])), "s1.csv"),
        (ExportSpec::file("f1", FileExport::supporting_document()), "f1"),
        (ExportSpec::file("f1", FileExport::presentation(None)), "f1"),
        (ExportSpec::file("f1", FileExport::folder(None)), "f1.tar.gz"),
        (ExportSpec::file("../a/b", FileExport::document(DocumentExport::pdf())), "_a_b.pdf"),
        (ExportSpec::file("nul", FileExport::document(DocumentExport::pdf())), "_nul.pdf"),
        (ExportSpec::file("..", FileExport::supporting_document()), "export"),
        (ExportSpec::test_attachment(TestAttachment::new("a", "b", "c")), "c.pdf"),
    ] {
        assert_eq!(spec.render(ApiVersion::V2026_01_01).unwrap().file_name, name);
    }
}

#[test]
fn listed_option_is_a_known_field() {
    let specs = [
        ExportSpec::document("d", DocumentExport::pdf()),
        ExportSpec::document("d", DocumentExport::docx()),
        ExportSpec::document("d", DocumentExport::xhtml()),
        ExportSpec::spreadsheet("s", SpreadsheetExport::csv()),
        ExportSpec::spreadsheet("s", SpreadsheetExport::pdf()),
        ExportSpec::spreadsheet("s", SpreadsheetExport::xlsx()),
        ExportSpec::presentation("p", PresentationExport::pdf()),
        ExportSpec::presentation("p", PresentationExport::pptx()),
        ExportSpec::file("f", FileExport::document(DocumentExport::pdf())),
        ExportSpec::file("f", FileExport::folder(None)),
        ExportSpec::file("f", FileExport::workiva(None)),
    ];
    for option in ExportOption::all() {
        let value = match option.value {
            OptionValue::Bool => json!(true),
            OptionValue::Ids => json!(["1"]),
            OptionValue::Inches => json!(3.5),
            OptionValue::OneOf(words) => json!(words[0]),
        };
        let accepting = specs.iter().filter(|spec| {
            let spec = (*spec).clone().with_option(option, &value).unwrap();
            error_of(&spec).is_empty() && spec.unknown_fields().is_empty()
        });
        assert!(accepting.count() >= 1, "{option:?}");
    }
}

#[test]
fn body_replaces_the_options() {
    let document = ExportSpec::document("d1", DocumentExport::docx());
    let changed = document.clone().with_body(br#"{"format": "pdf"}"#);
    assert_eq!(changed, Ok(ExportSpec::document("d1", DocumentExport::pdf())));
    assert_eq!(document.with_body("{}").unwrap_err().to_string(), "body: missing field `format`");

    let container = || ExportSpec::container("c1", ArchiveOptions::default());
    let with_id = |id: Value| {
        let body = json!({"kind": "Workiva", "workivaFileExportOptions": {"sourceId": id}});
        container().with_body(body.to_string()).map_err(|error| error.to_string())
    };
    assert_eq!(with_id("c1".into()), Ok(container()));
    assert_eq!(
        with_id("c2".into()).unwrap_err(),
        "workivaFileExportOptions.sourceId: \"c2\" is not the requested container \"c1\""
    );
    assert!(with_id(7.into()).unwrap_err().ends_with("expected the id of a container"));
    let without_id = br#"{"kind": "Workiva", "workivaFileExportOptions": {}}"#;
    assert_eq!(container().with_body(without_id), Ok(container()));
}
