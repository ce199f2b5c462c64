//! Endpoints with an announced end: who uses one hears of it while there is time.

use export_hyper::{ApiVersion, SunsetNotice};

use crate::problem::{Exit, Problem};

/// An end that is further away than this many days is not worth a warning.
const WARN_WITHIN: i64 = 365;

/// What to say of an endpoint that the service calls deprecated.
pub(crate) const DEPRECATED: &str =
    "the service calls the endpoint in use deprecated: see its documentation for what follows";

/// What to say of an end, if it is near.
pub(crate) fn warning(date: &str, days_left: i64, endpoint: &str, api: &str) -> Option<String> {
    Some(format!("{}: {}", end(date, days_left, endpoint)?, way(api)))
}

/// When an endpoint ends, if that is near.
pub(crate) fn end(date: &str, days_left: i64, endpoint: &str) -> Option<String> {
    if days_left >= WARN_WITHIN {
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

/// What to do about an end, in this generation of the API.
pub(crate) fn way(api: &str) -> String {
    let newest = ApiVersion::V2026_01_01.as_str();
    if api == newest {
        "see the service's documentation for what follows".into()
    } else {
        format!("move with --api-version {newest}, the default")
    }
}

/// Refuses an export through an endpoint with an announced end.
pub(crate) fn deny(notice: &SunsetNotice) -> Problem {
    let date = notice.sunset.sunset.to_string();
    let day = date.split('T').next().unwrap_or(&date);
    Problem::new(
        Exit::Usage,
        format!("{} ends on {day}, and --deny-deprecated was given", notice.sunset.endpoint),
    )
    .advise(format!("use --api-version {}, the default", ApiVersion::V2026_01_01))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(days_left: i64, api: &str) -> Option<String> {
        warning("2027-01-31", days_left, "POST /old", api)
    }

    #[test]
    fn an_end_is_told_with_its_date_the_days_left_and_the_way_out() {
        assert_eq!(
            said(69, "2022-01-01").unwrap(),
            "POST /old is switched off on 2027-01-31, in 69 days: \
             move with --api-version 2026-01-01, the default"
        );
        assert!(said(0, "2022-01-01").unwrap().contains("today"));
        assert!(said(1, "2022-01-01").unwrap().contains("tomorrow"));
        assert!(said(-3, "2022-01-01").unwrap().contains("3 days ago"));
    }

    #[test]
    fn an_end_that_is_a_year_away_is_not_told() {
        assert!(said(364, "2022-01-01").is_some());
        assert_eq!(said(365, "2022-01-01"), None);
    }

    #[test]
    fn where_no_flag_moves_none_is_named() {
        assert!(!said(10, "2026-01-01").unwrap().contains("--api-version"));
    }
}
