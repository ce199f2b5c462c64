//! Jobs that are stopped, or dropped again and again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use export_core::workiva::ArchiveOptions;
use export_hyper::{
    BatchLimits, CheckpointSlot, Client, Error, ExportError, ExportSpec, FileExport, HttpSender,
    OwnTransport, ProxySettings, Stopper, TlsOptions,
};
use export_sim::{Config, Scenario};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use test_servers::{
    Action, Server, any_bundle, completed, first, one_attempt, rest, service, spec,
};
use tokio::time::timeout;
use tower_service::Service;

use crate::clients::{builder, client};
use crate::in_memory::{self, Disk, Keeping};
use crate::simulated::{self, unlimited};

/// Stops an export after the server has received `requests`, and returns its error.
async fn stop_after(client: &Client, server: &Server, requests: usize) -> ExportError {
    let stopper = Stopper::new();
    let export = client.export(spec()).with_stopper(&stopper);
    let stop = async {
        while server.lines().len() < requests {
            tokio::task::yield_now().await;
        }
        // What it has received is being handled.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        stopper.stop();
    };
    let (ended, ()) = tokio::join!(timeout(Duration::from_secs(15), export.bytes(1_000)), stop);
    let error = ended.unwrap().unwrap_err();
    assert!(matches!(error, ExportError::Stopped { .. }), "{error}");
    error
}

#[tokio::test]
async fn waiting_job_stops_at_once() {
    let server = Server::start(|number, _| match number {
        0 => Action::Send(test_servers::response(
            "202 Accepted",
            &["location: /platform/v1/operations/op1", "retry-after: 3000"],
            "",
        )),
        _ => completed(),
    });
    let error = stop_after(&client(&server), &server, 1).await;
    assert!(error.checkpoint().unwrap().operation().is_some());
}

#[tokio::test]
async fn job_awaiting_an_answer_stops_at_once() {
    let server = Server::start(|_, _| Action::SendAndHang(Vec::new()));
    let error = stop_after(&client(&server), &server, 1).await;
    assert_eq!(error.checkpoint().unwrap().submits(), 1);
}

