//! Passing on: one request after the other, signed, until the server has taken it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use model::Clock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use sigv4::Signer;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tracing::{error, info, warn};

use crate::queue::{Message, Queue};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long to wait before a request is made again: longer each time.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// A Mitoshi server, as an agent reaches it.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    signer: Option<Signer>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({self})")
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}:{}", if self.tls.is_some() { "https" } else { "http" }, self.host, self.port)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("{0:?} is no address of a server such as http://10.0.0.5:2001")]
    Address(String),
    #[error("certificates: {0}")]
    Certificates(String),
}

impl Server {
    /// `ca` is a file with certificates to trust, in PEM, and needed for `https`.
    pub fn new(address: &str, signer: Option<Signer>, ca: Option<&Path>) -> Result<Server, ServerError> {
        let wrong = || ServerError::Address(address.to_owned());
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?.to_owned();
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong());
        }
        let (tls, standard_port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let ca = ca.ok_or_else(|| {
                    ServerError::Certificates("https needs --ca, a file with the certificates to trust, in PEM".to_owned())
                })?;
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|_| wrong())?;
                (Some((connector(ca)?, name)), 443)
            }
            _ => return Err(wrong()),
        };
        Ok(Server { port: uri.port_u16().unwrap_or(standard_port), host, signer, tls })
    }
}

fn connector(ca: &Path) -> Result<TlsConnector, ServerError> {
    let wrong = |err: &dyn std::fmt::Display| ServerError::Certificates(format!("{}: {err}", ca.display()));
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(|err| wrong(&err))? {
        roots.add(certificate.map_err(|err| wrong(&err))?).map_err(|err| wrong(&err))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|err| wrong(&err))?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

/// Why a request was not made, or not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("no answer in time")]
    Slow,
    #[error("{0}")]
    Unexpected(String),
}

