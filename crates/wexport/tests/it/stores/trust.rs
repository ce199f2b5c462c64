//! Who believes whom on the way into a store, and who learns what.

use super::{large, line, state, world};
use crate::moto::{Moto, elements, moto};
use crate::relay::{Act, Relay};
use crate::world::{World, quick};

#[test]
fn a_store_that_refuses_is_explained_and_asked_again_when_that_is_mended() {
    let mut world = world(quick(), moto().address);
    let bucket = moto().bucket();
    let ran = world.run(&line(&format!("s3://{bucket}-not-there/a.pdf"), &[]));
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    insta::assert_snapshot!(masked(&world, &ran.err, &bucket));
    moto().ask("PUT", &format!("/{bucket}-not-there"), b"");
    world.done(&["jobs", "resume", "--failed"]);
    assert!(moto().object(&format!("{bucket}-not-there"), "a.pdf").is_some());

    // Nobody listens, nobody may be believed, nobody is asking: before anything is sent.
    let sent = world.requests().len();
    let ask = |world: &World| {
        let place = format!("s3://{bucket}/a.pdf");
        let ran = world.run(&line(&place, &["--if-exists", "error", "--retries", "0"]));
        assert_eq!(world.requests().len(), sent, "{}", ran.err);
        format!("{}{}\n", masked(world, &ran.err, &bucket), ran.code.unwrap())
    };
    world.set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let mut told = ask(&world);
    world.set("AWS_ENDPOINT_URL", format!("https://localhost:{}", moto().tls.port()));
    told += &ask(&world);
    world.set("AWS_ENDPOINT_URL", format!("http://{}", moto().address));
    world.set("AWS_ALLOW_HTTP", "false");
    told += &ask(&world);
    world.set("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        world.set(name, "");
    }
    told += &ask(&world);
    insta::assert_snapshot!(told);
}

fn masked(world: &World, text: &str, bucket: &str) -> String {
    world.masked(text).replace(bucket, "BUCKET")
}

#[test]
fn the_store_checks_every_signature() {
    let moto = Moto::start();
    let bucket = moto.bucket();
    let iam = |form: &str| {
        moto.ask_service("iam", "POST", "/", format!("{form}&Version=2010-05-08").as_bytes())
    };
    iam("Action=CreateUser&UserName=me");
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22\
                  Allow%22%2C%22Action%22%3A%22s3%3A*%22%2C%22Resource%22%3A%22*%22%7D%7D";
    iam(&format!("Action=PutUserPolicy&UserName=me&PolicyName=p&PolicyDocument={policy}"));
    let key = iam("Action=CreateAccessKey&UserName=me");
    let (id, secret) = (&elements(&key, "AccessKeyId")[0], &elements(&key, "SecretAccessKey")[0]);
    moto.ask("POST", "/moto-api/reset-auth", b"0");

    for config in [quick(), large()] {
        let mut world = world(config, moto.address);
        let place = format!("s3://{bucket}/a b+c~(ü).pdf");
        for (id, secret, code) in [
            (id.as_str(), secret.as_str(), 0),
            (id.as_str(), "another-aws-secret", 4),
            ("another-aws-key", "another-aws-secret", 4),
        ] {
            world.set("AWS_ACCESS_KEY_ID", id);
            world.set("AWS_SECRET_ACCESS_KEY", secret);
            for rule in ["replace", "rename"] {
                let ran = world.run(&line(&place, &["--if-exists", rule]));
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
fn nobody_learns_a_secret_of_somebody_else() {
    let bucket = moto().bucket();
    let relay = Relay::start(moto().address, |_, _| Act::Pass);
    let mut world = world(large(), relay.address);
    world.set("AWS_SESSION_TOKEN", "an-aws-token");
    let place = format!("s3://{bucket}/a.pdf");
    let mut told = String::new();
    for words in [&["--receipt"][..], &["--json"], &["--if-exists", "error"]] {
        let ran = world.run(&line(&place, words));
        told += &(ran.out + &ran.err);
    }
    for (_, text) in state(&world) {
        told += &String::from_utf8_lossy(&text);
    }
    told += &world.requests().join("\n");
    for request in world.server.requests() {
        told += &format!("{:?}", request.headers());
    }
    for secret in ["an-aws-secret", "an-aws-token", "an-aws-key", "Signature="] {
        assert!(!told.contains(secret), "{secret}");
    }
    let seen = relay.seen();
    assert!(seen.contains("an-aws-token"));
    for secret in ["a-secret", "Bearer", "bearer", "X-Version", "an-aws-secret"] {
        assert!(!seen.contains(secret), "{secret}");
    }
}

#[test]
fn the_store_is_reached_in_the_way_that_was_set() {
    let (mut world, bucket) = (world(quick(), moto().address), moto().bucket());
    let place = format!("s3://{bucket}/a.pdf");
    let proxy = Relay::proxy();
    world.done(&line(&place, &["--proxy", &format!("http://{}", proxy.address)]));
    let seen = proxy.seen();
    assert!(seen.contains("AWS4-HMAC-SHA256"), "{seen}");

    let proxy = Relay::proxy();
    world.set("HTTP_PROXY", format!("http://{}", proxy.address));
    world.set("NO_PROXY", "127.0.0.1");
    world.done(&line(&place, &[]));
    assert_eq!(proxy.seen(), "");

    // A server whose authority is given, and which is not believed without.
    world.set("AWS_ENDPOINT_URL", format!("https://localhost:{}", moto().tls.port()));
    let ran = world.run(&line(&place, &[]));
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    assert!(ran.err.contains("--ca-bundle"), "{}", ran.err);
    let authority = moto().authority.display().to_string();
    world.done(&line(&place, &["--ca-bundle", &authority]));
    world.set("WEXPORT_CA_BUNDLE", authority);
    world.done(&["jobs", "resume", "--failed"]);
}
