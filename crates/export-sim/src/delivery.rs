//! How an answer reaches the client: pauses, cuts, and lengths that lie.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::Bytes;

use crate::Payload;

/// What is done to an answer on its way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    before_head: Vec<Act>,
    pub(crate) head: HeadPlan,
    /// What happens after so many bytes of the body.
    marks: Vec<(u64, Act)>,
    pace: Option<Pace>,
    surplus: Bytes,
    /// What happens when all of it is out.
    end: Option<Act>,
}

/// What is done to a head on its way, where heads are bytes: in HTTP/1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadPlan {
    /// What goes out before it.
    pub(crate) before: Vec<u8>,
    /// Lines right behind its first one.
    pub(crate) lines: Vec<String>,
    pub(crate) http10: bool,
    /// What goes out in its place, and that of the body.
    pub(crate) instead: Option<String>,
    /// What happens after so many bytes of it.
    pub(crate) marks: Vec<(usize, Act)>,
    pub(crate) pace: Option<Pace>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Pause(Duration),
    Hang,
    Close,
    Reset,
    /// Ends the body as if it were whole.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) bytes: usize,
    pub(crate) pause: Duration,
}

impl Delivery {
    pub(crate) fn before_head(&mut self, act: Act) {
        self.before_head.push(act);
    }

    pub(crate) fn at_byte(&mut self, offset: u64, act: Act) {
        self.marks.push((offset, act));
        self.marks.sort_by_key(|(offset, _)| *offset);
    }

    pub(crate) fn at_pace(&mut self, pace: Pace) {
        self.pace = Some(pace);
    }

    /// Sends more than the body, whatever its length was said to be.
    pub(crate) fn add_surplus(&mut self, surplus: Bytes) {
        self.surplus = surplus;
    }

    pub(crate) fn at_end(&mut self, act: Act) {
        self.end = Some(act);
    }

    /// What happens when all of it is out.
    pub(crate) fn end(&self) -> Option<Act> {
        self.end
    }

    /// Whether the client is to see a status at all.
    pub(crate) fn shows_head(&self) -> bool {
        let passes = |act: &Act| matches!(act, Act::Pause(_));
        self.before_head.iter().all(passes)
            && self.head.instead.is_none()
            && self.head.marks.iter().all(|(_, act)| passes(act))
    }

    /// Does what befalls the head before it: where a head is no row of bytes, or is not looked at.
    pub(crate) fn without_bytes_of_the_head(mut self) -> Self {
        let head = std::mem::take(&mut self.head);
        self.before_head.extend(head.marks.into_iter().map(|(_, act)| act));
        if head.instead.is_some() {
            self.before_head.push(Act::Close);
        }
        self
    }
}

impl HeadPlan {
    /// Whether the head goes out as it is.
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn at_byte(&mut self, offset: usize, act: Act) {
        self.marks.push((offset, act));
        self.marks.sort_by_key(|(offset, _)| *offset);
    }
}

/// An answer, step by step.
#[derive(Debug)]
pub(crate) struct Flow {
    payload: Payload,
    before_head: VecDeque<Act>,
    head: bool,
    offset: u64,
    marks: VecDeque<(u64, Act)>,
    pace: Option<Pace>,
    rest_due: bool,
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

impl Flow {
    pub(crate) fn new(payload: Payload, delivery: Delivery) -> Self {
        Self {
            payload,
            before_head: delivery.before_head.into(),
            head: false,
            offset: 0,
            marks: delivery.marks.into(),
            pace: delivery.pace,
            rest_due: false,
            surplus: delivery.surplus,
        }
    }

    /// The next thing to do; at most `limit` bytes at once.
    pub(crate) fn step(&mut self, limit: usize) -> io::Result<Step> {
        if !self.head {
            return Ok(match self.before_head.pop_front() {
                Some(act) => act.into(),
                None => {
                    self.head = true;
                    Step::Head
                }
            });
        }
        // What is to happen beyond the end happens at the end.
        let length = self.payload.len();
        if let Some(&(at, act)) = self.marks.front()
            && at.min(length) <= self.offset
        {
            self.marks.pop_front();
            return Ok(act.into());
        }
        if self.offset == length {
            let surplus = self.take_surplus();
            return Ok(if surplus.is_empty() { Step::End } else { Step::Send(surplus) });
        }
        if let Some(pace) = self.pace
            && std::mem::take(&mut self.rest_due)
        {
            return Ok(Step::Pause(pace.pause));
        }
        let mark = self.marks.front().map_or(length, |(at, _)| (*at).min(length));
        let limit = self.pace.map_or(limit, |pace| limit.min(pace.bytes.max(1)));
        let room = usize::try_from(mark - self.offset).unwrap_or(usize::MAX);
        let bytes = self.payload.read_at(self.offset, limit.min(room))?;
        self.offset += bytes.len() as u64;
        self.rest_due = true;
        Ok(Step::Send(bytes))
    }

    /// Whether the whole body is out, and nothing but its surplus is left.
    pub(crate) fn is_through(&self) -> bool {
        self.head && self.offset == self.payload.len() && self.marks.is_empty()
    }

    pub(crate) fn take_surplus(&mut self) -> Bytes {
        std::mem::take(&mut self.surplus)
    }
}

impl From<Act> for Step {
    fn from(act: Act) -> Self {
        match act {
            Act::Pause(time) => Self::Pause(time),
            Act::Hang => Self::Hang,
            Act::Close => Self::Close,
            Act::Reset => Self::Reset,
            Act::End => Self::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(body: &'static str, delivery: Delivery) -> Vec<Step> {
        let mut flow = Flow::new(body.into(), delivery);
        let mut steps = Vec::new();
        loop {
            steps.push(flow.step(100).unwrap());
            if matches!(steps.last(), Some(Step::Hang | Step::Close | Step::End)) {
                return steps;
            }
        }
    }

    fn send(text: &'static str) -> Step {
        Step::Send(text.into())
    }

    #[test]
    fn marks_cut_the_body_where_they_stand() {
        let mut delivery = Delivery::default();
        delivery.at_byte(4, Act::Close);
        delivery.at_byte(2, Act::Pause(Duration::from_secs(1)));
        let pause = Step::Pause(Duration::from_secs(1));
        assert_eq!(
            log("abcdef", delivery),
            [Step::Head, send("ab"), pause, send("cd"), Step::Close]
        );
    }

    #[test]
    fn a_mark_beyond_the_end_happens_at_the_end() {
        let mut delivery = Delivery::default();
        delivery.at_byte(100, Act::Close);
        assert_eq!(log("ab", delivery), [Step::Head, send("ab"), Step::Close]);
    }

    #[test]
    fn pauses_lie_between_the_pieces_of_a_slow_body() {
        let mut delivery = Delivery::default();
        let pause = Duration::from_millis(5);
        delivery.at_pace(Pace { bytes: 2, pause });
        let pause = Step::Pause(pause);
        assert_eq!(log("abc", delivery), [Step::Head, send("ab"), pause, send("c"), Step::End]);
    }
}