pub(crate) struct Forwarder {
    server: Server,
    clock: Arc<dyn Clock>,
    /// A connection that is open.
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl Forwarder {
    pub(crate) fn new(server: Server, clock: Arc<dyn Clock>) -> Forwarder {
        Forwarder { server, clock, connection: Mutex::new(None) }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, SendError> {
        let connected = async {
            let stream = TcpStream::connect((self.server.host.trim_matches(['[', ']']), self.server.port)).await?;
            stream.set_nodelay(true)?;
            let sender = match &self.server.tls {
                None => {
                    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
                    tokio::spawn(connection);
                    sender
                }
                Some((connector, name)) => {
                    let stream = connector.connect(name.clone(), stream).await?;
                    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
                    tokio::spawn(connection);
                    sender
                }
            };
            Ok::<_, SendError>(sender)
        };
        timeout(CONNECT_WITHIN, connected).await.map_err(|_| SendError::Slow)?
    }

    /// Makes a request. A connection that the server closed meanwhile is opened again.
    pub(crate) async fn send(&self, request: &Message) -> Result<Response<Bytes>, SendError> {
        let mut connection = self.connection.lock().await;
        for is_new in [false, true] {
            let mut sender = match connection.take().filter(|sender| !is_new && !sender.is_closed()) {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            let answered = timeout(ANSWER_WITHIN, async {
                sender.ready().await?;
                let answer = sender.send_request(self.request(request)?).await?;
                let (parts, body) = answer.into_parts();
                let body =
                    Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|err| SendError::Unexpected(err.to_string()))?;
                Ok::<_, SendError>(Response::from_parts(parts, body.to_bytes()))
            });
            match answered.await {
                Ok(Ok(answer)) => {
                    *connection = Some(sender);
                    return Ok(answer);
                }
                Ok(Err(err)) if is_new => return Err(err),
                Ok(Err(_)) => {}
                Err(_) => return Err(SendError::Slow),
            }
        }
        Err(SendError::Slow)
    }

    fn request(&self, message: &Message) -> Result<Request<Full<Bytes>>, SendError> {
        let Server { host, port, signer, .. } = &self.server;
        let body = Bytes::from(message.body.clone());
        let request = Request::post(message.path.as_str()).header(HOST, format!("{host}:{port}"));
        let request = request.header(CONTENT_TYPE, message.content_type.as_str()).body(());
        let (mut parts, ()) = request.map_err(|err| SendError::Unexpected(err.to_string()))?.into_parts();
        if let (false, Ok(value)) = (message.content_encoding.is_empty(), HeaderValue::from_str(&message.content_encoding)) {
            parts.headers.insert(CONTENT_ENCODING, value);
        }
        parts.headers.remove(AUTHORIZATION);
        if let Some(signer) = signer {
            signer.sign(&mut parts, &sigv4::hash(&body), self.clock.now_us() / 1_000_000);
        }
        Ok(Request::from_parts(parts, Full::new(body)))
    }
}

/// What is to be done after an answer.
enum Next {
    /// It was taken, or never will be.
    Go,
    Again,
}

pub(crate) async fn pass_on(queue: &Queue, forwarder: &Forwarder, mut stop: watch::Receiver<bool>) {
    let mut wait = RETRY_FIRST;
    let mut is_away = false;
    loop {
        let waiting = match queue.peek() {
            Ok(Some(waiting)) => waiting,
            Ok(None) => {
                tokio::select! {
                    () = queue.came.notified() => continue,
                    () = told_to(&mut stop) => return,
                }
            }
            Err(err) => {
                error!(error = %err, "the buffer cannot be read; it is tried again");
                tokio::select! {
                    () = sleep(RETRY_MAX) => continue,
                    () = told_to(&mut stop) => return,
                }
            }
        };
        let (message, position) = waiting;
        let next = tokio::select! {
            answer = forwarder.send(&message) => judged(&message, answer, &mut is_away, forwarder, queue),
            () = told_to(&mut stop) => return,
        };
        match next {
            Next::Go => {
                wait = RETRY_FIRST;
                if let Err(err) = queue.pass(position) {
                    warn!(error = %err, "how far was passed on cannot be written down; some of it may be passed on again");
                }
            }
            Next::Again => {
                tokio::select! {
                    () = sleep(wait) => wait = (wait * 2).min(RETRY_MAX),
                    () = told_to(&mut stop) => return,
                }
            }
        }
    }
}

fn judged(
    message: &Message,
    answer: Result<Response<Bytes>, SendError>,
    is_away: &mut bool,
    forwarder: &Forwarder,
    queue: &Queue,
) -> Next {
    let server = &forwarder.server;
    match answer {
        Ok(answer) if answer.status().is_success() => {
            if std::mem::take(is_away) {
                info!(%server, waiting_bytes = queue.bytes(), "the server takes data again");
            }
            Next::Go
        }
        Ok(answer) => {
            let status = answer.status();
            let said = String::from_utf8_lossy(&answer.body()[..answer.body().len().min(300)]).into_owned();
            match status {
                // Someone has to give this agent a key; until then nothing is thrown away.
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    if !std::mem::replace(is_away, true) {
                        error!(%server, %status, said, "the server does not let this agent in: see --key-id, and `mitoshi keys create --role write` on the server");
                    }
                    Next::Again
                }
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS | StatusCode::NOT_FOUND => Next::Again,
                _ if status.is_client_error() => {
                    warn!(%server, %status, path = message.path, said, "the server refused what was passed on; it is left out");
                    Next::Go
                }
                _ => {
                    if !std::mem::replace(is_away, true) {
                        warn!(%server, %status, said, "the server takes no data now; it is kept and tried again");
                    }
                    Next::Again
                }
            }
        }
        Err(err) => {
            if !std::mem::replace(is_away, true) {
                warn!(%server, error = %err, "the server cannot be reached; data is kept and tried again");
            }
            Next::Again
        }
    }
}

pub(crate) async fn told_to(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
