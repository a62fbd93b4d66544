//! Values of rows. They are loosely typed: a text that is a number is compared as one.

use std::cmp::Ordering;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime};
use serde_json::Value as Json;

use super::Step;
use crate::log::{Comparison, whole};

/// From here on floating numbers do not tell whole ones apart.
pub(super) const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Nothing,
    Truth(bool),
    Number(f64),
    /// Microseconds since 1970.
    Moment(i64),
    Text(String),
    /// A list or an object.
    Json(Json),
}

impl Value {
    pub(crate) fn of_json(value: &Json) -> Value {
        match value {
            Json::Null => Value::Nothing,
            Json::Bool(truth) => Value::Truth(*truth),
            // Ids are whole numbers that a floating one cannot hold: they stay as they are written.
            Json::Number(number) => match number.as_f64() {
                Some(value) if value.abs() < EXACT_MAX || number.is_f64() => Value::Number(value),
                _ => Value::Text(number.to_string()),
            },
            Json::String(text) => Value::Text(text.clone()),
            other => Value::Json(other.clone()),
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Value::Nothing)
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            // As people count it: in milliseconds.
            Value::Moment(time_us) => Some((*time_us / 1_000) as f64),
            Value::Truth(truth) => Some(f64::from(u8::from(*truth))),
            Value::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Value::Nothing | Value::Json(_) => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        match self {
            Value::Truth(truth) => *truth,
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => text == "true" || text == "1",
            _ => false,
        }
    }

    /// As results tell it; none where there is nothing.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Value::Nothing => return None,
            Value::Truth(truth) => u8::from(*truth).to_string(),
            Value::Number(number) => number_text(*number),
            Value::Moment(time_us) => moment_text(*time_us),
            Value::Text(text) => text.clone(),
            Value::Json(json) => json.to_string(),
        })
    }

    /// `left` against `right`, where the two can be compared.
    pub(crate) fn compares(how: Comparison, left: &Value, right: &Value) -> bool {
        if left.is_nothing() || right.is_nothing() {
            // What is not there is not equal to anything, and not unequal either.
            return false;
        }
        how.holds(Some(left.order(right)))
    }

    fn order(&self, other: &Value) -> Ordering {
        match (self.number(), other.number()) {
            (Some(left), Some(right)) => self.exact_order(other).unwrap_or_else(|| left.total_cmp(&right)),
            _ => self.text().cmp(&other.text()),
        }
    }

    /// The order of whole numbers of which one is so large that a floating number is not exact.
    fn exact_order(&self, other: &Value) -> Option<Ordering> {
        if !self.is_long() && !other.is_long() {
            return None;
        }
        let whole = |value: &Value| match value {
            Value::Text(text) => whole(text),
            Value::Number(number) => (number.fract() == 0.0 && number.abs() < EXACT_MAX).then_some(*number as i128),
            _ => None,
        };
        Some(whole(self)?.cmp(&whole(other)?))
    }

    /// Whether it is a whole number that a floating one may not hold.
    pub(crate) fn is_long(&self) -> bool {
        matches!(self, Value::Text(text) if text.len() > 15 && whole(text).is_some_and(|whole| whole.unsigned_abs() >= EXACT_MAX as u128))
    }

    /// The order of `sort`: nothing, then texts, then numbers.
    pub(crate) fn sorted(&self, other: &Value) -> Ordering {
        let rank = |value: &Value| match value {
            Value::Nothing => 0,
            value if value.number().is_some() => 2,
            _ => 1,
        };
        match (rank(self), rank(other)) {
            (2, 2) => self.order(other),
            (1, 1) => natural(&self.text().unwrap_or_default(), &other.text().unwrap_or_default()),
            (left, right) => left.cmp(&right),
        }
    }
}

/// Texts as people sort them: runs of digits by their number.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (of_left, of_right) = (digits(left), digits(right));
        if of_left > 0 && of_right > 0 {
            let number = |text: &str, count: usize| text[..count].trim_start_matches('0').to_owned();
            let (a, b) = (number(left, of_left), number(right, of_right));
            let order = a.len().cmp(&b.len()).then_with(|| a.cmp(&b));
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (&left[of_left..], &right[of_right..]);
            continue;
        }
        match (left.chars().next(), right.chars().next()) {
            (Some(a), Some(b)) if a == b => (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]),
            (a, b) => return a.cmp(&b),
        }
    }
}

/// Whole numbers as such, others with four digits at most.
pub(crate) fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(crate) fn moment_text(time_us: i64) -> String {
    DateTime::from_timestamp_micros(time_us).map(|time| time.format("%Y-%m-%d %H:%M:%S%.3f").to_string()).unwrap_or_default()
}

impl Step {
    /// The beginning of the step that a moment lies in.
    pub(crate) fn floor(self, time_us: i64) -> i64 {
        match self {
            Step::Micros(step) => time_us - time_us.rem_euclid(step),
            Step::Months(step) => {
                let Some(date) = DateTime::from_timestamp_micros(time_us).map(|time| time.date_naive()) else { return time_us };
                let months = date.year() * 12 + date.month0() as i32;
                let first = months - months.rem_euclid(step as i32);
                NaiveDate::from_ymd_opt(first.div_euclid(12), first.rem_euclid(12) as u32 + 1, 1)
                    .map_or(time_us, |date| date.and_time(NaiveTime::MIN).and_utc().timestamp_micros())
            }
        }
    }

    /// Where that step ends.
    pub(crate) fn end(self, time_us: i64) -> i64 {
        let floor = self.floor(time_us);
        self.ceil(floor.saturating_add(1))
    }

    pub(crate) fn ceil(self, time_us: i64) -> i64 {
        let floor = self.floor(time_us);
        if floor == time_us {
            return floor;
        }
        match self {
            Step::Micros(step) => floor + step,
            Step::Months(step) => DateTime::from_timestamp_micros(floor)
                .and_then(|time| time.checked_add_months(Months::new(step)))
                .map_or(time_us, |time| time.timestamp_micros()),
        }
    }
}
