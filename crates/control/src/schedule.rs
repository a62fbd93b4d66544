//! When something is due again and again: `rate(5 minutes)`, cron patterns as AWS writes them, and how long something lasts.

use chrono::{DateTime, Days, Duration, Months, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// When something runs.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// Once, when it is started.
    Once,
    /// Each so many seconds.
    Rate(i64),
    /// At the times of a pattern, in UTC.
    Cron(Box<Cron>),
}

/// Between two runs at least, and at most where they are told by a rate.
const RATE_SECS: std::ops::RangeInclusive<i64> = 60..=3_600;

impl Schedule {
    /// `rate(…)` or `cron(…)` with six fields.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        let text = text.trim();
        let within = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(rate) = within("rate") {
            return Schedule::rate(rate);
        }
        match within("cron") {
            Some(pattern) => Ok(Schedule::Cron(Box::new(cron_with_year(pattern)?))),
            None => Err(format!("{text:?} is neither rate(5 minutes) nor cron(0 10 * * ? *)")),
        }
    }

    fn rate(text: &str) -> Result<Schedule, String> {
        let wrong =
            || format!("rate({text}): there are rate(1 minute), rate(N minutes) and rate(1 hour); rate(0 minute) runs once");
        let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let number: i64 = number.trim().parse().map_err(|_| wrong())?;
        let secs = match unit.trim() {
            "minute" | "minutes" => number.checked_mul(60),
            "hour" | "hours" => number.checked_mul(3_600),
            _ => None,
        };
        match secs.ok_or_else(wrong)? {
            0 => Ok(Schedule::Once),
            secs if RATE_SECS.contains(&secs) => Ok(Schedule::Rate(secs)),
            _ => Err(format!("rate({text}): the rate can be from 1 minute to 1 hour")),
        }
    }

    /// The first time after `after_us` that it is due, where it began at `began_us`.
    pub fn next_us(&self, began_us: i64, after_us: i64) -> Option<i64> {
        match self {
            Schedule::Once => (began_us > after_us).then_some(began_us),
            Schedule::Rate(secs) => {
                let step = secs * 1_000_000;
                Some(if after_us < began_us { began_us } else { began_us + ((after_us - began_us) / step + 1) * step })
            }
            Schedule::Cron(cron) => {
                let after = DateTime::<Utc>::from_timestamp_micros(after_us.max(began_us))?;
                cron.find_next_occurrence(&after, false).ok().map(|next| next.timestamp_micros())
            }
        }
    }

    /// About how many seconds are between two runs.
    pub fn every_secs(&self, now_us: i64) -> i64 {
        match self {
            Schedule::Once => 3_600,
            Schedule::Rate(secs) => *secs,
            Schedule::Cron(_) => {
                let first = self.next_us(now_us, now_us);
                let second = first.and_then(|first| self.next_us(first, first));
                first.zip(second).map_or(3_600, |(first, second)| (second - first) / 1_000_000)
            }
        }
    }
}

/// Minute, hour, day of the month, month, day of the week from 1 for Sunday, and a year that must be `*`.
fn cron_with_year(text: &str) -> Result<Cron, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday, year] = fields[..] else {
        return Err(format!("cron({text}) must have six fields: minutes, hours, day of month, month, day of week, year"));
    };
    if year != "*" {
        return Err(format!("cron({text}): the year must be *"));
    }
    if (day == "?") == (weekday == "?") {
        return Err(format!("cron({text}): of day of month and day of week exactly one must be ?"));
    }
    let parser =
        CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).alternative_weekdays(true).sloppy_ranges(true);
    let any = |field: &str| if field == "?" { "*".to_owned() } else { field.to_owned() };
    let pattern = [minute, hour, &any(day), month, &any(weekday)].join(" ");
    parser.build().parse(&pattern).map_err(|err| format!("cron({text}): {err}"))
}

/// Minute, hour, day of the month, month and day of the week from 0 for Sunday.
pub fn cron(text: &str) -> Result<Cron, String> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).sloppy_ranges(true);
    let pattern = text.replace('?', "*");
    parser
        .build()
        .parse(&pattern)
        .map_err(|err| format!("cron({text}): {err}; it has five fields: minutes, hours, day of month, month, day of week"))
}

/// The last time up to `now_us` that a pattern is due in a time zone.
pub fn last_us(cron: &Cron, zone: Tz, now_us: i64) -> Option<i64> {
    let now = DateTime::<Utc>::from_timestamp_micros(now_us)?.with_timezone(&zone);
    cron.find_previous_occurrence(&now, true).ok().map(|last| last.timestamp_micros())
}

/// The first time after `now_us`.
pub fn next_us(cron: &Cron, zone: Tz, now_us: i64) -> Option<i64> {
    let now = DateTime::<Utc>::from_timestamp_micros(now_us)?.with_timezone(&zone);
    cron.find_next_occurrence(&now, false).ok().map(|next| next.timestamp_micros())
}

