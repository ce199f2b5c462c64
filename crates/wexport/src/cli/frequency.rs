//! How often something may be done, as people write it.

use std::fmt;
use std::str::FromStr;

use export_hyper::Rate;

/// A known limit: `5/s`, `90/m`; `5` alone is in a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frequency {
    times: f64,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
}

impl Frequency {
    pub(crate) fn rate(self) -> Rate {
        match self.unit {
            Unit::Second => Rate::per_second(self.times),
            Unit::Minute => Rate::per_minute(self.times),
        }
    }
}

impl FromStr for Frequency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not how often: write 5/s or 90/m");
        let (times, unit) = match text.split_once('/') {
            None | Some((_, "s")) => (text.trim_end_matches("/s"), Unit::Second),
            Some((times, "m")) => (times, Unit::Minute),
            Some(_) => return Err(wrong()),
        };
        let times: f64 = times.parse().map_err(|_| wrong())?;
        // Neither nothing nor more than any service answers.
        if times > 0.0 && times <= 1_000_000.0 { Ok(Self { times, unit }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => "s",
            Unit::Minute => "m",
        };
        write!(f, "{}/{unit}", self.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for text in ["5/s", "0.5/s", "90/m", "1000/s"] {
            assert_eq!(text.parse::<Frequency>().unwrap().to_string(), text);
        }
        assert_eq!("5".parse::<Frequency>().unwrap().to_string(), "5/s");
        assert_eq!("90/m".parse::<Frequency>().unwrap().rate(), Rate::per_second(1.5));
    }

    #[test]
    fn nonsense_is_no_frequency() {
        for text in ["", "0", "-1", "/s", "5/h", "5/", "often", "NaN", "inf", "1e9", "5/s/s"] {
            assert!(text.parse::<Frequency>().is_err(), "{text}");
        }
    }
}
