//! Values of metrics per period.

use std::collections::HashMap;
use std::sync::Arc;

use model::metric::{Aggregate, MetricId, Statistic};
use model::time::SECOND_US;
use store::Reader;

use super::has_unit;
use crate::Result;

/// What is computed for one series.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The metrics whose values count: one, or several as if they were one.
    pub(crate) ids: Vec<Arc<MetricId>>,
    pub(crate) statistic: Statistic,
    /// Seconds.
    pub(crate) period: i64,
    pub(crate) unit: Option<String>,
}

/// When periods begin, in seconds, with the value of each; ascending.
pub(crate) type Points = Vec<(i64, f64)>;

/// The values of series, in the order of the plans. Periods are whole multiples of their length from `phase` on, in seconds, whatever the range; the
/// first may begin before it.
pub(crate) fn fetch(reader: &Reader, plans: &[Plan], phase: i64, (start_us, end_us): (i64, i64)) -> Result<Vec<Points>> {
    let mut places: HashMap<&MetricId, usize> = HashMap::new();
    let mut ids: Vec<Arc<MetricId>> = Vec::new();
    // For each metric, which plans want it.
    let mut wanted: Vec<Vec<usize>> = Vec::new();
    for (number, plan) in plans.iter().enumerate() {
        for id in &plan.ids {
            let place = *places.entry(id).or_insert_with(|| {
                ids.push(id.clone());
                wanted.push(Vec::new());
                ids.len() - 1
            });
            wanted[place].push(number);
        }
    }
    let from_us = plans.iter().map(|plan| floor(start_us, plan.period, phase)).min().unwrap_or(start_us);
    let mut sums: Vec<Vec<(i64, Aggregate)>> = vec![Vec::new(); plans.len()];
    reader.datapoints(&ids, from_us, end_us, &mut |place, point| {
        for &number in &wanted[place] {
            let plan = &plans[number];
            if point.time_us < floor(start_us, plan.period, phase) || !has_unit(point.unit(), plan.unit.as_deref()) {
                continue;
            }
            let time = floor(point.time_us, plan.period, phase) / SECOND_US;
            let of_plan = &mut sums[number];
            // Values of one metric mostly come in their order.
            match of_plan.last_mut() {
                Some((last, sums)) if *last == time => sums.add_sums(&point.sums, || point.distribution()),
                _ => {
                    let mut first = Aggregate::new(plan.statistic.needs_values());
                    first.add_sums(&point.sums, || point.distribution());
                    of_plan.push((time, first));
                }
            }
        }
    })?;
    let points = |(plan, sums): (&Plan, Vec<(i64, Aggregate)>)| {
        let sums = in_order(sums);
        sums.into_iter().filter_map(|(time, sums)| Some((time, plan.statistic.of(&sums)?))).collect()
    };
    Ok(plans.iter().zip(sums).map(points).collect())
}

fn floor(time_us: i64, period: i64, phase: i64) -> i64 {
    time_us - (time_us - phase * SECOND_US).rem_euclid(period * SECOND_US)
}

/// Each time once, ascending.
fn in_order(mut sums: Vec<(i64, Aggregate)>) -> Vec<(i64, Aggregate)> {
    if sums.is_sorted_by(|a, b| a.0 < b.0) {
        return sums;
    }
    sums.sort_by_key(|(time, _)| *time);
    sums.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            kept.1.merge(&next.1);
        }
        is_same
    });
    sums
}