/// `2026-11-28T18:05` of a time zone.
pub fn at_us(text: &str, zone: Tz) -> Result<i64, String> {
    let wrong = || format!("at({text}) must be written as at(2026-11-28T18:05)");
    let time =
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"));
    zone.from_local_datetime(&time.map_err(|_| wrong())?).earliest().map(|time| time.timestamp_micros()).ok_or_else(wrong)
}

/// When what began then is over: `PT1H30M`, `P2D`.
pub fn end_us(begin_us: i64, duration: &str) -> Option<i64> {
    let begin = DateTime::<Utc>::from_timestamp_micros(begin_us)?;
    let (date, time) = match duration.strip_prefix('P')?.split_once('T') {
        Some((date, time)) if !time.is_empty() => (date, time),
        Some(_) => return None,
        None => (&duration[1..], ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let mut end = begin;
    for (count, unit) in parts(date)? {
        end = match unit {
            'Y' => end.checked_add_months(Months::new(u32::try_from(count).ok()?.checked_mul(12)?))?,
            'M' => end.checked_add_months(Months::new(u32::try_from(count).ok()?))?,
            'W' => end.checked_add_days(Days::new(count.checked_mul(7)?))?,
            'D' => end.checked_add_days(Days::new(count))?,
            _ => return None,
        };
    }
    for (count, unit) in parts(time)? {
        let secs = match unit {
            'H' => 3_600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        end = end.checked_add_signed(Duration::try_seconds(i64::try_from(count).ok()?.checked_mul(secs)?)?)?;
    }
    Some(end.timestamp_micros())
}

/// Numbers with the letter behind each.
fn parts(text: &str) -> Option<Vec<(u64, char)>> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[at..].chars().next()?;
        found.push((rest[..at].parse().ok()?, unit));
        rest = &rest[at + unit.len_utf8()..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    fn next(expression: &str, after: &str) -> String {
        let schedule = Schedule::parse(expression).unwrap();
        let next = schedule.next_us(us("2026-11-01T00:00:00Z"), us(after)).unwrap();
        DateTime::<Utc>::from_timestamp_micros(next).unwrap().to_rfc3339()
    }

    #[test]
    fn schedules_are_due() {
        for (expression, after, expected) in [
            ("rate(5 minutes)", "2026-11-01T00:03:00Z", "2026-11-01T00:05:00+00:00"),
            ("rate(1 hour)", "2026-11-01T00:00:00Z", "2026-11-01T01:00:00+00:00"),
            ("cron(0 10 * * ? *)", "2026-11-28T10:00:00Z", "2026-11-29T10:00:00+00:00"),
            // Sunday is 1.
            ("cron(15 12 ? * 1 *)", "2026-11-28T10:00:00Z", "2026-11-29T12:15:00+00:00"),
            ("cron(15 12 ? * MON-FRI *)", "2026-11-28T10:00:00Z", "2026-11-30T12:15:00+00:00"),
            ("cron(0 8 L * ? *)", "2026-11-28T10:00:00Z", "2026-11-30T08:00:00+00:00"),
            // The second Tuesday.
            ("cron(0 8 ? * 3#2 *)", "2026-11-28T10:00:00Z", "2026-12-08T08:00:00+00:00"),
            ("cron(0/15 * * * ? *)", "2026-11-28T10:01:00Z", "2026-11-28T10:15:00+00:00"),
            ("cron(0 8 1W * ? *)", "2026-11-28T10:00:00Z", "2026-12-01T08:00:00+00:00"),
        ] {
            assert_eq!(next(expression, after), expected, "{expression}");
        }
        assert!(matches!(Schedule::parse("rate(0 minute)"), Ok(Schedule::Once)));
        for wrong in [
            "rate(2 hours)",
            "rate(30 seconds)",
            "rate(5)",
            "cron(0 10 * * ?)",
            "cron(0 10 1 * 2 *)",
            "cron(0 10 * * ? 2027)",
            "daily",
            "cron(99 * * * ? *)",
        ] {
            assert!(Schedule::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_read() {
        let begin = us("2026-11-28T10:00:00Z");
        for (text, expected) in [
            ("PT1M", Some("2026-11-28T10:01:00Z")),
            ("PT1H30M", Some("2026-11-28T11:30:00Z")),
            ("P15D", Some("2026-12-13T10:00:00Z")),
            ("P1DT12H", Some("2026-11-29T22:00:00Z")),
            ("P1W", Some("2026-12-05T10:00:00Z")),
            ("P", None),
            ("PT", None),
            ("1H", None),
            ("PT1X", None),
        ] {
            assert_eq!(end_us(begin, text), expected.map(us), "{text}");
        }
    }

    #[test]
    fn patterns_follow_the_clock_of_a_time_zone() {
        let daily = cron("0 9 * * *").unwrap();
        assert_eq!(last_us(&daily, chrono_tz::Asia::Tokyo, us("2026-11-28T00:30:00Z")), Some(us("2026-11-28T00:00:00Z")));
        assert_eq!(at_us("2026-11-28T09:00", chrono_tz::Asia::Tokyo), Ok(us("2026-11-28T00:00:00Z")));
    }
}
