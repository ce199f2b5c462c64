//! Downloads: ranges, ETags, file names, redirects and signed URLs.

use std::time::Duration;

use export_sim::{Downloads, Framing};

use crate::fixture::{Fixture, config, fixture, get, header, text, with};

fn ready(config: export_sim::Config) -> (Fixture, String) {
    let mut fixture = fixture(config);
    let operation = fixture.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let url = fixture.resource(&operation);
    (fixture, url)
}

#[test]
fn range_returns_that_part_of_the_file() {
    let (mut fixture, url) = ready(config().with_artifact_size(1000));
    let whole = fixture.get(&url);
    assert_eq!(whole.body().len(), 1000);
    assert_eq!(header(&whole, "accept-ranges"), "bytes");
    for (range, part) in [("bytes=0-9", 0..10), ("bytes=990-", 990..1000), ("bytes=-1", 999..1000)]
    {
        let response = fixture.send(with(get(&url), "range", range));
        assert_eq!(response.status(), 206, "{range}");
        assert_eq!(response.body(), &whole.body()[part.clone()], "{range}");
        let expected = format!("bytes {}-{}/1000", part.start, part.end - 1);
        assert_eq!(header(&response, "content-range"), expected);
        assert_eq!(header(&response, "content-length"), part.len().to_string());
    }
    let beyond = fixture.send(with(get(&url), "range", "bytes=1000-"));
    assert_eq!((beyond.status().as_u16(), header(&beyond, "content-range")), (416, "bytes */1000"));
}

#[test]
fn if_range_returns_whole_file_if_etag_differs() {
    let (mut fixture, url) = ready(config().with_artifact_size(1000));
    let etag = header(&fixture.get(&url), "etag").to_owned();
    assert!(etag.starts_with('"'), "{etag}");
    let range = with(get(&url), "range", "bytes=500-");
    assert_eq!(fixture.send(with(range.clone(), "if-range", &etag)).status(), 206);
    assert_eq!(fixture.send(with(range.clone(), "if-range", "\"other\"")).status(), 200);
    let date = "Thu, 01 Jan 2026 12:00:00 GMT";
    assert_eq!(fixture.send(with(range, "if-range", date)).status(), 200);
}

#[test]
fn head_request_returns_length_without_body() {
    let (mut fixture, url) = ready(config().with_artifact_size(1000));
    let mut request = get(&url);
    *request.method_mut() = http::Method::HEAD;
    let response = fixture.send(request);
    assert_eq!((header(&response, "content-length"), response.body().len()), ("1000", 0));
}

#[test]
fn redirect_target_rejects_credentials() {
    for status in [302, 303, 307] {
        let (mut fixture, url) = ready(config().with_downloads(Downloads::Redirect(status)));
        let redirect = fixture.get(&url);
        assert_eq!(redirect.status().as_u16(), status);
        let signed = header(&redirect, "location").to_owned();
        assert!(signed.starts_with("http://127.0.0.1:8081/artifacts/"), "{signed}");
        let refused = fixture.send(with(get(&signed), "authorization", "Bearer good"));
        assert_eq!(refused.status(), 400);
        assert!(text(&refused).contains("Only one auth mechanism allowed"));
        assert_eq!(fixture.get(&signed).status(), 200);
    }
}

#[test]
fn download_from_api_host_requires_token() {
    let (mut fixture, url) = ready(config());
    assert_eq!(fixture.send(crate::fixture::without(get(&url), "authorization")).status(), 401);
}

#[test]
fn expired_signed_url_is_renewed_by_poll() {
    let lifetime = Duration::from_secs(60);
    let signed = config().with_downloads(Downloads::Signed).with_signed_url_lifetime(lifetime);
    let mut fixture = fixture(signed);
    let operation = fixture.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let first = fixture.resource(&operation);
    fixture.wait(59_999);
    assert_eq!(fixture.get(&first).status(), 200);
    fixture.wait(1);
    assert_eq!(fixture.get(&first).status(), 403);
    let fresh = fixture.resource(&operation);
    assert_eq!(fixture.get(&fresh).status(), 200);
}

#[test]
fn tampered_signed_url_is_rejected() {
    let (mut fixture, url) = ready(config().with_downloads(Downloads::Signed));
    let (path, query) = url.split_once('?').unwrap();
    let expires: u64 =
        query.split('&').next().unwrap().strip_prefix("expires=").unwrap().parse().unwrap();
    let longer = url.replace(&expires.to_string(), &(expires + 1).to_string());
    for wrong in [path.to_owned(), longer, format!("{url}0"), url.replace("signature", "sig")] {
        assert_eq!(fixture.get(&wrong).status(), 403, "{wrong}");
    }
}

#[test]
fn chunked_framing_has_no_content_length() {
    let (mut fixture, url) = ready(config().with_framing(Framing::Chunked));
    let response = fixture.get(&url);
    assert!(response.headers().get("content-length").is_none());
    assert!(!response.body().is_empty());
}

#[test]
fn non_ascii_name_is_sent_in_both_forms() {
    let (mut fixture, url) = ready(config().with_file_name("Bericht für \"2026\""));
    let response = fixture.get(&url);
    assert_eq!(
        header(&response, "content-disposition"),
        "attachment; filename=\"Bericht f_r \\\"2026\\\".pdf\"; \
         filename*=UTF-8''Bericht%20f%C3%BCr%20%222026%22.pdf"
    );
}

#[test]
fn started_export_has_the_served_content() {
    for config in [config(), config().with_artifact_size(3_000_000)] {
        let (mut fixture, url) = ready(config);
        let served = fixture.get(&url);
        let export = &fixture.service.exports()[0];
        assert_eq!(export.content().to_bytes().unwrap(), served.body());
        assert_eq!(export.content().len(), served.body().len() as u64);
        assert_eq!(export.etag(), header(&served, "etag"));
    }
}

#[test]
fn folder_files_are_served_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("d1.pdf"), "mine").unwrap();
    let (mut fixture, url) = ready(config().with_files(folder.path()));
    let response = fixture.get(&url);
    assert_eq!(
        (text(&response).as_str(), header(&response, "content-type")),
        ("mine", "application/pdf")
    );
    let missing = crate::fixture::post("/documents/d2/export", r#"{"format":"pdf"}"#);
    assert_eq!(fixture.send(missing).status(), 404);
    let outside = crate::fixture::post("/documents/..%2Fd1/export", r#"{"format":"pdf"}"#);
    assert_eq!(fixture.send(outside).status(), 404);
    let first = header(&response, "etag");
    std::fs::write(folder.path().join("d1.pdf"), "mine, longer").unwrap();
    assert_ne!(first, header(&fixture.get(&url), "etag"));
    std::fs::remove_file(folder.path().join("d1.pdf")).unwrap();
    assert_eq!(fixture.get(&url).status(), 404);
}
