//! The variables that configure a store.

use test_servers::{Action, Server, json};

use super::{line, world};
use crate::moto::moto;
use crate::world::quick;

#[test]
fn invalid_variables_are_refused_before_an_export() {
    let mut world = world(quick(), moto().address);
    let bucket = moto().bucket();
    world
        .write("list.csv", format!("kind,id,format,output\ndocument,d1,pdf,s3://{bucket}/a.pdf\n"));
    world.write("token", "a-token\n");
    let url = format!("s3://{bucket}/a.pdf");
    for (name, value, reason) in [
        ("AWS_ACCESS_KEY_ID", "an-aws\nkey", "contains a line break"),
        ("AWS_SECRET_ACCESS_KEY", "\"an-aws-secret\"", "it is in quotes"),
        ("AWS_SESSION_TOKEN", "an-aws\rtoken", "contains a line break"),
        ("AWS_REGION", "us east", "expected the name of a region"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:9000", "expected a URL such as https://"),
    ] {
        for command in [line(&url, &[]), vec!["batch", "list.csv"]] {
            let ran = world.run_with(&[(name, value)], &command);
            assert_eq!(ran.code, Some(2), "{}", ran.err);
            for expected in [name, reason] {
                assert!(ran.err.contains(expected), "{}", ran.err);
            }
            assert!(!ran.err.contains("an-aws"), "{}", ran.err);
        }
    }
    let pair = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    for (missing, set) in [(pair[0], pair[1]), (pair[1], pair[0])] {
        let ran = world.run_with(&[(missing, "")], &line(&url, &[]));
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(&format!("{set} is set, but not {missing}")), "{}", ran.err);
        assert!(!ran.err.contains("Generic"), "{}", ran.err);
    }
    for name in pair {
        world.set(name, "");
    }
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1");
    let name = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    world.set(name, "token");
    let ran = world.run(&line(&url, &[]));
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    for expected in [name, "the token in token contains a line break"] {
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
    assert_eq!(world.requests(), [""; 0]);
}

#[test]
fn variables_may_end_in_a_line_break() {
    let mut world = world(quick(), moto().address);
    let bucket = moto().bucket();
    world.set("AWS_ACCESS_KEY_ID", "an-aws-key\n");
    world.set("AWS_REGION", "us-east-1\r");
    world.set("AWS_SESSION_TOKEN", "a-token\r\n");
    world.done(&line(&format!("s3://{bucket}/a.pdf"), &[]));
    assert_eq!(moto().keys(&bucket), ["a.pdf"]);
}

/// The credentials of a machine are not known before the upload.
#[test]
fn a_panic_of_the_client_fails_only_its_export() {
    let mut world = world(quick(), moto().address);
    let credentials = r#"{"AccessKeyId": "an-aws-key", "SecretAccessKey": "an-aws-secret",
        "Token": "a\ntoken", "Expiration": "2099-01-01T00:00:00Z"}"#;
    let credentials = Server::start(|_, _| Action::Send(json("200 OK", &[], credentials)));
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        world.set(name, "");
    }
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/", credentials.url()));
    world.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token");
    world.write("token", "a-container-token");
    world.write(
        "list.csv",
        "kind,id,format,output\ndocument,d1,pdf,in/{id}.{ext}\ndocument,d2,pdf,s3://b/a.pdf\n\
         document,d3,pdf,in/{id}.{ext}\n",
    );
    let ran = world.run(&["batch", "list.csv"]);
    assert_eq!(ran.code, Some(8), "{}", ran.err);
    assert_eq!(world.names("in"), ["d1.pdf", "d3.pdf"]);
    let ran = world.run(&line("s3://b/a.pdf", &[]));
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("the request could not be made"), "{}", ran.err);
}
