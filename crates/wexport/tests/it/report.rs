//! `wexport report`: what a batch did, from what is kept of it.

use std::fs;
use std::time::Duration;

use export_sim::{Endpoint, Nth, Rule, Scenario};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::world::{World, quick};

const EVIL: &str = "<script>alert(1)</script> & \"two\" | `x`";

/// A world after a batch of three exports, of which one failed.
fn nights() -> (World, String) {
    let failed = format!(
        r#"{{"fault": "end_operation", "code": "TooLarge", "message": {}}}"#,
        serde_json::to_string(EVIL).unwrap()
    );
    let throttled = serde_json::from_str(r#"{"fault": "status", "status": 429}"#).unwrap();
    let scenario = Scenario::default()
        .with_rule(
            Rule::new(Endpoint::Operation, serde_json::from_str(&failed).unwrap()).on(Nth::Only(3)),
        )
        .with_rule(Rule::new(Endpoint::Submit, throttled).on(Nth::Only(2)));
    let world = World::with(quick().with_scenario(scenario));
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\ndocument,d3,pdf\n");
    let line = ["batch", "list.csv", "-o", "{id}.{ext}", "--max-in-flight", "1", "-q"];
    let ran = world.run(&line);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    let id = world.done(&["jobs", "list"]).out.split(' ').next().unwrap().to_owned();
    (world, id)
}

#[test]
fn report_tells_counts_reasons_and_how_to_go_on() {
    let (world, id) = nights();
    let text = world.done(&["report"]).out;
    for part in [
        &format!("batch {id} of list.csv: failed\n"),
        "3 exports: 2 done, 1 failed; ",
        "requests, 1 of them throttled (429)\n",
        "\nfailures:\n  1 export: ",
        &format!("(TooLarge: {EVIL})"),
        "\nslowest:\n  row ",
        &format!("\nto go on: wexport jobs resume {id}\n"),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text, world.done(&["report", "--last"]).out);
    assert_eq!(text, world.done(&["report", &id]).out);
    // The night after it is compared with this one, and needs nothing more. The one after that is
    // compared with the last night of the same list.
    let night = || {
        world.done(&["batch", "list.csv", "-o", "{id}.{ext}", "-q"]);
        let text = world.done(&["report"]).out;
        assert!(text.contains("\n3 exports: 3 done; "), "{text}");
        assert!(!text.contains("to go on"), "{text}");
        text
    };
    let text = night();
    assert!(text.contains("\nbefore: 3 exports: 2 done, 1 failed; "), "{text}");
    world.write("other.csv", "kind,id,format\ndocument,d1,pdf\n");
    world.done(&["batch", "other.csv", "-o", "other/{id}.{ext}", "-q"]);
    let text = world.done(&["report"]).out;
    assert!(!text.contains("\nbefore: "), "{text}");
    let text = night();
    assert!(text.contains("\nbefore: 3 exports: 3 done; "), "{text}");
}

#[test]
fn markdown_and_page_escape_texts_of_the_service() {
    let (world, id) = nights();
    let text = world.done(&["report", "--md"]).out;
    let escaped = r#"\<script\>alert(1)\</script\> \& "two" \| \`x\`"#;
    assert!(text.contains(escaped), "{text}");
    assert!(text.starts_with(&format!("## batch {id} of list.csv: failed\n")), "{text}");

    world.done(&["report", "--html", "night.html"]);
    let page = String::from_utf8(world.read("night.html")).unwrap();
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;two&quot; | `x`";
    assert!(page.contains(escaped), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    // A row has its reason, so that a search finds it.
    assert_eq!(page.matches(&format!("(TooLarge: {escaped})")).count(), 2, "{page}");
    // One file without outside resources.
    for word in ["http://", "https://", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(page.contains("prefers-color-scheme: dark"));
    for row in ["2", "3", "4"] {
        assert!(page.contains(&format!("<tr><td class=\"number\">{row}</td>")), "{row}");
    }
    for phase in ["submitted", "waiting", "throttled"] {
        assert!(page.contains(&format!("<i class=\"{phase}\" style=")), "{phase}");
    }
    let ran = world.run(&["report", "--html", "nowhere/night.html"]);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("cannot write the report to nowhere/night.html"), "{}", ran.err);
}

#[test]
fn report_of_a_job_or_of_nothing() {
    let world = World::new();
    let ran = world.run(&["report"]);
    assert_eq!((ran.code, ran.err.lines().next()), (Some(1), Some("error: there is no batch")));
    world.done(&["document", "d1", "-o", "d1.pdf", "-q"]);
    let id = world.done(&["jobs", "list"]).out.split(' ').next().unwrap().to_owned();
    let text = world.done(&["report", &id]).out;
    assert!(text.starts_with(&format!("job {id}: done\n")), "{text}");
    assert!(text.contains("1 export: 1 done; "), "{text}");
    assert_eq!(world.run(&["report", "nothing"]).code, Some(1));
    assert_eq!(world.run(&["report", &id, "--last"]).code, Some(2));
}

/// Replaces the log of the last batch, whose first event stays, by these events: each with its time in
/// seconds after the first one, and its row.
fn replace_log(world: &World, id: &str, events: &[(f64, u64, Value)]) {
    let file = world.home().join(".local/state/wexport/batches").join(id).join("events.ndjson");
    let text = fs::read_to_string(&file).unwrap();
    let log: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first: Timestamp = log[0]["at"].as_str().unwrap().parse().unwrap();
    let mut lines = text.lines().next().unwrap().to_owned();
    for (seconds, row, event) in events {
        let mut record = json!({ "v": 1, "row": row });
        // The error of a row is as it was.
        let found =
            log.iter().find(|record| record["row"] == *row && record["event"] == event["event"]);
        let members = found.filter(|_| event["event"] == "error").unwrap_or(event);
        record.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let at = first + SignedDuration::from_secs_f64(*seconds);
        record["at"] = format!("{at:.3}").into();
        lines.push_str(&format!("\n{record}"));
    }
    fs::write(file, lines + "\n").unwrap();
}

/// A batch with throttling, failures of two kinds, a skipped file, and a kill with a pause of an hour.
#[test]
fn times_and_counts_are_those_of_the_log() {
    let fails = |code: &str, nth| {
        let fault = json!({ "fault": "end_operation", "code": code, "message": "No." });
        Rule::new(Endpoint::Operation, serde_json::from_value(fault).unwrap()).on(nth)
    };
    let scenario = Scenario::default()
        .with_rule(fails("Closed", Nth::Only(1)))
        .with_rule(fails("TooLarge", Nth::Between(5, 6)));
    let world = World::with(quick().with_scenario(scenario));
    let rows: String = (1..=7).map(|row| format!("document,d{row},pdf\n")).collect();
    world.write("list.csv", format!("kind,id,format\n{rows}"));
    world.write("d7.pdf", "");
    let line = ["batch", "list.csv", "-o", "{id}.{ext}", "--if-exists", "skip"];
    let ran = world.run(&[&line[..], &["--max-in-flight", "1", "-q"]].concat());
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    let id = world.done(&["jobs", "list"]).out.split(' ').next().unwrap().to_owned();

    let sending = || json!({ "event": "sending", "phase": "submit", "method": "POST", "url": "u" });
    let response =
        |status: u16| json!({ "event": "response", "phase": "submit", "status": status });
    let waits = |seconds: f64| json!({ "event": "waiting", "seconds": seconds, "until": "2026-11-30T00:00:00Z", "reason": "retry_after" });
    let accepted = || json!({ "event": "accepted", "operation": "o" });
    let downloading = || json!({ "event": "downloading", "offset": 0 });
    let done = || json!({ "event": "done", "file": "f", "bytes": 1 << 20 });
    let resumed = || {
        json!({ "event": "started", "subject": { "kind": "document", "id": "d" }, "api_version": "",
            "base_url": "", "resumed": true })
    };
    let error = || json!({ "event": "error" });
    let mut events = vec![
        (1.0, 3, sending()),
        (2.0, 3, accepted()),
        (2.0, 4, sending()),
        (3.0, 4, response(429)),
        (3.0, 4, waits(5.0)),
        (3.0, 5, sending()),
        (4.0, 5, accepted()),
        (5.0, 6, sending()),
        (6.0, 6, accepted()),
        (8.0, 4, sending()),
        (8.5, 4, response(202)),
        (9.0, 4, accepted()),
        // A wait for the operation.
        (9.0, 4, waits(7.0)),
        (10.0, 3, downloading()),
        (12.0, 3, done()),
        (19.0, 4, downloading()),
        (20.0, 4, done()),
        (1830.0, 2, sending()),
        (1831.0, 2, accepted()),
        (1832.0, 7, sending()),
        (1833.0, 7, accepted()),
        (1836.0, 2, error()),
        (1836.0, 7, error()),
    ];
    events.extend(
        (0..22).map(|n| (1900.0, 5, json!({ "event": "warning", "message": format!("w{n}!") }))),
    );
    // Row 6 is killed; a signal stops row 5.
    events.extend([
        (2000.0, 5, json!({ "event": "interrupted", "exit_code": 143 })),
        (5600.0, 5, resumed()),
        (5600.0, 6, resumed()),
        (5601.0, 5, sending()),
        (5601.0, 6, sending()),
        (5602.0, 5, downloading()),
        (5605.0, 6, error()),
        (5610.0, 5, done()),
    ]);
    replace_log(&world, &id, &events);

    let text = world.done(&["report"]).out;
    let markdown = world.done(&["report", "--md", "--html", "night.html"]).out;
    insta::assert_snapshot!(world.masked(&format!("{text}\n{markdown}")));
    let page = String::from_utf8(world.read("night.html")).unwrap();
    for part in [
        // The bar of row 2 begins after 1830 of 5610 seconds.
        "<div class=\"bar\" title=\"submitted 1.0 s, waiting 5.0 s\"><i style=\"width:32.6",
        "<td class=\"number\" data-key=\"18000\">18.0 s</td>",
        "<td class=\"number\" data-key=\"1048576\">1.0 MiB</td>",
        "/d3.pdf</small>",
        "<td>skipped</td>",
        "<h2>Failures by reason</h2>",
        "<td>rows 6, 7</td>",
        "<h2>Warnings</h2>\n<p>row 5: w0!</p>\n",
        &format!(
            "<p>To go on: <code>wexport jobs resume {id}</code></p>\n<p class=\"faint\">3 of them would"
        ),
        "<rect class=\"bad\"",
        "<rect class=\"done\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("The same list before"), "{page}");

    // The next night has a column of the times of this one.
    world.done(&[&line[..], &["-q"]].concat());
    world.done(&["report", "--html", "night.html"]);
    let page = String::from_utf8(world.read("night.html")).unwrap();
    for part in ["<h2>The same list before</h2>", "data-key=\"18000\">18.0 s</td>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let markdown = world.done(&["report", "--md"]).out;
    assert!(markdown.contains("\nBefore ("), "{markdown}");
}

#[test]
fn report_names_some_of_many_rows() {
    let fault = json!({ "fault": "end_operation", "code": "TooLarge", "message": "No." });
    let rule = Rule::new(Endpoint::Operation, serde_json::from_value(fault).unwrap());
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
    let rows: String = (1..=22).map(|row| format!("document,d{row},pdf\n")).collect();
    world.write("list.csv", format!("kind,id,format\n{rows}"));
    world.run(&["batch", "list.csv", "-o", "{id}.{ext}", "-q"]);
    let text = world.done(&["report"]).out;
    assert!(text.contains("\n  22 exports: ") && text.contains(", 21 and 2 more\n"), "{text}");
}

#[test]
fn batch_that_was_killed_is_to_be_resumed() {
    let world = World::with(quick().with_complete_after(Duration::from_secs(3600)));
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\n");
    let line = ["batch", "list.csv", "-o", "{id}.{ext}", "--max-in-flight", "1"];
    let mut child = world.start_until(&line, |world| world.submits() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let text = world.done(&["report"]).out;
    assert!(text.contains("\n2 exports: 1 waiting, "), "{text}");
    assert!(text.contains("\nto go on: wexport jobs resume "), "{text}");
    let id = world.done(&["jobs", "list"]).out.split(' ').next().unwrap().to_owned();
    let ran = world.run(&["report", &format!("{id}/2")]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains(&format!("wexport report {id}")), "{}", ran.err);
}
