//! Times on the wire: epoch seconds, with a fraction where there is one.

use model::TimeRange;
use model::time::{secs_to_us, us_to_secs};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::ApiError;

/// A moment, as AWS JSON protocols write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) i64);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let secs = f64::deserialize(deserializer)?;
        if (-1e11..1e11).contains(&secs) {
            Ok(Moment(secs_to_us(secs)))
        } else {
            Err(serde::de::Error::custom("a time is written in seconds since 1970"))
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1_000_000 == 0 {
            serializer.serialize_i64(self.0 / 1_000_000)
        } else {
            serializer.serialize_f64(us_to_secs(self.0))
        }
    }
}

/// `2026-11-28T18:05:00Z`.
pub(crate) fn written(us: i64) -> String {
    chrono::DateTime::from_timestamp_micros(us)
        .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
        .unwrap_or_default()
}

/// A range with both ends given and in order.
pub(crate) fn range(start: Option<Moment>, end: Option<Moment>) -> Result<TimeRange, ApiError> {
    let start = start.ok_or_else(|| ApiError::invalid("StartTime is missing"))?;
    let end = end.ok_or_else(|| ApiError::invalid("EndTime is missing"))?;
    if start.0 >= end.0 {
        return Err(ApiError::invalid("StartTime must be before EndTime"));
    }
    Ok(TimeRange { start_us: start.0, end_us: end.0 })
}
