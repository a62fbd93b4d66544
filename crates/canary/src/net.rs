//! Requests whose parts are timed: each has a connection of its own.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use model::canary::Timings;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// What is read of an answer's body.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
const REDIRECTS_MAX: usize = 10;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) timeout: Duration,
}

/// One request and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) started_us: i64,
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) request_headers: Vec<(String, String)>,
    /// None where there was no answer.
    pub(crate) status: Option<u16>,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) timings: Timings,
    /// How long it was waited for what then did not come.
    pub(crate) lost_ms: Option<f64>,
    pub(crate) address: Option<String>,
    pub(crate) error: Option<String>,
}

impl Exchange {
    pub(crate) fn duration_ms(&self) -> f64 {
        let Timings { dns_ms, connect_ms, tls_ms, first_byte_ms, download_ms, .. } = self.timings;
        [dns_ms, connect_ms, tls_ms, first_byte_ms, download_ms, self.lost_ms].into_iter().flatten().sum()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Trusts what the system trusts.
pub(crate) fn roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let load = || {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(store)
    };
    ROOTS.get_or_init(load).clone()
}

fn tls() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let make = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("invariant: ring has the default versions");
        Arc::new(builder.with_root_certificates(roots()).with_no_client_auth())
    };
    CONFIG.get_or_init(make).clone()
}

pub(crate) fn now_us() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

pub(crate) fn ms(since: Instant) -> f64 {
    round(since.elapsed().as_secs_f64() * 1e3)
}

/// To a thousandth.
pub(crate) fn round(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}

/// Follows redirects; all exchanges in their order, the last of which is the answer. `headers_for` adds what goes to some addresses only.
pub(crate) async fn send(ask: &Ask, user_agent: &str, headers_for: impl Fn(&Url) -> Vec<(String, String)>) -> Vec<Exchange> {
    let deadline = Instant::now() + ask.timeout;
    let (mut method, mut body, mut url) = (ask.method.clone(), ask.body.clone(), ask.url.clone());
    let mut exchanges = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let exchange = once(&method, &url, ask, body.clone(), left, user_agent, &headers_for).await;
        let next =
            exchange.header(LOCATION.as_str()).filter(|_| exchange.status.is_some_and(|status| (300..400).contains(&status)));
        let next = next.and_then(|next| Url::parse(&url).ok()?.join(next).ok()).map(String::from);
        let status = exchange.status;
        exchanges.push(exchange);
        match next {
            Some(next) if exchanges.len() <= REDIRECTS_MAX => {
                // As browsers do it.
                if status == Some(303) || (matches!(status, Some(301 | 302)) && method == "POST") {
                    method = "GET".to_owned();
                    body = Bytes::new();
                }
                url = next;
            }
            Some(_) => {
                if let Some(last) = exchanges.last_mut() {
                    last.error = Some(format!("it was redirected more than {REDIRECTS_MAX} times"));
                }
                return exchanges;
            }
            None => return exchanges,
        }
    }
}

async fn once(
    method: &str,
    url: &str,
    ask: &Ask,
    body: Bytes,
    within: Duration,
    user_agent: &str,
    headers_for: &impl Fn(&Url) -> Vec<(String, String)>,
) -> Exchange {
    let mut exchange = Exchange {
        started_us: now_us(),
        method: method.to_owned(),
        url: url.to_owned(),
        request_headers: Vec::new(),
        status: None,
        reason: String::new(),
        headers: Vec::new(),
        body: Bytes::new(),
        timings: Timings::default(),
        lost_ms: None,
        address: None,
        error: None,
    };
    let begun = Instant::now();
    let work = exchange_into(&mut exchange, ask, body, user_agent, headers_for);
    match tokio::time::timeout(within, work).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => exchange.error = Some(why),
        Err(_) => exchange.error = Some(format!("no complete answer within {} ms", ask.timeout.as_millis())),
    }
    if exchange.error.is_some() {
        exchange.lost_ms = Some((ms(begun) - exchange.duration_ms()).max(0.0));
    }
    exchange
}

