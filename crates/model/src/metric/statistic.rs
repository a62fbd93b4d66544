//! Statistics as CloudWatch writes them: `Average`, `p99.9`, `TM(10%:90%)`, `PR(:300)`, `IQM` and the others.

use std::fmt;
use std::str::FromStr;

use super::Aggregate;

/// What is to be told of the values of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    SampleCount,
    Sum,
    Average,
    Minimum,
    Maximum,
    Percentile(f64),
    TrimmedMean(Range),
    WinsorizedMean(Range),
    TrimmedCount(Range),
    TrimmedSum(Range),
    /// The share of values in a range of values, in percent.
    PercentileRank(Range),
}

/// The values that are left: those between two, or those that are neither among the smallest nor among the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// In percent of how many there are.
    Percent { lower: f64, upper: f64 },
    /// Above the first, up to the second.
    Value { lower: f64, upper: f64 },
}

/// A text that is no statistic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a statistic; there are SampleCount, Average, Sum, Minimum, Maximum, p0 to p100, IQM, and TM, WM, TC, TS and PR with a range, as in TM(10%:90%) or PR(:300)"
)]
pub struct UnknownStatistic(pub String);

impl FromStr for Statistic {
    type Err = UnknownStatistic;

    fn from_str(text: &str) -> Result<Statistic, UnknownStatistic> {
        let unknown = || UnknownStatistic(text.to_owned());
        Ok(match text {
            "SampleCount" => Statistic::SampleCount,
            "Sum" => Statistic::Sum,
            "Average" => Statistic::Average,
            "Minimum" => Statistic::Minimum,
            "Maximum" => Statistic::Maximum,
            "IQM" => Statistic::TrimmedMean(Range::Percent { lower: 25.0, upper: 75.0 }),
            _ if text.ends_with(')') => {
                let (name, range) = text[..text.len() - 1].split_once('(').ok_or_else(unknown)?;
                let range = range_of(range).ok_or_else(unknown)?;
                match (name, range) {
                    ("TM", _) => Statistic::TrimmedMean(range),
                    ("WM", _) => Statistic::WinsorizedMean(range),
                    ("TC", _) => Statistic::TrimmedCount(range),
                    ("TS", _) => Statistic::TrimmedSum(range),
                    ("PR", Range::Value { .. }) => Statistic::PercentileRank(range),
                    _ => return Err(unknown()),
                }
            }
            _ => {
                let digits = text.find(|c: char| c.is_ascii_digit()).ok_or_else(unknown)?;
                let (name, number) = text.split_at(digits);
                let percent = percent_of(number).ok_or_else(unknown)?;
                let below = Range::Percent { lower: 0.0, upper: percent };
                match name {
                    "p" => Statistic::Percentile(percent),
                    // Below the first hundredth there is nothing to compute.
                    _ if percent == 0.0 => return Err(unknown()),
                    "tm" => Statistic::TrimmedMean(below),
                    "wm" => Statistic::WinsorizedMean(below),
                    "tc" => Statistic::TrimmedCount(below),
                    "ts" => Statistic::TrimmedSum(below),
                    _ => return Err(unknown()),
                }
            }
        })
    }
}

fn percent_of(text: &str) -> Option<f64> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|percent| is_plain && (0.0..=100.0).contains(percent))
}

fn range_of(text: &str) -> Option<Range> {
    let (lower, upper) = text.split_once(':')?;
    if lower.is_empty() && upper.is_empty() {
        return None;
    }
    if lower.ends_with('%') || upper.ends_with('%') {
        let bound = |text: &str, open: f64| match text {
            "" => Some(open),
            _ => percent_of(text.strip_suffix('%')?),
        };
        let (lower, upper) = (bound(lower, 0.0)?, bound(upper, 100.0)?);
        return (lower < upper).then_some(Range::Percent { lower, upper });
    }
    let bound = |text: &str, open: f64| match text {
        "" => Some(open),
        _ => text.parse::<f64>().ok().filter(|value| value.is_finite()),
    };
    let (lower, upper) = (bound(lower, f64::NEG_INFINITY)?, bound(upper, f64::INFINITY)?);
    (lower < upper).then_some(Range::Value { lower, upper })
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Statistic::SampleCount => f.write_str("SampleCount"),
            Statistic::Sum => f.write_str("Sum"),
            Statistic::Average => f.write_str("Average"),
            Statistic::Minimum => f.write_str("Minimum"),
            Statistic::Maximum => f.write_str("Maximum"),
            Statistic::Percentile(percent) => write!(f, "p{percent}"),
            Statistic::TrimmedMean(range) => write!(f, "TM({range})"),
            Statistic::WinsorizedMean(range) => write!(f, "WM({range})"),
            Statistic::TrimmedCount(range) => write!(f, "TC({range})"),
            Statistic::TrimmedSum(range) => write!(f, "TS({range})"),
            Statistic::PercentileRank(range) => write!(f, "PR({range})"),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Range::Percent { lower, upper } => write!(f, "{lower}%:{upper}%"),
            Range::Value { lower, upper } => {
                if lower.is_finite() {
                    write!(f, "{lower}")?;
                }
                f.write_str(":")?;
                if upper.is_finite() { write!(f, "{upper}") } else { Ok(()) }
            }
        }
    }
}

impl Statistic {
    /// Whether it needs to know the values, and not only how many there were, their sum, the smallest and the largest.
    pub fn needs_values(self) -> bool {
        !matches!(self, Statistic::SampleCount | Statistic::Sum | Statistic::Average | Statistic::Minimum | Statistic::Maximum)
    }

