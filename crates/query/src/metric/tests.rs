use model::anomaly_detector::{Adaptation, OutlierFiltering, Training};

use super::band::{Expected, expected};

/// A Monday, at midnight UTC.
const MONDAY: i64 = 1_792_972_800;
const DAY: i64 = 86_400;

/// Values every five minutes of some days up to `end`.
fn history(end: i64, days: i64, value: impl Fn(i64) -> f64) -> Vec<(i64, f64)> {
    ((end - days * DAY)..end).step_by(300).map(|time| (time, value(time))).collect()
}

fn at(points: &Vec<(i64, f64)>, time: i64, training: &Training) -> Option<Expected> {
    expected(points, [time].into_iter(), 300, training).first().map(|(_, expected)| *expected)
}

/// Noise of which nothing is left to chance.
fn noise(time: i64) -> f64 {
    ((time / 300 * 7_919) % 101) as f64 / 50.0 - 1.0
}

#[test]
fn the_same_time_of_other_days_counts() {
    // 100 by day, 10 by night.
    let points = history(MONDAY, 14, |time| if (time.rem_euclid(DAY)) < DAY / 2 { 10.0 } else { 100.0 } + noise(time));
    let plain = Training::default();
    let night = at(&points, MONDAY + DAY / 4, &plain).unwrap();
    let day = at(&points, MONDAY + 3 * DAY / 4, &plain).unwrap();
    assert!((night.center - 10.0).abs() < 1.0 && (day.center - 100.0).abs() < 1.0, "{night:?} {day:?}");
    assert!(night.spread < 2.0 && day.spread < 2.0, "{night:?} {day:?}");
}

#[test]
fn weekends_are_not_working_days() {
    let is_weekend = |time: i64| (time - MONDAY).div_euclid(DAY).rem_euclid(7) >= 5;
    let points = history(MONDAY + 5 * DAY, 14, |time| if is_weekend(time) { 5.0 } else { 50.0 } + noise(time));
    let saturday = at(&points, MONDAY + 5 * DAY + DAY / 2, &Training::default()).unwrap();
    assert!((saturday.center - 5.0).abs() < 1.0, "{saturday:?}");
    let points = history(MONDAY, 14, |time| if is_weekend(time) { 5.0 } else { 50.0 } + noise(time));
    let monday = at(&points, MONDAY + DAY / 2, &Training::default()).unwrap();
    assert!((monday.center - 50.0).abs() < 1.0, "{monday:?}");
}

#[test]
fn what_is_unusual_now_is_not_expected() {
    // Of the last hour everything is five times as much: too short to become usual.
    let end = MONDAY + DAY / 2;
    let points = history(end, 14, |time| if time >= end - 3_600 { 500.0 } else { 100.0 + noise(time) });
    let now = at(&points, end, &Training::default()).unwrap();
    assert!(now.center + 2.0 * now.spread < 150.0, "{now:?}");
    // Nothing later than a time is known of it.
    let before = at(&points, end - 3_600, &Training::default()).unwrap();
    let known: Vec<(i64, f64)> = points.iter().copied().filter(|(time, _)| *time < end - 3_600).collect();
    assert_eq!(at(&known, end - 3_600, &Training::default()), Some(before));
}

#[test]
fn a_time_that_is_excluded_is_not_learned_of() {
    let bad = (MONDAY - 5 * DAY, MONDAY);
    let points = history(MONDAY, 14, |time| if time >= bad.0 { 900.0 } else { 100.0 + noise(time) });
    let plain = at(&points, MONDAY, &Training::default()).unwrap();
    let excluded = at(&points, MONDAY, &Training { excluded: vec![bad], ..Training::default() }).unwrap();
    assert!(plain.center > 500.0 || plain.spread > 100.0, "{plain:?}");
    assert!((excluded.center - 100.0).abs() < 1.0 && excluded.spread < 3.0, "{excluded:?}");
}

#[test]
fn how_fast_and_how_much_is_learned_is_a_choice() {
    // On Tuesday it became three times as much, and it is Friday.
    let friday = MONDAY + 4 * DAY;
    let points = history(friday, 14, |time| if time >= friday - 3 * DAY { 300.0 } else { 100.0 } + noise(time));
    let center =
        |adaptation| at(&points, friday, &Training { adaptation: Some(adaptation), ..Training::default() }).unwrap().center;
    assert!(center(Adaptation::Fast) > 250.0 && center(Adaptation::Slow) < 150.0);
    let points = history(MONDAY, 14, |time| if time / 300 % 40 == 0 { 1_000.0 } else { 100.0 + noise(time) });
    let spread = |outliers| at(&points, MONDAY, &Training { outliers: Some(outliers), ..Training::default() }).unwrap().spread;
    let (minimal, moderate, strict) =
        (spread(OutlierFiltering::Minimal), spread(OutlierFiltering::Moderate), spread(OutlierFiltering::Strict));
    assert!(minimal > 100.0 && moderate < 5.0 && strict <= moderate, "{minimal} {moderate} {strict}");
}

#[test]
fn days_are_those_of_the_time_zone() {
    // A job at 02:00 in Berlin, which is an hour earlier in UTC from the last Sunday of October on.
    let end = MONDAY + DAY;
    let berlin = |time: i64| time + if time >= MONDAY - DAY + 3_600 { 3_600 } else { 7_200 };
    let points = history(end, 14, |time| if (berlin(time).rem_euclid(DAY)) / 3_600 == 2 { 80.0 } else { 20.0 });
    let of_zone = |name: Option<&str>| Training {
        time_zone: name.map(str::to_owned),
        has_periodic_spikes: Some(true),
        ..Training::default()
    };
    let center = |training: &Training| at(&points, end + 3_600 + 1_800, training).unwrap().center;
    assert_eq!((center(&of_zone(Some("Europe/Berlin"))), center(&of_zone(None))), (80.0, 20.0));
}

#[test]
fn of_too_little_nothing_is_expected() {
    let points: Vec<(i64, f64)> = (0..5).map(|n| (MONDAY + n * 300, 7.0)).collect();
    assert_eq!(at(&points, MONDAY, &Training::default()), None);
    assert_eq!(at(&points[..4].to_vec(), MONDAY + 3_600, &Training::default()), None);
    let few = at(&points, MONDAY + 3_600, &Training::default()).unwrap();
    assert!(few.center == 7.0 && few.spread > 0.0);
}
