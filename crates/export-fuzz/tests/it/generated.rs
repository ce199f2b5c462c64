//! Inputs made of pieces of the kept inputs and of the dictionaries, in random order.

use std::fs;
use std::panic;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::replay::{fuzz, names};

#[test]
fn recombined_inputs_keep_all_invariants() {
    for (name, check) in export_fuzz::CHECKS {
        let pieces = pieces(name);
        let piece = prop_oneof![
            6 => (0..pieces.len()).prop_map(move |index| pieces[index].clone()),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
        ];
        let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new(config);
        let run = runner.run(&proptest::collection::vec(piece, 0..12), |input| {
            let input = input.concat();
            let kept = panic::catch_unwind(|| check(&input)).is_ok();
            prop_assert!(kept, "{name} breaks an invariant with {}", input.escape_ascii());
            Ok(())
        });
        assert!(run.is_ok(), "{}", run.unwrap_err());
    }
}

/// The separator of the replies of a script.
const SEPARATOR: &[u8] = b"\n===\n";

/// The entries of the dictionary of a check, and its inputs, split after each reply.
fn pieces(name: &str) -> Vec<Vec<u8>> {
    let dictionary = fs::read(fuzz().join(format!("dictionaries/{name}.dict"))).unwrap();
    let mut pieces: Vec<_> = dictionary.split(|b| *b == b'\n').filter_map(entry).collect();
    let corpus = fuzz().join("corpus").join(name);
    for file in names(&corpus) {
        let input = fs::read(corpus.join(file)).unwrap();
        let mut rest = &input[..];
        while let Some(end) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
            let (reply, after) = rest.split_at(end + SEPARATOR.len());
            pieces.push(reply.into());
            rest = after;
        }
        pieces.push(rest.into());
    }
    pieces
}

/// Parses the entry of a dictionary, `"\x0a..."`.
fn entry(line: &[u8]) -> Option<Vec<u8>> {
    let mut quoted = line.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut bytes = Vec::new();
    while let Some((first, rest)) = quoted.split_first() {
        let hex = rest.strip_prefix(b"x").and_then(|rest| std::str::from_utf8(rest.get(..2)?).ok());
        let (byte, rest) = match (first, hex) {
            (b'\\', Some(hex)) => (u8::from_str_radix(hex, 16).ok()?, &rest[3..]),
            (b'\\', None) => (*rest.first()?, &rest[1..]),
            _ => (*first, rest),
        };
        bytes.push(byte);
        quoted = rest;
    }
    Some(bytes)
}
