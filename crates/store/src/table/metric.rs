//! The `metric` table: one row per metric and period, as it came in.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use model::metric::Metric;

use crate::error::Result;
use crate::rows::{ColumnKind, Retention, RowColumn, RowTable};

pub static METRIC: RowTable = RowTable {
    name: "metric",
    number: 1,
    columns: &[
        RowColumn::new("time", ColumnKind::Time),
        RowColumn::new("namespace", ColumnKind::Text),
        RowColumn::new("name", ColumnKind::Text),
        // A JSON object, its names in order, so that equal dimensions are equal texts.
        RowColumn::new("dimensions", ColumnKind::Text),
        RowColumn::optional("unit", ColumnKind::Text),
        RowColumn::new("samples", ColumnKind::Whole),
        RowColumn::new("sum", ColumnKind::Real),
        RowColumn::new("minimum", ColumnKind::Real),
        RowColumn::new("maximum", ColumnKind::Real),
    ],
    time: "time",
    sort: &["namespace", "name", "dimensions", "time"],
    filters: &["name", "dimensions"],
    row_group_rows: 16_384,
    retention: Retention::Metrics,
};

/// The rows of metrics.
pub(crate) fn batch(metrics: &[Metric]) -> Result<RecordBatch> {
    let mut time = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let mut texts: [StringBuilder; 4] = std::array::from_fn(|_| StringBuilder::new());
    let mut samples = Int64Builder::new();
    let mut numbers: [Float64Builder; 3] = std::array::from_fn(|_| Float64Builder::new());
    for metric in metrics {
        time.append_value(metric.time_us);
        let mut dimensions: Vec<(&str, &str)> =
            metric.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        dimensions.sort_unstable();
        let dimensions: serde_json::Map<String, serde_json::Value> =
            dimensions.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let dimensions = serde_json::Value::Object(dimensions).to_string();
        let values = [Some(metric.namespace.as_str()), Some(&metric.name), Some(&dimensions), metric.unit.as_deref()];
        texts.iter_mut().zip(values).for_each(|(builder, value)| builder.append_option(value));
        samples.append_value(metric.samples);
        let values = [metric.sum, metric.minimum, metric.maximum];
        numbers.iter_mut().zip(values).for_each(|(builder, value)| builder.append_value(value));
    }
    let [namespace, name, dimensions, unit] = texts.each_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>);
    let [sum, minimum, maximum] = numbers.each_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>);
    let columns: Vec<Arc<dyn Array>> =
        vec![Arc::new(time.finish()), namespace, name, dimensions, unit, Arc::new(samples.finish()), sum, minimum, maximum];
    RecordBatch::try_new(METRIC.schema(), columns).map_err(|err| METRIC.error(err))
}

/// The metrics of rows, as they were given.
pub fn metrics(batch: &RecordBatch) -> Vec<Metric> {
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    let text = |place: usize| batch.column(place).as_string::<i32>();
    let (namespaces, names, dimensions, units) = (text(1), text(2), text(3), text(4));
    let samples = batch.column(5).as_primitive::<Int64Type>();
    let number = |place: usize| batch.column(place).as_primitive::<Float64Type>();
    let (sums, minima, maxima) = (number(6), number(7), number(8));
    let pairs = |row: usize| {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(dimensions.value(row)).unwrap_or_default();
        object.into_iter().map(|(name, value)| (name.into(), value.as_str().unwrap_or_default().into())).collect()
    };
    let metric = |row: usize| Metric {
        time_us: times.value(row),
        namespace: namespaces.value(row).into(),
        name: names.value(row).into(),
        dimensions: pairs(row),
        unit: units.is_valid(row).then(|| units.value(row).into()),
        samples: samples.value(row),
        sum: sums.value(row),
        minimum: minima.value(row),
        maximum: maxima.value(row),
    };
    (0..batch.num_rows()).map(metric).collect()
}
