//! Reading metrics: which there are, and their values.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use model::metric::{Distribution, MetricId, Sums};

use crate::Reader;
use crate::error::Result;
use crate::rows::part::RowPart;
use crate::table::metric::{self, METRIC, Values};

/// A metric of which there are values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownMetric {
    pub id: Arc<MetricId>,
    /// When the newest of its values came, as far as it is known without reading them: not before they did.
    pub newest_us: i64,
}

/// Values of a metric that came together.
pub struct Datapoint<'r> {
    /// When their period begins.
    pub time_us: i64,
    pub sums: Sums,
    values: &'r Values<'r>,
    row: usize,
}

impl Datapoint<'_> {
    /// As it was said when they came.
    pub fn unit(&self) -> Option<&str> {
        self.values.unit(self.row)
    }

    /// Which values they are, where that is known and they are not all the same.
    pub fn distribution(&self) -> Option<Distribution> {
        self.values.distribution(self.row)
    }
}

type Hasher = foldhash::fast::RandomState;

impl Reader {
    /// The metrics that have values in `[from, to)` and are for whoever reads, in order.
    pub fn metrics(&self, from_us: i64, to_us: i64) -> Result<Vec<KnownMetric>> {
        let mut newest: HashMap<Arc<MetricId>, i64, Hasher> = HashMap::default();
        for part in self.metric_parts(from_us, to_us) {
            let index = part.files.tolerate(|files| files.metrics().map(Some))?;
            for entry in index.iter().flat_map(|index| index.entries()) {
                if entry.min_time_us < to_us && from_us <= entry.max_time_us {
                    let newest = newest.entry(entry.id.clone()).or_insert(i64::MIN);
                    *newest = (*newest).max(entry.max_time_us);
                }
            }
        }
        metric::by_metric(self.metric_batches(), &mut |id, values, row| {
            let time_us = values.times.value(row);
            if (from_us..to_us).contains(&time_us) {
                match newest.get_mut(id) {
                    Some(newest) => *newest = (*newest).max(time_us),
                    None => drop(newest.insert(Arc::new(id.clone()), time_us)),
                }
            }
        });
        let visible = newest.into_iter().filter(|(id, _)| self.scope.has(id.owner.as_ref()));
        let mut known: Vec<KnownMetric> = visible.map(|(id, newest_us)| KnownMetric { id, newest_us }).collect();
        known.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(known)
    }

    /// Calls `visit` with the values that these metrics have in `[from, to)`, each with the place of its metric: those of one metric
    /// mostly one after the other, in no order that means anything.
    pub fn datapoints(
        &self,
        ids: &[Arc<MetricId>],
        from_us: i64,
        to_us: i64,
        visit: &mut dyn FnMut(usize, &Datapoint<'_>),
    ) -> Result<()> {
        let mut give = |place: usize, values: &Values<'_>, row: usize| {
            let time_us = values.times.value(row);
            if (from_us..to_us).contains(&time_us) {
                visit(place, &Datapoint { time_us, sums: values.sums(row), values, row });
            }
        };
        let visible = |id: &MetricId| self.scope.has(id.owner.as_ref());
        for part in self.metric_parts(from_us, to_us) {
            part.files.tolerate(|files| {
                let index = files.metrics()?;
                let mut ranges = Vec::new();
                for (place, id) in ids.iter().enumerate().filter(|(_, id)| visible(id)) {
                    let entries = index.of(id).iter().filter(|entry| entry.min_time_us < to_us && from_us <= entry.max_time_us);
                    ranges.extend(entries.map(|entry| (entry.rows.clone(), place)));
                }
                if ranges.is_empty() { Ok(()) } else { metric::read_rows(&*files.rows()?, ranges, &mut give) }
            })?;
        }
        let places: HashMap<&MetricId, usize, Hasher> =
            ids.iter().enumerate().filter(|(_, id)| visible(id)).map(|(place, id)| (&**id, place)).collect();
        metric::by_metric(self.metric_batches(), &mut |id, values, row| {
            if let Some(&place) = places.get(id) {
                give(place, values, row);
            }
        });
        Ok(())
    }

    fn metric_parts(&self, from_us: i64, to_us: i64) -> impl Iterator<Item = &RowPart> {
        let is_within = move |row: &crate::catalog::PartRow| row.min_time_us < to_us && from_us <= row.max_time_us;
        self.row_parts.iter().filter(move |part| part.table.name == METRIC.name && is_within(&part.row))
    }

    fn metric_batches(&self) -> impl Iterator<Item = &RecordBatch> {
        let flushing = self.flushing.as_deref().and_then(|flushing| flushing.rows.get(METRIC.name));
        flushing.into_iter().chain(self.active_rows.get(METRIC.name)).flat_map(|batches| batches.iter())
    }
}
