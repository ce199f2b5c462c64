//! Exports a document from the simulated service without a socket or a clock, with a fault: the second
//! poll gets a 503.
//!
//! ```text
//! cargo run --example service
//! ```

use std::error::Error;
use std::time::Duration;

use export_sim::{Config, Endpoint, Fault, Nth, Rule, Scenario, Service, Timestamp};
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{Request, Response};

fn main() -> Result<(), Box<dyn Error>> {
    let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(2));
    let config = Config::default()
        .with_token("a-token")
        .with_complete_after(Duration::from_secs(30))
        .with_scenario(Scenario::default().with_rule(broken));
    let mut service = Service::new(config);

    let accepted = send(&mut service, 0, "POST", "/documents/d1/export", r#"{"format": "pdf"}"#)?;
    let location = accepted.headers().get(LOCATION).ok_or("there is no Location")?;
    let operation = location.to_str()?.parse::<http::Uri>()?.path().to_owned();
    // Time passes only as it is given: 20 seconds from one poll to the next.
    for seconds in [20, 40, 60] {
        send(&mut service, seconds, "GET", &operation, "")?;
    }
    Ok(())
}

fn send(
    service: &mut Service,
    seconds: u64,
    method: &str,
    path: &str,
    body: &'static str,
) -> Result<Response<bytes::Bytes>, Box<dyn Error>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(AUTHORIZATION, "Bearer a-token")
        .header("x-version", "2026-01-01")
        .header(CONTENT_TYPE, "application/json")
        .body(body)?;
    let response = service.handle(Timestamp::from_millis(seconds * 1_000), request).deliver()?;
    let response = response.into_response().ok_or("the connection was closed")?;
    let text = String::from_utf8_lossy(response.body());
    println!("{seconds:>3} s  {method} {path} -> {}  {text}", response.status());
    Ok(response)
}
