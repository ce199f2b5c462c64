//! No secret and no token is printed or stored.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use export_sim::{BodyKind, Endpoint, Fault, Nth, Rule, Scenario};
use http::StatusCode;

use crate::world::{Ran, World, quick};

/// All files below a folder, with their names.
fn all_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// Checks that no secret that was sent is in the output of a run, or in the files that it left.
fn assert_no_secrets(world: &World, ran: &Ran, context: &str) {
    let mut secrets = vec!["a-secret".to_owned(), "a-token".to_owned()];
    for request in world.server.requests() {
        if let Some(value) = request.header("authorization") {
            secrets.push(value.rsplit(' ').next().unwrap().to_owned());
        }
    }
    let mut places = all_files(&world.work());
    places.extend(all_files(&world.home()));
    places.push(("standard output".into(), ran.out.clone().into()));
    places.push(("standard error".into(), ran.err.clone().into()));
    assert!(places.iter().any(|(name, _)| name.ends_with("events.ndjson")), "{context}");
    for (place, bytes) in places {
        for secret in &secrets {
            assert!(!contains(&bytes, secret), "{context}: {secret} is in {place}");
        }
    }
}

const DISPLAYS: [&[&str]; 3] = [&[], &["--quiet"], &["--json"]];

#[test]
fn successful_export_leaves_no_secret() {
    for display in DISPLAYS {
        for place in [&["-o", "a.pdf", "--receipt"][..], &["-o", "-"]] {
            let unavailable = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
            let scenario = Scenario::default().with_rule(unavailable);
            let world = World::with(quick().with_scenario(scenario));
            let ran = world.done(&[&["document", "d1", "-f", "pdf"], place, display].concat());
            let requests = world.server.requests();
            assert!(requests.iter().any(|request| request.header("authorization").is_some()));
            assert_no_secrets(&world, &ran, &format!("{display:?} {place:?}"));
            let job = world.done(&["jobs", "list"]).out;
            let id = job.split(' ').next().unwrap();
            assert_no_secrets(&world, &world.done(&["jobs", "show", id]), "jobs show");
            assert_no_secrets(
                &world,
                &world.done(&["jobs", "show", id, "--json"]),
                "jobs show --json",
            );
        }
    }
}

#[test]
fn failed_export_leaves_no_secret() {
    for display in DISPLAYS {
        for (endpoint, status) in [
            (Endpoint::Token, 401),
            (Endpoint::Submit, 403),
            (Endpoint::Operation, 401),
            (Endpoint::Operation, 503),
            (Endpoint::Download, 500),
        ] {
            let rule = Rule::new(endpoint, Fault::status(status));
            let world = World::with(quick().with_scenario(Scenario::default().with_rule(rule)));
            let line = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--retries", "1"];
            let ran = world.run(&[&line[..], display].concat());
            assert_ne!(ran.code, Some(0));
            assert_no_secrets(&world, &ran, &format!("{display:?} {endpoint:?} {status}"));
        }
    }
}

