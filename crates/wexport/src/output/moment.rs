//! The date and the time that templates name.

use export_hyper::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// When a command was given, and the date that its files are for. It is stored with the run: one that
/// is resumed after midnight, or in another time zone, has the same file names.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    /// The **seconds** that local time was ahead of UTC; `None` if the time zone is unknown.
    #[serde(default = "utc")]
    offset: Option<i32>,
    /// The date of `--date`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    date: Option<Date>,
    /// The time that orders the run after those before it, if the clock was set back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Timestamp>,
}

/// The time zone of a placeholder.
const UTC: &str = "utc";

impl Moment {
    /// A moment in the time zone of the system, or of the variable TZ.
    pub(crate) fn local(at: Timestamp) -> Self {
        let is_named = std::env::var_os("TZ").is_some();
        let zone = match system_zone() {
            Ok(zone) => Some(zone),
            // A system that has no time zone has UTC. One that is named has to be known: files would
            // have the names of another day.
            Err(_) => (!is_named).then_some(TimeZone::UTC),
        };
        let offset = zone.zip(instant(at).ok()).map(|(zone, at)| zone.to_offset(at).seconds());
        Self { at, offset, date: None, order: None }
    }

    /// The same moment, for the files of this date.
    pub(crate) fn with_date(self, date: Option<Date>) -> Self {
        Self { date: date.or(self.date), ..self }
    }

    /// The same moment, in this order of runs.
    pub(crate) fn with_order(self, order: Option<Timestamp>) -> Self {
        Self { order, ..self }
    }

    /// The time by which a run is earlier or later than another. It is not earlier than that of the runs before it,
    /// also if the clock was set back.
    pub(crate) fn order(&self) -> Timestamp {
        self.order.unwrap_or(self.at)
    }

    /// The local date, or the one that was given; `None` if the time zone is unknown.
    pub(crate) fn date(&self) -> Option<String> {
        self.format("%F", None).ok()
    }

    /// Formats the moment as a placeholder asks for: in local time as `default`, or as its `argument`
    /// says, which is `utc`, a format of strftime, or both.
    ///
    /// # Errors
    ///
    /// Fails with what is wrong with the argument or with the time zone.
    pub(crate) fn format(&self, default: &str, argument: Option<&str>) -> Result<String, Problem> {
        let (is_utc, format) = match argument {
            None => (false, default),
            Some(UTC) => (true, default),
            Some(text) => match text.strip_prefix("utc:") {
                Some(format) => (true, format),
                None => (false, text),
            },
        };
        let invalid = |reason: String| {
            let argument = argument.unwrap_or_default();
            Problem::usage(format!("-o: invalid format '{argument}': {reason}"))
                .advise("use utc, or a format of strftime such as {date:%Y-%m}")
        };
        if !format.contains('%') {
            return Err(invalid("it has no %".into()));
        }
        let time = self.time(is_utc)?;
        strtime::format(format, time).map_err(|error| invalid(error.to_string()))
    }

    fn time(&self, is_utc: bool) -> Result<DateTime, Problem> {
        let offset = if is_utc { Some(0) } else { self.offset };
        let offset = offset.ok_or_else(unknown_zone)?;
        let offset = Offset::from_seconds(offset);
        let time = offset.and_then(|offset| Ok(offset.to_datetime(instant(self.at)?)));
        let time = time.map_err(|error| Problem::usage(format!("-o: {error}")))?;
        Ok(self.date.map_or(time, |date| date.to_datetime(time.time())))
    }
}

fn system_zone() -> Result<TimeZone, jiff::Error> {
    #[cfg(test)]
    if let Some(machine) = crate::machine::Machine::current() {
        return Ok(machine.zone.clone());
    }
    TimeZone::try_system()
}

/// The offset of moments that were stored without one.
const fn utc() -> Option<i32> {
    Some(0)
}

fn instant(at: Timestamp) -> Result<jiff::Timestamp, jiff::Error> {
    jiff::Timestamp::from_millisecond(i64::try_from(at.as_millis()).unwrap_or(i64::MAX))
}

fn unknown_zone() -> Problem {
    let zone = std::env::var_os("TZ").unwrap_or_default();
    Problem::usage(format!("-o: unknown time zone '{}' in TZ", zone.display()))
        .advise("set TZ to a zone such as America/New_York, or use {date:utc}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-12-01, 02:30 in UTC, and 21:30 of the day before in New York.
    fn moment() -> Moment {
        let at = Timestamp::from_date(2026, 12, 1) + std::time::Duration::from_secs(9_000);
        Moment { at, offset: Some(-5 * 3_600), date: None, order: None }
    }

    #[test]
    fn a_date_is_local_unless_it_is_utc() {
        let format = |argument| moment().format("%F", argument).unwrap();
        assert_eq!(format(None), "2026-11-30");
        assert_eq!(format(Some("utc")), "2026-12-01");
        assert_eq!(format(Some("%Y-%m %H:%M")), "2026-11 21:30");
        assert_eq!(format(Some("utc:%Y-%m")), "2026-12");
    }

    #[test]
    fn a_date_that_is_given_replaces_both() {
        let given = moment().with_date(Some(Date::constant(2026, 2, 28)));
        assert_eq!(given.format("%F", None).unwrap(), "2026-02-28");
        assert_eq!(given.format("%F", Some("utc")).unwrap(), "2026-02-28");
        assert_eq!(given.format("%H%M%S", None).unwrap(), "213000");
    }

    #[test]
    fn invalid_formats_are_refused() {
        for argument in ["", "UTC", "yesterday", "%", "%Y-%J", "utc:", "%z", "%Z"] {
            let problem = moment().format("%F", Some(argument)).unwrap_err();
            assert!(problem.message.contains(&format!("'{argument}'")), "{problem}");
        }
    }

    #[test]
    fn an_unknown_zone_is_refused_where_it_matters() {
        let unknown = Moment { offset: None, ..moment() };
        assert_eq!(unknown.format("%F", Some("utc")).unwrap(), "2026-12-01");
        assert!(unknown.format("%F", None).unwrap_err().message.contains("time zone"));
    }

    #[test]
    fn a_stored_moment_is_the_same() {
        for moment in [moment(), Moment { offset: None, ..moment() }] {
            let stored = serde_json::to_string(&moment).unwrap();
            assert_eq!(serde_json::from_str::<Moment>(&stored).unwrap(), moment);
        }
        let older: Moment = serde_json::from_str(r#"{"at":0}"#).unwrap();
        assert_eq!(older.format("%F", None).unwrap(), "1970-01-01");
    }
}
