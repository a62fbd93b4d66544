//! What is watched on this machine, and where it goes.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use api::{App, Peer};
use axum::Extension;
use axum::extract::Request;
use axum::middleware::{self, Next};
use collect::{Metadata, Sink};
use ipnet::IpNet;
use model::container::Report;
use model::log::LogLine;
use model::metric::STANDARD_PERIOD;
use model::time::SECOND_US;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::warn;

use crate::StartError;
use crate::config::{Containers, Listen};
use crate::listen::{self, Door};

const METADATA_CONNECTIONS_MAX: usize = 256;

pub(crate) fn options(config: &Containers, metadata: Option<Metadata>) -> collect::Options {
    collect::Options {
        engines: config.engines.clone(),
        task: None,
        cluster: config.cluster.clone(),
        instance: config.instance.clone(),
        source: String::new(),
        every: Duration::from_secs(config.every_secs),
        cgroup_root: config.cgroup_root.clone(),
        proc_root: config.proc_root.clone(),
        metadata,
        with_lines: config.logs,
    }
}

/// The port of ECS's agent, whose answers these are.
const METADATA_PORT: u16 = 51_679;

/// Where containers are told about themselves.
pub(crate) async fn bind_metadata(listen: Listen, key: &str) -> Result<Option<TcpListener>, StartError> {
    match listen {
        Listen::Off => Ok(None),
        Listen::At(address) => crate::bind(address, key).await.map(Some),
        Listen::Auto => match TcpListener::bind((Ipv4Addr::LOCALHOST, METADATA_PORT)).await {
            Ok(listener) => Ok(Some(listener)),
            Err(err) => {
                warn!(error = %err, "no task metadata on 127.0.0.1:{METADATA_PORT}; {key} names another address");
                Ok(None)
            }
        },
    }
}

/// Tells containers about themselves, until told to stop.
pub(crate) async fn tell(metadata: Metadata, listener: TcpListener, allow: Vec<IpNet>, stop: impl Future<Output = ()> + Send) {
    let door = Door {
        listener,
        allow: Arc::new(move |ip| allow.is_empty() || allow.iter().any(|network| network.contains(&ip))),
        connections_max: METADATA_CONNECTIONS_MAX,
        with_http2: false,
        tls: None,
    };
    // Who asks is an address there, and no client of an API.
    let with_address = middleware::from_fn(|Extension(Peer(ip)): Extension<Peer>, mut request: Request, next: Next| async move {
        request.extensions_mut().insert(ip.to_canonical());
        next.run(request).await
    });
    listen::serve(door, metadata.router().layer(with_address), stop).await;
}

/// Keeps what is reported of this machine.
#[derive(Clone)]
pub(crate) struct Keeper(pub(crate) Arc<App>);

impl Sink for Keeper {
    async fn take(&self, report: &Report) -> Result<(), String> {
        api::take_report(&self.0, report.clone()).await
    }

    async fn take_lines(&self, lines: &[LogLine]) -> Result<(), String> {
        api::take_log_lines(&self.0, lines.to_vec()).await
    }

    async fn last_line(&self, group: &str, stream: &str) -> Option<i64> {
        self.0.logs.stream(group, stream).await.ok()?.seen.last_us
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
                Ok(counts) => api::take_counts(&app, counts).await,
                Err(err) => Err(err.to_string()),
            };
            if let Err(err) = counted {
                warn!(error = %err, "how much runs in clusters cannot be kept");
            }
        }
    }
}
