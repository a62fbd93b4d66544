//! The two ways in which signed requests write times.

use chrono::{DateTime, NaiveDateTime};

const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// Seconds since 1970 of `20261231T235959Z`.
pub(crate) fn of_stamp(text: &str) -> Option<i64> {
    // The library reads shorter forms of it too.
    let is_whole =
        text.len() == 16 && text.bytes().enumerate().all(|(place, byte)| matches!(place, 8 | 15) || byte.is_ascii_digit());
    if !is_whole {
        return None;
    }
    NaiveDateTime::parse_from_str(text, STAMP).ok().map(|time| time.and_utc().timestamp())
}

pub(crate) fn stamp(secs: i64) -> String {
    DateTime::from_timestamp(secs, 0).map(|time| time.format(STAMP).to_string()).unwrap_or_default()
}

/// The stamp of a `Date` header.
pub(crate) fn of_http_date(text: &str) -> Option<String> {
    DateTime::parse_from_rfc2822(text).ok().map(|time| stamp(time.timestamp()))
}
