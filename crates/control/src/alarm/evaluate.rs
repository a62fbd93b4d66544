//! In which state datapoints put an alarm, and why: pure. What CloudWatch does with missing data is told only by the examples of its documentation;
//! this does the same with all of them.

use chrono::{DateTime, Utc};
use model::alarm::{AlarmState, Comparison, LowSamples, MetricAlarm, MissingData, Watched};
use serde_json::{Value, json};

/// A datapoint of what is watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Datapoint {
    /// When its period begins, in seconds.
    pub time: i64,
    pub value: f64,
    /// What is expected, of alarms on bands: lower and upper end.
    pub band: Option<(f64, f64)>,
    /// Of how many samples it is, where that is known.
    pub samples: Option<f64>,
}

/// A state, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub state: AlarmState,
    pub reason: String,
    /// JSON; none where the state is kept and nothing new is to be said.
    pub data: Option<Value>,
}

/// Periods that are looked at besides the N of the alarm, so that datapoints which come late still count.
pub const EXTRA_PERIODS: u32 = 2;

/// Datapoints that are told of, so that what is told stays within AWS's 4,000 characters.
const RECENT_MAX: usize = 50;
const EVALUATED_MAX: usize = 10;

/// How samples are too few for a percentile to say anything (AWS): fewer than ten beyond it.
fn samples_min(statistic: &str) -> Option<f64> {
    let percent: f64 = statistic.strip_prefix(['p', 'P'])?.parse().ok()?;
    let share = percent / 100.0;
    let beyond = if share >= 0.5 { 1.0 - share } else { share };
    (beyond > 0.0).then(|| 10.0 / beyond)
}

/// `points` are the newest periods, the oldest first, those without a datapoint none: N and `EXTRA_PERIODS` of them.
pub fn evaluate(alarm: &MetricAlarm, points: &[Option<Datapoint>], current: AlarmState, now_us: i64) -> Verdict {
    let (n, m) = (alarm.evaluation_periods as usize, alarm.datapoints_to_alarm() as usize);
    // The newest first, each with its age in periods.
    let real: Vec<(usize, &Datapoint)> =
        points.iter().rev().enumerate().filter_map(|(place, point)| Some((place + 1, point.as_ref()?))).collect();
    let told = Telling { alarm, current, now_us, n, m };
    if has_low_samples(alarm, &real, n) {
        return told.keeps();
    }
    let is_bad = |point: &Datapoint| is_breaching(alarm, point);
    if real.len() >= n {
        let newest: Vec<&Datapoint> = real.iter().take(n).map(|(_, point)| *point).collect();
        let bad = newest.iter().filter(|point| is_bad(point)).count();
        return told.crossed(if bad >= m { AlarmState::Alarm } else { AlarmState::Ok }, &newest, 0);
    }
    let known: Vec<&Datapoint> = real.iter().map(|(_, point)| *point).collect();
    let (bad, fills) = (known.iter().filter(|point| is_bad(point)).count(), n - real.len());
    match alarm.missing_data() {
        MissingData::Breaching => told.crossed(if bad + fills >= m { AlarmState::Alarm } else { AlarmState::Ok }, &known, fills),
        MissingData::NotBreaching => told.crossed(if bad >= m { AlarmState::Alarm } else { AlarmState::Ok }, &known, fills),
        MissingData::Ignore | MissingData::Missing => {
            let keeps = alarm.missing_data() == MissingData::Ignore;
            let oldest = real.iter().map(|(age, _)| *age).max();
            match oldest {
                None if keeps => told.keeps(),
                None => told.unknown(),
                Some(_) if bad >= m => told.crossed(AlarmState::Alarm, &known, fills),
                Some(_) if bad < known.len() => told.crossed(AlarmState::Ok, &known, fills),
                // Bad ones alone, and fewer than M: enough once the oldest is as old as M periods.
                Some(oldest) if oldest >= m && !keeps => told.crossed(AlarmState::Alarm, &known, fills),
                Some(_) => told.keeps(),
            }
        }
    }
}

