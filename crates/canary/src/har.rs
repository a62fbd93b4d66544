//! What was requested, as HAR 1.2 writes it.

use chrono::{DateTime, SecondsFormat, Utc};
use model::canary::Timings;
use serde_json::{Value, json};
use url::Url;

use crate::net::{Exchange, round};

/// Entries with what page each is of.
#[derive(Debug, Default)]
pub(crate) struct Har {
    pages: Vec<Value>,
    entries: Vec<Value>,
}

pub(crate) fn stamp(us: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(us).map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true)).unwrap_or_default()
}

/// Headers whose values are nobody's business.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(
        name.as_str(),
        "authorization" | "proxy-authorization" | "cookie" | "set-cookie" | "x-api-key" | "x-amz-security-token"
    )
}

fn headers(all: &[(String, String)]) -> Vec<Value> {
    all.iter().map(|(name, value)| json!({"name": name, "value": if is_secret(name) { "***" } else { value }})).collect()
}

fn query(url: &str) -> Vec<Value> {
    let Ok(url) = Url::parse(url) else { return Vec::new() };
    url.query_pairs().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

/// Of an entry; -1 is what does not apply.
fn timings(timings: &Timings, lost_ms: Option<f64>) -> Value {
    let part = |part: Option<f64>| part.map_or(json!(-1), |ms| json!(round(ms)));
    // TLS counts as a part of the connection too.
    let connect = timings.connect_ms.map(|connect| connect + timings.tls_ms.unwrap_or(0.0));
    json!({
        "blocked": -1,
        "dns": part(timings.dns_ms),
        "connect": part(connect),
        "ssl": part(timings.tls_ms),
        "send": 0,
        "wait": round(timings.first_byte_ms.unwrap_or(0.0) + lost_ms.unwrap_or(0.0)),
        "receive": timings.download_ms.map_or(0.0, round),
    })
}

impl Har {
    pub(crate) fn page(&mut self, id: &str, title: &str, started_us: i64, timings: &Timings) {
        self.pages.push(json!({
            "id": id,
            "title": title,
            "startedDateTime": stamp(started_us),
            "pageTimings": {"onContentLoad": timings.dom_content_loaded_ms.unwrap_or(-1.0), "onLoad": timings.load_ms.unwrap_or(-1.0)},
        }));
    }

    pub(crate) fn add(&mut self, page: &str, exchange: &Exchange) {
        let kind = exchange.header("content-type").unwrap_or_default();
        let mut entry = json!({
            "pageref": page,
            "startedDateTime": stamp(exchange.started_us),
            "time": round(exchange.duration_ms()),
            "request": {
                "method": exchange.method,
                "url": exchange.url,
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": headers(&exchange.request_headers),
                "queryString": query(&exchange.url),
                "headersSize": -1,
                "bodySize": -1,
            },
            "response": {
                "status": exchange.status.unwrap_or(0),
                "statusText": exchange.reason,
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": headers(&exchange.headers),
                "content": {"size": exchange.body.len(), "mimeType": kind},
                "redirectURL": exchange.header("location").unwrap_or_default(),
                "headersSize": -1,
                "bodySize": exchange.body.len(),
            },
            "cache": {},
            "timings": timings(&exchange.timings, exchange.lost_ms),
        });
        if let Some(address) = &exchange.address {
            entry["serverIPAddress"] = json!(address.rsplit_once(':').map_or(address.as_str(), |(ip, _)| ip));
        }
        if let Some(error) = &exchange.error {
            entry["_error"] = json!(error);
        }
        self.entries.push(entry);
    }

    /// One that a browser made.
    pub(crate) fn add_entry(&mut self, entry: Value) {
        self.entries.push(entry);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn value(&self) -> Value {
        let creator = json!({"name": "Mitoshi", "version": env!("CARGO_PKG_VERSION")});
        json!({"log": {"version": "1.2", "creator": creator, "pages": self.pages, "entries": self.entries}})
    }
}
