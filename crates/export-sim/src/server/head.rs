//! Rewrites the bytes of a response head according to the faults of a scenario.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::delivery::{Action, HeadFaults};

/// One operation on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WriteOp {
    Bytes(Bytes),
    Pause(Duration),
    Hang,
    Close,
    Reset,
}

/// The end of the first head in these bytes, or `None` if the head is incomplete.
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The operations that replace the sending of a head.
pub(super) fn rewrite(faults: &HeadFaults, head: &[u8]) -> VecDeque<WriteOp> {
    if let Some(text) = &faults.instead {
        return [WriteOp::Bytes(Bytes::copy_from_slice(text.as_bytes())), WriteOp::Close].into();
    }
    let mut bytes = faults.before.clone();
    let rest = match head.strip_prefix(b"HTTP/1.1") {
        Some(rest) if faults.http10 => {
            bytes.extend_from_slice(b"HTTP/1.0");
            rest
        }
        _ => head,
    };
    let line = rest.windows(2).position(|window| window == b"\r\n").map_or(rest.len(), |at| at + 2);
    bytes.extend_from_slice(&rest[..line]);
    for added in &faults.lines {
        bytes.extend_from_slice(added.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(&rest[line..]);
    split(faults, &bytes.into())
}

/// Splits the bytes at the actions and pauses of the head.
fn split(faults: &HeadFaults, bytes: &Bytes) -> VecDeque<WriteOp> {
    let mut ops = VecDeque::new();
    let mut at = 0;
    let mut actions = faults.actions.iter().peekable();
    while at < bytes.len() {
        while let Some((_, action)) = actions.next_if(|(offset, _)| *offset <= at) {
            ops.push_back((*action).into());
        }
        let next = actions.peek().map_or(bytes.len(), |(offset, _)| (*offset).min(bytes.len()));
        let piece = faults.throttle.map_or(usize::MAX, |throttle| throttle.bytes.max(1));
        let end = next.min(at.saturating_add(piece));
        ops.push_back(WriteOp::Bytes(bytes.slice(at..end)));
        ops.extend(faults.throttle.map(|throttle| WriteOp::Pause(throttle.pause)));
        at = end;
    }
    ops.extend(actions.map(|(_, action)| WriteOp::from(*action)));
    ops
}

impl From<Action> for WriteOp {
    fn from(action: Action) -> Self {
        match action {
            Action::Pause(time) => Self::Pause(time),
            Action::Hang => Self::Hang,
            Action::Reset => Self::Reset,
            Action::Close | Action::End => Self::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Throttle;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\na: b\r\n\r\n";

    /// The operations as text: bytes as they are, `|` for a pause, `<Op>` for the rest.
    fn rewritten(faults: &HeadFaults) -> String {
        let show = |op| match op {
            WriteOp::Bytes(bytes) => String::from_utf8(bytes.into()).unwrap(),
            WriteOp::Pause(_) => "|".into(),
            other => format!("<{other:?}>"),
        };
        rewrite(faults, HEAD).into_iter().map(show).collect()
    }

    #[test]
    fn head_without_faults_is_unchanged() {
        assert_eq!(rewritten(&HeadFaults::default()).as_bytes(), HEAD);
        assert_eq!(end(b"HTTP/1.1 200 OK\r\n\r\nbody"), Some(19));
        assert_eq!(end(b"HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn lines_are_inserted_after_the_status_line() {
        let faults = HeadFaults { lines: vec!["x".into()], http10: true, ..HeadFaults::default() };
        assert_eq!(rewritten(&faults), "HTTP/1.0 200 OK\r\nx\r\na: b\r\n\r\n");
    }

    #[test]
    fn actions_and_pauses_split_the_head() {
        let mut faults = HeadFaults { before: b"before ".into(), ..HeadFaults::default() };
        faults.at_byte(9, Action::Close);
        assert!(rewritten(&faults).starts_with("before HT<Close>"), "{}", rewritten(&faults));
        faults.actions = vec![(1000, Action::Reset)];
        assert!(rewritten(&faults).ends_with("\r\n\r\n<Reset>"));
        faults.throttle = Some(Throttle { bytes: 3, pause: Duration::ZERO });
        assert!(rewritten(&faults).starts_with("bef|ore| HT|TP/|"), "{}", rewritten(&faults));
    }
}
