//! Files over HTTP: ranges, tags, names, and the ways they come.

use std::time::Duration;

use export_sim::{Downloads, Framing};

use crate::world::{World, config, get, header, text, with, world};

fn ready(config: export_sim::Config) -> (World, String) {
    let mut world = world(config);
    let operation = world.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let url = world.resource(&operation);
    (world, url)
}

#[test]
fn a_range_is_that_part_of_the_file() {
    let (mut world, url) = ready(config().with_artifact_size(1000));
    let whole = world.get(&url);
    assert_eq!(whole.body().len(), 1000);
    assert_eq!(header(&whole, "accept-ranges"), "bytes");
    for (range, part) in [("bytes=0-9", 0..10), ("bytes=990-", 990..1000), ("bytes=-1", 999..1000)]
    {
        let answer = world.send(with(get(&url), "range", range));
        assert_eq!(answer.status(), 206, "{range}");
        assert_eq!(answer.body(), &whole.body()[part.clone()], "{range}");
        let expected = format!("bytes {}-{}/1000", part.start, part.end - 1);
        assert_eq!(header(&answer, "content-range"), expected);
        assert_eq!(header(&answer, "content-length"), part.len().to_string());
    }
    let beyond = world.send(with(get(&url), "range", "bytes=1000-"));
    assert_eq!((beyond.status().as_u16(), header(&beyond, "content-range")), (416, "bytes */1000"));
}

#[test]
fn if_range_gives_the_whole_file_once_the_tag_has_changed() {
    let (mut world, url) = ready(config().with_artifact_size(1000));
    let etag = header(&world.get(&url), "etag").to_owned();
    assert!(etag.starts_with('"'), "{etag}");
    let range = with(get(&url), "range", "bytes=500-");
    assert_eq!(world.send(with(range.clone(), "if-range", &etag)).status(), 206);
    assert_eq!(world.send(with(range.clone(), "if-range", "\"other\"")).status(), 200);
    let date = "Thu, 01 Jan 2026 12:00:00 GMT";
    assert_eq!(world.send(with(range, "if-range", date)).status(), 200);
}

#[test]
fn a_head_has_the_length_and_no_body() {
    let (mut world, url) = ready(config().with_artifact_size(1000));
    let mut request = get(&url);
    *request.method_mut() = http::Method::HEAD;
    let answer = world.send(request);
    assert_eq!((header(&answer, "content-length"), answer.body().len()), ("1000", 0));
}

#[test]
fn a_redirect_leads_to_a_url_that_refuses_credentials() {
    for status in [302, 303, 307] {
        let (mut world, url) = ready(config().with_downloads(Downloads::Redirect(status)));
        let redirect = world.get(&url);
        assert_eq!(redirect.status().as_u16(), status);
        let signed = header(&redirect, "location").to_owned();
        assert!(signed.starts_with("http://127.0.0.1:8081/artifacts/"), "{signed}");
        let refused = world.send(with(get(&signed), "authorization", "Bearer good"));
        assert_eq!(refused.status(), 400);
        assert!(text(&refused).contains("Only one auth mechanism allowed"));
        assert_eq!(world.get(&signed).status(), 200);
    }
}

#[test]
fn the_api_host_gives_no_file_without_a_token() {
    let (mut world, url) = ready(config());
    assert_eq!(world.send(crate::world::without(get(&url), "authorization")).status(), 401);
}

#[test]
fn a_signed_url_expires_and_the_next_poll_has_a_fresh_one() {
    let lifetime = Duration::from_secs(60);
    let signed = config().with_downloads(Downloads::Signed).with_signed_url_lifetime(lifetime);
    let mut world = world(signed);
    let operation = world.submit("/documents/d1/export", r#"{"format":"pdf"}"#);
    let first = world.resource(&operation);
    world.wait(59_999);
    assert_eq!(world.get(&first).status(), 200);
    world.wait(1);
    assert_eq!(world.get(&first).status(), 403);
    let fresh = world.resource(&operation);
    assert_eq!(world.get(&fresh).status(), 200);
}

#[test]
fn a_url_with_another_signature_or_expiry_opens_nothing() {
    let (mut world, url) = ready(config().with_downloads(Downloads::Signed));
    let (path, query) = url.split_once('?').unwrap();
    let expires: u64 =
        query.split('&').next().unwrap().strip_prefix("expires=").unwrap().parse().unwrap();
    let longer = url.replace(&expires.to_string(), &(expires + 1).to_string());
    for wrong in [path.to_owned(), longer, format!("{url}0"), url.replace("signature", "sig")] {
        assert_eq!(world.get(&wrong).status(), 403, "{wrong}");
    }
}

#[test]
fn without_a_length_there_is_none_in_the_head() {
    let (mut world, url) = ready(config().with_framing(Framing::Chunked));
    let answer = world.get(&url);
    assert!(answer.headers().get("content-length").is_none());
    assert!(!answer.body().is_empty());
}

#[test]
fn a_name_beyond_ascii_comes_in_both_forms() {
    let (mut world, url) = ready(config().with_file_name("Bericht für \"2026\""));
    let answer = world.get(&url);
    assert_eq!(
        header(&answer, "content-disposition"),
        "attachment; filename=\"Bericht f_r \\\"2026\\\".pdf\"; \
         filename*=UTF-8''Bericht%20f%C3%BCr%20%222026%22.pdf"
    );
}

#[test]
fn the_content_that_the_service_knows_is_the_content_it_serves() {
    for config in [config(), config().with_artifact_size(3_000_000)] {
        let (mut world, url) = ready(config);
        let served = world.get(&url);
        let export = &world.service.exports()[0];
        assert_eq!(export.content().to_bytes().unwrap(), served.body());
        assert_eq!(export.content().len(), served.body().len() as u64);
        assert_eq!(export.etag(), header(&served, "etag"));
    }
}

#[test]
fn files_of_a_folder_are_served_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("d1.pdf"), "mine").unwrap();
    let (mut world, url) = ready(config().with_files(folder.path()));
    let answer = world.get(&url);
    assert_eq!(
        (text(&answer).as_str(), header(&answer, "content-type")),
        ("mine", "application/pdf")
    );
    let missing = crate::world::post("/documents/d2/export", r#"{"format":"pdf"}"#);
    assert_eq!(world.send(missing).status(), 404);
    let outside = crate::world::post("/documents/..%2Fd1/export", r#"{"format":"pdf"}"#);
    assert_eq!(world.send(outside).status(), 404);
    let first = header(&answer, "etag");
    std::fs::write(folder.path().join("d1.pdf"), "mine, longer").unwrap();
    assert_ne!(first, header(&world.get(&url), "etag"));
    std::fs::remove_file(folder.path().join("d1.pdf")).unwrap();
    assert_eq!(world.get(&url).status(), 404);
}
