//! Lengths of time, as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time: `90` (seconds), `500ms`, `90s`, `5m`, `2h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// Each unit, in milliseconds; the longer suffix first.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no length of time: write 90s, 5m, 2h or 30d");
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.get(digits.len()..).filter(|unit| !unit.is_empty()).unwrap_or("s");
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let (_, millis) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let millis = number.checked_mul(millis).ok_or_else(wrong)?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl fmt::Display for Span {
    /// In the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let fitting =
            UNITS.into_iter().rev().find(|(_, unit)| millis.is_multiple_of(u128::from(*unit)));
        let (name, unit) = fitting.filter(|_| millis > 0).unwrap_or(("s", 1_000));
        write!(f, "{}{name}", millis / u128::from(unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for text in ["0s", "1ms", "1500ms", "59s", "90s", "5m", "2h", "30d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("90".parse(), Ok(Span(Duration::from_secs(90))));
    }

    #[test]
    fn nonsense_is_no_length_of_time() {
        for text in ["", "s", "-1", "1.5h", "1 h", "1w", "soon", "99999999999999999d", "1é"] {
            assert!(text.parse::<Span>().unwrap_err().contains("write 90s"), "{text}");
        }
    }
}
