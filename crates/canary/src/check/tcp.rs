//! Checks of TCP: whether something listens, and what it answers.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Checked, assertion};
use crate::net::connect;

const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TcpStep {
    hostname: String,
    port: u16,
    #[serde(default = "three_seconds")]
    connection_timeout: u64,
    #[serde(default = "two_seconds")]
    read_timeout: u64,
    #[serde(default)]
    send_data: Option<String>,
    #[serde(default)]
    expected_response: Option<String>,
    #[serde(default)]
    encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
enum Encoding {
    #[default]
    #[serde(rename = "UTF-8")]
    Utf8,
    #[serde(rename = "ASCII")]
    Ascii,
    #[serde(rename = "HEX")]
    Hex,
}

fn three_seconds() -> u64 {
    3_000
}

fn two_seconds() -> u64 {
    2_000
}

pub(super) fn check(step: &Map<String, Value>) -> Result<(), String> {
    // The port may be a variable.
    let mut step = step.clone();
    if step.get("port").is_some_and(|port| port.as_str().is_some_and(|text| text.contains("${"))) {
        step.insert("port".to_owned(), 1.into());
    }
    let step: TcpStep = super::read(&step)?;
    step.send_data.as_deref().map_or(Ok(()), |data| bytes_of(data, step.encoding).map(drop))
}

fn bytes_of(text: &str, encoding: Encoding) -> Result<Vec<u8>, String> {
    if encoding != Encoding::Hex {
        return Ok(text.as_bytes().to_vec());
    }
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(|digits| if digits.len() == 2 { pair(digits) } else { None }).collect();
    bytes.ok_or_else(|| format!("sendData {text:?} is no text of hexadecimal digits"))
}

pub(super) async fn run(given: &Map<String, Value>) -> Result<Checked, String> {
    let mut given = given.clone();
    if let Some(port) = given.get("port").and_then(Value::as_str).and_then(|port| port.parse::<u16>().ok()) {
        given.insert("port".to_owned(), port.into());
    }
    let step: TcpStep = super::read(&given)?;
    let asserted = assertion::read(&given)?;
    let connected = async {
        let addresses: Vec<_> = tokio::net::lookup_host((step.hostname.as_str(), step.port)).await?.collect();
        connect(&addresses).await
    };
    let connected = tokio::time::timeout(Duration::from_millis(step.connection_timeout), connected).await;
    let (stream, failure) = match connected {
        Ok(Ok(stream)) => (Some(stream), None),
        Ok(Err(err)) => (None, Some(format!("cannot connect to {}:{}: {err}", step.hostname, step.port))),
        Err(_) => (None, Some(format!("no connection to {}:{} within {} ms", step.hostname, step.port, step.connection_timeout))),
    };
    let is_connected = stream.is_some();
    let wants_answer =
        step.expected_response.is_some() || step.send_data.is_some() || asserted.iter().any(|one| one.kind == "RESPONSE_DATA");
    let mut answer = Vec::new();
    if let Some(mut stream) = stream.filter(|_| wants_answer) {
        if let Some(data) = &step.send_data {
            stream.write_all(&bytes_of(data, step.encoding)?).await.map_err(|err| format!("cannot send: {err}"))?;
        }
        // Up to when it says no more, or for as long as it is waited for.
        let read = async {
            let mut part = [0; 4_096];
            while answer.len() < ANSWER_BYTES_MAX {
                match stream.read(&mut part).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => answer.extend_from_slice(&part[..count]),
                }
                let text = written(&answer, step.encoding);
                if step.expected_response.as_ref().is_some_and(|expected| text.contains(expected.as_str())) {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(step.read_timeout), read).await;
    }
    let text = written(&answer, step.encoding);
    let wants_no_connection = asserted.iter().any(|one| one.kind == "CONNECTION_SUCCESSFUL" && !one.of_bool("", true).passed);
    let assertions = asserted.iter().map(|one| match one.kind.as_str() {
        "CONNECTION_SUCCESSFUL" => one.of_bool("connection successful", is_connected),
        _ => one.of_text("response", is_connected.then_some(text.as_str())),
    });
    let unexpected = step.expected_response.as_ref().filter(|expected| !text.contains(expected.as_str()));
    let error = match (failure, unexpected) {
        (Some(failure), _) if !wants_no_connection => Some(failure),
        (None, Some(expected)) => {
            Some(format!("the response does not contain {expected:?}; it is {:?}", text.chars().take(200).collect::<String>()))
        }
        _ => None,
    };
    Ok(Checked { assertions: assertions.collect(), text: Some(text), error })
}

fn written(bytes: &[u8], encoding: Encoding) -> String {
    match encoding {
        Encoding::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Encoding::Utf8 | Encoding::Ascii => String::from_utf8_lossy(bytes).into_owned(),
    }
}
