//! The X-Ray daemon's UDP side: a header line and one document a datagram.
//!
//! UDP has no answer, so nobody would send a lost datagram again. One task only receives, into a large kernel buffer and a
//! bounded queue; another parses and appends whole batches, and tries again for as long as the store cannot take them. What the
//! kernel had to throw away meanwhile is counted.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ::otlp::proto::collector::trace::v1::ExportTraceServiceRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use prost::Message as _;
use serde::Deserialize;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::document::{check, detach};
use crate::otlp::new_document;
use crate::{Error, Ingest, Result};

#[cfg(test)]
mod tests;

/// What is asked of the kernel; it gives what its own limit allows.
const RECEIVE_BUFFER_BYTES: usize = 16 * 1024 * 1024;
const DATAGRAM_BYTES: usize = 64 * 1024;
/// Datagrams that wait between receiving and appending.
const QUEUE_DATAGRAMS: usize = 8_192;
/// Bytes that wait there.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;
const BATCH_DATAGRAMS: usize = 512;
const RETRY: Duration = Duration::from_millis(500);
/// How long a store that takes nothing is tried once the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Which senders are listened to.
pub type Allow = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// A bound socket, not yet read from.
pub struct Daemon {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Daemon {
    /// Binds the address; port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> Result<Daemon> {
        let listen = |source| Error::Listen { address, source };
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP)).map_err(listen)?;
        socket.set_nonblocking(true).map_err(listen)?;
        if let Err(err) = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES) {
            warn!(error = %err, "cannot enlarge the receive buffer");
        }
        socket.bind(&address.into()).map_err(listen)?;
        let buffer_bytes = socket.recv_buffer_size().unwrap_or(0);
        let socket = UdpSocket::from_std(socket.into()).map_err(listen)?;
        let address = socket.local_addr().map_err(listen)?;
        info!(%address, buffer_bytes, "listening for segment datagrams");
        Ok(Daemon { socket, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Receives until told to stop; then appends what was received.
    pub async fn run(self, ingest: Ingest, allow: Allow, stop: impl Future<Output = ()> + Send) {
        let (queue, waiting) = mpsc::channel(QUEUE_DATAGRAMS);
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        let appender = tokio::spawn(append(ingest.clone(), waiting));
        let mut buffer = vec![0; DATAGRAM_BYTES];
        let mut drops = tokio::time::interval(Duration::from_secs(1));
        tokio::pin!(stop);
        loop {
            let received = tokio::select! {
                biased;
                () = &mut stop => break,
                received = self.socket.recv_from(&mut buffer) => received,
                _ = drops.tick() => {
                    if let Some(dropped) = kernel_drops(self.address) {
                        ingest.counters.datagrams_kernel_dropped.store(dropped, Ordering::Relaxed);
                    }
                    continue;
                }
            };
            match received {
                Ok((length, sender)) => {
                    ingest.counters.datagrams_received.fetch_add(1, Ordering::Relaxed);
                    if !allow(sender.ip().to_canonical()) {
                        ingest.counters.datagram_rejected("SenderNotAllowed");
                        continue;
                    }
                    let enqueue = async {
                        let room = room.clone().acquire_many_owned(length as u32).await.ok()?;
                        queue.send(Waiting { datagram: Bytes::copy_from_slice(&buffer[..length]), _room: room }).await.ok()
                    };
                    // A full queue must not keep the server from stopping.
                    let enqueued = tokio::select! {
                        biased;
                        enqueued = enqueue => enqueued,
                        () = &mut stop => None,
                    };
                    if enqueued.is_none() {
                        break;
                    }
                }
                Err(err) => {
                    // A sender that went away can show up here; the socket itself is fine.
                    warn!(error = %err, "receiving a datagram failed");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
        drop(queue);
        let _ = appender.await;
    }
}

/// A datagram on its way from the socket to the store, and the room it takes there.
struct Waiting {
    datagram: Bytes,
    _room: OwnedSemaphorePermit,
}

async fn append(ingest: Ingest, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch: Vec<Waiting> = Vec::with_capacity(BATCH_DATAGRAMS);
    let mut stopped_since: Option<Instant> = None;
    while waiting.recv_many(&mut batch, BATCH_DATAGRAMS).await > 0 {
        loop {
            let mut good = Vec::with_capacity(batch.len());
            let mut rejected = Vec::new();
            for Waiting { datagram, .. } in &batch {
                match payload(datagram) {
                    Ok(Payload::Document(raw)) => match check(datagram.slice_ref(raw), &ingest.quotas) {
                        Ok(mut document) => {
                            if document.raw.len() < datagram.len() / 2 {
                                detach(&mut document);
                            }
                            good.push(document);
                        }
                        Err(err) => rejected.push(err.code),
                    },
                    Ok(Payload::Spans(text)) => match spans(text) {
                        Some(request) => {
                            let (documents, refused) = ::otlp::documents(&request, &ingest.mapping);
                            good.extend(documents.into_iter().map(new_document));
                            rejected.extend(refused.into_iter().map(|span| span.code));
                        }
                        None => rejected.push("UnreadableSpans"),
                    },
                    Err(reason) => rejected.push(reason),
                }
            }
            let accepted = good.len() as u64;
            match ingest.store.append(good).await {
                Ok(()) => {
                    ingest.counters.accepted(accepted);
                    rejected.into_iter().for_each(|reason| ingest.counters.datagram_rejected(reason));
                    break;
                }
                Err(store::Error::Closed) => return,
                Err(err) => {
                    warn!(error = %err, datagrams = batch.len(), "segments from datagrams wait for the store");
                    // The sender's end is gone once the server stops.
                    if waiting.is_closed() && stopped_since.get_or_insert_with(Instant::now).elapsed() > STOP_TIMEOUT {
                        error!(
                            datagrams = batch.len() + waiting.len(),
                            "stopping; the store does not take these datagrams, they are lost"
                        );
                        return;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        batch.clear();
    }
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: i64,
}

/// What a datagram brings.
#[derive(Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A segment document.
    Document(&'a [u8]),
    /// OpenTelemetry spans, as some Lambda layers send them on this port: base64 of what goes over OTLP.
    Spans(&'a [u8]),
}

/// Everything behind the first line, which must be a header that we know.
pub fn payload(datagram: &[u8]) -> std::result::Result<Payload<'_>, &'static str> {
    let Some(line_end) = datagram.iter().position(|&byte| byte == b'\n') else { return Err("NoHeader") };
    let (header, document) = (&datagram[..line_end], &datagram[line_end + 1..]);
    match serde_json::from_slice::<Header>(header) {
        Ok(header) if header.format.eq_ignore_ascii_case("json") && header.version == 1 => {}
        _ => return Err("InvalidHeader"),
    }
    if document.iter().all(u8::is_ascii_whitespace) {
        return Err("EmptyPayload");
    }
    if let Some(text) = document.strip_prefix(b"T1S").or_else(|| document.strip_prefix(b"T1U")) {
        return Ok(Payload::Spans(text.trim_ascii()));
    }
    if document.starts_with(b"M1") {
        return Err("UnsupportedPayload");
    }
    Ok(Payload::Document(document))
}

/// The spans in the text of `Payload::Spans`.
pub fn spans(text: &[u8]) -> Option<ExportTraceServiceRequest> {
    let bytes = BASE64.decode(text).ok()?;
    ExportTraceServiceRequest::decode(&bytes[..]).ok()
}

/// The kernel's count of datagrams it dropped at this socket, from /proc/net/udp.
fn kernel_drops(address: SocketAddr) -> Option<u64> {
    let table = std::fs::read_to_string(if address.is_ipv4() { "/proc/net/udp" } else { "/proc/net/udp6" }).ok()?;
    let port = format!(":{:04X}", address.port());
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let local = fields.nth(1)?;
        if local.ends_with(&port) { line.split_whitespace().next_back()?.parse().ok() } else { None }
    })
}
