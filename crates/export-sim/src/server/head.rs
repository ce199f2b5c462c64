//! A head as bytes, and what a scenario does to it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::delivery::{Act, HeadPlan};

/// What goes out, piece by piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Bytes(Bytes),
    Pause(Duration),
    Hang,
    Close,
    Reset,
}

/// Where the first head in these bytes ends; none if that is not among them.
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// What goes out in place of a head.
pub(super) fn rewrite(plan: &HeadPlan, head: &[u8]) -> VecDeque<Out> {
    if let Some(text) = &plan.instead {
        return [Out::Bytes(Bytes::copy_from_slice(text.as_bytes())), Out::Close].into();
    }
    let mut bytes = plan.before.clone();
    let rest = match head.strip_prefix(b"HTTP/1.1") {
        Some(rest) if plan.http10 => {
            bytes.extend_from_slice(b"HTTP/1.0");
            rest
        }
        _ => head,
    };
    let line = rest.windows(2).position(|window| window == b"\r\n").map_or(rest.len(), |at| at + 2);
    bytes.extend_from_slice(&rest[..line]);
    for added in &plan.lines {
        bytes.extend_from_slice(added.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(&rest[line..]);
    cut(plan, &bytes.into())
}

/// Lays the pauses and breaks between the bytes.
fn cut(plan: &HeadPlan, bytes: &Bytes) -> VecDeque<Out> {
    let mut out = VecDeque::new();
    let mut at = 0;
    let mut marks = plan.marks.iter().peekable();
    while at < bytes.len() {
        while let Some((_, act)) = marks.next_if(|(offset, _)| *offset <= at) {
            out.push_back((*act).into());
        }
        let mark = marks.peek().map_or(bytes.len(), |(offset, _)| (*offset).min(bytes.len()));
        let piece = plan.pace.map_or(usize::MAX, |pace| pace.bytes.max(1));
        let end = mark.min(at.saturating_add(piece));
        out.push_back(Out::Bytes(bytes.slice(at..end)));
        out.extend(plan.pace.map(|pace| Out::Pause(pace.pause)));
        at = end;
    }
    out.extend(marks.map(|(_, act)| Out::from(*act)));
    out
}

impl From<Act> for Out {
    fn from(act: Act) -> Self {
        match act {
            Act::Pause(time) => Self::Pause(time),
            Act::Hang => Self::Hang,
            Act::Reset => Self::Reset,
            Act::Close | Act::End => Self::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Pace;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\na: b\r\n\r\n";

    /// What goes out, with a mark for what is not a byte.
    fn told(plan: &HeadPlan) -> String {
        let tell = |out| match out {
            Out::Bytes(bytes) => String::from_utf8(bytes.into()).unwrap(),
            Out::Pause(_) => "|".into(),
            other => format!("<{other:?}>"),
        };
        rewrite(plan, HEAD).into_iter().map(tell).collect()
    }

    #[test]
    fn a_head_that_nothing_befalls_goes_out_as_it_is() {
        assert_eq!(told(&HeadPlan::default()).as_bytes(), HEAD);
        assert_eq!(end(b"HTTP/1.1 200 OK\r\n\r\nbody"), Some(19));
        assert_eq!(end(b"HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn lines_stand_behind_the_first_one() {
        let plan = HeadPlan { lines: vec!["x".into()], http10: true, ..HeadPlan::default() };
        assert_eq!(told(&plan), "HTTP/1.0 200 OK\r\nx\r\na: b\r\n\r\n");
    }

    #[test]
    fn it_breaks_off_and_pauses_where_it_is_told_to() {
        let mut plan = HeadPlan { before: b"before ".into(), ..HeadPlan::default() };
        plan.at_byte(9, Act::Close);
        assert!(told(&plan).starts_with("before HT<Close>"), "{}", told(&plan));
        plan.marks = vec![(1000, Act::Reset)];
        assert!(told(&plan).ends_with("\r\n\r\n<Reset>"));
        plan.pace = Some(Pace { bytes: 3, pause: Duration::ZERO });
        assert!(told(&plan).starts_with("bef|ore| HT|TP/|"), "{}", told(&plan));
    }
}
