//! `metrics`: one row per metric and period.

use std::ops::ControlFlow;

use model::metric::Metric;
use store::{METRIC, Reader, RowScan};

use super::{Bounds, Column, Table, Value};

pub(crate) struct Metrics;

impl Table for Metrics {
    type Row<'r> = Metric;
    const NAME: &'static str = "metrics";
    const DESCRIPTION: &'static str = "One row per metric, unit and period, as it came in or was rolled up. Those of the server itself are in the namespace Mitoshi.";
    const COLUMNS: &'static [Column<Metrics>] = &[
        Column::new("time", "when the period began", Value::Time(|metric| Some(metric.time_us))),
        Column::new("namespace", "whose metric it is", Value::Text(|metric| Some(metric.namespace.as_str().into()))),
        Column::new("name", "as in SegmentsAccepted", Value::Text(|metric| Some(metric.name.as_str().into()))),
        Column::new(
            "dimensions",
            "what it was measured of, as in dimensions['ServiceName']",
            Value::Map(|metric, add| metric.dimensions.iter().for_each(|(name, value)| add(name, value))),
        ),
        Column::new("unit", "as in Count or Bytes", Value::Text(|metric| metric.unit.as_deref().map(Into::into))),
        Column::new("period", "in seconds", Value::Whole(|metric| Some(metric.period))),
        Column::new(
            "account",
            "of another account than the server's own, as in 111122223333/us-east-1",
            Value::Text(|metric| metric.owner.as_ref().map(|owner| owner.as_str().into())),
        ),
        Column::new("samples", "how many values there were", Value::Real(|metric| Some(metric.samples))),
        Column::new("sum", "of the values", Value::Real(|metric| Some(metric.sum))),
        Column::new("minimum", "the smallest of them", Value::Real(|metric| Some(metric.minimum))),
        Column::new("maximum", "the largest of them", Value::Real(|metric| Some(metric.maximum))),
    ];

    fn scan(reader: &Reader, bounds: &Bounds, emit: &mut dyn FnMut(&Metric) -> ControlFlow<()>) -> Result<(), store::Error> {
        let mut equal = Vec::new();
        equal.extend(bounds.name.as_ref().map(|name| ("name", name.clone())));
        let scan = RowScan { from_us: bounds.from_us, to_us: bounds.to_us, equal };
        reader.rows(&METRIC, &scan, &mut |batch| store::metrics(&batch).iter().try_for_each(&mut *emit))
    }
}
