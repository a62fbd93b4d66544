//! An expression over metrics of any text: metric math, a search, a query of Metrics Insights, a statistic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    drop(query::metric::check_expression(text));
    drop(query::metric::check_search(text));
    if let Ok(statistic) = text.parse::<model::metric::Statistic>() {
        assert_eq!(statistic.to_string().parse(), Ok(statistic));
    }
});
