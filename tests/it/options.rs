//! The options of exports against the simulator's schema, which shares no code with the client.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

use export_core::driver::Step;
use export_core::token::Token;
use export_core::workiva::{
    ApiVersion, DocumentExport, ExportOption, ExportSpec, FileExport, ItemKind, OptionValue,
    PresentationExport, SpreadsheetExport,
};
use export_core::{Config, ExportJob, Timestamp};
use export_sim::Service;
use http::StatusCode;

const BASE: &str = "http://127.0.0.1:1";

#[test]
fn schema_has_every_option_and_no_other() {
    for option in ExportOption::all() {
        let value = match option.value {
            OptionValue::Bool => "true",
            OptionValue::Ids => r#"["1"]"#,
            OptionValue::Inches => "3.5",
            OptionValue::OneOf(words) => &format!("{:?}", words.last().unwrap()),
            _ => panic!("{option:?} takes values that this test does not know"),
        };
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        let spec = spec(option).with_option(option, value).unwrap();
        assert_eq!(submit(spec), StatusCode::ACCEPTED, "{option:?}");
    }
    let unknown = ExportSpec::document("d1", DocumentExport::pdf());
    let unknown = unknown.with_field("pdfOptions.noSuchOption", true).unwrap();
    assert_eq!(submit(unknown), StatusCode::BAD_REQUEST);
}

/// An export that may have the option.
fn spec(option: &ExportOption) -> ExportSpec {
    let format = |default| option.format.unwrap_or(default);
    match option.kind {
        ItemKind::Document => {
            ExportSpec::document("d1", DocumentExport::in_format(format("pdf")).unwrap())
        }
        ItemKind::Spreadsheet => {
            ExportSpec::spreadsheet("s1", SpreadsheetExport::in_format(format("csv")).unwrap())
        }
        ItemKind::Presentation => {
            ExportSpec::presentation("p1", PresentationExport::in_format(format("pptx")).unwrap())
        }
        _ => ExportSpec::file("f1", FileExport::folder(None)),
    }
}

/// The response of the simulator to the submit.
fn submit(spec: ExportSpec) -> StatusCode {
    let config = Config::new(BASE).unwrap().with_api_version(ApiVersion::V2026_01_01);
    let mut job = ExportJob::new(spec, &config).unwrap();
    let Step::Transmit(transmit) = job.step(Timestamp::from_date(2026, 3, 1)) else {
        panic!("a new job submits")
    };
    let token = Token::fixed("a-token").unwrap();
    let (request, _) = transmit.start(Timestamp::from_date(2026, 3, 1), Some(&token), 0);
    let now = export_sim::Timestamp::from_millis(Timestamp::from_date(2026, 3, 1).as_millis());
    let config =
        export_sim::Config::default().with_token("a-token").with_public_url(BASE.parse().unwrap());
    Service::new(config).handle(now, request).status()
}
