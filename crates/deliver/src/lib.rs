//! Requests to servers of other people: webhooks, OTLP endpoints, buckets, mail. Each is made once; whoever asks for it decides what is done
//! when it fails.

mod mail;

use std::time::Duration;

pub use mail::{Mailer, check_address};

use bytes::Bytes;
use reqwest::{Client, Method, Url};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// What is told of an answer that says that something is wrong.
const TOLD_BYTES: usize = 300;

/// Makes requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Deliver {
    client: Client,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// Why a request was not made, or not taken.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    #[error("{0:?} is no address such as https://hooks.example.com/x")]
    Address(String),
    #[error("{0}")]
    Unreachable(String),
    /// A message that no server will take as it is.
    #[error("{0}")]
    Mail(String),
    /// It answered, and did not take it.
    #[error("answered {status}{}{text}", if text.is_empty() { "" } else { ": " })]
    Refused { status: u16, text: String },
}

impl DeliverError {
    /// Whether it may be taken the next time.
    pub fn is_passing(&self) -> bool {
        match self {
            DeliverError::Address(_) | DeliverError::Mail(_) => false,
            DeliverError::Unreachable(_) => true,
            DeliverError::Refused { status, .. } => *status >= 500 || matches!(status, 408 | 425 | 429),
        }
    }
}

/// The address as it may be logged: without what stands before the host and behind the path, which often is a secret.
pub fn told(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => format!(
            "{}://{}{}",
            url.scheme(),
            url.host_str().unwrap_or_default(),
            url.port().map(|port| format!(":{port}")).unwrap_or_default()
        ),
        Err(_) => "an address that cannot be read".to_owned(),
    }
}

/// Whether requests can be made to it.
pub fn check(url: &str) -> Result<(), DeliverError> {
    let wrong = || DeliverError::Address(told(url));
    let parsed = Url::parse(url).map_err(|_| wrong())?;
    match matches!(parsed.scheme(), "http" | "https") && parsed.host_str().is_some() {
        true => Ok(()),
        false => Err(wrong()),
    }
}

impl Deliver {
    /// Trusts the certificates that the system trusts, and goes through the proxy that the environment names.
    pub fn new() -> Result<Deliver, DeliverError> {
        // Whoever was first: all of this program use the same.
        let _ = rustls::crypto::CryptoProvider::install_default(rustls::crypto::ring::default_provider());
        let client = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("mitoshi/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Deliver { client: client.map_err(|err| DeliverError::Unreachable(reason(&err)))? })
    }

    /// Makes the request. Returns when it was taken.
    pub async fn send(&self, delivery: &Delivery) -> Result<(), DeliverError> {
        check(&delivery.url)?;
        let method = Method::from_bytes(delivery.method.as_bytes()).unwrap_or(Method::POST);
        let mut request = self.client.request(method, &delivery.url).body(delivery.body.clone());
        for (name, value) in &delivery.headers {
            request = request.header(name, value);
        }
        let mut answer = request.send().await.map_err(|err| DeliverError::Unreachable(reason(&err.without_url())))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let mut text = Vec::new();
        while text.len() < TOLD_BYTES
            && let Ok(Some(more)) = answer.chunk().await
        {
            text.extend_from_slice(&more[..more.len().min(TOLD_BYTES - text.len())]);
        }
        let text = String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ");
        Err(DeliverError::Refused { status: status.as_u16(), text })
    }
}

/// With what is behind it: `error sending request` alone helps nobody.
fn reason(err: &(dyn std::error::Error + 'static)) -> String {
    let mut told = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        told = format!("{told}: {err}");
        cause = err.source();
    }
    told
}
