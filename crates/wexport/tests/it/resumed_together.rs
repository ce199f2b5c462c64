//! `jobs resume --failed`: which runs it resumes, and all of them at once.

use std::time::Duration;

use export_sim::{Endpoint, Fault, Moment, Nth, Rule, Scenario};
use serde_json::Value;

use crate::world::{World, quick};

const COUNT: u64 = 6;

fn ids(world: &World) -> Vec<String> {
    let listed = world.done(&["jobs", "list", "--failed"]).out;
    listed.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

fn tokens(world: &World) -> usize {
    world.requests().iter().filter(|line| line.contains("oauth2")).count()
}

/// Jobs and a batch that gave up at their first polls. Their downloads take a second each.
fn world_with_failures() -> World {
    let broken = Fault::status(503);
    let stall = Fault::Stall { at: Moment::Byte(10), time: Some(Duration::from_secs(1)) };
    let scenario = Scenario::default()
        .with_rule(Rule::new(Endpoint::Operation, broken).on(Nth::Between(1, COUNT + 2)))
        .with_rule(Rule::new(Endpoint::Download, stall));
    let world = World::with(quick().with_scenario(scenario));
    for number in 1..=COUNT {
        let (id, output) = (format!("d{number}"), format!("{number}.pdf"));
        let line = ["document", &id, "-f", "pdf", "-o", &output, "--retries", "0", "-q"];
        assert_eq!(world.run(&line).code, Some(75));
    }
    world.write("list.csv", "kind,id,format\ndocument,d7,pdf\ndocument,d8,pdf\n");
    let ran = world.run(&["batch", "list.csv", "-o", "{id}.pdf", "--retries", "0", "-q"]);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    world
}

/// The job or batch whose list has this text.
fn find(world: &World, text: &str) -> String {
    let listed = world.done(&["jobs", "list"]).out;
    let line = listed.lines().find(|line| line.contains(text)).unwrap();
    line.split(' ').next().unwrap().to_owned()
}

#[test]
fn failed_runs_are_resumed_side_by_side_with_one_token() {
    let world = world_with_failures();
    let tokens_before = tokens(&world);
    assert_eq!(ids(&world).len() as u64, COUNT + 1);
    let ran = world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(tokens(&world), tokens_before + 1);
    assert_eq!(world.submits() as u64, COUNT + 2);
    let requests = world.server.requests();
    let downloads = requests.iter().filter(|it| it.endpoint() == Endpoint::Download);
    let times: Vec<_> = downloads.map(|it| it.at()).collect();
    assert_eq!(times.len() as u64, COUNT + 2);
    // One after the other would take six seconds.
    let between = times.last().unwrap().since(times[0]);
    assert!(between < Duration::from_secs(3), "{between:?}");
    assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
    // Each line names its run.
    for number in 1..=COUNT {
        let id = find(&world, &format!("document d{number} as pdf"));
        let line = ran.err.lines().find(|line| line.starts_with(&format!("job {id}: done: ")));
        assert!(line.is_some(), "{}", ran.err);
        let shown = world.done(&["jobs", "show", &id]).out;
        assert!(shown.contains("done: ") && shown.contains("resuming document"), "{shown}");
    }
    let batch = find(&world, "list.csv");
    assert!(ran.err.contains(&format!("batch {batch}: done: ")), "{}", ran.err);
}

#[test]
fn an_event_before_a_run_is_resumed_names_it() {
    let world = world_with_failures();
    let line = ["jobs", "resume", "--failed", "--json", "--client-secret-file", "nowhere"];
    let ran = world.run(&line);
    assert_eq!((ran.code, ran.err.as_str()), (Some(7), ""), "{}", ran.out);
    let events = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut jobs: Vec<_> = events.map(|event| event["job"].as_str().map(String::from)).collect();
    jobs.sort();
    assert_eq!(jobs, ids(&world).into_iter().map(Some).collect::<Vec<_>>());
}

#[cfg(unix)]
#[test]
fn signal_stops_all_runs_that_are_resumed() {
    let world = world_with_failures();
    let downloads = |world: &World| {
        let requests = world.server.requests();
        requests.iter().filter(|it| it.endpoint() == Endpoint::Download).count()
    };
    let child = world.start_until(&["jobs", "resume", "--failed", "-q"], |it| downloads(it) >= 6);
    std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let ran = world.ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(143), "{}", ran.err);
    assert!(ran.err.contains("error: job "), "{}", ran.err);
    world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(world.submits() as u64, COUNT + 2);
    assert_eq!(world.done(&["jobs", "list", "--failed"]).out, "");
}

