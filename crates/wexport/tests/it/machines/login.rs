//! Roles and certificates of a server.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use test_servers::Authority;

use super::{LINE, Machines, PASSWORD, shared};

#[test]
fn role_needs_nothing_but_its_schema() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 2, Duration::ZERO);
    let role = format!("role_of_{}", machines.database);
    machines.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'"));
    let url =
        format!("postgres://{role}@127.0.0.1:{}/{}", machines.postgres.port(), machines.database);
    let run = |line: &[&str]| {
        let mut command = machines.command(line);
        machines.world.ran(command.env("WEXPORT_STATE", &url).output().unwrap())
    };
    let ran = run(&LINE);
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("the role needs to create the schema wexport"), "{}", ran.err);
    assert_eq!(machines.world.requests(), Vec::<String>::new());

    machines.sql(&format!("CREATE SCHEMA wexport AUTHORIZATION {role}"));
    let ran = run(&LINE);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    machines.assert_complete(2);
    for line in [&["jobs", "list"][..], &["report"], &["jobs", "clean", "--older-than", "0s"]] {
        let ran = run(line);
        assert_eq!(ran.code, Some(0), "{line:?}: {}", ran.err);
    }
}

#[test]
fn certificate_of_the_server_is_verified() {
    let Some(postgres) = shared() else { return };
    let machines = Machines::new(postgres, 1, Duration::ZERO);
    machines.world.write("ca.pem", machines.postgres.authority().pem());
    machines.world.write("other.pem", Authority::new("another").pem());
    let run = |host: &str, port: u16, parameters: &str| {
        let url = format!("postgres://ada@{host}:{port}/{}?{parameters}", machines.database);
        let mut command = machines.command(&LINE);
        machines.world.ran(command.env("WEXPORT_STATE", url).output().unwrap())
    };
    // A server without TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            client.read_exact(&mut [0; 8]).unwrap();
            client.write_all(b"N").unwrap();
        }
    });
    let port = machines.postgres.port();
    for (host, port, parameters, reason) in [
        ("localhost", port, "sslmode=verify-full&sslrootcert=other.pem", "UnknownIssuer"),
        ("localhost", port, "sslmode=require", "UnknownIssuer"),
        ("127.0.0.1", port, "sslmode=verify-ca&sslrootcert=ca.pem", "not valid for name"),
        ("localhost", plain, "sslmode=require", "server does not support TLS"),
    ] {
        let ran = run(host, port, parameters);
        assert_eq!(ran.code, Some(2), "{host} {parameters}: {}", ran.err);
        assert!(ran.err.contains(reason), "{host} {parameters}: {}", ran.err);
    }
    assert_eq!(machines.world.requests(), Vec::<String>::new());
    let ran = run("localhost", port, "sslmode=verify-full&sslrootcert=ca.pem");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    machines.assert_complete(1);
}
