//! An agent: stands in for a server on other machines. It takes in what programs send to an X-Ray daemon or over OTLP, watches the
//! machine's containers, keeps all that on disk, and passes it on, signed and compressed, in its order. While the server is away
//! nothing is lost, as long as it fits.

mod daemon;
mod forward;
mod otlp;
mod position;
mod queue;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::Clock;
use model::container::Report;
use model::log::LogLine;
use serde::Serialize;
use tokio::sync::watch;

pub use forward::{Server, ServerError};
pub use queue::QueueError;

use forward::Forwarder;
use position::Positions;
use queue::{Message, Queue};

/// What an agent keeps, and whom it passes it on to.
#[derive(Debug, Clone)]
pub struct Options {
    pub server: Server,
    /// For what is not passed on yet.
    pub dir: PathBuf,
    pub buffer_bytes: u64,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Agent {
    queue: Arc<Queue>,
    positions: Arc<Positions>,
    forwarder: Arc<Forwarder>,
}

impl Agent {
    pub fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Agent, QueueError> {
        let queue = Queue::open(&options.dir, options.buffer_bytes)?;
        let positions = Arc::new(Positions::open(&options.dir));
        Ok(Agent { queue: Arc::new(queue), positions, forwarder: Arc::new(Forwarder::new(options.server, clock)) })
    }

    /// Passes on what there is, until told to stop. What is left stays on disk.
    pub async fn pass_on(&self, stop: watch::Receiver<bool>) {
        forward::pass_on(&self.queue, &self.forwarder, stop).await;
    }

    /// What an X-Ray daemon offers over TCP: the server's answers to questions about sampling.
    pub fn daemon_router(&self) -> Router {
        daemon::router(self.clone())
    }

    /// What an X-Ray daemon takes over UDP.
    pub async fn take_datagrams(&self, socket: tokio::net::UdpSocket, stop: watch::Receiver<bool>) {
        daemon::take_datagrams(&self.queue, socket, stop).await;
    }

    /// OTLP over gRPC and HTTP.
    pub fn otlp_router(&self) -> Router {
        otlp::router(self.clone())
    }

    /// What waits to be passed on.
    pub fn waiting_bytes(&self) -> u64 {
        self.queue.bytes()
    }

    async fn keep_json(&self, path: &str, what: &impl Serialize) -> Result<(), String> {
        let body = serde_json::to_vec(what).map_err(|err| err.to_string())?;
        let message = Message {
            path: path.to_owned(),
            content_type: "application/json".to_owned(),
            content_encoding: "gzip".to_owned(),
            body: gzip(&body).map_err(|err| err.to_string())?,
        };
        self.keep(message).await.map_err(|err| err.to_string())
    }

    /// Keeps a message, durably.
    async fn keep(&self, message: Message) -> Result<(), QueueError> {
        let queue = self.queue.clone();
        tokio::task::spawn_blocking(move || queue.push(&message)).await.map_err(|err| QueueError::Unexpected(err.to_string()))?
    }
}

impl collect::Sink for Agent {
    async fn take(&self, report: &Report) -> Result<(), String> {
        self.keep_json("/api/containers", report).await
    }

    async fn take_lines(&self, lines: &[LogLine]) -> Result<(), String> {
        self.keep_json("/api/log-lines", &lines).await?;
        self.positions.move_on(lines);
        Ok(())
    }

    async fn last_line(&self, _group: &str, stream: &str) -> Option<i64> {
        self.positions.last(stream)
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
