//! `wexport report`: what a batch did, from what is kept of it.

use export_sim::{Endpoint, Nth, Rule, Scenario};

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
    let bytes: usize = ["d1.pdf", "d2.pdf", "d3.pdf"]
        .into_iter()
        .filter(|name| world.names("").contains(&(*name).to_owned()))
        .map(|name| world.read(name).len())
        .sum();
    assert!(bytes > 0);

    // The night after it is compared with this one, and needs nothing more.
    world.done(&["batch", "list.csv", "-o", "{id}.{ext}", "-q"]);
    let text = world.done(&["report"]).out;
    assert!(text.contains("\nbefore: 3 exports: 2 done, 1 failed; "), "{text}");
    assert!(text.contains("\n3 exports: 3 done; "), "{text}");
    assert!(!text.contains("to go on"), "{text}");
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
