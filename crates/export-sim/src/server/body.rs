use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::Sleep;

use super::wire::WireState;
use crate::delivery::{Act, Flow, Step};

/// The body of an answer on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    flow: Flow,
    wire: Arc<WireState>,
    state: State,
    /// Whether a surplus is to follow the message, for want of room in it.
    behind: bool,
    /// What happens to the connection when all is out.
    end: Option<Act>,
}

#[derive(Debug)]
enum State {
    Flowing,
    Sleeping(Pin<Box<Sleep>>),
    Hanging,
    /// What was sent has to be out before the connection may break.
    Ending {
        flushes: u64,
        how: Ending,
    },
    Ended,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Broken,
    Whole,
}

/// Large enough that the simulator is not what makes a download slow.
const CHUNK: usize = 512 * 1024;

impl Outgoing {
    pub(super) fn new(flow: Flow, wire: Arc<WireState>, behind: bool, end: Option<Act>) -> Self {
        let mut body = Self { flow, wire, state: State::Flowing, behind, end };
        // Nobody asks for a body that is empty.
        body.end_behind();
        body
    }

    /// Has the connection end behind this answer, if that is to be and all of it is on its way.
    fn end_behind(&mut self) {
        if self.flow.is_through()
            && let Some(act) = self.end.take()
        {
            self.wire.end_behind(act);
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Flowing => {}
                State::Sleeping(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    this.state = State::Flowing;
                }
                State::Hanging => return Poll::Pending,
                State::Ending { flushes, how } => {
                    ready!(this.wire.poll_flushed(cx, *flushes));
                    let broken = || io::Error::other("the scenario closes the connection");
                    let end = match how {
                        Ending::Broken => Some(Err(broken())),
                        Ending::Whole => None,
                    };
                    this.state = State::Ended;
                    return Poll::Ready(end);
                }
                State::Ended => return Poll::Ready(None),
            }
            let ending = |how| State::Ending { flushes: this.wire.flushes(), how };
            this.state = match this.flow.step(CHUNK) {
                Ok(Step::Send(bytes)) => {
                    // hyper does not ask again once the promised length is reached.
                    if this.behind && this.flow.is_through() {
                        this.wire.send_behind(this.flow.take_surplus());
                    }
                    this.end_behind();
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Ok(Step::Head) => State::Flowing,
                Ok(Step::Pause(time)) => State::Sleeping(Box::pin(tokio::time::sleep(time))),
                Ok(Step::Hang) => State::Hanging,
                Ok(Step::Close) => ending(Ending::Broken),
                Ok(Step::Reset) => {
                    this.wire.reset();
                    ending(Ending::Broken)
                }
                Ok(Step::End) if this.flow.is_through() => State::Ended,
                Ok(Step::End) => ending(Ending::Whole),
                Err(error) => {
                    this.state = State::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
            };
        }
    }
}
