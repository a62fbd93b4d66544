//! Log events: lines that programs wrote, in streams of groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::owner::Owner;
use crate::resource::Resource;
use crate::{CompactString, TraceId};

/// Trace ids that are looked for in a message.
const TRACE_IDS_MAX: usize = 4;
/// Digits that stand together in a trace id, at least: of X-Ray's form the last ones.
const RUN_DIGITS: usize = 24;
/// Numbers of a microsecond.
const NUMBERS_A_US: i64 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    pub time_us: i64,
    /// Whose it is, where that is not the account of this server.
    pub owner: Option<Owner>,
    pub group: CompactString,
    pub stream: CompactString,
    pub number: EventNumber,
    pub message: String,
}

/// A line for a stream of a group, of which it is not known yet whether it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub group: String,
    pub stream: String,
    pub time_us: i64,
    pub message: String,
}

/// Of all events the order in which they came in; it also says when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct EventNumber(pub i64);

impl EventNumber {
    /// The first of this time.
    pub fn at(ingested_us: i64) -> EventNumber {
        EventNumber(ingested_us.saturating_mul(NUMBERS_A_US))
    }

    pub fn ingested_us(self) -> i64 {
        self.0.div_euclid(NUMBERS_A_US)
    }
}

/// What groups of log events are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LogGroupClass {
    #[default]
    Standard,
    InfrequentAccess,
    Delivery,
}

impl LogGroupClass {
    pub fn as_str(self) -> &'static str {
        match self {
            LogGroupClass::Standard => "STANDARD",
            LogGroupClass::InfrequentAccess => "INFREQUENT_ACCESS",
            LogGroupClass::Delivery => "DELIVERY",
        }
    }

    pub fn of_text(text: &str) -> Option<LogGroupClass> {
        use LogGroupClass::*;
        [Standard, InfrequentAccess, Delivery].into_iter().find(|class| class.as_str() == text)
    }
}

/// A group of streams of log events. One that was deleted is remembered, so that what came before stays gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    pub name: CompactString,
    pub created_us: i64,
    /// Events that came before are gone.
    pub since: EventNumber,
    pub is_deleted: bool,
    pub class: LogGroupClass,
    /// For ever, where it is 0.
    pub retention_days: u32,
    pub is_protected: bool,
    /// As it was told; nothing is encrypted with it.
    pub kms_key: Option<String>,
    pub tags: BTreeMap<String, String>,
}

impl Resource for LogGroup {
    const KIND: &'static str = "log_group";

    fn key(&self) -> &str {
        &self.name
    }
}

/// A stream of log events: what one program wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogStream {
    /// Its group and its name: see [`LogStream::key_of`].
    pub key: String,
    pub created_us: i64,
    /// Events that came before are gone.
    pub since: EventNumber,
    pub is_deleted: bool,
    pub seen: StreamSeen,
}

/// What is known of a stream's events without reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StreamSeen {
    pub first_us: Option<i64>,
    pub last_us: Option<i64>,
    pub last_number: EventNumber,
    pub bytes: u64,
}

impl StreamSeen {
    pub fn add(&mut self, first_us: i64, last_us: i64, number: EventNumber, bytes: u64) {
        self.first_us = Some(self.first_us.map_or(first_us, |known| known.min(first_us)));
        self.last_us = Some(self.last_us.map_or(last_us, |known| known.max(last_us)));
        self.last_number = self.last_number.max(number);
        self.bytes += bytes;
    }
}

impl LogStream {
    pub fn key_of(group: &str, stream: &str) -> String {
        in_group::key(group, stream)
    }

    pub fn group(&self) -> &str {
        in_group::group(&self.key)
    }

    pub fn name(&self) -> &str {
        in_group::name(&self.key)
    }
}

/// Keys of what belongs to a group and has a name in it. No name has the character between them.
pub mod in_group {
    pub fn key(group: &str, name: &str) -> String {
        format!("{group}\u{0}{name}")
    }

    pub fn group(key: &str) -> &str {
        key.split_once('\0').map_or("", |(group, _)| group)
    }

    pub fn name(key: &str) -> &str {
        key.split_once('\0').map_or("", |(_, name)| name)
    }
}

impl Resource for LogStream {
    const KIND: &'static str = "log_stream";

    fn key(&self) -> &str {
        &self.key
    }
}

/// The trace ids in a message, in X-Ray's form or W3C's, each once.
pub fn trace_ids(message: &[u8]) -> Vec<TraceId> {
    let mut found: Vec<TraceId> = Vec::new();
    // Of so many digits that stand together each such step hits one: what lies between is not looked at.
    let mut at = RUN_DIGITS - 1;
    while at < message.len() && found.len() < TRACE_IDS_MAX {
        if !is_hex(message[at]) {
            at += RUN_DIGITS;
            continue;
        }
        let before = message[..at].iter().rev().take_while(|byte| is_hex(**byte)).count();
        let start = at - before;
        let end = at + message[at..].iter().take_while(|byte| is_hex(**byte)).count();
        at = end + RUN_DIGITS - 1;
        let is_bounded = |from: usize, to: usize| {
            let before = from.checked_sub(1).and_then(|before| message.get(before));
            !before.is_some_and(u8::is_ascii_alphanumeric) && !message.get(to).is_some_and(u8::is_ascii_alphanumeric)
        };
        let candidate = match end - start {
            32 if is_bounded(start, end) => Some(&message[start..end]),
            // `1-` and eight digits stand before it.
            RUN_DIGITS if start >= 11 && is_bounded(start - 11, end) => Some(&message[start - 11..end]),
            _ => None,
        };
        let id = candidate.and_then(|text| std::str::from_utf8(text).ok()?.parse::<TraceId>().ok());
        if let Some(id) = id.filter(|id| id.0 != [0; 16] && !found.contains(id)) {
            found.push(id);
        }
    }
    found
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(message: &str) -> Vec<String> {
        trace_ids(message.as_bytes()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn trace_ids_are_found_in_every_form() {
        let id = "1-5759e988-bd862e3fe1be46a994272793";
        for message in [
            format!("Root={id};Parent=53995c3f42cd8ad8;Sampled=1"),
            format!("{{\"trace_id\":\"{id}\",\"n\":1}}"),
            "traceparent: 00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01".to_owned(),
            "{\"traceId\":\"5759e988bd862e3fe1be46a994272793\"}".to_owned(),
            format!("{id} and again 5759e988bd862e3fe1be46a994272793"),
        ] {
            assert_eq!(ids(&message), [id], "{message}");
        }
        assert_eq!(ids("1-5759e988-bd862e3fe1be46a994272793,1-5759e989-bd862e3fe1be46a994272793").len(), 2);
    }

    #[test]
    fn what_is_no_trace_id_is_none() {
        for message in [
            "",
            "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "00000000000000000000000000000000",
            "x5759e988bd862e3fe1be46a994272793",
            "5759e988-bd86-2e3f-e1be-46a994272793",
            "2-5759e988-bd862e3fe1be46a994272793",
            "5759E988BD862E3FE1BE46A994272793",
        ] {
            assert!(ids(message).is_empty(), "{message}");
        }
    }
}
