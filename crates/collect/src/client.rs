//! HTTP as the engines of this machine speak it: over a Unix socket, or, as the endpoint of task metadata does, without TLS over TCP.

use std::path::PathBuf;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tracing::debug;

/// Who takes longer for an answer is not well.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A line is as long as a container's labels.
const LINE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("no answer within {} s", ANSWER_WITHIN.as_secs())]
    Slow,
    #[error("{0}: {1}")]
    Refused(StatusCode, String),
    #[error("an answer that cannot be read: {0}")]
    Unreadable(String),
    #[error("the stream ended")]
    Ended,
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Where someone answers.
#[derive(Debug, Clone)]
pub(crate) enum At {
    Socket(PathBuf),
    /// A host and a port.
    Address(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Client {
    at: At,
}

impl Client {
    pub(crate) fn new(at: At) -> Client {
        Client { at }
    }

    async fn get(&self, path: &str) -> Result<hyper::Response<Incoming>> {
        let answer = async {
            match &self.at {
                At::Socket(socket) => ask(UnixStream::connect(socket).await?, "engine", path).await,
                At::Address(address) => ask(TcpStream::connect(address).await?, address, path).await,
            }
        };
        let answer = timeout(ANSWER_WITHIN, answer).await.map_err(|_| Error::Slow)??;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = whole(answer).await.unwrap_or_default();
        Err(Error::Refused(status, String::from_utf8_lossy(&body[..body.len().min(300)]).trim().to_owned()))
    }

    pub(crate) async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let body = whole(self.get(path).await?).await?;
        serde_json::from_slice(&body).map_err(|err| Error::Unreadable(err.to_string()))
    }

    /// An answer that goes on, as it comes.
    pub(crate) async fn body(&self, path: &str) -> Result<Body> {
        Ok(Body { body: self.get(path).await?.into_body(), buffer: BytesMut::new() })
    }

    /// An answer that goes on, a line of JSON at a time.
    pub(crate) async fn lines(&self, path: &str) -> Result<Lines> {
        Ok(Lines { body: self.get(path).await?.into_body(), buffer: BytesMut::new() })
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    host: &str,
    path: &str,
) -> Result<hyper::Response<Incoming>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(err) = connection.await {
            debug!(error = %err, "a connection broke");
        }
    });
    let request = Request::get(path).header("Host", host).body(Empty::<Bytes>::new());
    let request = request.map_err(|err| Error::Unreadable(err.to_string()))?;
    Ok(sender.send_request(request).await?)
}

async fn whole(answer: hyper::Response<Incoming>) -> Result<Bytes> {
    let body = timeout(ANSWER_WITHIN, Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect());
    let body = body.await.map_err(|_| Error::Slow)?;
    Ok(body.map_err(|err| Error::Unreadable(err.to_string()))?.to_bytes())
}

pub(crate) struct Lines {
    body: Incoming,
    buffer: BytesMut,
}

impl Lines {
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<T> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return serde_json::from_slice(&line).map_err(|err| Error::Unreadable(err.to_string()));
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(Error::Unreadable("a line without an end".to_owned()));
            }
            let frame = self.body.frame().await.ok_or(Error::Ended)??;
            if let Ok(mut data) = frame.into_data() {
                self.buffer.extend_from_slice(&data.copy_to_bytes(data.remaining()));
            }
        }
    }
}

/// Bytes that come, for as long as they do.
pub(crate) struct Body {
    body: Incoming,
    buffer: BytesMut,
}

impl Body {
    /// What came; none at the end.
    pub(crate) async fn some(&mut self) -> Result<Option<Bytes>> {
        loop {
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            if let Ok(data) = frame?.into_data()
                && !data.is_empty()
            {
                return Ok(Some(data));
            }
        }
    }

    /// So many bytes; none at the end, and where there are fewer.
    pub(crate) async fn exactly(&mut self, count: usize) -> Result<Option<Bytes>> {
        if count > ANSWER_BYTES_MAX {
            return Err(Error::Unreadable(format!("a piece of {count} bytes")));
        }
        while self.buffer.len() < count {
            let Some(data) = self.some().await? else { return Ok(None) };
            self.buffer.extend_from_slice(&data);
        }
        Ok(Some(self.buffer.split_to(count).freeze()))
    }
}
