//! Metrics.

use model::metric::Metric;

use crate::{Ingest, Result};

impl Ingest {
    /// Takes metrics in. When this returns, they are durable.
    pub async fn metrics(&self, mut metrics: Vec<Metric>) -> Result<()> {
        if let Some(owner) = &self.owner {
            metrics.iter_mut().for_each(|metric| metric.owner = Some(owner.clone()));
        }
        let count = metrics.len() as u64;
        self.store.append_metrics(&metrics).await?;
        self.counters.datapoints(count);
        Ok(())
    }
}
