//! Which requests go wrong, and how scenarios are written.

use export_sim::{Endpoint, Fault, Nth, Role, Rule, Scenario, ScenarioError};
use serde_json::{Value, json};

use crate::world::{config, get, world};

#[test]
fn requests_are_chosen_by_number() {
    let hits = |nth: Value| {
        let rule = json!({"match": {"endpoint": "other", "nth": nth}, "then": {"fault": "status", "status": 500}});
        let scenario = Scenario::from_json(&json!({ "rules": [rule] }).to_string()).unwrap();
        let mut world = world(config().with_scenario(scenario));
        (1..=7).filter(|_| world.get("/nothing").status() == 500).collect::<Vec<_>>().len()
    };
    assert_eq!(hits(json!("every")), 7);
    assert_eq!(hits(json!(3)), 1);
    assert_eq!(hits(json!({"from": 2, "to": 5})), 4);
    assert_eq!(hits(json!({"from": 6})), 2);
    assert_eq!(hits(json!({"to": 3})), 3);
    assert_eq!(hits(json!({"every": 3})), 2);
}

#[test]
fn chance_depends_on_the_seed_and_on_the_rate() {
    let log = |seed, rate| {
        let mut world = world(config().with_scenario(Scenario::random(seed, rate)));
        for _ in 0..1000 {
            world.handle(get("/operations/none"));
        }
        let requests = world.service.requests();
        requests.iter().map(|it| it.faults().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(log(1, 0.2), log(1, 0.2));
    assert_ne!(log(1, 0.2), log(2, 0.2));
    let share = log(1, 0.2).iter().filter(|faults| !faults.is_empty()).count();
    assert!((160..240).contains(&share), "{share}");
    assert!(log(1, 0.0).iter().all(Vec::is_empty));
    assert!(log(1, 1.0).iter().all(|faults| !faults.is_empty()));
}

#[test]
fn a_scenario_that_makes_no_sense_says_where() {
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
        "99 is no final status",
    );
    check(
        &rule(&format!(
            r#"{{{submit}, "then": {{"fault": "status", "status": 500, "retry": 1}}}}"#
        )),
        "unknown field `retry`",
    );
    check(
        &rule(&format!(r#"{{{submit}, "then": {{"fault": "slow", "pause": "long"}}}}"#)),
        "is no duration",
    );
    check(
        &rule(r#"{"match": {"endpoint": "submit", "nth": 0}, "then": []}"#),
        "`0` names no requests",
    );
    check(&rule(r#"{"match": {"endpoint": "submits"}, "then": []}"#), "unknown variant `submits`");
}

#[test]
fn a_scenario_written_as_json_reads_back_the_same() {
    let scenario = Scenario::random(7, 0.5)
        .with_rule(Rule::new(Endpoint::Submit, Fault::status(503)).on(Nth::Between(2, 4)))
        .with_rule(
            Rule::new(Endpoint::Storage, Fault::RevokeToken)
                .and(Fault::ChangeArtifact)
                .per_operation()
                .with_service(Role::Idle),
        );
    let text = serde_json::to_string(&scenario).unwrap();
    assert_eq!(Scenario::from_json(&text).unwrap(), scenario);
}
