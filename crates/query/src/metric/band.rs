//! What is usual of a metric: the band in which its values are expected, learned of what it was before. docs/metrics.md says how.

use std::sync::Arc;

use chrono::{DateTime, Datelike, Days, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use model::anomaly_detector::{Adaptation, OutlierFiltering, Training};

use super::series::Points;

const DAY: i64 = 86_400;
/// How far back is learned from (AWS).
pub(crate) const TRAINING_DAYS: i64 = 14;
/// And of how many periods at most: two weeks of minutes.
pub(crate) const TRAINING_PERIODS_MAX: i64 = TRAINING_DAYS * 1_440;
/// Fewer values say nothing.
const VALUES_MIN: usize = 5;
/// With less history there are no days to compare.
const SEASONAL_AFTER: i64 = 2 * DAY;
/// How old values are that are learned of first, and how many are enough.
const SETTLED: [(i64, usize); 2] = [(900, 20), (300, VALUES_MIN)];
/// What is expected is the same for as long as this.
const SLOT: i64 = 900;
/// How much before and after the same time of other days counts.
const AROUND: i64 = 1_800;
/// A value of the same day of the week counts as several; one of a working day says little of a Sunday.
const SAME_WEEKDAY: f64 = 3.0;
const OTHER_KIND: f64 = 0.25;
/// What hardly ever changes is still allowed this share of change.
const SPREAD_MIN: f64 = 0.01;
/// Makes a standard deviation of a normal distribution of its median deviation, and of the distance of its 10th and 90th percentile.
const OF_MEDIAN_DEVIATION: f64 = 1.482_6;
const OF_PERCENTILES: f64 = 1.0 / 2.563;
const OF_QUARTILES: f64 = 1.0 / 1.349;

/// The middle of what is expected, and a standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expected {
    pub(crate) center: f64,
    pub(crate) spread: f64,
}

/// What is expected at some times, each learned of what was before it alone. `points` ascend.
pub(crate) fn expected(
    points: &Points,
    times: impl Iterator<Item = i64>,
    period: i64,
    training: &Training,
) -> Vec<(i64, Expected)> {
    let is_excluded = |time: i64| training.excluded.iter().any(|(from, to)| (*from..*to).contains(&time));
    let learned: Arc<[(i64, f64)]> = points.iter().copied().filter(|(time, _)| !is_excluded(*time)).collect();
    let model = Model::new(&learned, period, training);
    let mut last: Option<(i64, Option<Expected>)> = None;
    let mut all = Vec::new();
    for time in times {
        let step = if model.is_new_at(time) { period.max(60) } else { model.slot };
        let slot = time - time.rem_euclid(step);
        let expected = match last {
            Some((known, expected)) if known == slot => expected,
            _ => model.at(slot),
        };
        last = Some((slot, expected));
        all.extend(expected.map(|expected| (time, expected)));
    }
    all
}

struct Model<'m> {
    points: &'m [(i64, f64)],
    slot: i64,
    around: i64,
    zone: Tz,
    /// What a value counts after each day.
    keeps: f64,
    outliers: OutlierFiltering,
}

impl<'m> Model<'m> {
    fn new(points: &'m [(i64, f64)], period: i64, training: &Training) -> Model<'m> {
        let has_spikes = training.has_periodic_spikes == Some(true);
        Model {
            points,
            slot: if has_spikes { period.max(60) } else { period.max(SLOT) },
            around: if has_spikes { period } else { AROUND.max(period + period / 2) },
            zone: training.time_zone.as_deref().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC),
            keeps: match training.adaptation {
                Some(Adaptation::Fast) => 0.7,
                None | Some(Adaptation::Normal) => 0.9,
                Some(Adaptation::Slow) => 1.0,
            },
            outliers: training.outliers.unwrap_or(OutlierFiltering::Moderate),
        }
    }

