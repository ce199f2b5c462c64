//! Warnings about endpoints that the service will switch off.

use export_core::dialect::SunsetNotice;
use export_hyper::ApiVersion;

use crate::problem::{Exit, Problem};

/// The number of days before its end from which an endpoint causes a warning.
const WARNING_DAYS: i64 = 365;

/// The warning about an endpoint that the service marks as deprecated.
pub(crate) const DEPRECATED: &str =
    "the service marks this endpoint as deprecated: see its documentation for the successor";

/// The warning about an endpoint, if its end is near. `date` is a day such as `2027-01-31`.
pub(crate) fn warning(date: &str, days_left: i64, endpoint: &str, api: &str) -> Option<String> {
    Some(format!("{}: {}", near_end(date, days_left, endpoint)?, advice(api)))
}

/// Describes when an endpoint is switched off, if that is near.
pub(crate) fn near_end(date: &str, days_left: i64, endpoint: &str) -> Option<String> {
    if days_left >= WARNING_DAYS {
        return None;
    }
    let when = match days_left {
        ..0 => format!("was to be switched off on {date}, {} days ago", -days_left),
        0 => format!("is switched off today, {date}"),
        1 => format!("is switched off tomorrow, {date}"),
        _ => format!("is switched off on {date}, in {days_left} days"),
    };
    Some(format!("{endpoint} {when}"))
}

/// What a user of this API version can do about an endpoint that is switched off.
pub(crate) fn advice(api: &str) -> String {
    let newest = ApiVersion::V2026_01_01.as_str();
    if api == newest {
        "see the service's documentation for the successor".into()
    } else {
        format!("use --api-version {newest}, the default")
    }
}

/// The error of `--deny-deprecated`.
pub(crate) fn denied(notice: &SunsetNotice) -> Problem {
    let date = notice.sunset.sunset.to_string();
    let day = date.split('T').next().unwrap_or(&date);
    let endpoint = notice.sunset.endpoint;
    Problem::new(
        Exit::Usage,
        format!("{endpoint} is switched off on {day}, and --deny-deprecated is set"),
    )
    .advise(format!("use --api-version {}, the default", ApiVersion::V2026_01_01))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning_after(days_left: i64, api: &str) -> Option<String> {
        warning("2027-01-31", days_left, "POST /old", api)
    }

    #[test]
    fn warning_has_the_date_the_days_left_and_advice() {
        assert_eq!(
            warning_after(69, "2022-01-01").unwrap(),
            "POST /old is switched off on 2027-01-31, in 69 days: \
             use --api-version 2026-01-01, the default"
        );
        assert!(warning_after(0, "2022-01-01").unwrap().contains("today"));
        assert!(warning_after(1, "2022-01-01").unwrap().contains("tomorrow"));
        assert!(warning_after(-3, "2022-01-01").unwrap().contains("3 days ago"));
    }

    #[test]
    fn an_end_a_year_away_causes_no_warning() {
        assert!(warning_after(364, "2022-01-01").is_some());
        assert_eq!(warning_after(365, "2022-01-01"), None);
    }

    #[test]
    fn newest_version_is_not_told_to_switch_versions() {
        assert!(!warning_after(10, "2026-01-01").unwrap().contains("--api-version"));
    }
}