    /// What it says of these values; none where there are none, or where too little is known of them.
    pub fn of(self, aggregate: &Aggregate) -> Option<f64> {
        if aggregate.samples <= 0.0 {
            return None;
        }
        match self {
            Statistic::SampleCount => return Some(aggregate.samples),
            Statistic::Sum => return Some(aggregate.sum),
            Statistic::Average => return Some(aggregate.sum / aggregate.samples),
            Statistic::Minimum => return Some(aggregate.minimum),
            Statistic::Maximum => return Some(aggregate.maximum),
            _ => {}
        }
        let pairs = aggregate.values()?.ordered();
        let all: f64 = pairs.iter().map(|(_, count)| count).sum();
        match self {
            Statistic::Percentile(percent) => quantile(&pairs, all * percent / 100.0),
            Statistic::TrimmedMean(range) => {
                let (count, sum) = trimmed(&pairs, all, range);
                (count > 0.0).then(|| sum / count)
            }
            Statistic::TrimmedCount(range) => Some(trimmed(&pairs, all, range).0),
            Statistic::TrimmedSum(range) => Some(trimmed(&pairs, all, range).1),
            Statistic::PercentileRank(range) => Some(trimmed(&pairs, all, range).0 / all * 100.0),
            Statistic::WinsorizedMean(range) => {
                let (lower, upper) = match range {
                    Range::Value { lower, upper } => (lower, upper),
                    Range::Percent { lower, upper } => {
                        (quantile(&pairs, all * lower / 100.0)?, quantile(&pairs, all * upper / 100.0)?)
                    }
                };
                Some(pairs.iter().map(|(value, count)| value.clamp(lower, upper) * count).sum::<f64>() / all)
            }
            _ => None,
        }
    }
}

/// The smallest value up to which there are so many.
fn quantile(pairs: &[(f64, f64)], rank: f64) -> Option<f64> {
    let mut before = 0.0;
    for &(value, count) in pairs {
        before += count;
        // Sums of shares are not exact.
        if before >= rank * (1.0 - 1e-12) {
            return Some(value);
        }
    }
    pairs.last().map(|(value, _)| *value)
}

/// How many values are left, which may be a part of one, and their sum.
fn trimmed(pairs: &[(f64, f64)], all: f64, range: Range) -> (f64, f64) {
    let (mut left, mut sum, mut before) = (0.0, 0.0, 0.0);
    for &(value, count) in pairs {
        let share = match range {
            Range::Value { lower, upper } => {
                if lower < value && value <= upper {
                    count
                } else {
                    0.0
                }
            }
            Range::Percent { lower, upper } => {
                let (from, to) = (all * lower / 100.0, all * upper / 100.0);
                (to.min(before + count) - from.max(before)).max(0.0)
            }
        };
        left += share;
        sum += share * value;
        before += count;
    }
    (left, sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    fn of(values: &[f64], statistic: &str) -> Option<f64> {
        let mut aggregate = Aggregate::new(true);
        values.iter().for_each(|&value| aggregate.add(&Metric::value(0, "n", "m", "None", value)));
        statistic.parse::<Statistic>().unwrap().of(&aggregate)
    }

    #[test]
    fn statistics_of_ten_values() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        for (statistic, expected) in [
            ("SampleCount", 10.0),
            ("Sum", 55.0),
            ("Average", 5.5),
            ("Minimum", 1.0),
            ("Maximum", 10.0),
            ("p0", 1.0),
            ("p50", 5.0),
            ("p90", 9.0),
            ("p99.9", 10.0),
            ("p100", 10.0),
            ("tm90", 5.0),
            ("TM(10%:90%)", 5.5),
            ("TM(2:5)", 4.0),
            ("TM(:5)", 3.0),
            ("IQM", 5.5),
            ("tc95", 9.5),
            ("TC(2:4)", 2.0),
            ("TC(25%:)", 7.5),
            ("ts90", 45.0),
            ("TS(8:)", 19.0),
            ("PR(:3)", 30.0),
            ("PR(3:5)", 20.0),
            ("wm90", (45.0 + 9.0) / 10.0),
            ("WM(2:9)", (2.0 + 44.0 + 9.0) / 10.0),
        ] {
            let found = of(&values, statistic).unwrap();
            assert!((found - expected).abs() < 1e-9, "{statistic}: {found}, not {expected}");
        }
        assert_eq!(of(&[], "Sum"), None);
        assert_eq!(of(&[-3.0, 2.0], "p50"), Some(-3.0));
    }

    #[test]
    fn what_is_no_statistic_is_refused() {
        for text in [
            "",
            "p",
            "p101",
            "p-1",
            "average",
            "TM",
            "TM()",
            "TM(:)",
            "TM(5:1)",
            "TM(5%:1%)",
            "TM(1%:5)",
            "PR(1%:2%)",
            "XX(1:2)",
            "p1e1",
            "tm9x",
        ] {
            assert!(text.parse::<Statistic>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_statistic_is_written_as_it_is_read() {
        for text in ["Sum", "p99.9", "TM(10%:90%)", "TS(1.5:)", "PR(:300)", "WM(0%:95%)"] {
            assert_eq!(text.parse::<Statistic>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn where_only_sums_are_known_percentiles_are_not() {
        let mut aggregate = Aggregate::new(true);
        aggregate.add(&Metric { samples: 3.0, sum: 9.0, minimum: 1.0, maximum: 5.0, ..Metric::value(0, "n", "m", "None", 0.0) });
        assert_eq!(Statistic::Percentile(50.0).of(&aggregate), None);
        assert_eq!(Statistic::Average.of(&aggregate), Some(3.0));
        let mut aggregate = Aggregate::new(true);
        aggregate.add(&Metric { samples: 3.0, sum: 6.0, minimum: 2.0, maximum: 2.0, ..Metric::value(0, "n", "m", "None", 0.0) });
        assert_eq!(Statistic::Percentile(50.0).of(&aggregate), Some(2.0));
    }
}
