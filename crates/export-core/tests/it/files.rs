//! Results with several files: lists, pages, and files in a response.

use std::sync::Arc;

use export_core::dialect::{Dialect, Follows, Head, OperationFacts, Reading, Repeat, ResultFile};
use export_core::{ApiError, Config, Error, ErrorOrigin, ExportJob, Phase};
use http::{Method, Request, Uri};
use insta::assert_snapshot;

use crate::harness::{Harness, Run, ScriptedReply, status};

/// A service whose responses are one word for each file: `/a`, `https://...`, `=inline text`, `!/c` for
/// one without a token. It polls by `POST`, and has the URL of a next page in a header.
#[derive(Debug)]
struct Words;

impl Dialect for Words {
    fn name(&self) -> &str {
        "words"
    }

    fn save(&self) -> String {
        String::new()
    }

    fn repeat(&self) -> Repeat {
        Repeat::SideEffect
    }

    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let method = match phase {
            Phase::Submit | Phase::Poll => Method::POST,
            Phase::Cancel => Method::DELETE,
            _ => Method::GET,
        };
        let url = target.map_or_else(|| "https://api.example.com/export".into(), Uri::to_string);
        Request::builder().method(method).uri(url).body(Vec::new()).unwrap()
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        let facts = OperationFacts::default();
        if let (Phase::Submit, Some(operation)) = (phase, head.text("location")) {
            return Reading::Accepted { operation: operation.into(), facts };
        }
        if head.text("content-type") == Some("text/here") {
            return Reading::ReadyHere;
        }
        let Some(body) = body else { return Reading::NeedBody };
        let words = std::str::from_utf8(body).unwrap().split_whitespace();
        let files = words.map(|word| match (word.strip_prefix('='), word.strip_prefix('!')) {
            (Some(text), _) => ResultFile::inline(text.as_bytes()).named(format!("{text}.txt")),
            (_, Some(url)) => ResultFile::at(url).without_token(),
            _ => ResultFile::at(word),
        });
        Reading::ReadyFiles { files: files.collect(), facts }
    }

    fn follows<'b>(&self, head: &Head<'b>) -> Follows<'b> {
        match head.text("next") {
            None => Follows::Nothing,
            Some("refuse") => Follows::Refuse("it is not a page"),
            Some(url) => Follows::Next(url.into()),
        }
    }

    fn can_cancel(&self) -> bool {
        true
    }

    fn error(&self, _head: &Head<'_>, body: &[u8]) -> ApiError {
        ApiError::new(ErrorOrigin::Service).with_message(std::str::from_utf8(body).ok())
    }

    fn file_name(&self) -> String {
        "part.txt".into()
    }
}

fn config() -> Config {
    Config::new("https://api.example.com").unwrap()
}

fn job() -> ExportJob {
    ExportJob::with_dialect(Arc::new(Words), &config())
}

fn accepted() -> ScriptedReply {
    status(202).header("location", "/operations/1")
}

fn files(words: &str) -> ScriptedReply {
    status(200).body(words)
}

fn file(text: &str) -> ScriptedReply {
    let length = text.len().to_string();
    status(200).header("content-length", &length).header("etag", "\"1\"").body(text)
}

fn page(text: &str, next: &str) -> ScriptedReply {
    file(text).header("next", next)
}

/// The rest of a file from an offset on.
fn rest(text: &str, offset: usize) -> ScriptedReply {
    let range = format!("bytes {offset}-{}/{}", text.len() - 1, text.len());
    status(206)
        .header("content-range", &range)
        .header("etag", "\"1\"")
        .body(&text.as_bytes()[offset..])
}

fn run(replies: Vec<ScriptedReply>) -> Run {
    Harness::new(replies).run(job())
}

fn contents(run: &Run) -> Vec<(&str, &str)> {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    run.files.iter().map(|(name, bytes)| (name.as_str(), text(bytes))).collect()
}

#[test]
fn files_are_fetched_one_after_the_other() {
    let run = run(vec![
        accepted(),
        files("=first /b https://store.example/c !/d"),
        file("second"),
        file("third"),
        file("fourth"),
    ]);
    assert_snapshot!(run.log);
    assert_eq!(
        contents(&run),
        [
            ("first.txt", "first"),
            ("part-2.txt", "second"),
            ("part-3.txt", "third"),
            ("part-4.txt", "fourth")
        ]
    );
    // Polled by POST, and a token for nobody who must not have it.
    let tokens: Vec<_> = run.sent.iter().map(|sent| sent.header("authorization")).collect();
    assert_eq!(tokens, ["Bearer token0", "Bearer token0", "Bearer token0", "", ""]);
    assert_eq!(run.sent[1].method, Method::POST);
}

#[test]
fn pages_follow_each_other() {
    let run = run(vec![
        accepted(),
        files("/a /b"),
        page("one", "/a?page=2"),
        page("two", "?page=3"),
        file("three"),
        file("b"),
    ]);
    assert_snapshot!(run.log);
    assert_eq!(
        contents(&run),
        [("part.txt", "one"), ("part-2.txt", "two"), ("part-3.txt", "three"), ("part-4.txt", "b")]
    );
}

#[test]
fn page_that_broke_off_continues_with_its_follower() {
    let run = run(vec![
        accepted(),
        files("/a"),
        page("the first page", "/a?page=2").cut_at(9),
        rest("the first page", 9),
        file("two"),
    ]);
    assert_eq!(contents(&run), [("part.txt", "the first page"), ("part-2.txt", "two")]);
    assert_eq!(run.sent[3].header("range"), "bytes=9-", "{}", run.log);
}