#[tokio::test]
async fn stopped_download_keeps_what_came() {
    let server = service(|number, request| match number {
        0 => Action::SendAndHang(first(9)),
        _ => rest(request),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.pdf");
    let (client, stopper) = (client(&server), Stopper::new());
    let seen = stopper.clone();
    let export = client.export(spec()).with_stopper(&stopper).on_progress(move |have, _| {
        if have == 9 {
            seen.stop();
        }
    });
    let error = export.to_file(&path).await.unwrap_err();
    let checkpoint = error.checkpoint().unwrap().clone();
    assert_eq!(checkpoint.offset(), 9);
    client.resume(checkpoint).to_file(&path).await.unwrap();
    assert!(server.requests().last().unwrap().contains("range: bytes=9-"));
}

#[tokio::test]
async fn stopped_batch_ends_each_export() {
    let server = Server::start(|_, _| Action::SendAndHang(Vec::new()));
    let (client, stopper) = (client(&server), Stopper::new());
    let open = |_| std::future::ready(Ok(Disk::default()));
    let mut exports = client.exports(BatchLimits::default(), open).with_stopper(&stopper);
    for key in 0..20 {
        exports.add(key, client.export(spec())).unwrap();
    }
    let stop = async {
        while server.lines().is_empty() {
            tokio::task::yield_now().await;
        }
        stopper.stop();
    };
    let collect = async {
        let mut ended = 0;
        while let Some(finished) = exports.next().await {
            let error = finished.outcome.unwrap_err();
            assert!(matches!(error, ExportError::Stopped { .. }), "{error}");
            ended += 1;
        }
        ended
    };
    let (ended, ()) = tokio::join!(collect, stop);
    assert_eq!(ended, 20);
}

/// A download of ten seconds, in windows of four: what came is kept, although the futures are dropped.
#[tokio::test(start_paused = true)]
async fn download_that_is_dropped_again_and_again_ends() {
    let slow = r#"{"rules": [{"match": {"endpoint": "download"}, "then": {"fault": "slow", "pause": "20ms", "bytes": 16384}}]}"#;
    let config = Config::default()
        .with_operations_rate(0.0)
        .with_artifact_size(8 * 1_048_576)
        .with_scenario(Scenario::from_json(slow).unwrap());
    let server = in_memory::start(config).await;
    let client = in_memory::builder(&server).build().unwrap();
    let (slot, disk) = (CheckpointSlot::new(), Disk::default());
    let mut windows = 0;
    loop {
        windows += 1;
        assert!(windows < 20, "the download does not end");
        let export = match slot.latest() {
            Some(checkpoint) => client.resume(checkpoint),
            None => client.export(spec()),
        };
        let mut sink = disk.clone();
        let export = export.with_checkpoint_slot(&slot).to_sink(&mut sink);
        if let Ok(ended) = timeout(Duration::from_secs(4), export).await {
            ended.unwrap();
            break;
        }
        disk.crash();
    }
    assert_eq!(disk.finished().unwrap().len(), 8 * 1_048_576);
    assert!(windows >= 3 && in_memory::submits(&server) == 1, "{windows} windows");
}

#[tokio::test]
async fn checkpoint_that_cannot_be_removed_is_told() {
    let server = simulated::simulated(unlimited()).await;
    let store = Arc::new(Keeping::default());
    let client = simulated::builder(&server).checkpoints(store).build().unwrap();
    let error = client.export(spec()).with_key("nightly").bytes(1 << 20).await.unwrap_err();
    let expected = "the checkpoint under \"nightly\": the export is complete, but its checkpoint was not \
                    removed, and another run would download the file again: no";
    assert_eq!(error.to_string(), expected);
}

/// A layer that sends each request that fails once more.
#[derive(Clone)]
struct RetryOnce {
    sender: HttpSender<Full<Bytes>>,
    calls: Arc<AtomicUsize>,
}

impl Service<Request<Full<Bytes>>> for RetryOnce {
    type Response = Response<Incoming>;
    type Error = io::Error;
    type Future = futures_util::future::BoxFuture<'static, io::Result<Response<Incoming>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let (mut sender, calls) = (self.sender.clone(), Arc::clone(&self.calls));
        Box::pin(async move {
            let again = request.clone();
            calls.fetch_add(1, Ordering::Relaxed);
            if let Ok(response) = sender.call(request).await {
                return Ok(response);
            }
            calls.fetch_add(1, Ordering::Relaxed);
            sender.call(again).await.map_err(io::Error::other)
        })
    }
}

/// A submit that sends a mail arrives once, whatever the layers do.
#[tokio::test]
async fn second_sending_is_refused() {
    for (mails, arrived) in [(true, 1), (false, 2)] {
        // The request arrives, and the connection is closed.
        let server = Server::start(|_, _| Action::SendAndClose(Vec::new()));
        let tls = TlsOptions::new().with_ca_bundle(any_bundle());
        let sender = HttpSender::new(&tls, ProxySettings::Off.rules().unwrap()).unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let layers = RetryOnce { sender, calls: Arc::clone(&calls) };
        let builder = builder(&server).transport(OwnTransport::new(layers)).limits(one_attempt());
        let options = ArchiveOptions::default().email_on_complete(mails);
        let spec = ExportSpec::file("f1", FileExport::folder(options));
        let error = builder.build().unwrap().export(spec).submit().await.unwrap_err();
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        assert_eq!(server.lines().len(), arrived, "{error}");
        let is_unconfirmed = matches!(error.job(), Some(Error::SubmitUnconfirmed { .. }));
        assert_eq!(is_unconfirmed, mails, "{error}");
        let tells = error.to_string().contains("a layer of the transport has repeated a request");
        assert_eq!(tells, mails, "{error}");
    }
}