#[test]
fn export_with_a_fixed_token_leaves_no_secret() {
    for display in DISPLAYS {
        let world = World::new();
        let variables = [("WORKIVA_CLIENT_SECRET", ""), ("WORKIVA_TOKEN", "a-token")];
        let line = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--receipt"];
        let ran = world.run_with(&variables, &[&line[..], display].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert_no_secrets(&world, &ran, &format!("{display:?}"));
        let refused = world.run_with(
            &[variables[0], ("WORKIVA_TOKEN", "a-token-too-many")],
            &[&line[..], display].concat(),
        );
        assert_eq!(refused.code, Some(4), "{}", refused.err);
        assert_no_secrets(&world, &refused, &format!("refused {display:?}"));
    }
}

#[test]
fn batch_leaves_no_secret() {
    for display in DISPLAYS {
        let refused = Rule::new(Endpoint::Submit, Fault::status(403)).on(Nth::Only(2));
        let scenario = Scenario::default().with_rule(refused);
        let world = World::with(quick().with_scenario(scenario));
        world.write(
            "list.csv",
            "kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\ndocument,d3,pdf\n",
        );
        let line = ["batch", "list.csv", "-o", "{id}.{ext}", "--results", "results.jsonl"];
        let ran = world.run(&[&line[..], display].concat());
        assert_eq!(ran.code, Some(8), "{}", ran.err);
        assert_no_secrets(&world, &ran, &format!("{display:?}"));
        let listed = world.done(&["jobs", "list"]).out;
        let id = listed.split(' ').next().unwrap();
        for words in [&["jobs", "show", id][..], &["jobs", "show", id, "--json"]] {
            assert_no_secrets(&world, &world.done(words), &format!("{words:?}"));
        }
    }
}

/// The service repeats what it was sent, in every text that is shown or stored.
#[test]
fn repeated_secrets_are_masked() {
    let error = |sent: &str| {
        format!(r#"{{"error":"{sent}","message":"no {sent}","details":[{{"message":"{sent}"}}]}}"#)
    };
    let refused = |status: u16, sent: &str| Fault::Status {
        status: StatusCode::from_u16(status).unwrap(),
        retry_after: None,
        body: BodyKind::Text(error(sent)),
    };
    let failed =
        r#"{"status":"failed","originalRequest":"a-token","details":[{"message":"a-token"}]}"#;
    for display in DISPLAYS {
        for (endpoint, fault) in [
            (Endpoint::Token, refused(401, "a-secret")),
            (Endpoint::Submit, refused(400, "a-token")),
            (Endpoint::Submit, refused(401, "a-token")),
            (Endpoint::Operation, Fault::Body { body: BodyKind::Text(failed.into()) }),
            (Endpoint::Download, refused(409, "a-token")),
        ] {
            let echoed = format!("{display:?} {endpoint:?}");
            let headers = BTreeMap::from([("x-request-id".to_owned(), "a-token".to_owned())]);
            let headers = Fault::Headers { set: headers, remove: Vec::new() };
            let scenario = Scenario::default()
                .with_rule(Rule::new(endpoint, fault))
                .with_rule(Rule::new(Endpoint::Submit, headers));
            let world = World::with(quick().with_scenario(scenario));
            let with_token = [("WORKIVA_TOKEN", "a-token"), ("WORKIVA_CLIENT_SECRET", "")];
            let variables = if endpoint == Endpoint::Token { &[][..] } else { &with_token };
            let line = ["document", "d1", "-f", "pdf", "-o", "a.pdf", "--retries", "1"];
            let ran = world.run_with(variables, &[&line[..], display].concat());
            assert_ne!(ran.code, Some(0), "{echoed}");
            assert!(ran.out.contains("***") || ran.err.contains("***"), "{echoed}: {ran:?}");
            assert_no_secrets(&world, &ran, &echoed);
        }
    }
}

/// A proxy may have turned the secret into another form.
#[test]
fn encoded_secrets_are_masked() {
    let secret = "s+cret key";
    for echoed in [
        "s+cret key",
        "s%2Bcret%20key",
        "s%2bcret+key",
        "Basic YW4taWQ6cytjcmV0IGtleQ==",
        "YW4taWQ6cytjcmV0IGtleQ",
        "Basic YW4taWQ6cyUyQmNyZXQlMjBrZXk=",
    ] {
        let body = format!(r#"{{"error":"invalid_client","error_description":"no {echoed}"}}"#);
        let (status, body) = (StatusCode::UNAUTHORIZED, BodyKind::Text(body));
        let fault = Fault::Status { status, retry_after: None, body };
        let scenario = Scenario::default().with_rule(Rule::new(Endpoint::Token, fault));
        let world = World::with(quick().with_scenario(scenario));
        let line = ["document", "d1", "-f", "pdf", "-o", "a.pdf"];
        let ran = world.run_with(&[("WORKIVA_CLIENT_SECRET", secret)], &line);
        assert_eq!(ran.code, Some(4), "{}", ran.err);
        assert!(ran.err.contains("no ***") || ran.err.contains("no Basic ***"), "{}", ran.err);
        let shown = echoed.trim_start_matches("Basic ").trim_end_matches('=');
        let mut places = all_files(&world.home());
        places.extend([("out".into(), ran.out.into()), ("err".into(), ran.err.into())]);
        assert!(places.iter().all(|(_, bytes)| !contains(bytes, shown)), "{echoed}");
    }
}
