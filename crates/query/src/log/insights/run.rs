//! Answers a query: events go through its commands one after the other, and whatever collects them gives on what it made of them at
//! the end.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value as Json;
use store::{LogRows, LogScan, Needle};

use super::function::{self, Function};
use super::parse::ROWS_MAX;
use super::value::Value;
use super::{Aggregate, AggregateKind, Command, Expr, Extract, LogQuery, Named};
use crate::log::{Comparison, LogOrder, position, walk};
use crate::{Error, Query, Result};

/// Rows that a command may collect, and values that percentiles may be of.
const COLLECTED_MAX: usize = 1_000_000;
const PERCENTILE_VALUES_MAX: usize = 20_000_000;
/// Rows between two looks at whether someone wants it to stop.
const LOOK_EVERY: u64 = 4_096;

/// Tells a query to stop; what it found so far is its answer.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Each with its fields, in order; what has no value is left out.
    pub rows: Vec<Vec<(String, Value)>>,
    pub statistics: Statistics,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Statistics {
    pub matched: u64,
    pub scanned: u64,
    pub bytes: u64,
}

/// An event; what its message says is read when it is asked for.
#[derive(Debug)]
struct Event {
    rows: Rc<LogRows>,
    row: usize,
    json: OnceCell<Option<Json>>,
}

#[derive(Debug, Clone)]
struct Row {
    event: Option<Rc<Event>>,
    fields: Vec<(Rc<str>, Value)>,
}

