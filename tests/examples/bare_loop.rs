//! Exports documents with hyper and nothing else: no state, no checks, no flush. What a program can
//! reach on a machine. Run by `cargo xtask bench many`.
//!
//! ```text
//! bare_loop BASE_URL COUNT FOLDER
//! ```

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;
type Http = Client<HttpConnector, Full<Bytes>>;

/// As many as the script that it is compared with.
const AT_ONCE: usize = 64;

async fn send(client: &Http, method: Method, url: &str) -> Outcome<Response<Bytes>> {
    let body = if method == Method::POST { r#"{"format":"pdf"}"# } else { "" };
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header(AUTHORIZATION, "Bearer t0ken")
        .header("x-version", "2026-01-01")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from_static(body.as_bytes())))?;
    let (head, body) = client.request(request).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

async fn export(client: &Http, url: &str, file: PathBuf) -> Outcome {
    let submitted = send(client, Method::POST, url).await?;
    let location = submitted.headers().get(LOCATION).ok_or("no Location")?.to_str()?;
    let operation = send(client, Method::GET, location).await?;
    let operation: serde_json::Value = serde_json::from_slice(operation.body())?;
    let resource = operation["resourceUrl"].as_str().ok_or("it is not completed")?;
    let downloaded = send(client, Method::GET, resource).await?;
    Ok(fs::write(file, downloaded.body())?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let args: Vec<String> = env::args().skip(1).collect();
    let [base, count, folder] = args.as_slice() else {
        return Err("usage: bare_loop BASE_URL COUNT FOLDER".into());
    };
    let (client, gate) =
        (Client::builder(TokioExecutor::new()).build_http(), Semaphore::new(AT_ONCE));
    let gate = Arc::new(gate);
    let mut exports = JoinSet::new();
    for number in 0..count.parse()? {
        let number: u32 = number;
        let (client, gate) = (client.clone(), Arc::clone(&gate));
        let url = format!("{base}/documents/{number:032x}/export");
        let file = PathBuf::from(folder).join(format!("{number}.pdf"));
        exports.spawn(async move {
            let _permit = gate.acquire().await?;
            export(&client, &url, file).await
        });
    }
    while let Some(exported) = exports.join_next().await {
        exported??;
    }
    Ok(())
}
