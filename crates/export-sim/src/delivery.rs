//! The delivery of a response to the client, with its faults: pauses, broken connections, wrong lengths.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::Bytes;

use crate::Payload;

/// The faults of the delivery of a response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    before_head: Vec<Action>,
    pub(crate) head: HeadFaults,
    /// Actions to take at these offsets of the body, sorted by offset.
    actions: Vec<(u64, Action)>,
    throttle: Option<Throttle>,
    /// Bytes to send after the body.
    surplus: Bytes,
    /// The action to take when everything is sent.
    end: Option<Action>,
}

/// The faults of the delivery of a head. They apply to HTTP/1.1 only, where a head is a sequence of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadFaults {
    /// Bytes to send before the head.
    pub(crate) before: Vec<u8>,
    /// Lines to insert after the status line.
    pub(crate) lines: Vec<String>,
    pub(crate) http10: bool,
    /// Text to send instead of the head and the body.
    pub(crate) instead: Option<String>,
    /// Actions to take at these offsets of the head, sorted by offset.
    pub(crate) actions: Vec<(usize, Action)>,
    pub(crate) throttle: Option<Throttle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Pause(Duration),
    Hang,
    Close,
    Reset,
    /// Ends the body as if it were complete.
    End,
}

/// Sends pieces of at most `bytes` bytes, with a pause after each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Throttle {
    pub(crate) bytes: usize,
    pub(crate) pause: Duration,
}

impl Delivery {
    pub(crate) fn before_head(&mut self, action: Action) {
        self.before_head.push(action);
    }

    pub(crate) fn at_byte(&mut self, offset: u64, action: Action) {
        self.actions.push((offset, action));
        self.actions.sort_by_key(|(offset, _)| *offset);
    }

    pub(crate) fn set_throttle(&mut self, throttle: Throttle) {
        self.throttle = Some(throttle);
    }

    /// Sends these bytes after the body, whatever its declared length.
    pub(crate) fn set_surplus(&mut self, surplus: Bytes) {
        self.surplus = surplus;
    }

    pub(crate) fn at_end(&mut self, action: Action) {
        self.end = Some(action);
    }

    /// The action to take when everything is sent.
    pub(crate) fn end(&self) -> Option<Action> {
        self.end
    }

    /// Whether the client receives the head.
    pub(crate) fn shows_head(&self) -> bool {
        let passes = |action: &Action| matches!(action, Action::Pause(_));
        self.before_head.iter().all(passes)
            && self.head.instead.is_none()
            && self.head.actions.iter().all(|(_, action)| passes(action))
    }

    /// Moves the actions within the head to before it, for transports where a head is not a sequence of bytes.
    pub(crate) fn with_head_actions_before_head(mut self) -> Self {
        let head = std::mem::take(&mut self.head);
        self.before_head.extend(head.actions.into_iter().map(|(_, action)| action));
        if head.instead.is_some() {
            self.before_head.push(Action::Close);
        }
        self
    }
}

impl HeadFaults {
    /// Whether the head is sent unchanged.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn at_byte(&mut self, offset: usize, action: Action) {
        self.actions.push((offset, action));
        self.actions.sort_by_key(|(offset, _)| *offset);
    }
}

/// The steps of the delivery of a response.
#[derive(Debug)]
pub(crate) struct DeliverySteps {
    payload: Payload,
    before_head: VecDeque<Action>,
    is_head_sent: bool,
    offset: u64,
    actions: VecDeque<(u64, Action)>,
    throttle: Option<Throttle>,
    pause_due: bool,
    surplus: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Head,
    Send(Bytes),
    Pause(Duration),
    Hang,
    Close,
    Reset,
    End,
}

impl DeliverySteps {
    pub(crate) fn new(payload: Payload, delivery: Delivery) -> Self {
        Self {
            payload,
            before_head: delivery.before_head.into(),
            is_head_sent: false,
            offset: 0,
            actions: delivery.actions.into(),
            throttle: delivery.throttle,
            pause_due: false,
            surplus: delivery.surplus,
        }
    }

    /// Returns the next step, which sends at most `limit` bytes.
    pub(crate) fn next_step(&mut self, limit: usize) -> io::Result<Step> {
        if !self.is_head_sent {
            return Ok(match self.before_head.pop_front() {
                Some(action) => action.into(),
                None => {
                    self.is_head_sent = true;
                    Step::Head
                }
            });
        }
        // Actions beyond the end of the body are taken at the end.
        let length = self.payload.len();
        if let Some(&(at, action)) = self.actions.front()
            && at.min(length) <= self.offset
        {
            self.actions.pop_front();
            return Ok(action.into());
        }
        if self.offset == length {
            let surplus = self.take_surplus();
            return Ok(if surplus.is_empty() { Step::End } else { Step::Send(surplus) });
        }
        if let Some(throttle) = self.throttle
            && std::mem::take(&mut self.pause_due)
        {
            return Ok(Step::Pause(throttle.pause));
        }
        let next_action = self.actions.front().map_or(length, |(at, _)| (*at).min(length));
        let limit = self.throttle.map_or(limit, |throttle| limit.min(throttle.bytes.max(1)));
        let room = usize::try_from(next_action - self.offset).unwrap_or(usize::MAX);
        let bytes = self.payload.read_at(self.offset, limit.min(room))?;
        self.offset += bytes.len() as u64;
        self.pause_due = true;
        Ok(Step::Send(bytes))
    }

    /// Whether the whole body is sent, and only the surplus is left.
    pub(crate) fn is_body_sent(&self) -> bool {
        self.is_head_sent && self.offset == self.payload.len() && self.actions.is_empty()
    }

    pub(crate) fn take_surplus(&mut self) -> Bytes {
        std::mem::take(&mut self.surplus)
    }
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        match action {
            Action::Pause(time) => Self::Pause(time),
            Action::Hang => Self::Hang,
            Action::Close => Self::Close,
            Action::Reset => Self::Reset,
            Action::End => Self::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(body: &'static str, delivery: Delivery) -> Vec<Step> {
        let mut delivery = DeliverySteps::new(body.into(), delivery);
        let mut steps = Vec::new();
        loop {
            steps.push(delivery.next_step(100).unwrap());
            if matches!(steps.last(), Some(Step::Hang | Step::Close | Step::End)) {
                return steps;
            }
        }
    }

    fn send(text: &'static str) -> Step {
        Step::Send(text.into())
    }

    #[test]
    fn actions_split_the_body_at_their_offset() {
        let mut delivery = Delivery::default();
        delivery.at_byte(4, Action::Close);
        delivery.at_byte(2, Action::Pause(Duration::from_secs(1)));
        let pause = Step::Pause(Duration::from_secs(1));
        assert_eq!(
            steps("abcdef", delivery),
            [Step::Head, send("ab"), pause, send("cd"), Step::Close]
        );
    }

    #[test]
    fn actions_beyond_the_end_are_taken_at_the_end() {
        let mut delivery = Delivery::default();
        delivery.at_byte(100, Action::Close);
        assert_eq!(steps("ab", delivery), [Step::Head, send("ab"), Step::Close]);
    }

    #[test]
    fn throttle_pauses_between_pieces() {
        let mut delivery = Delivery::default();
        let pause = Duration::from_millis(5);
        delivery.set_throttle(Throttle { bytes: 2, pause });
        let pause = Step::Pause(pause);
        assert_eq!(steps("abc", delivery), [Step::Head, send("ab"), pause, send("c"), Step::End]);
    }
}
