use super::*;

#[test]
fn durations_keep_three_significant_digits() {
    for (us, expected) in [(0, 0), (7, 7), (999, 999), (1_234, 1_230), (38_749, 38_700), (5_040_123, 5_040_000), (9_999, 10_000)] {
        assert_eq!(rounded(us, 1_000), expected);
    }
}

#[test]
fn a_histogram_stays_small_and_loses_no_request() {
    let mut histogram = Histogram::default();
    for us in 1..200_000u64 {
        histogram.add(us);
    }
    let entries = histogram.entries();
    assert!(entries.len() < 600, "{}", entries.len());
    assert_eq!(entries.iter().map(|(_, count)| count).sum::<u64>(), 199_999);
    assert!(entries.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn selectors() {
    assert!(matches!(Selector::parse("service(\"a\")"), Ok(Selector::Service(..))));
    assert!(matches!(Selector::parse("id(name: \"a\", type: \"remote\")"), Ok(Selector::Service(..))));
    assert!(matches!(Selector::parse("edge(\"a\", \"b\") { fault }"), Ok(Selector::Edge(..))));
    assert!(Selector::parse("fault").is_err());
    assert!(Selector::parse("service(").is_err());
}

#[test]
fn every_duration_has_its_place() {
    for us in (0..5_000).chain([9_999, 10_000, 99_949, 99_950, 5_040_123, 86_400_000_000, u64::MAX / 2]) {
        assert_eq!(duration_us(place(us)), rounded(us, 1_000), "{us}");
    }
    assert!(place(86_400_000_000) < 10_000);
}
