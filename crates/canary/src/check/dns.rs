//! Checks of DNS: what a name server says of a name.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use model::canary::Assertion;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::assertion::Asserted;
use super::{Checked, assertion};
use crate::net::ms;

const TYPES: [&str; 6] = ["A", "AAAA", "CNAME", "MX", "TXT", "NS"];
const TIMEOUT_MS: u64 = 5_000;
const UDP_BYTES_MAX: usize = 4_096;
const RESOLVERS: &str = "/etc/resolv.conf";

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DnsStep {
    domain: String,
    #[serde(default = "address")]
    record_type: String,
    #[serde(default)]
    nameserver: Option<String>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    protocol: Protocol,
    #[serde(default)]
    timeout: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Protocol {
    #[default]
    Udp,
    Tcp,
}

fn address() -> String {
    "A".to_owned()
}

pub(super) fn check(step: &Map<String, Value>) -> Result<(), String> {
    let step: DnsStep = super::read(step)?;
    if !TYPES.contains(&step.record_type.as_str()) {
        return Err(format!("recordType {} is none of {}", step.record_type, TYPES.join(", ")));
    }
    Ok(())
}

pub(super) async fn run(given: &Map<String, Value>) -> Result<Checked, String> {
    let step: DnsStep = super::read(given)?;
    let asserted = assertion::read(given)?;
    let kind = RecordType::from_str(&step.record_type).map_err(|_| format!("recordType {} is not known", step.record_type))?;
    let name = if step.domain.ends_with('.') { step.domain.clone() } else { format!("{}.", step.domain) };
    let name = Name::from_ascii(&name).map_err(|err| format!("{:?} is no name: {err}", step.domain))?;
    let server = SocketAddr::new(name_server(step.nameserver.as_deref()).await?, step.port.unwrap_or(53));
    let mut question = Message::query();
    question.metadata.id = rand::random();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name, kind));
    let bytes = question.to_vec().map_err(|err| format!("the question cannot be written: {err}"))?;
    let begun = Instant::now();
    let within = Duration::from_millis(step.timeout.unwrap_or(TIMEOUT_MS));
    let answer = tokio::time::timeout(within, ask(server, step.protocol, &bytes, question.metadata.id)).await;
    let answer = answer.map_err(|_| format!("{server} did not answer within {} ms", within.as_millis()))??;
    let took_ms = ms(begun);
    let records: Vec<(String, u32)> = answer
        .answers
        .iter()
        .filter(|record| record.record_type() == kind)
        .map(|record| (written(&record.data), record.ttl))
        .collect();
    let error = match answer.metadata.response_code {
        ResponseCode::NoError if records.is_empty() && asserted.is_empty() => {
            Some(format!("{} has no {} record", step.domain, step.record_type))
        }
        ResponseCode::NoError => None,
        // That there is no such name may be what someone wants to be sure of.
        ResponseCode::NXDomain if asserted.iter().any(|one| one.kind == "RECORD_COUNT") => None,
        other => Some(format!("{server} answered: {other}")),
    };
    let assertions = asserted.iter().map(|one| match one.kind.as_str() {
        "RECORD_COUNT" => one.of_number("records", records.len() as f64),
        "AUTHORITATIVE" => one.of_bool("authoritative", answer.metadata.authoritative),
        "TTL" => one.of_text("TTL in seconds", records.iter().map(|(_, ttl)| *ttl).min().map(|ttl| ttl.to_string()).as_deref()),
        "RESPONSE_TIME" => one.of_number("response time in ms", took_ms),
        _ => of_values(one, &records),
    });
    let text = records.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>().join("\n");
    Ok(Checked { assertions: assertions.collect(), text: Some(text), error })
}

/// One of the records has to be so; where something must not be, none.
fn of_values(asserted: &Asserted, records: &[(String, u32)]) -> Assertion {
    let what = "record";
    let is_negative = matches!(asserted.operator.as_deref(), Some("NOT_EQUALS" | "NOT_CONTAINS"));
    let each: Vec<Assertion> = records.iter().map(|(value, _)| asserted.of_text(what, Some(value))).collect();
    let passed = if is_negative { each.iter().all(|one| one.passed) } else { each.iter().any(|one| one.passed) };
    let actual = records.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>().join(", ");
    Assertion { text: asserted.of_text(what, None).text, actual, passed }
}

fn written(data: &RData) -> String {
    let text = match data {
        RData::TXT(text) => text.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect(),
        other => other.to_string(),
    };
    // Names end with the root's dot, which nobody writes.
    text.strip_suffix('.').map_or(text.clone(), str::to_owned)
}

async fn name_server(named: Option<&str>) -> Result<IpAddr, String> {
    if let Some(named) = named {
        if let Ok(ip) = named.parse() {
            return Ok(ip);
        }
        let mut found = tokio::net::lookup_host((named, 53)).await.map_err(|err| format!("nameserver {named}: {err}"))?;
        return found.next().map(|address| address.ip()).ok_or_else(|| format!("nameserver {named} has no address"));
    }
    let text = tokio::fs::read_to_string(RESOLVERS).await.map_err(|err| format!("{RESOLVERS}: {err}; name a nameserver"))?;
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().split('%').next()?.parse().ok());
    servers.into_iter().next().ok_or_else(|| format!("{RESOLVERS} has no nameserver; name one"))
}

async fn ask(server: SocketAddr, protocol: Protocol, bytes: &[u8], id: u16) -> Result<Message, String> {
    let failed = |err: std::io::Error| format!("cannot ask {server}: {err}");
    if protocol == Protocol::Udp {
        let local: SocketAddr =
            if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { (std::net::Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(local).await.map_err(failed)?;
        socket.connect(server).await.map_err(failed)?;
        socket.send(bytes).await.map_err(failed)?;
        let mut answer = [0; UDP_BYTES_MAX];
        loop {
            let count = socket.recv(&mut answer).await.map_err(failed)?;
            match Message::from_vec(&answer[..count]) {
                // What is no answer to this question is someone else's.
                Ok(message) if message.metadata.id == id && !message.metadata.truncation => return Ok(message),
                Ok(message) if message.metadata.id == id => break,
                _ => {}
            }
        }
    }
    let mut stream = TcpStream::connect(server).await.map_err(failed)?;
    let length = u16::try_from(bytes.len()).map_err(|_| "the question is too long".to_owned())?;
    stream.write_all(&length.to_be_bytes()).await.map_err(failed)?;
    stream.write_all(bytes).await.map_err(failed)?;
    let length = stream.read_u16().await.map_err(failed)?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.map_err(failed)?;
    Message::from_vec(&answer).map_err(|err| format!("{server} answered what cannot be read: {err}"))
}
