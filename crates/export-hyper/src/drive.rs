//! The loop: what every driver of the core does, here with hyper and tokio.

use std::io;
use std::time::Duration;

use export_core::{
    Artifact, Collect, Error, ExportJob, Failure, FailureKind, InFlight, Phase, Reply, Step,
    Stream, Transmit, Wait, Why,
};
use http::{Request, Response};
use tokio::time::Instant;

use crate::client::Shared;
use crate::keeper::Keeper;
use crate::sink::Sink;
use crate::transport::{Body, Connection, collect, next_within};

/// When to leave the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The export was accepted.
    Accepted,
    /// The service has said how far the operation is.
    Polled,
    /// The job is over.
    Done,
}

/// Drives a job. `None` if it was left before its end.
pub(crate) async fn drive(
    client: &Shared,
    job: &mut ExportJob,
    keeper: &Keeper,
    sink: &mut impl Sink,
    until: Until,
) -> Option<Result<Artifact, Error>> {
    let mut polled = false;
    loop {
        client.hooks.observe(|| job.next_event());
        if let Err(failure) = keeper.store(job.revision(), || job.checkpoint()).await {
            job.stop(failure);
        }
        match until {
            Until::Accepted if job.operation().is_some() => return None,
            Until::Polled if polled && is_known(job) => return None,
            _ => {}
        }
        match job.step(client.clock.now()) {
            Step::Done(Err(error)) => return Some(Err(error)),
            Step::Done(Ok(artifact)) => return Some(finish(sink, artifact).await),
            // An answer without a word for the state; a failure would wait for a back-off.
            Step::Wait(Wait { why: Why::Pace, .. }) if until == Until::Polled && polled => {
                return None;
            }
            Step::Wait(wait) => client.clock.wait_until(wait.until).await,
            Step::Transmit(transmit) => {
                polled = transmit.phase() == Phase::Poll;
                exchange(client, transmit, keeper, sink).await;
            }
        }
    }
}

/// Whether the service has said how far the operation is.
fn is_known(job: &ExportJob) -> bool {
    let is_named = job.facts().is_some_and(|facts| facts.status.is_some());
    is_named || job.phase() == Phase::Fetch
}

async fn finish(sink: &mut impl Sink, artifact: Artifact) -> Result<Artifact, Error> {
    match sink.finish(&artifact).await {
        Ok(()) => Ok(artifact),
        Err(error) => Err(Error::Local { phase: Phase::Fetch, failure: sink_failed(error) }),
    }
}

/// One request and its answer.
async fn exchange(client: &Shared, transmit: Transmit<'_>, keeper: &Keeper, sink: &mut impl Sink) {
    let clock = &client.clock;
    let token = match client.tokens.get(&transmit, &client.transport, clock).await {
        Ok(token) => token,
        Err(failure) => return transmit.decline(clock.now(), failure),
    };
    let have = match transmit.operation() {
        Some(operation) if transmit.phase() == Phase::Fetch => {
            sink.have(&operation.to_string()).await
        }
        _ => Ok(0),
    };
    let have = match have {
        Ok(have) => have,
        Err(error) => return transmit.decline(clock.now(), sink_failed(error)),
    };
    let access = transmit.access();
    let connection =
        if transmit.wants_fresh_connection() { Connection::Fresh } else { Connection::Any };
    let (mut request, mut in_flight) = transmit.start(clock.now(), token.as_ref(), have);
    client.hooks.observe(|| in_flight.next_event());
    if let Err(failure) = keeper.store(in_flight.revision(), || in_flight.checkpoint()).await {
        return in_flight.handle_failure(clock.now(), failure);
    }
    client.hooks.dress(&mut request, access);
    send(client, request, connection, in_flight, keeper, sink).await;
}

async fn send(
    client: &Shared,
    request: Request<Vec<u8>>,
    connection: Connection,
    in_flight: InFlight<'_>,
    keeper: &Keeper,
    sink: &mut impl Sink,
) {
    let clock = &client.clock;
    let give_up_at = clock.instant(in_flight.give_up_at(clock.now()));
    let response = match client.transport.send(request, connection, give_up_at).await {
        Ok(response) => response,
        Err(failure) => return in_flight.handle_failure(clock.now(), failure),
    };
    let (head, body) = response.into_parts();
    match in_flight.handle_head(clock.now(), &Response::from_parts(head, ())) {
        Reply::Collect(answer) => collect_answer(client, answer, body, give_up_at).await,
        Reply::Stream(mut stream) => {
            match download(client, &mut stream, body, keeper, sink).await {
                Ok(()) => stream.finish(clock.now()),
                Err(failure) => stream.handle_failure(clock.now(), failure),
            }
        }
    }
}

async fn collect_answer(client: &Shared, answer: Collect<'_>, body: Body, give_up_at: Instant) {
    match collect(body, answer.limit(), give_up_at).await {
        Ok(body) => answer.handle_body(client.clock.now(), &body),
        Err(failure) => answer.handle_failure(client.clock.now(), failure),
    }
}

/// A checkpoint is stored after so many bytes, or so much time, whichever comes first.
const SYNC_EVERY_BYTES: u64 = 64 * 1_048_576;
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// Brings a body to the sink.
async fn download(
    client: &Shared,
    stream: &mut Stream<'_>,
    mut body: Body,
    keeper: &Keeper,
    sink: &mut impl Sink,
) -> Result<(), Failure> {
    client.hooks.observe(|| stream.next_event());
    keeper.store(stream.revision(), || stream.checkpoint()).await?;
    sink.begin(stream.artifact(), stream.offset()).await.map_err(sink_failed)?;
    let (mut synced, mut synced_at) = (stream.position(), Instant::now());
    loop {
        let next = next_within(&mut body, stream.stall()).await;
        let broke_off = next.is_err();
        if let Ok(Some(chunk)) = &next {
            if stream.check(chunk).is_break() {
                return Ok(());
            }
            sink.write(chunk.clone()).await.map_err(sink_failed)?;
            stream.advance(chunk.len() as u64);
            client.hooks.progress(stream.position(), stream.artifact().length());
        }
        let due =
            stream.position() - synced >= SYNC_EVERY_BYTES || synced_at.elapsed() >= SYNC_EVERY;
        // What came before the body broke off is good all the same.
        if broke_off || (due && keeper.is_kept()) {
            (synced, synced_at) = (stream.position(), Instant::now());
            let durable = sink.sync().await.map_err(sink_failed)?;
            keeper.store_always(stream.mark_durable(durable)).await?;
        }
        if next?.is_none() {
            return Ok(());
        }
    }
}

fn sink_failed(error: io::Error) -> Failure {
    Failure::new(FailureKind::Sink).with_source(error)
}
