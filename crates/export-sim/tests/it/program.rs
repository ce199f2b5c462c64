//! The program `export-sim`.
#![cfg(feature = "program")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_export-sim"));
    command.args(args);
    command
}

/// The program, once it is ready, and its one line.
fn start(args: &[&str]) -> (Program, String) {
    let mut child = command(&["--listen", "127.0.0.1:0"])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Program(child), line)
}

/// What it says about why it does not start.
fn refusal(args: &[&str]) -> String {
    let output = command(args).output().unwrap();
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn get(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_works_at_once_and_says_where_and_with_what() {
    let (mut program, line) = start(&[]);
    let address = line.strip_prefix("listening on http://").unwrap().trim_end();
    assert!(get(address, "/").starts_with("HTTP/1.1 404 Not Found"));
    program.0.kill().unwrap();
    let mut notes = String::new();
    program.0.stderr.take().unwrap().read_to_string(&mut notes).unwrap();
    assert!(notes.contains("sim-token") && notes.contains("sim-client:sim-secret"), "{notes}");
}

#[test]
fn with_tls_it_says_where_the_certificate_of_its_ca_is() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let (_program, line) = start(&["--tls", "--ca", ca.to_str().unwrap()]);
    assert!(line.starts_with("listening on https://127.0.0.1:"), "{line}");
    let pem = std::fs::read_to_string(ca).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn a_scenario_from_a_file_is_played() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(
        br#"{"rules": [{"match": {"endpoint": "other"}, "then": {"fault": "status", "status": 418}}]}"#,
    )
    .unwrap();
    let (_program, line) = start(&["--scenario", file.path().to_str().unwrap()]);
    let address = line.strip_prefix("listening on http://").unwrap().trim_end();
    assert!(get(address, "/").starts_with("HTTP/1.1 418"));
}

#[test]
fn the_ready_scenarios_are_played() {
    let ready = |name: &str| format!("{}/scenarios/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let post = |address: &str, target: &str, body: &str, headers: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!(
            "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        // Some connections are broken off before all of it was read.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        ended.map(|_| String::from_utf8_lossy(&answer).into_owned())
    };
    let address = |line: &str| line.trim_end().rsplit_once("//").unwrap().1.to_owned();
    let submit = |address: &str| {
        let headers = "authorization: Bearer sim-token\r\ncontent-type: application/json\r\n";
        post(address, "/platform/v1/documents/d1/export", r#"{"format":"pdf"}"#, headers)
    };

    let (_program, line) = start(&["--scenario", &ready("bad-night")]);
    let night = address(&line);
    assert!(submit(&night).is_err(), "the first connection is reset");
    assert_eq!(submit(&night).unwrap(), "", "the first answer to a submit is lost");
    assert!(submit(&night).unwrap().starts_with("HTTP/1.1 202"));
    let answer = post(&night, "/iam/v1/oauth2/token", "", "").unwrap();
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");

    let (_program, line) = start(&["--scenario", &ready("hostile-urls")]);
    let hostile = address(&line);
    let answer = submit(&hostile).unwrap();
    let location = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    assert!(!location.contains(&hostile) && location.starts_with("http://127.0.0.1:"), "{answer}");

    let (_program, line) = start(&["--scenario", &ready("one-in-ten")]);
    let healthy = (0..100).filter_map(|_| submit(&address(&line)).ok());
    let healthy = healthy.filter(|answer| answer.starts_with("HTTP/1.1 202")).count();
    assert!((80..100).contains(&healthy), "{healthy} of 100");
}

#[test]
fn what_it_cannot_do_it_says() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"{\"rules\": 7}").unwrap();
    let scenario = file.path().to_str().unwrap();
    let says = |args: &[&str], words: &str| {
        let message = refusal(args);
        assert!(message.contains(words), "{message}");
    };
    says(&["--scenario", scenario], "the scenario cannot be read: invalid type: integer `7`");
    says(&["--scenario", "/nowhere.json"], "/nowhere.json: ");
    says(&["--files", scenario], "is no folder");
    says(&["--complete-after", "2 weeks"], "is no duration; write 500ms, 2s, 10m or 1h");
    says(&["--artifact-size", "1GB"], "KiB, MiB, GiB");
    says(&["--artifact-size", "999999999TiB"], "too large");
    says(&["--client", "id"], "ID:SECRET");
    says(&["--public-url", "example.org"], "write it as https://host");
    says(&["--fault-rate", "1.5"], "at most 1");
    says(&["--operations-rate=-1"], "0 or more");
    says(&["--downloads", "by-post"], "api-host, redirect");
    says(&["--ca", "ca.pem"], "--tls");
    says(&["--listen", "here"], "invalid socket address");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    says(&["--listen", &address], "cannot listen on");
}