/// Whether a datapoint is bad.
pub fn is_breaching(alarm: &MetricAlarm, point: &Datapoint) -> bool {
    let (lower, upper) = point.band.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    // With a band and no threshold, its ends are what is compared with.
    let (least, most) = alarm.threshold.map_or((lower, upper), |threshold| (threshold, threshold));
    match alarm.comparison {
        Comparison::GreaterOrEqual => point.value >= most,
        Comparison::Greater => point.value > most,
        Comparison::Less => point.value < least,
        Comparison::LessOrEqual => point.value <= least,
        Comparison::OutsideBand => point.value < lower || point.value > upper,
        Comparison::BelowBand => point.value < lower,
        Comparison::AboveBand => point.value > upper,
    }
}

fn has_low_samples(alarm: &MetricAlarm, real: &[(usize, &Datapoint)], n: usize) -> bool {
    if alarm.low_samples != Some(LowSamples::Ignore) {
        return false;
    }
    let Watched::Metric { metric, .. } = &alarm.watched else { return false };
    let Some(least) = samples_min(&metric.statistic) else { return false };
    real.iter().take(n).any(|(_, point)| point.samples.is_some_and(|samples| samples < least))
}

struct Telling<'a> {
    alarm: &'a MetricAlarm,
    current: AlarmState,
    now_us: i64,
    n: usize,
    m: usize,
}

impl Telling<'_> {
    fn keeps(&self) -> Verdict {
        Verdict { state: self.current, reason: String::new(), data: None }
    }

    fn unknown(&self) -> Verdict {
        let reason = match self.n {
            1 => "Insufficient Data: 1 datapoint was unknown.".to_owned(),
            n => format!("Insufficient Data: {n} datapoints were unknown."),
        };
        Verdict { state: AlarmState::InsufficientData, reason, data: Some(self.data(&[])) }
    }

    /// `known` are the datapoints that decided, the newest first; `fills` are those that are missing beside them.
    fn crossed(&self, state: AlarmState, known: &[&Datapoint], fills: usize) -> Verdict {
        let reason = self.reason(state, known, fills);
        Verdict { state, reason, data: Some(self.data(known)) }
    }

    fn reason(&self, state: AlarmState, known: &[&Datapoint], fills: usize) -> String {
        let Telling { alarm, n, m, .. } = self;
        let of_band = alarm.comparison.is_of_band();
        let head = if of_band { "Thresholds Crossed" } else { "Threshold Crossed" };
        let treated = match alarm.missing_data() {
            MissingData::Breaching => Some("Breaching"),
            MissingData::NotBreaching => Some("NonBreaching"),
            MissingData::Missing | MissingData::Ignore => None,
        };
        let missing = treated.filter(|_| fills > 0).map(|treated| {
            let (points, were) = if fills == 1 { ("datapoint was", "1 missing") } else { ("datapoints were", "") };
            let count = if fills == 1 { were.to_owned() } else { format!("{fills} missing") };
            format!("{count} {points} treated as [{treated}]")
        });
        if known.is_empty() {
            let periods = if fills == 1 { "1 period".to_owned() } else { format!("{fills} periods") };
            return match missing {
                Some(missing) => format!("{head}: no datapoints were received for {periods} and {missing}."),
                None => format!("{head}: no datapoints were received for {periods}."),
            };
        }
        // Those of the side that decided.
        let is_alarm = state == AlarmState::Alarm;
        let deciding: Vec<&&Datapoint> = known.iter().filter(|point| is_breaching(alarm, point) == is_alarm).collect();
        let values: Vec<String> = deciding.iter().map(|point| format!("{:?} ({})", point.value, day_time(point.time))).collect();
        let of_all = known.len() + if treated.is_some() { fills } else { 0 };
        let of = match (*n, of_all) {
            (1, 1) => "1 datapoint".to_owned(),
            _ => format!("{} out of the last {of_all} datapoints", deciding.len()),
        };
        let were = if deciding.len() == 1 { "was" } else { "were" };
        let not = if is_alarm { "" } else { "not " };
        let against = match alarm.threshold {
            Some(threshold) if !of_band => format!("{} the threshold ({threshold:?})", compared(alarm.comparison)),
            _ => against_band(alarm.comparison, &deciding),
        };
        let (needed, change) = if is_alarm { (*m, "OK -> ALARM") } else { (n + 1 - m, "ALARM -> OK") };
        let minimum = match (*n, of_all) {
            (1, 1) => String::new(),
            _ => format!(" (minimum {needed} {} for {change} transition)", if needed == 1 { "datapoint" } else { "datapoints" }),
        };
        let mut told = format!("{head}: {of} [{}] {were} {not}{against}{minimum}", values.join(", "));
        if let Some(missing) = missing {
            told = format!("{told} and {missing}");
        }
        // The longest that there may be (AWS).
        told.truncate(told.floor_char_boundary(1_022));
        told + "."
    }

    fn data(&self, known: &[&Datapoint]) -> Value {
        let Telling { alarm, now_us, .. } = self;
        let recent: Vec<f64> = known.iter().rev().take(RECENT_MAX).map(|point| point.value).collect();
        let evaluated = known.iter().take(EVALUATED_MAX).map(|point| {
            let mut told = json!({"timestamp": stamp(point.time * 1_000_000), "value": point.value});
            if let Some(samples) = point.samples {
                told["sampleCount"] = json!(samples);
            }
            if let (Some((lower, upper)), true) = (point.band, alarm.comparison.is_of_band()) {
                if alarm.comparison != Comparison::BelowBand {
                    told["threshold"] = json!(upper);
                }
                told["lowerThreshold"] = json!(lower);
                told["upperThreshold"] = json!(upper);
            }
            told
        });
        let mut data = json!({
            "version": "1.0",
            "queryDate": stamp(*now_us),
            "period": alarm.period(),
            "recentDatapoints": recent,
            "evaluatedDatapoints": evaluated.collect::<Vec<_>>(),
        });
        if let Some(oldest) = known.last() {
            data["startDate"] = json!(stamp(oldest.time * 1_000_000));
        }
        if let Watched::Metric { metric, .. } = &alarm.watched {
            data["statistic"] = json!(metric.statistic);
            if let Some(unit) = &metric.unit {
                data["unit"] = json!(unit);
            }
        }
        if let Some(threshold) = alarm.threshold {
            data["threshold"] = json!(threshold);
        }
        if alarm.threshold_metric_id.is_some() {
            let ends = |end: fn((f64, f64)) -> f64| {
                known
                    .iter()
                    .rev()
                    .take(RECENT_MAX)
                    .filter_map(|point| point.band)
                    .map(end)
                    .filter(|end| end.is_finite())
                    .collect::<Vec<f64>>()
            };
            data["recentLowerThresholds"] = json!(ends(|band| band.0));
            data["recentUpperThresholds"] = json!(ends(|band| band.1));
        }
        data
    }
}