/// What is the same for all rows.
struct Context {
    /// Of groups that are the server's own.
    account_id: String,
    now_us: i64,
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
                Value::Text(format!("{}:{}", owner.unwrap_or(&context.account_id), self.rows.groups.value(self.row)))
            }
            "@ptr" => Value::Text(self.pointer()),
            name => {
                // What a message calls @x is @@x, so that it is nothing of ours.
                let name = name.strip_prefix('@').filter(|rest| rest.starts_with('@')).unwrap_or(name);
                let json = self.json.get_or_init(|| {
                    let message = self.message();
                    // Messages often have a word or two before their JSON: that is none.
                    message.trim_start().starts_with('{').then(|| serde_json::from_str(message).ok()).flatten()
                });
                json.as_ref().and_then(|json| member(json, name)).map_or(Value::Nothing, Value::of_json)
            }
        }
    }

    /// Where it is.
    fn pointer(&self) -> String {
        position(&self.rows, self.row).to_string()
    }
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
    fn field(&self, name: &str, context: &Context) -> Value {
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

    fn set(&mut self, name: &Rc<str>, value: Value) {
        match self.fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.fields.push((name.clone(), value)),
        }
    }

    fn value(&self, expr: &Expr, context: &Context) -> Value {
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

/// What rows are grouped by, as texts; the same as values, and what is known of each aggregate.
type Groups = HashMap<Vec<Option<String>>, (Vec<Value>, Vec<Sum>)>;

/// A command at work.
enum Stage<'q> {
    Fields(Vec<(Rc<str>, &'q Expr)>),
    Filter(&'q Expr),
    Parse { of: &'q Expr, how: &'q Extract, names: Vec<Rc<str>> },
    Dedup { by: &'q [Expr], seen: HashSet<Vec<Option<String>>> },
    Limit { left: usize },
    Sort { keys: &'q [(Expr, bool)], rows: Vec<(Vec<Value>, Row)>, most: Option<usize> },
    Stats { aggregates: &'q [Aggregate], by: &'q [Named], groups: Groups },
    Pattern { of: &'q Expr, found: HashMap<String, Patterned>, total: u64 },
    Unnest { of: &'q Expr, name: Rc<str> },
    Nothing,
}

/// What is known of an aggregate so far.
#[derive(Debug, Clone, Default)]
struct Sum {
    count: u64,
    sum: f64,
    squares: f64,
    minimum: Option<f64>,
    maximum: Option<f64>,
    values: Vec<f64>,
    distinct: HashSet<String>,
    /// The value that is wanted, with what it is chosen by.
    chosen: Option<(Value, Value)>,
}

#[derive(Debug, Default)]
struct Patterned {
    regex: String,
    count: u64,
    severity: Option<&'static str>,
}

/// The columns of an answer.
struct Columns {
    names: Vec<Rc<str>>,
    /// Rows are events, and say where they are.
    with_pointer: bool,
}

struct Run<'q> {
    stages: Vec<Stage<'q>>,
    context: Context,
    limit: usize,
    rows: Vec<Row>,
    collected: usize,
    error: Option<String>,
}

impl Query {
    /// Answers a query about the events of a scan: at most `limit` rows, where it does not say itself how many.
    pub fn log_insights(&self, query: &LogQuery, scan: &LogScan, limit: usize, account_id: &str, stop: &Stop) -> Result<Answer> {
        let mut scan = scan.clone();
        let used = fields_of(&query.commands);
        let is_of_events = !query.commands.iter().any(|command| matches!(command, Command::Stats { .. } | Command::Pattern(_)));
        let columns = columns(&query.commands);
        scan.with_streams = used.contains("@logStream") || columns.names.iter().any(|name| &**name == "@logStream");
        let is_of_rows = |name: &str| matches!(name, "@timestamp" | "@ingestionTime" | "@logStream" | "@log" | "@ptr");
        scan.with_messages =
            used.iter().any(|name| !is_of_rows(name)) || columns.names.iter().any(|name| !is_of_rows(name) && is_of_events);
        scan.needles = needles(&query.commands);
        let (order, skipped) = order(&query.commands);
        let limit = limit.min(ROWS_MAX);
        let context = Context { account_id: account_id.to_owned(), now_us: self.clock.now_us() };
        let stages = stages(&query.commands, skipped);
        let mut run = Run { stages, context, limit, rows: Vec::new(), collected: 0, error: None };
        let mut statistics = Statistics::default();
        walk(&self.log_reader(), &scan, order, None, &mut |rows, row| {
            statistics.scanned += 1;
            statistics.bytes += rows.messages.value_length(row) as u64;
            if statistics.scanned.is_multiple_of(LOOK_EVERY) && stop.is_wanted() {
                return ControlFlow::Break(());
            }
            let event = Rc::new(Event { rows: rows.clone(), row, json: OnceCell::new() });
            match run.push(0, Row { event: Some(event), fields: Vec::new() }, &mut statistics.matched) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        run.finish();
        if let Some(error) = run.error {
            return Err(Error::Invalid(error));
        }
        let rows = run.rows.iter().map(|row| told(row, &columns, &run.context)).collect();
        Ok(Answer { rows, statistics })
    }
}

fn told(row: &Row, columns: &Columns, context: &Context) -> Vec<(String, Value)> {
    let mut told: Vec<(String, Value)> = columns
        .names
        .iter()
        .map(|name| (name.to_string(), row.field(name, context)))
        .filter(|(_, value)| !value.is_nothing())
        .collect();
    if let Some(event) = row.event.as_ref().filter(|_| columns.with_pointer) {
        told.push(("@ptr".to_owned(), Value::Text(event.pointer())));
    }
    told
}

/// What is shown: the last `display`; what `stats` and `pattern` made; or the fields that were named.
fn columns(commands: &[Command]) -> Columns {
    let mut names: Vec<Rc<str>> = Vec::new();
    let (mut is_displayed, mut with_pointer) = (false, true);
    let add = |names: &mut Vec<Rc<str>>, name: &str| {
        if !names.iter().any(|known| **known == *name) {
            names.push(name.into());
        }
    };
    for command in commands {
        match command {
            Command::Display(list) => {
                names = list.iter().map(|named| named.name.as_str().into()).collect();
                is_displayed = true;
            }
            Command::Fields(list) if !is_displayed => list.iter().for_each(|named| add(&mut names, &named.name)),
            Command::Parse { how: Extract::Glob(_, more) | Extract::Regex(_, more), .. } if !is_displayed && !names.is_empty() => {
                more.iter().for_each(|name| add(&mut names, name));
            }
            Command::Unnest { name, .. } if !is_displayed && !names.is_empty() => add(&mut names, name),
            Command::Stats { aggregates, by } => {
                names.clear();
                by.iter().for_each(|named| add(&mut names, &named.name));
                aggregates.iter().for_each(|aggregate| add(&mut names, &aggregate.name));
                (is_displayed, with_pointer) = (false, false);
            }
            Command::Pattern(_) => {
                names = PATTERN_FIELDS.map(Into::into).to_vec();
                (is_displayed, with_pointer) = (false, false);
            }
            _ => {}
        }
    }
    if names.is_empty() {
        names = ["@timestamp", "@message"].map(Into::into).to_vec();
    }
    Columns { names, with_pointer }
}

const PATTERN_FIELDS: [&str; 5] = ["@pattern", "@ratio", "@sampleCount", "@severityLabel", "@regexString"];

/// All fields that commands look at.
fn fields_of(commands: &[Command]) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut named = |list: &[Named]| list.iter().for_each(|named| fields_in(&named.expr, &mut used));
    for command in commands {
        match command {
            Command::Fields(list) | Command::Display(list) => named(list),
            Command::Stats { by, .. } => named(by),
            _ => {}
        }
    }
    for command in commands {
        match command {
            Command::Filter(expr) | Command::Pattern(expr) => fields_in(expr, &mut used),
            Command::Parse { of, .. } | Command::Unnest { of, .. } => fields_in(of, &mut used),
            Command::Stats { aggregates, .. } => {
                aggregates.iter().filter_map(|aggregate| aggregate.of.as_ref()).for_each(|expr| fields_in(expr, &mut used));
            }
            Command::Sort(keys) => keys.iter().for_each(|(expr, _)| fields_in(expr, &mut used)),
            Command::Dedup(list) => list.iter().for_each(|expr| fields_in(expr, &mut used)),
            _ => {}
        }
    }
    used
}

fn fields_in(expr: &Expr, used: &mut BTreeSet<String>) {
    match expr {
        Expr::Field(name) => {
            used.insert(name.clone());
        }
        Expr::Value(_) => {}
        Expr::Bin(_) => {
            used.insert("@timestamp".to_owned());
        }
        Expr::Not(inner) | Expr::Negate(inner) | Expr::Contains(inner, _) | Expr::Matches(inner, _) | Expr::Member(inner, _) => {
            fields_in(inner, used);
        }
        Expr::And(left, right) | Expr::Or(left, right) | Expr::Compare(_, left, right) | Expr::Arithmetic(_, left, right) => {
            fields_in(left, used);
            fields_in(right, used);
        }
        Expr::In(of, values) => {
            fields_in(of, used);
            values.iter().for_each(|value| fields_in(value, used));
        }
        Expr::Call(_, arguments) => arguments.iter().for_each(|argument| fields_in(argument, used)),
    }
}

/// Texts that a message must have to pass the filters before anything else.
fn needles(commands: &[Command]) -> Vec<Needle> {
    let mut needles = Vec::new();
    for command in commands {
        match command {
            Command::Filter(expr) => needles_in(expr, &mut needles),
            Command::Fields(list) if list.iter().all(|named| named.name != "@message") => {}
            _ => break,
        }
    }
    needles
}

fn needles_in(expr: &Expr, needles: &mut Vec<Needle>) {
    match expr {
        Expr::And(left, right) => {
            needles_in(left, needles);
            needles_in(right, needles);
        }
        Expr::Contains(of, text) if matches!(&**of, Expr::Field(name) if name == "@message") => {
            needles.push(Needle::Text(text.clone().into_bytes()));
        }
        Expr::Matches(of, regex) if matches!(&**of, Expr::Field(name) if name == "@message") => {
            // A regular expression without any sign is a text.
            let text = regex.as_str();
            if text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b' ' | b':' | b'=' | b'/' | b'@'))
                && !is_caseless(regex)
            {
                needles.push(Needle::Text(text.as_bytes().to_vec()));
            }
        }
        _ => {}
    }
}

/// Whether letters match in any case: the expression itself does not tell.
fn is_caseless(regex: &regex::Regex) -> bool {
    let swapped: String =
        regex.as_str().chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
    swapped != regex.as_str() && regex.is_match(&swapped)
}

/// The order in which events are read, and the `sort` that this spares.
fn order(commands: &[Command]) -> (LogOrder, Option<usize>) {
    for (place, command) in commands.iter().enumerate() {
        match command {
            Command::Sort(keys) => {
                return match &keys[..] {
                    [(Expr::Field(name), is_descending)] if name == "@timestamp" => {
                        (if *is_descending { LogOrder::NewestFirst } else { LogOrder::OldestFirst }, Some(place))
                    }
                    _ => (LogOrder::NewestFirst, None),
                };
            }
            Command::Fields(list)
                if list.iter().all(|named| named.name != "@timestamp" || matches!(named.expr, Expr::Field(_))) => {}
            Command::Filter(_) | Command::Parse { .. } | Command::Display(_) | Command::Unmask => {}
            _ => break,
        }
    }
    (LogOrder::NewestFirst, None)
}

fn stages(commands: &[Command], skipped: Option<usize>) -> Vec<Stage<'_>> {
    let mut all = Vec::with_capacity(commands.len());
    for (place, command) in commands.iter().enumerate() {
        all.push(match command {
            _ if skipped == Some(place) => Stage::Nothing,
            Command::Fields(list) | Command::Display(list) => {
                // What is only named needs no work.
                let made = list.iter().filter(|named| !matches!(&named.expr, Expr::Field(name) if *name == named.name));
                Stage::Fields(made.map(|named| (named.name.as_str().into(), &named.expr)).collect())
            }
            Command::Filter(expr) => Stage::Filter(expr),
            Command::Parse { of, how } => {
                let (Extract::Glob(_, names) | Extract::Regex(_, names)) = how;
                Stage::Parse { of, how, names: names.iter().map(|name| name.as_str().into()).collect() }
            }
            Command::Dedup(by) => Stage::Dedup { by, seen: HashSet::new() },
            Command::Limit(count) => Stage::Limit { left: *count },
            Command::Sort(keys) => {
                let most = commands[place + 1..].iter().find_map(|next| match next {
                    Command::Limit(count) => Some(Some(*count)),
                    Command::Display(_) | Command::Unmask => None,
                    _ => Some(None),
                });
                Stage::Sort { keys, rows: Vec::new(), most: most.flatten() }
            }
            Command::Stats { aggregates, by } => Stage::Stats { aggregates, by, groups: HashMap::new() },
            Command::Pattern(of) => Stage::Pattern { of, found: HashMap::new(), total: 0 },
            Command::Unnest { of, name } => Stage::Unnest { of, name: name.as_str().into() },
            Command::Unmask => Stage::Nothing,
        });
    }
    all
}

impl Run<'_> {
    /// Takes a row through the stages from there on. Returns whether more are wanted.
    fn push(&mut self, from: usize, mut row: Row, matched: &mut u64) -> bool {
        let context = &self.context;
        for place in from..self.stages.len() {
            match &mut self.stages[place] {
                Stage::Nothing => {}
                Stage::Fields(list) => {
                    for (name, expr) in list.iter() {
                        let value = row.value(expr, context);
                        row.set(name, value);
                    }
                }
                Stage::Filter(expr) => {
                    if !row.value(expr, context).is_true() {
                        return true;
                    }
                }
                Stage::Parse { of, how, names } => {
                    if let Some(text) = row.value(of, context).text() {
                        for (name, value) in names.iter().zip(extracted(how, &text)) {
                            row.set(name, value.map_or(Value::Nothing, Value::Text));
                        }
                    }
                }
                Stage::Dedup { by, seen } => {
                    let key: Vec<Option<String>> = by.iter().map(|expr| row.value(expr, context).text()).collect();
                    // What lacks a value is like nothing else.
                    if key.iter().all(Option::is_some) && !seen.insert(key) {
                        return true;
                    }
                }
                Stage::Limit { left } => {
                    if *left == 0 {
                        return false;
                    }
                    *left -= 1;
                    if *left == 0 {
                        // This one is the last.
                        *matched += u64::from(from == 0);
                        self.push(place + 1, row, matched);
                        return false;
                    }
                }
                Stage::Sort { keys, rows, most } => {
                    *matched += u64::from(from == 0);
                    let by = keys.iter().map(|(expr, _)| row.value(expr, context)).collect();
                    rows.push((by, row));
                    match most {
                        Some(most) if rows.len() >= 2 * *most + 1_000 => {
                            sort(rows, keys);
                            rows.truncate(*most);
                        }
                        None => {
                            self.collected += 1;
                            if self.collected > COLLECTED_MAX {
                                self.error = Some(format!(
                                    "more than {COLLECTED_MAX} rows would have to be sorted: filter them, or limit how many are wanted"
                                ));
                                return false;
                            }
                        }
                        Some(_) => {}
                    }
                    return true;
                }
                Stage::Stats { aggregates, by, groups } => {
                    *matched += u64::from(from == 0);
                    let values: Vec<Value> = by.iter().map(|named| row.value(&named.expr, context)).collect();
                    let key: Vec<Option<String>> = values.iter().map(Value::text).collect();
                    if groups.len() >= COLLECTED_MAX && !groups.contains_key(&key) {
                        self.error = Some(format!("there are more than {COLLECTED_MAX} groups"));
                        return false;
                    }
                    let (_, sums) = groups.entry(key).or_insert_with(|| (values, vec![Sum::default(); aggregates.len()]));
                    for (sum, aggregate) in sums.iter_mut().zip(aggregates.iter()) {
                        self.collected += sum.add(aggregate, &row, context);
                    }
                    if self.collected > PERCENTILE_VALUES_MAX {
                        self.error = Some("there are too many values for percentiles and distinct counts: filter them".to_owned());
                        return false;
                    }
                    return true;
                }
                Stage::Pattern { of, found, total } => {
                    *matched += u64::from(from == 0);
                    if let Some(text) = row.value(of, context).text() {
                        *total += 1;
                        let (pattern, regex) = pattern_of(&text);
                        if found.len() >= COLLECTED_MAX / 10 && !found.contains_key(&pattern) {
                            return true;
                        }
                        let known =
                            found.entry(pattern).or_insert_with(|| Patterned { regex, count: 0, severity: severity(&text) });
                        known.count += 1;
                    }
                    return true;
                }
                Stage::Unnest { of, name } => {
                    let (value, name) = (row.value(of, context), name.clone());
                    let items: Vec<Value> = match value {
                        Value::Json(Json::Array(items)) => items.iter().map(Value::of_json).collect(),
                        Value::Text(text) => match serde_json::from_str(&text) {
                            Ok(Json::Array(items)) => items.iter().map(Value::of_json).collect(),
                            _ => Vec::new(),
                        },
                        _ => Vec::new(),
                    };
                    *matched += u64::from(from == 0);
                    let mut wants_more = true;
                    for item in items {
                        let mut each = row.clone();
                        each.set(&name, item);
                        wants_more = self.push(place + 1, each, matched);
                        if !wants_more {
                            break;
                        }
                    }
                    return wants_more;
                }
            }
        }
        *matched += u64::from(from == 0);
        self.rows.push(row);
        self.rows.len() < self.limit
    }

    /// Whatever collects rows gives on what it has, one stage after the other.
    fn finish(&mut self) {
        let mut ignored = 0;
        for place in 0..self.stages.len() {
            let rows: Vec<Row> = match &mut self.stages[place] {
                Stage::Sort { keys, rows, most } => {
                    sort(rows, keys);
                    let most = most.unwrap_or(usize::MAX);
                    std::mem::take(rows).into_iter().take(most).map(|(_, row)| row).collect()
                }
                Stage::Stats { aggregates, by, groups } => {
                    let mut groups: Vec<(Vec<Value>, Vec<Sum>)> = std::mem::take(groups).into_values().collect();
                    if groups.is_empty() && by.is_empty() {
                        // Of nothing there is a count, too.
                        groups.push((Vec::new(), vec![Sum::default(); aggregates.len()]));
                    }
                    groups.sort_by(|(left, _), (right, _)| {
                        let orders = left.iter().zip(right).map(|(left, right)| match (left, right) {
                            // The newest first, as events are.
                            (Value::Moment(left), Value::Moment(right)) => right.cmp(left),
                            (left, right) => left.sorted(right),
                        });
                        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
                    });
                    let row = |(values, sums): (Vec<Value>, Vec<Sum>)| {
                        let keys = by.iter().zip(values).map(|(named, value)| (named.name.as_str().into(), value));
                        let of = aggregates
                            .iter()
                            .zip(sums)
                            .map(|(aggregate, sum)| (aggregate.name.as_str().into(), sum.value(aggregate)));
                        Row { event: None, fields: keys.chain(of).collect() }
                    };
                    groups.into_iter().map(row).collect()
                }
                Stage::Pattern { found, total, .. } => {
                    let total = (*total).max(1) as f64;
                    let mut found: Vec<(String, Patterned)> = std::mem::take(found).into_iter().collect();
                    found.sort_by(|a, b| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0)));
                    let row = |(pattern, known): (String, Patterned)| {
                        let values = [
                            Value::Text(pattern),
                            Value::Number(known.count as f64 / total),
                            Value::Number(known.count as f64),
                            known.severity.map_or(Value::Nothing, |severity| Value::Text(severity.to_owned())),
                            Value::Text(known.regex),
                        ];
                        Row { event: None, fields: PATTERN_FIELDS.iter().map(|name| Rc::from(*name)).zip(values).collect() }
                    };
                    found.into_iter().map(row).collect()
                }
                _ => continue,
            };
            for row in rows {
                if !self.push(place + 1, row, &mut ignored) {
                    break;
                }
            }
        }
        self.rows.truncate(self.limit);
    }
}

fn sort(rows: &mut [(Vec<Value>, Row)], keys: &[(Expr, bool)]) {
    rows.sort_by(|(left, _), (right, _)| {
        let orders = left.iter().zip(right).zip(keys).map(|((left, right), (_, is_descending))| {
            let order = left.sorted(right);
            if *is_descending { order.reverse() } else { order }
        });
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
}

/// What a text has at the places that are asked for.
fn extracted(how: &Extract, text: &str) -> Vec<Option<String>> {
    match how {
        Extract::Regex(regex, names) => {
            let captures = regex.captures(text);
            let value = |name: &String| Some(captures.as_ref()?.name(name)?.as_str().to_owned());
            names.iter().map(value).collect()
        }
        Extract::Glob(parts, names) => {
            let none = vec![None; names.len()];
            let Some(begin) = text.find(parts[0].as_str()) else { return none };
            let mut rest = &text[begin + parts[0].len()..];
            let mut found = Vec::with_capacity(names.len());
            for (place, part) in parts[1..].iter().enumerate() {
                // The last one goes to the end.
                let end = if part.is_empty() && place + 2 == parts.len() { Some(rest.len()) } else { rest.find(part.as_str()) };
                let Some(end) = end else { return none };
                found.push(Some(rest[..end].to_owned()));
                rest = &rest[(end + part.len()).min(rest.len())..];
            }
            found
        }
    }
}

impl Sum {
    /// Returns how many values it keeps more.
    fn add(&mut self, aggregate: &Aggregate, row: &Row, context: &Context) -> usize {
        let Some(of) = &aggregate.of else {
            self.count += 1;
            return 0;
        };
        let value = row.value(of, context);
        if value.is_nothing() {
            return 0;
        }
        match aggregate.kind {
            AggregateKind::Count => {
                self.count += 1;
                0
            }
            AggregateKind::CountDistinct => {
                let before = self.distinct.len();
                self.distinct.extend(value.text());
                self.distinct.len() - before
            }
            AggregateKind::Earliest | AggregateKind::Latest => {
                let time = row.field("@timestamp", context);
                self.choose(value, time, aggregate.kind == AggregateKind::Latest);
                0
            }
            AggregateKind::SortsFirst | AggregateKind::SortsLast => {
                let by = value.clone();
                self.choose(value, by, aggregate.kind == AggregateKind::SortsLast);
                0
            }
            AggregateKind::Minimum | AggregateKind::Maximum if matches!(value, Value::Moment(_)) => {
                let by = value.clone();
                self.choose(value, by, aggregate.kind == AggregateKind::Maximum);
                0
            }
            kind => {
                let Some(number) = value.number() else { return 0 };
                self.count += 1;
                self.sum += number;
                self.squares += number * number;
                self.minimum = Some(self.minimum.map_or(number, |known| known.min(number)));
                self.maximum = Some(self.maximum.map_or(number, |known| known.max(number)));
                if matches!(kind, AggregateKind::Percentile(_)) {
                    self.values.push(number);
                    return 1;
                }
                0
            }
        }
    }

    fn choose(&mut self, value: Value, by: Value, is_last: bool) {
        let is_better = self.chosen.as_ref().is_none_or(|(_, known)| {
            let order = by.sorted(known);
            if is_last { order.is_gt() } else { order.is_lt() }
        });
        if is_better {
            self.chosen = Some((value, by));
        }
    }

    fn value(mut self, aggregate: &Aggregate) -> Value {
        let of = |number: Option<f64>| number.map_or(Value::Nothing, Value::Number);
        let count = self.count as f64;
        match aggregate.kind {
            AggregateKind::Count => Value::Number(count),
            AggregateKind::CountDistinct => Value::Number(self.distinct.len() as f64),
            AggregateKind::Sum => of((self.count > 0).then_some(self.sum)),
            AggregateKind::Average => of((self.count > 0).then(|| self.sum / count)),
            AggregateKind::Minimum | AggregateKind::Maximum if self.chosen.is_some() => {
                self.chosen.map_or(Value::Nothing, |(value, _)| value)
            }
            AggregateKind::Minimum => of(self.minimum),
            AggregateKind::Maximum => of(self.maximum),
            AggregateKind::Deviation => {
                // Of all values, not of a sample of them.
                of((self.count > 0).then(|| (self.squares / count - (self.sum / count).powi(2)).max(0.0).sqrt()))
            }
            AggregateKind::Percentile(percent) => {
                self.values.sort_by(f64::total_cmp);
                let rank = (percent / 100.0 * (self.values.len().saturating_sub(1)) as f64).max(0.0);
                let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
                of(self.values.get(low).zip(self.values.get(high)).map(|(a, b)| a + (b - a) * rank.fract()))
            }
            AggregateKind::Earliest | AggregateKind::Latest | AggregateKind::SortsFirst | AggregateKind::SortsLast => {
                self.chosen.map_or(Value::Nothing, |(value, _)| value)
            }
        }
    }
}

/// The shape of a line: what differs from line to line is called by its kind. And the same as a regular expression.
fn pattern_of(text: &str) -> (String, String) {
    let is_boundary = |c: char| {
        c.is_whitespace() || matches!(c, '[' | ']' | '{' | '}' | '(' | ')' | ',' | ';' | '=' | '"' | '\'' | '|' | '<' | '>')
    };
    let (mut pattern, mut regex) = (String::new(), String::new());
    let mut number = 0;
    let mut word = String::new();
    let mut end = |word: &mut String, pattern: &mut String, regex: &mut String| {
        if word.is_empty() {
            return;
        }
        match kind_of(word) {
            Some(kind) => {
                number += 1;
                pattern.push_str(&format!("<{kind}-{number}>"));
                regex.push_str(".*");
            }
            None => {
                pattern.push_str(word);
                regex.push_str(&regex::escape(word));
            }
        }
        word.clear();
    };
    for character in text.chars().take(4_096) {
        if is_boundary(character) {
            end(&mut word, &mut pattern, &mut regex);
            pattern.push(character);
            regex.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
        } else {
            word.push(character);
        }
    }
    end(&mut word, &mut pattern, &mut regex);
    (pattern, regex)
}

/// What kind of thing a word is that differs from line to line.
fn kind_of(word: &str) -> Option<&'static str> {
    let bare = word.trim_end_matches(['.', ':', ',']);
    if !bare.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(
        if bare.parse::<f64>().is_ok()
            || bare.strip_suffix("ms").or(bare.strip_suffix('s')).is_some_and(|number| number.parse::<f64>().is_ok())
        {
            "Number"
        } else if bare.parse::<std::net::IpAddr>().is_ok() || bare.parse::<std::net::SocketAddr>().is_ok() {
            "IP"
        } else if bare.parse::<model::TraceId>().is_ok() {
            "TraceId"
        } else if bare.len() == 36 && bare.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && bare.split('-').all(is_hex) {
            "UUID"
        } else if bare.len() >= 8
            && bare.bytes().filter(|byte| matches!(byte, b':' | b'-' | b'/')).count() >= 2
            && bare.starts_with(|c: char| c.is_ascii_digit())
        {
            "Time"
        } else if bare.len() >= 8 && is_hex(bare) {
            "ID"
        } else {
            "Token"
        },
    )
}

fn severity(text: &str) -> Option<&'static str> {
    let head: String = text.chars().take(400).collect::<String>().to_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| head.contains(word));
    if has(&["ERROR", "FATAL", "EXCEPTION", "CRITICAL"]) {
        Some("ERROR")
    } else if has(&["WARN"]) {
        Some("WARN")
    } else if has(&["INFO"]) {
        Some("INFO")
    } else if has(&["DEBUG", "TRACE"]) {
        Some("DEBUG")
    } else {
        None
    }
}
