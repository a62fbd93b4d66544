//! What is watched on this machine, and where it goes.

use std::sync::Arc;
use std::time::Duration;

use api::App;
use collect::Sink;
use model::container::Report;
use model::metric::STANDARD_PERIOD;
use model::time::SECOND_US;
use tokio::sync::watch;
use tracing::warn;

use crate::config::Containers;

pub(crate) fn options(config: &Containers) -> collect::Options {
    collect::Options {
        engines: config.engines.clone(),
        cluster: config.cluster.clone(),
        instance: config.instance.clone(),
        source: String::new(),
        every: Duration::from_secs(config.every_secs),
        cgroup_root: config.cgroup_root.clone(),
        proc_root: config.proc_root.clone(),
    }
}

/// Keeps what is reported of this machine.
pub(crate) struct Keeper(pub(crate) Arc<App>);

impl Sink for Keeper {
    async fn take(&self, report: &Report) -> Result<(), String> {
        api::take_report(&self.0, report.clone()).await
    }
}

/// Counts what runs in all accounts' clusters, until told to stop.
pub(crate) async fn count(app: Arc<App>, every: Duration, mut stop: watch::Receiver<bool>) {
    let every_us = every.as_micros() as i64;
    loop {
        let now_us = app.clock.now_us();
        let end_us = (now_us.div_euclid(every_us) + 1) * every_us;
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(Duration::from_micros((end_us - now_us).unsigned_abs())) => {}
        }
        let begin_us = end_us - every_us;
        let time_us = begin_us - begin_us.rem_euclid(STANDARD_PERIOD * SECOND_US);
        for app in app.all_accounts() {
            let counted = match app.clusters.counts(time_us).await {
                Ok(counts) => app.ingest.metrics(counts).await.map_err(|err| err.to_string()),
                Err(err) => Err(err.to_string()),
            };
            if let Err(err) = counted {
                warn!(error = %err, "how much runs in clusters cannot be kept");
            }
        }
    }
}
