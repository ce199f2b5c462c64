//! The steps of a connection: their order, and which of them fails.

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use export_host::{CaBundle, IssuerTrust, ProxySettings, TlsOptions, TunnelError};
use export_hyper::{ConnectStep, Connecting, Failure, FailureKind, HttpSender};
use http::{Request, Uri};
use test_servers::{Action, Authority, Server, response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::in_memory::poll_times;
use crate::transport::SHORT;

const LONG: Duration = Duration::from_secs(20);

fn sender(trusted: &Authority, proxy: Option<&str>) -> HttpSender<String> {
    let tls = TlsOptions::new().with_ca_bundle(CaBundle::pem(trusted.pem()));
    let proxy = proxy.map_or(ProxySettings::Off, |url| ProxySettings::Url(url.into()));
    HttpSender::new(&tls, proxy.rules().unwrap()).unwrap()
}

fn connect(sender: &HttpSender<String>, url: &str) -> Connecting {
    sender.connect(&url.parse().unwrap(), LONG).unwrap()
}

/// All steps, as text.
async fn walk(connecting: &mut Connecting) -> Vec<String> {
    let mut steps = Vec::new();
    while let Some(step) = connecting.next().await {
        steps.push(text(&step));
    }
    assert!(connecting.next().await.is_none());
    steps
}

fn text(step: &ConnectStep) -> String {
    match step {
        ConnectStep::Name(Ok(addresses)) => format!("name {addresses:?}"),
        ConnectStep::Tcp(Ok(address)) => format!("tcp {address}"),
        ConnectStep::Tunnel(Ok(())) => "tunnel".into(),
        ConnectStep::Tls(Ok(version)) => format!("tls {version}"),
        ConnectStep::Name(Err(failure)) => format!("name: {failure}"),
        ConnectStep::Tcp(Err(failure)) => format!("tcp: {failure}"),
        ConnectStep::Tunnel(Err(failure)) => format!("tunnel: {failure}"),
        ConnectStep::Tls(Err(failure)) => format!("tls: {failure}"),
    }
}

fn to_localhost(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://localhost:{}/", address.port())
}

fn tls_server(authority: &Authority, name: &str) -> Server {
    Server::tls(authority.server(name), |_, _| Action::Send(response("200 OK", &[], "")))
}

/// A proxy that opens tunnels, with TLS if it has a certificate.
async fn proxy(tls: Option<TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // Ignores errors: clients close connections.
            let _ = match &tls {
                None => tunnel(client).await,
                Some(tls) => match tls.accept(client).await {
                    Ok(client) => tunnel(client).await,
                    Err(error) => Err(error),
                },
            };
        }
    });
    address
}

async fn tunnel(mut client: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let target = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().to_owned();
    let mut server = TcpStream::connect(target).await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// A server that closes each connection after it has received something.
async fn closing_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 4_096]).await;
        }
    });
    address
}

#[tokio::test]
async fn steps_come_in_order() {
    let ours = Authority::new("ours");
    let secure = tls_server(&ours, "localhost");
    let plain = Server::start(|_, _| Action::SendAndClose(Vec::new()));
    let open = proxy(None).await;
    let by_name = to_localhost("https", secure.address());

    let mut connecting = connect(&sender(&ours, Some(&format!("http://{open}"))), &by_name);
    assert!(connecting.certificate().is_none());
    let tcp = format!("tcp {open}");
    assert_eq!(walk(&mut connecting).await, ["name [127.0.0.1]", &tcp, "tunnel", "tls TLS 1.3"]);
    assert_eq!(connecting.certificate().unwrap().issuer, IssuerTrust::Bundle);

    let tcp = format!("tcp {}", plain.address());
    let mut connecting = connect(&sender(&ours, None), &plain.url());
    assert_eq!(walk(&mut connecting).await, ["name [127.0.0.1]", &tcp]);
    assert!(connecting.certificate().is_none());

    let steps = walk(&mut connect(&sender(&ours, None), &by_name)).await;
    let [name, tcp, tls] = &*steps else { panic!("{steps:?}") };
    assert!(name.starts_with("name [") && name.contains("127.0.0.1"), "{name}");
    assert_eq!(*tcp, format!("tcp {}", secure.address()));
    assert_eq!(tls, "tls TLS 1.3");

    assert!(secure.requests().is_empty() && plain.requests().is_empty());
}

#[tokio::test]
async fn failed_step_is_the_last() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refusing = Server::start(|_, _| Action::SendAndClose(response("403 Forbidden", &[], "")));
    let unknown = tls_server(&theirs, "localhost");
    let closing = closing_server().await;
    let via = format!("http://me:secret@{}", refusing.address());
    for (proxy, url, succeeded, failed) in [
        (
            None,
            "http://no-such-host.invalid".into(),
            0,
            "name: the request could not be sent: cannot resolve no-such-host.invalid: ",
        ),
        // The system refuses at once to connect to a broadcast address.
        (None, "http://255.255.255.255".into(), 1, "tcp: the request could not be sent: "),
        (
            None,
            format!("http://{unused}"),
            1,
            "tcp: the request could not be sent: cannot connect to 127.0.0.1:",
        ),
        (
            Some(&*via),
            "https://api.invalid".into(),
            2,
            "tunnel: the peer is not trusted: it responded to CONNECT with 403 Forbidden",
        ),
        (
            None,
            to_localhost("https", unknown.address()),
            2,
            "tls: the peer is not trusted: its certificate was issued by a CA that",
        ),
        (None, to_localhost("https", closing), 2, "tls: the request could not be sent: "),
    ] {
        let sender = sender(&ours, proxy);
        let steps = walk(&mut connect(&sender, &url)).await;
        assert_eq!(steps.len(), succeeded + 1, "{steps:?}");
        assert!(steps[succeeded].starts_with(failed), "{steps:?}");

        // A request fails for the same reason.
        let request = Request::get(&url).body(String::new()).unwrap();
        let failure = sender.send(request).await.unwrap_err();
        assert!(steps[succeeded].ends_with(&format!(": {failure}")), "{steps:?} {failure}");
    }
}

