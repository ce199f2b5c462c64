use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep_until};

use super::Shared;
use super::stream::StreamState;
use crate::delivery::{Action, DeliverySteps, Step};

/// The body of a response while it is being sent.
#[derive(Debug)]
pub(super) struct ResponseBody {
    steps: DeliverySteps,
    stream: Arc<StreamState>,
    shared: Arc<Shared>,
    state: State,
    /// Whether the surplus has to be sent after the message, because it does not fit into the declared length.
    surplus_after_message: bool,
    /// The action to take on the connection when everything is sent.
    end: Option<Action>,
}

#[derive(Debug)]
enum State {
    Sending,
    Sleeping(Pin<Box<Sleep>>),
    Hanging,
    /// Waits until everything that was sent is flushed, before the body ends or the connection breaks.
    Flushing {
        flushes: u64,
        then: BodyEnd,
    },
    Ended,
}

#[derive(Clone, Copy, Debug)]
enum BodyEnd {
    Abort,
    Complete,
}

impl ResponseBody {
    pub(super) fn new(
        steps: DeliverySteps,
        stream: Arc<StreamState>,
        shared: Arc<Shared>,
        surplus_after_message: bool,
        end: Option<Action>,
    ) -> Self {
        let state = State::Sending;
        let mut body = Self { steps, stream, shared, state, surplus_after_message, end };
        // hyper does not poll an empty body.
        body.end_if_sent();
        body
    }

    /// Ends the connection after this response, if the scenario says so and the whole body is sent.
    fn end_if_sent(&mut self) {
        if self.steps.is_body_sent()
            && let Some(action) = self.end.take()
        {
            self.stream.end_after_flush(action);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Sending => {}
                State::Sleeping(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    this.state = State::Sending;
                }
                State::Hanging => return Poll::Pending,
                State::Flushing { flushes, then } => {
                    ready!(this.stream.poll_flushed(cx, *flushes));
                    let aborted = || io::Error::other("the scenario closes the connection");
                    let end = match then {
                        BodyEnd::Abort => Some(Err(aborted())),
                        BodyEnd::Complete => None,
                    };
                    this.state = State::Ended;
                    return Poll::Ready(end);
                }
                State::Ended => return Poll::Ready(None),
            }
            let flush = |then| State::Flushing { flushes: this.stream.flushes(), then };
            let link = &this.shared.link;
            this.state = match this.steps.next_step(link.max_piece()) {
                Ok(Step::Send(bytes)) => {
                    if let Some(sent_at) = link.take(bytes.len()) {
                        this.state = State::Sleeping(Box::pin(sleep_until(sent_at)));
                    }
                    // hyper does not poll again once the declared length is reached.
                    if this.surplus_after_message && this.steps.is_body_sent() {
                        this.stream.send_after_message(this.steps.take_surplus());
                    }
                    this.end_if_sent();
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Ok(Step::Head) => State::Sending,
                Ok(Step::Pause(time)) => State::Sleeping(Box::pin(tokio::time::sleep(time))),
                Ok(Step::Hang) => State::Hanging,
                Ok(Step::Close) => flush(BodyEnd::Abort),
                Ok(Step::Reset) => {
                    this.stream.reset();
                    flush(BodyEnd::Abort)
                }
                Ok(Step::End) if this.steps.is_body_sent() => State::Ended,
                Ok(Step::End) => flush(BodyEnd::Complete),
                Err(error) => {
                    this.state = State::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
            };
        }
    }
}
