//! Rows: events, and what commands made of them.

use std::cell::OnceCell;
use std::rc::Rc;

use serde_json::Value as Json;
use store::LogRows;

use super::Expr;
use super::function::{self, Function};
use super::value::Value;
use crate::log::{Comparison, position};

/// Where the groups of Lambda's functions begin.
const LAMBDA: &str = "/aws/lambda/";

/// An event; what its message says is read when it is asked for.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) rows: Rc<LogRows>,
    pub(super) row: usize,
    /// Read when it is asked for.
    pub(super) json: OnceCell<Option<Json>>,
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) event: Option<Rc<Event>>,
    pub(super) fields: Vec<(Rc<str>, Value)>,
}

/// What is the same for all rows.
pub(super) struct Context {
    /// Of groups that are the server's own.
    pub(super) account_id: String,
    pub(super) now_us: i64,
}

impl Event {
    fn message(&self) -> &str {
        self.rows.messages.value(self.row)
    }

    fn field(&self, name: &str, context: &Context) -> Value {
        match name {
            "@timestamp" => Value::Moment(self.rows.times.value(self.row)),
            "@ingestionTime" => Value::Moment(position(&self.rows, self.row).number.ingested_us()),
            "@message" => Value::Text(self.message().to_owned()),
            "@logStream" => Value::Text(self.rows.streams.value(self.row).to_owned()),
            "@log" => {
                let owner = self.rows.owner(self.row).map(|owner| owner.split('/').next().unwrap_or(owner));
                Value::Text(format!("{}:{}", owner.unwrap_or(&context.account_id), self.rows.group(self.row)))
            }
            "@ptr" => Value::Text(self.pointer()),
            name => {
                // What a message calls @x is @@x, so that it is nothing of ours.
                let name = name.strip_prefix('@').filter(|rest| rest.starts_with('@')).unwrap_or(name);
                let json = self.json.get_or_init(|| {
                    let message = self.message();
                    // Messages often have a word or two before their JSON: that is none, but in what Lambda writes.
                    if message.trim_start().starts_with('{') {
                        return serde_json::from_str(message).ok();
                    }
                    let start = message.find('{').filter(|_| self.is_of_lambda())?;
                    serde_json::Deserializer::from_str(&message[start..]).into_iter().next()?.ok()
                });
                match json.as_ref().and_then(|json| member(json, name)) {
                    Some(found) => Value::of_json(found),
                    None if json.is_some() => Value::Nothing,
                    None if name.starts_with('@') && self.is_of_lambda() => lambda(self.message(), name),
                    None => flow(self.message(), name),
                }
            }
        }
    }

    fn is_of_lambda(&self) -> bool {
        self.rows.group(self.row).starts_with(LAMBDA)
    }

    /// Where it is.
    pub(super) fn pointer(&self) -> String {
        position(&self.rows, self.row).to_string()
    }
}

/// What the lines say that Lambda writes around each invocation: `REPORT RequestId: …\tDuration: 123.45 ms\t…`.
fn lambda(message: &str, name: &str) -> Value {
    let kind = message.split_whitespace().next().unwrap_or_default();
    if !matches!(kind, "START" | "END" | "REPORT") {
        return Value::Nothing;
    }
    let said = |what: &str| {
        let (_, rest) = message.split_once(what)?;
        rest.trim_start_matches([':', ' ']).split_whitespace().next()
    };
    let number =
        |what: &str, times: f64| said(what).and_then(|text| text.parse::<f64>().ok()).map(|number| Value::Number(number * times));
    let text = |what: &str| said(what).map(|text| Value::Text(text.to_owned()));
    let found = match name {
        "@type" => Some(Value::Text(kind.to_owned())),
        "@requestId" => text("RequestId:"),
        "@duration" => number("\tDuration:", 1.0),
        "@billedDuration" => number("\tBilled Duration:", 1.0),
        "@initDuration" => number("\tInit Duration:", 1.0),
        // In bytes.
        "@memorySize" => number("\tMemory Size:", 1e6),
        "@maxMemoryUsed" => number("\tMax Memory Used:", 1e6),
        "@xrayTraceId" => text("XRAY TraceId:"),
        "@xraySegmentId" => text("SegmentId:"),
        _ => None,
    };
    found.unwrap_or(Value::Nothing)
}

/// What flow logs of VPCs say, in their standard form.
fn flow(message: &str, name: &str) -> Value {
    const FIELDS: [&str; 14] = [
        "version",
        "accountId",
        "interfaceId",
        "srcAddr",
        "dstAddr",
        "srcPort",
        "dstPort",
        "protocol",
        "packets",
        "bytes",
        "start",
        "end",
        "action",
        "logStatus",
    ];
    let is_flow = message.starts_with("2 ") && message.contains(" eni-") && message.split(' ').count() == FIELDS.len();
    let place = FIELDS.iter().position(|known| *known == name).filter(|_| is_flow);
    let said = place.and_then(|place| message.split(' ').nth(place)).filter(|text| *text != "-");
    said.map_or(Value::Nothing, |text| Value::Text(text.to_owned()))
}