    fn at(&self, slot: i64) -> Option<Expected> {
        let before = &self.points[..self.points.partition_point(|(time, _)| *time < slot)];
        let first = before.first()?.0;
        let mut values: Vec<(f64, f64)> = Vec::new();
        let is_new = slot - first < SEASONAL_AFTER;
        if is_new {
            // The newest ones may be what is unusual: they count where there are few others.
            let older =
                |(age, least): &(i64, usize)| Some(within(before, slot - DAY, slot - age)).filter(|older| older.len() >= *least);
            let learned = SETTLED.iter().find_map(older).unwrap_or_else(|| within(before, slot - DAY, slot));
            values.extend(learned.iter().map(|(_, value)| (*value, 1.0)));
        } else {
            let now = self.local(slot)?;
            for days in 1..=TRAINING_DAYS {
                // A time of day that a day does not have, as clocks went forward, is left out; of two the first counts.
                let then = now.naive_local().checked_sub_days(Days::new(days as u64));
                let Some(then) = then.and_then(|then| self.zone.from_local_datetime(&then).earliest()) else { continue };
                let weight = self.keeps.powi(days as i32) * alike(now.weekday(), then.weekday());
                let then = then.timestamp();
                let near = within(before, then - self.around, then + self.slot + self.around);
                values.extend(near.iter().map(|(_, value)| (*value, weight)));
            }
            // Of today there is the last half hour, which may be what is unusual: it counts where other days say too little.
            if values.len() < VALUES_MIN {
                values.extend(within(before, slot - self.around, slot).iter().map(|(_, value)| (*value, 1.0)));
            }
        }
        (values.len() >= VALUES_MIN).then(|| self.learn(&mut values, is_new))
    }

    /// Whether there are no days to compare yet.
    fn is_new_at(&self, time: i64) -> bool {
        self.points.first().is_some_and(|(first, _)| time - first < SEASONAL_AFTER)
    }

    /// Of values and how much each counts. Of few values, one that is unusual is a large part: then the middle half says how far they spread.
    fn learn(&self, values: &mut [(f64, f64)], are_few: bool) -> Expected {
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let center = percentile(values, 0.5);
        let between = match are_few {
            true => (percentile(values, 0.75) - percentile(values, 0.25)) * OF_QUARTILES,
            false => (percentile(values, 0.9) - percentile(values, 0.1)) * OF_PERCENTILES,
        };
        let weight: f64 = values.iter().map(|(_, weight)| weight).sum();
        let variance = values.iter().map(|(value, weight)| (value - center).powi(2) * weight).sum::<f64>() / weight;
        // Few values look more alike than they are.
        let inflation = 1.0 + 4.0 / values.len() as f64;
        values.iter_mut().for_each(|(value, _)| *value = (*value - center).abs());
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let deviation = percentile(values, 0.5) * OF_MEDIAN_DEVIATION;
        let spread = match self.outliers {
            OutlierFiltering::Minimal => variance.sqrt(),
            OutlierFiltering::Moderate => deviation.max(between),
            OutlierFiltering::Strict => deviation,
        };
        Expected { center, spread: (spread * inflation).max(center.abs() * SPREAD_MIN) }
    }

    fn local(&self, time: i64) -> Option<DateTime<Tz>> {
        Some(self.zone.from_utc_datetime(&DateTime::<Utc>::from_timestamp(time, 0)?.naive_utc()))
    }
}

fn alike(one: Weekday, other: Weekday) -> f64 {
    let is_weekend = |day| matches!(day, Weekday::Sat | Weekday::Sun);
    match one == other {
        true => SAME_WEEKDAY,
        false if is_weekend(one) == is_weekend(other) => 1.0,
        false => OTHER_KIND,
    }
}

fn within(points: &[(i64, f64)], from: i64, to: i64) -> &[(i64, f64)] {
    let (start, end) = (points.partition_point(|(time, _)| *time < from), points.partition_point(|(time, _)| *time < to));
    &points[start..end.max(start)]
}

/// Of values in order, with their weights.
fn percentile(values: &[(f64, f64)], share: f64) -> f64 {
    let all: f64 = values.iter().map(|(_, weight)| weight).sum();
    let mut sum = 0.0;
    for (value, weight) in values {
        sum += weight;
        if sum >= all * share {
            return *value;
        }
    }
    values.last().map_or(f64::NAN, |(value, _)| *value)
}