/// What the service refuses, how, and what is said of it.
const REFUSALS: [(Endpoint, &str, &str); 4] = [
    (Endpoint::Submit, r#"{"fault": "status", "status": 403}"#, "was refused with 403"),
    (Endpoint::Submit, r#"{"fault": "status", "status": 400}"#, "was refused with 400"),
    (Endpoint::Operation, r#"{"fault": "end_operation"}"#, "ended the export"),
    (Endpoint::Download, r#"{"fault": "status", "status": 400}"#, "was refused with 400"),
];

#[test]
fn refused_runs_are_listed_and_resumed_by_name() {
    for (endpoint, fault, reason) in REFUSALS {
        for is_batch in [false, true] {
            let fault: Fault = serde_json::from_str(fault).unwrap();
            let rule = Rule::new(endpoint, fault).on(Nth::Only(1));
            let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
            world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
            let single = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "-q"];
            let batch = ["batch", "list.csv", "-o", "a.pdf", "-q"];
            let ran = world.run(if is_batch { &batch } else { &single });
            assert!(matches!(ran.code, Some(3 | 4 | 5 | 8)), "{}", ran.err);
            let id = ids(&world).remove(0);
            let requests = world.requests();
            let ran = world.done(&["jobs", "resume", "--failed", "-q"]);
            assert_eq!(world.requests(), requests, "{reason}");
            assert!(ran.err.contains("not resumed: "), "{}", ran.err);
            assert!(ran.err.contains(&format!("wexport jobs resume {id}")), "{}", ran.err);
            assert!(is_batch || ran.err.contains(reason), "{}", ran.err);
            assert_eq!(ids(&world), [id.as_str()]);
            world.done(&["jobs", "resume", &id]);
            assert!(world.read("a.pdf") == world.exported());
            assert_eq!(ids(&world), [""; 0]);
        }
    }
}

/// The credentials were wrong for a night: what the token endpoint refused may succeed now.
#[test]
fn exports_without_a_token_are_resumed() {
    let rule = Rule::new(Endpoint::Token, Fault::status(403)).on(Nth::Between(1, 2));
    let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
    world.write("list.csv", "kind,id,format\ndocument,d1,pdf\n");
    for line in
        [&["document", "d2", "-f", "pdf", "-o", "d2.pdf", "-q"][..], &["batch", "list.csv", "-q"]]
    {
        let ran = world.run(line);
        assert_eq!(ran.code, Some(4), "{}", ran.err);
    }
    let ran = world.done(&["jobs", "resume", "--failed", "-q"]);
    assert_eq!(ran.err, "");
    assert_eq!(world.names(""), ["d1.pdf", "d2.pdf", "list.csv"]);
}

/// A second email must not be sent without being asked for.
#[test]
fn unconfirmed_email_is_not_sent_again_by_a_resume() {
    for line in [&["folder", "f1", "--email-on-complete", "-q"][..], &["batch", "list.csv", "-q"]] {
        let rule = Rule::new(Endpoint::Submit, Fault::status(500)).on(Nth::Only(1));
        let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
        world.write("list.csv", "kind,id,email-on-complete\nfolder,f1,yes\n");
        let ran = world.run(line);
        assert!(matches!(ran.code, Some(5 | 8)), "{}", ran.err);
        let id = ids(&world).remove(0);
        for resume in [&["jobs", "resume", "--failed", "-q"][..], &["jobs", "resume", &id, "-q"]] {
            world.run(resume);
            assert_eq!(world.submits(), 1, "{resume:?}");
        }
        world.done(&["jobs", "resume", &id, "--resubmit", "always"]);
        assert_eq!(world.submits(), 2);
    }
}
