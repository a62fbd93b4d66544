use super::*;

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
