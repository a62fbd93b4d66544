//! What the CloudWatch agent offers to programs that write metrics in the embedded metric format: events, one a line over TCP, one a
//! datagram over UDP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::Clock;
use model::metric::Metric;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::metrics;
use crate::{Error, Ingest, Result};

/// An event of CloudWatch Logs may be as long.
const LINE_BYTES_MAX: usize = 1024 * 1024;
const DATAGRAM_BYTES: usize = 64 * 1024;
const CONNECTIONS_MAX: usize = 256;
/// Events that are made durable together.
const BATCH_EVENTS: usize = 256;
const RETRY: Duration = Duration::from_millis(500);

/// Bound sockets, not yet read from.
pub struct Agent {
    tcp: TcpListener,
    udp: UdpSocket,
    address: SocketAddr,
}

impl Agent {
    /// Binds both at one address, whose port is not 0 unless any will do.
    pub async fn bind(address: SocketAddr) -> Result<Agent> {
        let listen = |source| Error::Listen { address, source };
        let mut tries = if address.port() == 0 { 20 } else { 1 };
        loop {
            let tcp = TcpListener::bind(address).await.map_err(listen)?;
            let bound = tcp.local_addr().map_err(listen)?;
            match UdpSocket::bind(bound).await {
                Ok(udp) => {
                    info!(address = %bound, "listening for events in the embedded metric format");
                    return Ok(Agent { tcp, udp, address: bound });
                }
                Err(err) if tries <= 1 => return Err(listen(err)),
                Err(_) => tries -= 1,
            }
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes events in until told to stop.
    pub async fn run(self, ingest: Ingest, clock: Arc<dyn Clock>, stop: watch::Receiver<bool>) {
        let mut stopped = stop.clone();
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut datagram = vec![0; DATAGRAM_BYTES];
        loop {
            tokio::select! {
                () = told_to(&mut stopped) => return,
                received = self.udp.recv_from(&mut datagram) => match received {
                    Ok((length, _)) => {
                        let event = String::from_utf8_lossy(&datagram[..length]).into_owned();
                        take(&ingest, &*clock, event.lines(), &mut stop.clone()).await;
                    }
                    Err(err) => {
                        warn!(error = %err, "receiving a datagram failed");
                        sleep(Duration::from_millis(10)).await;
                    }
                },
                accepted = async {
                    let place = places.clone().acquire_owned().await;
                    (place, self.tcp.accept().await)
                } => match accepted {
                    (Ok(place), Ok((stream, _))) => {
                        let (ingest, clock, stop) = (ingest.clone(), clock.clone(), stop.clone());
                        tokio::spawn(async move {
                            let _place = place;
                            follow(stream, ingest, clock, stop).await;
                        });
                    }
                    (_, Err(err)) => {
                        warn!(error = %err, "accepting a connection failed");
                        sleep(Duration::from_millis(100)).await;
                    }
                    (Err(_), _) => return,
                },
            }
        }
    }
}

async fn told_to(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Takes the lines of a connection in. What is not taken in yet is not read: who writes faster than the disk waits.
async fn follow(stream: TcpStream, ingest: Ingest, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let mut lines: Vec<String> = Vec::new();
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut reader).take(LINE_BYTES_MAX as u64);
        let read = tokio::select! {
            read = bounded.read_until(b'\n', &mut line) => read,
            () = told_to(&mut stop) => return,
        };
        match read {
            Ok(0) => break,
            Ok(_) if line.len() == LINE_BYTES_MAX && !line.ends_with(b"\n") => {
                ingest.counters.event_rejected("TooLong");
                break;
            }
            Ok(_) => lines.push(String::from_utf8_lossy(&line).into_owned()),
            Err(err) => {
                debug!(error = %err, "a connection with metric events broke");
                break;
            }
        }
        // As many as are there already, together.
        if lines.len() >= BATCH_EVENTS || !reader.buffer().contains(&b'\n') {
            take(&ingest, &*clock, lines.iter().map(String::as_str), &mut stop).await;
            lines.clear();
        }
    }
    take(&ingest, &*clock, lines.iter().map(String::as_str), &mut stop).await;
}

/// Makes events durable, however long that takes. What is no metric is counted.
async fn take(ingest: &Ingest, clock: &dyn Clock, events: impl Iterator<Item = &str>, stop: &mut watch::Receiver<bool>) {
    let mut found: Vec<Metric> = Vec::new();
    for event in events.map(str::trim).filter(|event| !event.is_empty()) {
        match metrics(event, clock.now_us(), ingest.quotas.lenient) {
            Ok(Some(more)) => found.extend(more),
            Ok(None) => ingest.counters.event_rejected("NoMetrics"),
            Err(err) => {
                debug!(error = %err, "an event with metrics was refused");
                ingest.counters.event_rejected("Invalid");
            }
        }
    }
    while !found.is_empty() {
        match ingest.metrics(found.clone()).await {
            Ok(()) => return,
            Err(err) => {
                warn!(error = %err, "metric events cannot be kept now; they wait");
                tokio::select! {
                    () = sleep(RETRY) => {}
                    () = told_to(stop) => return,
                }
            }
        }
    }
}