/// The URL of a page at another origin may have expired: a fresh one comes only with the page before.
#[test]
fn expired_page_starts_its_file_again() {
    let refused = || status(403).body("expired");
    let script = vec![
        accepted(),
        files("/a /b"),
        page("one", "https://store.example/a?page=2&signature=x"),
        refused(),
        files("/a /b"),
        page("one", "https://store.example/a?page=2&signature=y"),
        file("two"),
        file("b"),
    ];
    let run = run(script);
    assert_eq!(contents(&run), [("part.txt", "one"), ("part-2.txt", "two"), ("part-3.txt", "b")]);
    assert_eq!(run.sent[5].uri.path(), "/a", "{}", run.log);
}

#[test]
fn response_to_a_poll_may_be_the_first_page() {
    let here = page("one", "/a?page=2").header("content-type", "text/here");
    let run = run(vec![accepted(), here, file("two")]);
    assert_eq!(contents(&run), [("part.txt", "one"), ("part-2.txt", "two")]);
}

#[test]
fn response_to_a_submit_may_be_the_result() {
    let run = run(vec![files("=all /b"), file("second")]);
    assert_eq!(contents(&run), [("all.txt", "all"), ("part-2.txt", "second")]);
    assert_eq!(run.outcome.unwrap().operation(), "https://api.example.com/export");
}

#[test]
fn answer_that_is_no_page_is_refused() {
    let refused = run(vec![accepted(), files("/a"), page("something else", "refuse")]);
    let error = refused.outcome.unwrap_err();
    assert!(error.to_string().ends_with("it is not a page"), "{error}");
    assert!(refused.sink.len() < 8, "it was looked at before it was written");
    // A gateway's page is retried.
    let login = status(200).header("next", "refuse").body("<!doctype html> log in");
    let run = run(vec![accepted(), files("/a"), login, file("one")]);
    assert_eq!(contents(&run), [("part.txt", "one")]);
}

#[test]
fn url_of_any_file_is_judged_before_the_first_download() {
    for wrong in ["http://store.example/c", "file:///etc/passwd", "https://a@b/"] {
        let run = run(vec![accepted(), files(&format!("/a {wrong}"))]);
        let is_untrusted = matches!(run.outcome, Err(Error::UntrustedUrl { .. }));
        assert!(is_untrusted && run.sent.len() == 2, "{wrong}: {}", run.log);
    }
}

#[test]
fn result_without_files_is_an_error() {
    let error = run(vec![accepted(), files("")]).outcome.unwrap_err();
    assert!(error.to_string().contains("lists no file"), "{error}");
}

/// Resumes from the checkpoint after each step, and gets the same files.
#[test]
fn resume_after_any_step_gets_the_same_files() {
    let service = |url: &str| match url.trim_start_matches("https://") {
        "api.example.com/export" => accepted(),
        "api.example.com/operations/1" => files("=first /b /c"),
        "api.example.com/b" => page("b, page one", "/b?page=2"),
        "api.example.com/b?page=2" => {
            page("b, page two", "https://store.example/b?page=3&signature=x")
        }
        "store.example/b?page=3&signature=x" => file("b, page three"),
        "api.example.com/c" => file("c"),
        other => panic!("{other}"),
    };
    let harness = || {
        let mut harness = Harness::new([]);
        harness.by_url = Some(service);
        harness
    };
    let expected = harness().run(job()).files;
    assert_eq!(expected.len(), 5);
    let mut steps = 0;
    loop {
        steps += 1;
        let (mut harness, mut first) = (harness(), job());
        if (0..steps).any(|_| harness.drive_once(&mut first).is_some()) {
            break;
        }
        let (_, saved) = harness.stored.clone().unwrap();
        let text = serde_json::to_string(&saved).unwrap();
        assert!(!text.contains("signature"), "{text}");
        if saved.operation().is_none() {
            continue;
        }
        let saved = serde_json::from_str(&text).unwrap();
        let second = ExportJob::resume_with(Arc::new(Words), &saved, &config()).unwrap();
        assert_eq!(harness.run(second).files, expected, "stopped after {steps} steps");
    }
    assert!(steps > 12, "{steps} steps");
}

#[test]
fn cancelled_export_ends_at_the_service() {
    for (replies, requests) in
        [(vec![], 0), (vec![accepted()], 1), (vec![accepted(), files("/a /b"), file("one")], 3)]
    {
        let mut harness = Harness::new(replies);
        let mut job = job();
        while harness.sent.len() < requests {
            assert!(harness.drive_once(&mut job).is_none());
        }
        job.cancel();
        harness.restart(vec![status(503), status(204)]);
        let run = harness.run(job);
        assert!(matches!(run.outcome, Err(Error::Cancelled)), "{}", run.log);
        let cancels = run.sent.iter().filter(|sent| sent.method == Method::DELETE).count();
        assert_eq!(cancels, if requests == 0 { 0 } else { 2 }, "{}", run.log);
    }
}

#[test]
fn cancel_goes_on_after_a_resume() {
    let mut harness = Harness::new([accepted()]);
    let mut first = job();
    while harness.sent.is_empty() {
        harness.drive_once(&mut first);
    }
    first.cancel();
    let saved = first.checkpoint();
    let second = ExportJob::resume_with(Arc::new(Words), &saved, &config()).unwrap();
    harness.restart(vec![status(404)]);
    let run = harness.run(second);
    assert!(matches!(run.outcome, Err(Error::Cancelled)), "{}", run.log);
}