/// `a.b.0`; names may have dots in them.
fn member<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    let child = |name: &str| match json {
        Json::Object(members) => members.get(name),
        Json::Array(items) => name.parse::<usize>().ok().and_then(|place| items.get(place)),
        _ => None,
    };
    if let Some(found) = child(path) {
        return Some(found);
    }
    path.match_indices('.').rev().find_map(|(dot, _)| member(child(&path[..dot])?, &path[dot + 1..]))
}

impl Row {
    pub(super) fn field(&self, name: &str, context: &Context) -> Value {
        if let Some((_, value)) = self.fields.iter().rev().find(|(known, _)| **known == *name) {
            return value.clone();
        }
        if let Some(event) = &self.event {
            let found = event.field(name, context);
            if !found.is_nothing() {
                return found;
            }
        }
        // A member of a value that was made before.
        let made = |dot: usize| match self.fields.iter().rev().find(|(known, _)| **known == name[..dot]) {
            Some((_, Value::Json(json))) => member(json, &name[dot + 1..]).map(Value::of_json),
            _ => None,
        };
        name.match_indices('.').rev().find_map(|(dot, _)| made(dot)).unwrap_or(Value::Nothing)
    }

    pub(super) fn set(&mut self, name: &Rc<str>, value: Value) {
        match self.fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.fields.push((name.clone(), value)),
        }
    }

    pub(super) fn value(&self, expr: &Expr, context: &Context) -> Value {
        match expr {
            Expr::Field(name) => self.field(name, context),
            Expr::Value(value) => value.clone(),
            Expr::Not(inner) => Value::Truth(!self.value(inner, context).is_true()),
            Expr::Negate(inner) => self.value(inner, context).number().map_or(Value::Nothing, |number| Value::Number(-number)),
            Expr::And(left, right) => Value::Truth(self.value(left, context).is_true() && self.value(right, context).is_true()),
            Expr::Or(left, right) => Value::Truth(self.value(left, context).is_true() || self.value(right, context).is_true()),
            Expr::Compare(how, left, right) => {
                Value::Truth(Value::compares(*how, &self.value(left, context), &self.value(right, context)))
            }
            Expr::Arithmetic(sign, left, right) => arithmetic(*sign, &self.value(left, context), &self.value(right, context)),
            Expr::In(of, values) => {
                let of = self.value(of, context);
                Value::Truth(values.iter().any(|value| Value::compares(Comparison::Equal, &of, &self.value(value, context))))
            }
            Expr::Contains(of, part) => Value::Truth(self.with_text(of, context, |text| text.contains(part.as_str()))),
            Expr::Matches(of, regex) => Value::Truth(self.with_text(of, context, |text| regex.is_match(text))),
            Expr::Call(function @ (Function::DateFloor | Function::DateCeil), arguments) => {
                let (of, step) = (self.value(&arguments[0], context), self.value(&arguments[1], context));
                let Value::Moment(step) = step else { return Value::Nothing };
                let time_us = match of {
                    Value::Moment(time_us) => time_us,
                    other => match other.number() {
                        Some(millis) => (millis * 1_000.0) as i64,
                        None => return Value::Nothing,
                    },
                };
                let step = super::Step::Micros(step);
                Value::Moment(if *function == Function::DateFloor { step.floor(time_us) } else { step.ceil(time_us) })
            }
            Expr::Call(function, arguments) => {
                let values: Vec<Value> = arguments.iter().map(|argument| self.value(argument, context)).collect();
                function::call(*function, &values, context.now_us)
            }
            Expr::Bin(step) => match self.field("@timestamp", context) {
                Value::Moment(time_us) => Value::Moment(step.floor(time_us)),
                _ => Value::Nothing,
            },
            Expr::Member(of, name) => match self.value(of, context) {
                Value::Json(json) => member(&json, name).map_or(Value::Nothing, Value::of_json),
                _ => Value::Nothing,
            },
        }
    }

    /// Looks at a text without a copy of it, where it is a message.
    fn with_text(&self, of: &Expr, context: &Context, look: impl FnOnce(&str) -> bool) -> bool {
        if let (Expr::Field(name), Some(event)) = (of, &self.event)
            && name == "@message"
            && !self.fields.iter().any(|(known, _)| &**known == "@message")
        {
            return look(event.message());
        }
        self.value(of, context).text().is_some_and(|text| look(&text))
    }
}

fn arithmetic(sign: char, left: &Value, right: &Value) -> Value {
    let (Some(a), Some(b)) = (left.number(), right.number()) else { return Value::Nothing };
    let found = match sign {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        '/' => a / b,
        '%' => a % b,
        _ => a.powf(b),
    };
    if found.is_finite() { Value::Number(found) } else { Value::Nothing }
}