async fn exchange_into(
    exchange: &mut Exchange,
    ask: &Ask,
    body: Bytes,
    user_agent: &str,
    headers_for: &impl Fn(&Url) -> Vec<(String, String)>,
) -> Result<(), String> {
    let url = Url::parse(&exchange.url).map_err(|err| format!("{:?} is no address: {err}", exchange.url))?;
    let host = url.host_str().ok_or_else(|| format!("{:?} has no host", exchange.url))?.to_owned();
    let with_tls = match url.scheme() {
        "http" => false,
        "https" => true,
        other => return Err(format!("{other} is neither http nor https")),
    };
    let port = url.port_or_known_default().unwrap_or(80);
    let begun = Instant::now();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<_> =
        tokio::net::lookup_host((bare, port)).await.map_err(|err| format!("cannot look up {host}: {err}"))?.collect();
    exchange.timings.dns_ms = Some(ms(begun));
    let begun = Instant::now();
    let stream = connect(&addresses).await.map_err(|err| format!("cannot connect to {host}:{port}: {err}"))?;
    exchange.timings.connect_ms = Some(ms(begun));
    exchange.address = stream.peer_addr().ok().map(|address| address.to_string());
    let request = request(exchange, ask, body, user_agent, &url, headers_for(&url))?;
    if with_tls {
        let begun = Instant::now();
        let name = ServerName::try_from(bare.to_owned()).map_err(|err| format!("{host}: {err}"))?;
        let stream = TlsConnector::from(tls()).connect(name, stream).await.map_err(|err| format!("TLS with {host}: {err}"))?;
        exchange.timings.tls_ms = Some(ms(begun));
        answer(exchange, stream, request).await
    } else {
        answer(exchange, stream, request).await
    }
}

pub(crate) async fn connect(addresses: &[std::net::SocketAddr]) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::other("the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(err) => last = err,
        }
    }
    Err(last)
}

fn request(
    exchange: &mut Exchange,
    ask: &Ask,
    body: Bytes,
    user_agent: &str,
    url: &Url,
    more: Vec<(String, String)>,
) -> Result<Request<Full<Bytes>>, String> {
    let method = Method::from_bytes(exchange.method.as_bytes()).map_err(|_| format!("{:?} is no method", exchange.method))?;
    let mut headers = HeaderMap::new();
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut set = |name: &str, value: &str| -> Result<(), String> {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no name of a header"))?;
        let value = HeaderValue::from_str(value).map_err(|_| format!("the header {name} has a value that cannot be sent"))?;
        headers.insert(header, value);
        Ok(())
    };
    set(HOST.as_str(), authority)?;
    set(USER_AGENT.as_str(), user_agent)?;
    set("accept", "*/*")?;
    for (name, value) in ask.headers.iter().chain(&more) {
        set(name, value)?;
    }
    if !body.is_empty() {
        set(CONTENT_LENGTH.as_str(), &body.len().to_string())?;
    }
    exchange.request_headers = told(&headers);
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().map_err(|err| format!("{target:?} cannot be asked for: {err}"))?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn told(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}

async fn answer<S>(exchange: &mut Exchange, stream: S, request: Request<Full<Bytes>>) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let begun = Instant::now();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|err| format!("cannot send: {err}"))?;
    // Ends with the sender.
    let running = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|err| format!("no answer: {}", causes(&err)))?;
    exchange.timings.first_byte_ms = Some(ms(begun));
    exchange.status = Some(answer.status().as_u16());
    exchange.reason = answer.status().canonical_reason().unwrap_or_default().to_owned();
    exchange.headers = told(answer.headers());
    let is_stream = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
    let begun = Instant::now();
    let mut content = answer.into_body();
    let mut read = Vec::new();
    while !is_stream && let Some(frame) = content.frame().await {
        let frame = frame.map_err(|err| format!("the answer broke off: {}", causes(&err)))?;
        if let Some(data) = frame.data_ref() {
            read.extend_from_slice(&data[..data.len().min(BODY_BYTES_MAX - read.len())]);
            if read.len() >= BODY_BYTES_MAX {
                break;
            }
        }
    }
    exchange.timings.download_ms = Some(ms(begun));
    exchange.body = Bytes::from(read);
    running.abort();
    Ok(())
}

pub(crate) fn causes(err: &(dyn std::error::Error + 'static)) -> String {
    let mut told = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        let more = err.to_string();
        if !told.contains(&more) {
            told = format!("{told}: {more}");
        }
        cause = err.source();
    }
    told
}
