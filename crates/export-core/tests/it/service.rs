//! Responses of the service, and jobs that use it.

use export_core::workiva::{ArchiveOptions, DocumentExport, ExportSpec, FileExport, Region};
use export_core::{Config, ExportJob};

use crate::harness::{ScriptedReply, status};

pub const SIGNED: &str = "https://store.example/op1?signature=s3cret";

pub fn config() -> Config {
    Config::for_region(Region::Us)
}

/// A job without side effects.
pub fn job() -> ExportJob {
    job_with(&config())
}

pub fn job_with(config: &Config) -> ExportJob {
    ExportJob::new(ExportSpec::document("d1", DocumentExport::pdf()), config).unwrap()
}

/// A job with a side effect: a mail.
pub fn mailing_job() -> ExportJob {
    let options = ArchiveOptions::default().email_on_complete(true);
    let spec = ExportSpec::file("f1", FileExport::folder(options));
    ExportJob::new(spec, &config()).unwrap()
}

pub fn accepted() -> ScriptedReply {
    status(202).header("location", "/platform/v1/operations/op1")
}

pub fn operation(word: &str) -> ScriptedReply {
    json(200, &format!(r#"{{"id":"op1","status":"{word}","resourceUrl":null}}"#))
}

pub fn pending() -> ScriptedReply {
    operation("started")
}

pub fn completed() -> ScriptedReply {
    completed_at("/platform/v1/downloads/op1")
}

pub fn completed_at(url: &str) -> ScriptedReply {
    json(
        200,
        &format!(
            r#"{{"id":"op1","status":"completed","resourceUrl":"{url}",
                 "originalRequest":"11111111-2222-3333-4444-555555555555",
                 "created":{{"dateTime":"2026-03-01T00:00:00Z","user":{{"id":"u1"}}}},
                 "updated":{{"dateTime":"2026-03-01T00:00:05Z","user":{{"id":"u1"}}}}}}"#
        ),
    )
}

pub const PDF: &str = "%PDF-1.7 and the rest of it";

pub fn artifact() -> ScriptedReply {
    artifact_without_etag().header("etag", "\"v1\"")
}

pub fn artifact_without_etag() -> ScriptedReply {
    status(200)
        .header("content-type", "application/pdf")
        .header("content-disposition", "attachment; filename=\"Report.pdf\"")
        .header("content-length", &PDF.len().to_string())
        .body(PDF)
}

/// The rest of the artifact, from `offset` on.
pub fn rest(offset: usize) -> ScriptedReply {
    let length = PDF.len();
    status(206)
        .header("content-type", "application/pdf")
        .header("etag", "\"v1\"")
        .header("content-range", &format!("bytes {offset}-{}/{length}", length - 1))
        .body(&PDF[offset..])
}

pub fn json(code: u16, body: &str) -> ScriptedReply {
    status(code).header("content-type", "application/json").body(body)
}

/// An error response of the service.
pub fn refusal(code: u16) -> ScriptedReply {
    json(code, &format!(r#"{{"code":"{code}Code","message":"a reason","target":""}}"#))
}

/// An HTML page of a gateway.
pub fn page(code: u16) -> ScriptedReply {
    status(code)
        .header("content-type", "text/html; charset=utf-8")
        .body("<!DOCTYPE html><title>Please wait</title>")
}
