//! The selection of faults, and the JSON format of scenarios.

use export_sim::{
    ConnectionFault, ConnectionRule, Downloads, Ending, Endpoint, Fault, Nth, Origin, RandomRule,
    Role, Rule, Scenario, ScenarioError,
};
use serde_json::{Value, json};

use crate::fixture::{config, fixture, get, header, post};

#[test]
fn nth_selects_requests_by_number() {
    let hits = |nth: Value| {
        let rule = json!({"match": {"endpoint": "other", "nth": nth}, "then": {"fault": "status", "status": 500}});
        let scenario = Scenario::from_json(&json!({ "rules": [rule] }).to_string()).unwrap();
        let mut fixture = fixture(config().with_scenario(scenario));
        (1..=7).filter(|_| fixture.get("/nothing").status() == 500).collect::<Vec<_>>().len()
    };
    assert_eq!(hits(json!("every")), 7);
    assert_eq!(hits(json!(3)), 1);
    assert_eq!(hits(json!({"from": 2, "to": 5})), 4);
    assert_eq!(hits(json!({"from": 6})), 2);
    assert_eq!(hits(json!({"to": 3})), 3);
    assert_eq!(hits(json!({"every": 3})), 2);
}

#[test]
fn random_faults_depend_on_seed_and_rate() {
    let log = |seed, rate| {
        let mut fixture = fixture(config().with_scenario(Scenario::random(seed, rate)));
        for _ in 0..1000 {
            fixture.handle(get("/operations/none"));
        }
        let requests = fixture.service.requests();
        requests.iter().map(|it| it.faults().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(log(1, 0.2), log(1, 0.2));
    assert_ne!(log(1, 0.2), log(2, 0.2));
    let share = log(1, 0.2).iter().filter(|faults| !faults.is_empty()).count();
    assert!((160..240).contains(&share), "{share}");
    assert!(log(1, 0.0).iter().all(Vec::is_empty));
    assert!(log(1, 1.0).iter().all(|faults| !faults.is_empty()));
}

/// Runs a client that retries on any failure, and returns the recorded requests.
fn run(scenario: &Scenario) -> Vec<String> {
    let config = config().with_downloads(Downloads::Redirect(302)).with_artifact_size(2_000);
    let mut fixture = fixture(config.with_scenario(scenario.clone()));
    let mut left = 60;
    let mut retry = |request: &dyn Fn() -> http::Request<bytes::Bytes>, until: &[u16]| loop {
        left -= 1;
        let received = fixture.handle(request()).deliver().unwrap();
        fixture.wait(1_000 + received.took().as_millis() as u64);
        let whole = received.ending() == Ending::Complete;
        match received.into_response() {
            Some(response) if whole && until.contains(&response.status().as_u16()) => {
                return response;
            }
            _ if left == 0 => return http::Response::default(),
            _ => {}
        }
    };
    let submit = || post("/documents/d1/export", r#"{"format":"pdf"}"#);
    let operation = header(&retry(&submit, &[202]), "location").to_owned();
    let polled = retry(&|| get(&operation), &[200]);
    let url = serde_json::from_slice::<Value>(polled.body()).unwrap_or_default();
    let url = url["resourceUrl"].as_str().unwrap_or("/nowhere").to_owned();
    let signed = header(&retry(&|| get(&url), &[302, 404]), "location").to_owned();
    let signed = if signed.is_empty() { "/nowhere".to_owned() } else { signed };
    retry(&|| get(&signed), &[200, 404]);
    let requests = fixture.service.requests();
    requests.iter().map(|request| format!("{request:?}")).collect()
}

#[test]
fn random_faults_are_reproducible() {
    let faults = Fault::examples();
    for seed in 0..50 {
        for faults in [Vec::new(), faults.clone()] {
            let random = |seed| {
                let faults = faults.clone();
                Scenario::default().with_random(RandomRule { seed, rate: 0.5, faults })
            };
            let first = run(&random(seed));
            assert_eq!(first, run(&random(seed)), "{seed}");
            // A scenario parsed from JSON behaves the same.
            let text = serde_json::to_string(&random(seed)).unwrap();
            assert_eq!(first, run(&Scenario::from_json(&text).unwrap()), "{seed}");
            assert_ne!(first, run(&random(seed + 1)), "{seed}");
        }
    }
}

#[test]
fn invalid_scenario_reports_the_reason() {
    let error =
        |text: &str| Scenario::from_json(text).map_err(|error: ScenarioError| error.to_string());
    let rule = |rule: &str| format!(r#"{{"rules": [{rule}]}}"#);
    let check = |text: &str, part: &str| {
        let message = error(text).unwrap_err();
        assert!(message.contains(part), "{message}");
    };
    check("{", "line 1");
    check(r#"{"rule": []}"#, "unknown field `rule`");
    let submit = r#""match": {"endpoint": "submit"}"#;
    check(
        &rule(&format!(r#"{{{submit}, "then": {{"fault": "explode"}}}}"#)),
        "unknown variant `explode`",
    );
    check(
        &rule(&format!(r#"{{{submit}, "then": {{"fault": "status", "status": 99}}}}"#)),
        "invalid status 99",
    );
    check(
        &rule(&format!(
            r#"{{{submit}, "then": {{"fault": "status", "status": 500, "retry": 1}}}}"#
        )),
        "unknown field `retry`",
    );
    check(
        &rule(&format!(r#"{{{submit}, "then": {{"fault": "slow", "pause": "long"}}}}"#)),
        "invalid duration `long`",
    );
    check(&rule(r#"{"match": {"endpoint": "submit", "nth": 0}, "then": []}"#), "invalid nth `0`");
    check(r#"{"connections": [{"origin": "moon", "then": "close"}]}"#, "unknown variant `moon`");
    check(r#"{"connections": [{"origin": "api", "then": "sing"}]}"#, "unknown variant `sing`");
    check(&rule(r#"{"match": {"endpoint": "submits"}, "then": []}"#), "unknown variant `submits`");
}

#[test]
fn babble_is_an_alias_of_garbage() {
    let scenario = |then: &str| {
        let text = json!({"connections": [{"origin": "api", "nth": 1, "then": then}]}).to_string();
        Scenario::from_json(&text).unwrap()
    };
    assert_eq!(scenario("babble"), scenario("garbage"));
}

#[test]
fn scenario_round_trips_through_json() {
    let scenario = Scenario::random(7, 0.5)
        .with_rule(Rule::new(Endpoint::Submit, Fault::status(503)).of("d1").on(Nth::Between(2, 4)))
        .with_rule(
            Rule::new(Endpoint::Storage, Fault::RevokeToken)
                .and(Fault::ChangeArtifact)
                .per_operation()
                .with_service(Role::Idle),
        )
        .with_connection(ConnectionRule {
            origin: Origin::Storage,
            nth: Nth::Only(2),
            then: ConnectionFault::Reset,
        });
    let text = serde_json::to_string(&scenario).unwrap();
    assert_eq!(Scenario::from_json(&text).unwrap(), scenario);
}
