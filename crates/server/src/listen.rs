//! Serving HTTP on a socket: a bound on connections, a bound on the time a request's head may take, and a stop that lets answers
//! under way finish.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use api::Peer;
use axum::middleware::{AddExtension, map_response};
use axum::response::Response;
use axum::{Extension, Router};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Layer;
use tracing::{debug, warn};

use crate::header_case;

const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests at the same time on a connection of HTTP/2, and how often it is asked whether it is still there.
const STREAMS_MAX: u32 = 32;
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const SECOND_BYTE_WAIT: Duration = Duration::from_millis(10);
/// How long answers under way may take once the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) type Allow = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;
/// The router, with who is at the other end.
type Service = TowerToHyperService<AddExtension<Router, Peer>>;

/// Where connections come in, and which ones.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) allow: Allow,
    pub(crate) connections_max: usize,
    /// gRPC is spoken here.
    pub(crate) with_http2: bool,
    pub(crate) tls: Option<TlsAcceptor>,
}

/// Accepts connections until told to stop.
pub(crate) async fn serve(door: Door, router: Router, stop: impl Future<Output = ()> + Send) {
    let Door { listener, allow, connections_max, with_http2, tls } = door;
    let places = Arc::new(Semaphore::new(connections_max));
    let names = header_case::of_answers().await;
    let router = router.layer(map_response(move |mut answer: Response| {
        answer.extensions_mut().extend(names.clone());
        std::future::ready(answer)
    }));
    let graceful = GracefulShutdown::new();
    let (ending, ended) = watch::channel(());
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
        let (watcher, mut ended, tls) = (graceful.watcher(), ended.clone(), tls.clone());
        tokio::spawn(async move {
            let begun = tokio::select! {
                _ = ended.changed() => return,
                begun = tokio::time::timeout(HEAD_TIMEOUT, begin(stream, tls)) => begun,
            };
            let (stream, is_http2) = match begun {
                Ok(Ok(begun)) => begun,
                Ok(Err(err)) => return debug!(%peer, error = %err, "connection ended early"),
                Err(_) => return debug!(%peer, "nothing came over a connection"),
            };
            if is_http2 && !with_http2 {
                return debug!(%peer, "connection of HTTP/2 where only HTTP/1 is spoken");
            }
            let result = match stream {
                Stream::Plain(stream) => answer(stream, is_http2, service, watcher).await,
                Stream::Tls(stream) => answer(*stream, is_http2, service, watcher).await,
            };
            if let Err(err) = result {
                debug!(%peer, error = %err, "connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    drop(ending);
    if tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown()).await.is_err() {
        warn!("some connections did not end in time");
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The connection once it is known what is spoken over it, and whether that is HTTP/2.
async fn begin(stream: TcpStream, tls: Option<TlsAcceptor>) -> std::io::Result<(Stream, bool)> {
    let Some(tls) = tls else {
        let is_http2 = begins_http2(&stream).await?;
        return Ok((Stream::Plain(stream), is_http2));
    };
    let stream = tls.accept(stream).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok((Stream::Tls(Box::new(stream)), is_http2))
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    is_http2: bool,
    service: Service,
    watcher: Watcher,
) -> hyper::Result<()> {
    if is_http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX).keep_alive_interval(KEEP_ALIVE);
        watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).preserve_header_case(true);
        watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await
    }
}

/// Whether a client speaks HTTP/2 from the first byte, as those of gRPC do: no method of HTTP/1 begins like that. Nothing is
/// taken from the stream.
async fn begins_http2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut start = [0; 2];
    loop {
        match stream.peek(&mut start).await? {
            1 if start[0] == b'P' => tokio::time::sleep(SECOND_BYTE_WAIT).await,
            length => return Ok(&start[..length] == b"PR"),
        }
    }
}
