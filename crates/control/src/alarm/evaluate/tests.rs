use model::alarm::{AlarmState, Comparison, LowSamples, MetricAlarm, MissingData, Watched, WatchedMetric};
use model::metric::Dimensions;

use super::*;

const TIME: i64 = 1_764_352_800;
const STATES: [AlarmState; 3] = [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData];

fn alarm(n: u32, m: u32, missing: Option<MissingData>) -> MetricAlarm {
    MetricAlarm {
        watched: Watched::Metric {
            metric: WatchedMetric {
                namespace: "App".into(),
                name: "Latency".into(),
                dimensions: Dimensions::new::<&str, &str>([]),
                owner: None,
                statistic: "Average".to_owned(),
                period: 60,
                unit: None,
            },
            is_plain: true,
        },
        comparison: Comparison::Greater,
        threshold: Some(10.0),
        threshold_metric_id: None,
        evaluation_periods: n,
        datapoints_to_alarm: Some(m),
        treat_missing_data: missing,
        low_samples: None,
        window: None,
        warm_up: None,
    }
}

/// `X` is a bad datapoint, `0` a good one, `-` none; the oldest first.
fn points(text: &str) -> Vec<Option<Datapoint>> {
    let value = |kind: char| match kind {
        'X' => Some(20.0),
        '0' => Some(1.0),
        _ => None,
    };
    let kinds = text.chars().filter(|kind| *kind != ' ');
    let point =
        |(place, kind)| Some(Datapoint { time: TIME + 60 * place as i64, value: value(kind)?, band: None, samples: Some(3.0) });
    kinds.enumerate().map(point).collect()
}

fn state(text: &str, m: u32, missing: MissingData, current: AlarmState) -> AlarmState {
    evaluate(&alarm(3, m, Some(missing)), &points(text), current, TIME * 1_000_000).state
}

/// What a column of the documentation's tables says: none is to keep the state.
fn expect(text: &str, m: u32, expected: [Option<AlarmState>; 4]) {
    let treatments = [MissingData::Missing, MissingData::Ignore, MissingData::Breaching, MissingData::NotBreaching];
    for (missing, expected) in treatments.into_iter().zip(expected) {
        for current in STATES {
            assert_eq!(state(text, m, missing, current), expected.unwrap_or(current), "{text} {m} {missing} {current}");
        }
    }
}

#[test]
fn the_tables_of_the_documentation_hold() {
    use AlarmState::{Alarm, InsufficientData, Ok};
    let [ok, bad, unknown, keep] = [Some(Ok), Some(Alarm), Some(InsufficientData), None];
    for (text, expected) in [
        ("0 - X - X", [ok; 4]),
        ("0 - - - -", [ok; 4]),
        ("- - - - -", [unknown, keep, bad, ok]),
        ("0 X X - X", [bad; 4]),
        ("- - X - -", [bad, keep, bad, ok]),
    ] {
        expect(text, 3, expected);
    }
    for (text, expected) in [
        ("0 - X - X", [bad; 4]),
        ("0 0 X 0 X", [bad; 4]),
        ("0 - X - -", [ok, ok, bad, ok]),
        ("- - - - 0", [ok, ok, bad, ok]),
        ("- - - X -", [bad, keep, bad, ok]),
    ] {
        expect(text, 2, expected);
    }
}

#[test]
fn a_bad_datapoint_that_is_new_is_no_alarm_yet() {
    for text in ["- - - - X", "- - - X -"] {
        for current in STATES {
            assert_eq!(state(text, 3, MissingData::Missing, current), current);
        }
    }
}

#[test]
fn reasons_say_which_datapoints_decided() {
    let reason = |n, m, missing, text: &str| {
        evaluate(&alarm(n, m, missing), &points(text), AlarmState::InsufficientData, TIME * 1_000_000).reason
    };
    assert_eq!(
        reason(3, 2, None, "00X0X"),
        "Threshold Crossed: 2 out of the last 3 datapoints [20.0 (28/11/25 18:04:00), 20.0 (28/11/25 18:02:00)] were greater than the threshold (10.0) (minimum 2 datapoints for OK -> ALARM transition)."
    );
    assert_eq!(
        reason(3, 2, None, "00000"),
        "Threshold Crossed: 3 out of the last 3 datapoints [1.0 (28/11/25 18:04:00), 1.0 (28/11/25 18:03:00), 1.0 (28/11/25 18:02:00)] were not greater than the threshold (10.0) (minimum 2 datapoints for ALARM -> OK transition)."
    );
    assert_eq!(
        reason(1, 1, None, "X"),
        "Threshold Crossed: 1 datapoint [20.0 (28/11/25 18:00:00)] was greater than the threshold (10.0)."
    );
    assert_eq!(
        reason(3, 3, Some(MissingData::Breaching), "-----"),
        "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [Breaching]."
    );
    assert_eq!(reason(3, 3, None, "-----"), "Insufficient Data: 3 datapoints were unknown.");
    let mixed = reason(3, 2, Some(MissingData::Breaching), "----X");
    assert!(
        mixed.contains("1 out of the last 3 datapoints") && mixed.contains("2 missing datapoints were treated as [Breaching]"),
        "{mixed}"
    );
}

#[test]
fn a_percentile_of_few_samples_changes_nothing_where_these_are_ignored() {
    let mut rule = alarm(1, 1, None);
    if let Watched::Metric { metric, .. } = &mut rule.watched {
        metric.statistic = "p99".to_owned();
    }
    let of = |rule: &MetricAlarm, samples: f64| {
        let point = Datapoint { time: TIME, value: 20.0, band: None, samples: Some(samples) };
        evaluate(rule, &[None, None, Some(point)], AlarmState::Ok, 0).state
    };
    assert_eq!(of(&rule, 3.0), AlarmState::Alarm);
    rule.low_samples = Some(LowSamples::Ignore);
    assert_eq!(of(&rule, 999.0), AlarmState::Ok);
    assert_eq!(of(&rule, 1_001.0), AlarmState::Alarm);
}

#[test]
fn bands_have_two_ends() {
    let of = |comparison, value| {
        let rule = MetricAlarm { comparison, threshold: None, ..alarm(1, 1, None) };
        let point = Datapoint { time: TIME, value, band: Some((2.0, 8.0)), samples: None };
        evaluate(&rule, &[Some(point)], AlarmState::Ok, 0)
    };
    for (comparison, value, expected) in [
        (Comparison::OutsideBand, 1.0, AlarmState::Alarm),
        (Comparison::OutsideBand, 9.0, AlarmState::Alarm),
        (Comparison::OutsideBand, 5.0, AlarmState::Ok),
        (Comparison::BelowBand, 9.0, AlarmState::Ok),
        (Comparison::BelowBand, 1.0, AlarmState::Alarm),
        (Comparison::AboveBand, 1.0, AlarmState::Ok),
        (Comparison::AboveBand, 9.0, AlarmState::Alarm),
    ] {
        let verdict = of(comparison, value);
        assert_eq!(verdict.state, expected, "{comparison} {value}");
        assert!(verdict.reason.starts_with("Thresholds Crossed: 1 datapoint ["), "{}", verdict.reason);
    }
}