fn compared(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::GreaterOrEqual => "greater than or equal to",
        Comparison::Greater | Comparison::AboveBand => "greater than",
        Comparison::Less | Comparison::BelowBand | Comparison::OutsideBand => "less than",
        Comparison::LessOrEqual => "less than or equal to",
    }
}

/// With the ends of bands, in the order of their datapoints.
fn against_band(comparison: Comparison, points: &[&&Datapoint]) -> String {
    let ends = |end: fn((f64, f64)) -> f64| {
        let all: Vec<f64> = points.iter().filter_map(|point| point.band).map(end).filter(|end| end.is_finite()).collect();
        match all.is_empty() {
            // There is not enough yet to learn from.
            true => "[not known yet]".to_owned(),
            false => format!("{all:?}"),
        }
    };
    let (lower, upper) = (ends(|band| band.0), ends(|band| band.1));
    match comparison {
        Comparison::OutsideBand => format!("less than the lower thresholds {lower} or greater than the upper thresholds {upper}"),
        Comparison::BelowBand | Comparison::Less | Comparison::LessOrEqual => {
            format!("{} the lower thresholds {lower}", compared(comparison))
        }
        _ => format!("{} the upper thresholds {upper}", compared(comparison)),
    }
}

/// `28/11/26 18:05:00`.
fn day_time(secs: i64) -> String {
    DateTime::<Utc>::from_timestamp(secs, 0).map(|time| time.format("%d/%m/%y %H:%M:%S").to_string()).unwrap_or_default()
}

/// `2026-11-28T18:05:00.000+0000`.
pub(super) fn stamp(us: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(us).map(|time| time.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
