//! Errors, signatures, secrets and trust of the requests to a store.

use super::{large, line, state, world};
use crate::moto::{Moto, elements, moto};
use crate::relay::{Action, Relay};
use crate::world::{World, quick};

#[test]
fn errors_of_a_store_are_explained() {
    let mut world = world(quick(), moto().address);
    let bucket = moto().bucket();
    let ran = world.run(&line(&format!("s3://{bucket}-missing/a.pdf"), &[]));
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    insta::assert_snapshot!(masked(&world, &ran.err, &bucket));
    moto().request("PUT", &format!("/{bucket}-missing"), b"");
    world.done(&["jobs", "resume", "--failed"]);
    assert!(moto().object(&format!("{bucket}-missing"), "a.pdf").is_some());

    // No server, an unknown CA, plain http, no credentials: reported before anything is sent.
    let requests = world.requests().len();
    let error = |world: &World| {
        let url = format!("s3://{bucket}/a.pdf");
        let ran = world.run(&line(&url, &["--if-exists", "error", "--retries", "0"]));
        assert_eq!(world.requests().len(), requests, "{}", ran.err);
        format!("{}{}\n", masked(world, &ran.err, &bucket), ran.code.unwrap())
    };
    world.set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let mut errors = error(&world);
    world.set("AWS_ENDPOINT_URL", format!("https://localhost:{}", moto().tls.port()));
    errors += &error(&world);
    world.set("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
    world.set("AWS_ALLOW_HTTP", "false");
    errors += &error(&world);
    world.set("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        world.set(name, "");
    }
    errors += &error(&world);
    insta::assert_snapshot!(errors);
}

fn masked(world: &World, text: &str, bucket: &str) -> String {
    world.masked(text).replace(bucket, "BUCKET")
}

#[test]
fn requests_are_signed() {
    let moto = Moto::start();
    let bucket = moto.bucket();
    let iam = |form: &str| {
        moto.request_to("iam", "POST", "/", format!("{form}&Version=2010-05-08").as_bytes())
    };
    iam("Action=CreateUser&UserName=me");
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22\
                  Allow%22%2C%22Action%22%3A%22s3%3A*%22%2C%22Resource%22%3A%22*%22%7D%7D";
    iam(&format!("Action=PutUserPolicy&UserName=me&PolicyName=p&PolicyDocument={policy}"));
    let key = iam("Action=CreateAccessKey&UserName=me");
    let (id, secret) = (&elements(&key, "AccessKeyId")[0], &elements(&key, "SecretAccessKey")[0]);
    moto.request("POST", "/moto-api/reset-auth", b"0");

    for config in [quick(), large()] {
        let mut world = world(config, moto.address);
        let url = format!("s3://{bucket}/a b+c~(ü).pdf");
        for (id, secret, code) in [
            (id.as_str(), secret.as_str(), 0),
            (id.as_str(), "another-aws-secret", 4),
            ("another-aws-key", "another-aws-secret", 4),
        ] {
            world.set("AWS_ACCESS_KEY_ID", id);
            world.set("AWS_SECRET_ACCESS_KEY", secret);
            for rule in ["replace", "rename"] {
                let ran = world.run(&line(&url, &["--if-exists", rule]));
                assert_eq!(ran.code, Some(code), "{rule}: {}", ran.err);
                assert!(!ran.err.contains(secret), "{}", ran.err);
                if code == 4 {
                    assert!(ran.err.contains("check the store's credentials"), "{}", ran.err);
                }
            }
        }
    }
}

#[test]
fn secrets_stay_with_their_service() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, |_, _| Action::Pass);
    let mut world = world(large(), relay.address);
    world.set("AWS_SESSION_TOKEN", "an-aws-token");
    let url = format!("s3://{bucket}/a.pdf");
    let mut output = String::new();
    for flags in [&["--receipt"][..], &["--json"], &["--if-exists", "error"]] {
        let ran = world.run(&line(&url, flags));
        output += &(ran.out + &ran.err);
    }
    for (_, text) in state(&world) {
        output += &String::from_utf8_lossy(&text);
    }
    output += &world.requests().join("\n");
    for request in world.server.requests() {
        output += &format!("{:?}", request.headers());
    }
    for secret in ["an-aws-secret", "an-aws-token", "an-aws-key", "Signature="] {
        assert!(!output.contains(secret), "{secret}");
    }
    let seen = relay.seen();
    assert!(seen.contains("an-aws-token"));
    for secret in ["a-secret", "Bearer", "bearer", "X-Version", "an-aws-secret"] {
        assert!(!seen.contains(secret), "{secret}");
    }
}

#[test]
fn proxy_and_ca_bundle_apply_to_the_store() {
    let (mut world, bucket) = (world(quick(), moto().address), moto().bucket());
    let url = format!("s3://{bucket}/a.pdf");
    let proxy = Relay::proxy();
    world.done(&line(&url, &["--proxy", &format!("http://{}", proxy.address)]));
    let seen = proxy.seen();
    assert!(seen.contains("AWS4-HMAC-SHA256"), "{seen}");

    let proxy = Relay::proxy();
    world.set("HTTP_PROXY", format!("http://{}", proxy.address));
    world.set("NO_PROXY", "127.0.0.1");
    world.done(&line(&url, &[]));
    assert_eq!(proxy.seen(), "");

    // A server that is trusted with its CA bundle only.
    world.set("AWS_ENDPOINT_URL", format!("https://localhost:{}", moto().tls.port()));
    let ran = world.run(&line(&url, &[]));
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    assert!(ran.err.contains("--ca-bundle"), "{}", ran.err);
    let ca = moto().ca.display().to_string();
    world.done(&line(&url, &["--ca-bundle", &ca]));
    world.set("WEXPORT_CA_BUNDLE", ca);
    world.done(&["jobs", "resume", "--failed"]);
}
