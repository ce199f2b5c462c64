//! Types of flag values: durations and rates.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use export_hyper::Rate;
use jiff::civil::Date;

/// A duration: `90` (seconds), `500ms`, `90s`, `5m`, `2h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DurationArg(pub(crate) Duration);

/// Each unit in milliseconds, the longer suffix first.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl FromStr for DurationArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "expected a duration such as 90s, 5m, 2h or 30d".to_owned();
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.get(digits.len()..).filter(|unit| !unit.is_empty()).unwrap_or("s");
        let number: u64 = digits.parse().map_err(|_| invalid())?;
        let (_, millis) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let millis = number.checked_mul(millis).ok_or_else(invalid)?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl fmt::Display for DurationArg {
    /// Formats the duration in the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let fitting =
            UNITS.into_iter().rev().find(|(_, unit)| millis.is_multiple_of(u128::from(*unit)));
        let (name, unit) = fitting.filter(|_| millis > 0).unwrap_or(("s", 1_000));
        write!(f, "{}{name}", millis / u128::from(unit))
    }
}

/// A date: `2026-11-30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateArg(pub(crate) Date);

impl FromStr for DateArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        // `Date` is also read from other forms of ISO 8601, with a time and a zone.
        let date = text.parse().ok().filter(|date: &Date| date.to_string() == text);
        date.map(Self).ok_or("expected a date such as 2026-11-30")
    }
}

/// A switch of the config file: `true` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SwitchArg(pub(crate) bool);

impl FromStr for SwitchArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        text.parse().map(Self).map_err(|_| "expected true or false")
    }
}

/// A number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CountArg(pub(crate) u32);

impl FromStr for CountArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        text.parse().map(Self).map_err(|_| "expected a whole number such as 10")
    }
}

impl fmt::Display for CountArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number of bytes: `1500`, `64K`, `10M`, `2G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizeArg(pub(crate) u64);

/// Each unit of sizes in bytes, the largest first.
const SIZE_UNITS: [(char, u64); 4] =
    [('T', 1 << 40), ('G', 1 << 30), ('M', 1 << 20), ('K', 1 << 10)];

impl FromStr for SizeArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let invalid = "expected a number of bytes such as 1500, 64K, 10M or 2G";
        let unit = SIZE_UNITS
            .into_iter()
            .find(|(unit, _)| text.ends_with(*unit) || text.ends_with(unit.to_ascii_lowercase()));
        let (digits, factor) = match unit {
            Some((_, factor)) => (&text[..text.len() - 1], factor),
            None => (text, 1),
        };
        let number: u64 = digits.parse().map_err(|_| invalid)?;
        number.checked_mul(factor).map(Self).ok_or(invalid)
    }
}

impl fmt::Display for SizeArg {
    /// Formats the size in the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = SIZE_UNITS.into_iter().find(|(_, size)| self.0.is_multiple_of(*size));
        match fitting.filter(|_| self.0 > 0) {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A rate: `5/s`, `90/m`, or `5` for `5/s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RateArg {
    times: f64,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
}

impl RateArg {
    #[cfg(feature = "demo")]
    pub(crate) const fn per_second(times: f64) -> Self {
        Self { times, unit: Unit::Second }
    }

    pub(crate) fn rate(self) -> Rate {
        match self.unit {
            Unit::Second => Rate::per_second(self.times),
            Unit::Minute => Rate::per_minute(self.times),
        }
    }
}

impl FromStr for RateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "expected a rate such as 5/s or 90/m".to_owned();
        let (times, unit) = match text.split_once('/') {
            None | Some((_, "s")) => (text.trim_end_matches("/s"), Unit::Second),
            Some((times, "m")) => (times, Unit::Minute),
            Some(_) => return Err(invalid()),
        };
        let times: f64 = times.parse().map_err(|_| invalid())?;
        // The range of `Rate`.
        if times > 0.0 && times <= 1_000_000.0 { Ok(Self { times, unit }) } else { Err(invalid()) }
    }
}

impl fmt::Display for RateArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => "s",
            Unit::Minute => "m",
        };
        write!(f, "{}/{unit}", self.times)
    }
}

/// Reads the name of a run.
pub(super) fn key(text: &str) -> Result<String, &'static str> {
    const MAX: usize = 200;
    match text.trim() {
        "" => Err("expected a name such as nightly"),
        name if name.len() > MAX => Err("longer than 200 bytes"),
        name if name.chars().any(char::is_control) => {
            Err("expected a name without control characters")
        }
        name => Ok(name.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_round_trip() {
        for text in ["0s", "1ms", "1500ms", "59s", "90s", "5m", "2h", "30d"] {
            assert_eq!(text.parse::<DurationArg>().unwrap().to_string(), text);
        }
        assert_eq!("90".parse(), Ok(DurationArg(Duration::from_secs(90))));
    }

    #[test]
    fn invalid_durations_are_refused() {
        for text in ["", "s", "-1", "1.5h", "1 h", "1w", "soon", "99999999999999999d", "1é"] {
            assert!(text.parse::<DurationArg>().unwrap_err().contains("such as 90s"), "{text}");
        }
    }

    #[test]
    fn sizes_round_trip() {
        for text in ["0", "1500", "64K", "10M", "2G", "1T"] {
            assert_eq!(text.parse::<SizeArg>().unwrap().to_string(), text);
        }
        assert_eq!("64k".parse(), Ok(SizeArg(65_536)));
        assert_eq!("1024".parse::<SizeArg>().unwrap().to_string(), "1K");
        for text in ["", "K", "-1", "1.5G", "1 G", "10MB", "99999999999999T", "1é"] {
            assert!(text.parse::<SizeArg>().is_err(), "{text}");
        }
    }

    #[test]
    fn rates_round_trip() {
        for text in ["5/s", "0.5/s", "90/m", "1000/s"] {
            assert_eq!(text.parse::<RateArg>().unwrap().to_string(), text);
        }
        assert_eq!("5".parse::<RateArg>().unwrap().to_string(), "5/s");
        assert_eq!("90/m".parse::<RateArg>().unwrap().rate(), Rate::per_second(1.5));
    }

    #[test]
    fn invalid_rates_are_refused() {
        for text in ["", "0", "-1", "/s", "5/h", "5/", "often", "NaN", "inf", "1e9", "5/s/s"] {
            assert!(text.parse::<RateArg>().is_err(), "{text}");
        }
    }
}