#[tokio::test]
async fn tunnel_failure_has_its_cause() {
    let refusing = Server::start(|_, _| Action::SendAndClose(response("407 Who?", &[], "")));
    let sender = sender(&Authority::new("ours"), Some(&refusing.url()));
    let mut connecting = connect(&sender, "https://api.invalid");
    let failure = loop {
        match connecting.next().await.unwrap() {
            ConnectStep::Tunnel(result) => break result.unwrap_err(),
            step => assert!(!text(&step).contains(": "), "{step:?}"),
        }
    };
    assert_eq!(failure.kind(), FailureKind::Untrusted);
    let status = http::StatusCode::PROXY_AUTHENTICATION_REQUIRED;
    assert_eq!(tunnel_error(&failure), Some(TunnelError::Refused(status)));
}

fn tunnel_error(failure: &Failure) -> Option<TunnelError> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(failure.get_ref()?);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(*found);
        }
        cause = error.source();
    }
    None
}

#[tokio::test]
async fn untrusted_certificate_is_shown() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for (authority, name, issuer) in [
        (&theirs, "localhost", IssuerTrust::Untrusted),
        (&ours, "api.example.com", IssuerTrust::NotChecked),
    ] {
        let server = tls_server(authority, name);
        let url = to_localhost("https", server.address());
        let mut connecting = connect(&sender(&ours, None), &url);
        let steps = walk(&mut connecting).await;
        assert!(steps[2].starts_with("tls: the peer is not trusted: "), "{steps:?}");
        let presented = connecting.certificate().unwrap();
        assert_eq!(presented.issuer, issuer);
        assert!(presented.certificate.starts_with(&[0x30]), "not a DER sequence");
    }
}

#[tokio::test]
async fn https_proxy_is_part_of_the_tunnel() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let closing = to_localhost("https", closing_server().await);
    let start = async |authority: &Authority| {
        let tls = TlsAcceptor::from(Arc::new(authority.server("127.0.0.1")));
        format!("https://{}", proxy(Some(tls)).await)
    };
    let untrusted = sender(&ours, Some(&start(&theirs).await));
    let mut connecting = connect(&untrusted, &closing);
    let steps = walk(&mut connecting).await;
    assert_eq!(steps.len(), 3, "{steps:?}");
    assert!(steps[2].starts_with("tunnel: the peer is not trusted: its certificate"), "{steps:?}");
    assert!(connecting.certificate().is_none());

    // The certificate of the proxy is not that of the host, which presents none.
    let mut connecting = connect(&sender(&ours, Some(&start(&ours).await)), &closing);
    let steps = walk(&mut connecting).await;
    assert_eq!((steps.len(), &*steps[2]), (4, "tunnel"), "{steps:?}");
    assert!(steps[3].starts_with("tls: "), "{steps:?}");
    assert!(connecting.certificate().is_none());
}

#[tokio::test]
async fn silent_step_times_out() {
    let ours = Authority::new("ours");
    let silent = Server::start(|_, _| Action::SendAndHang(Vec::new()));
    let via = silent.url();
    // Connections to it are accepted by the system.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = to_localhost("https", listener.local_addr().unwrap());
    for (proxy, url, step) in [(Some(&*via), "http://api.invalid", "tunnel"), (None, &tls, "tls")] {
        let url: Uri = url.parse().unwrap();
        let mut connecting = sender(&ours, proxy).connect(&url, SHORT).unwrap();
        let steps = walk(&mut connecting).await;
        let expected = format!("{step}: the request could not be sent: timed out after 300ms");
        assert_eq!(steps[2..], [expected], "{steps:?}");
    }
}

#[tokio::test]
async fn interrupted_wait_loses_no_step() {
    let ours = Authority::new("ours");
    let server = tls_server(&ours, "localhost");
    let url = to_localhost("https", server.address());
    let mut connecting = connect(&sender(&ours, None), &url);
    let mut steps = 0;
    loop {
        match poll_times(connecting.next(), 1).await {
            Some(Some(step)) => steps += usize::from(!text(&step).contains(": ")),
            Some(None) => break,
            None => tokio::task::yield_now().await,
        }
    }
    assert_eq!(steps, 3);
}

#[tokio::test]
async fn invalid_bundle_fails_before_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, Authority::new("ours").pem()).unwrap();
    let tls = TlsOptions::new().with_ca_bundle(CaBundle::file(&path));
    let rules = ProxySettings::Off.rules().unwrap();
    let sender = HttpSender::<String>::new(&tls, rules).unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = sender.connect(&"http://127.0.0.1:1".parse().unwrap(), LONG).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}
