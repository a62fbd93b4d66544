//! Serving HTTP on a socket: a bound on connections, a bound on the time a request's head may take, and a stop that lets answers
//! under way finish.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use api::Peer;
use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::Layer;
use tracing::{debug, warn};

const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long answers under way may take once the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) type Allow = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Accepts connections until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    allow: Allow,
    connections_max: usize,
    stop: impl Future<Output = ()> + Send,
) {
    let places = Arc::new(Semaphore::new(connections_max));
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = async {
                let place = places.clone().acquire_owned().await;
                (place, listener.accept().await)
            } => accepted,
        };
        let (Ok(place), connection) = accepted else { break };
        let (stream, peer) = match connection {
            Ok(connection) => connection,
            Err(err) => {
                // Out of file descriptors, most likely: wait for some to be given back.
                warn!(error = %err, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if !allow(peer.ip().to_canonical()) {
            debug!(%peer, "connection from an address that is not allowed");
            continue;
        }
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(Extension(Peer(peer.ip())).layer(router.clone()));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(err) = watched.await {
                debug!(%peer, error = %err, "connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown()).await.is_err() {
        warn!("some connections did not end in time");
    }
}
