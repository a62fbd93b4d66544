//! What can be told of a query before it is asked: which columns its answer has, what it has to read, and in which order.

use std::collections::BTreeSet;

use model::TraceId;
use store::Needle;

use super::shape;
use super::{Aggregate, AggregateKind, Command, Expr, Extract, Named, Shift};
use crate::log::LogOrder;

/// How a query is asked.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) columns: Columns,
    pub(super) with_streams: bool,
    pub(super) with_messages: bool,
    /// Texts that a message must have to be looked at.
    pub(super) needles: Vec<Needle>,
    /// The order in which events are read, and the `sort` that this spares.
    pub(super) order: LogOrder,
    pub(super) skipped: Option<usize>,
    /// The command that collects rows, if up to there their order does not matter.
    pub(super) unordered: Option<usize>,
    /// The `pattern` that is compared with an earlier time.
    pub(super) diff: Option<(usize, Shift)>,
}

/// The columns of an answer.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    /// Rows are events, and say where they are.
    pub(super) with_pointer: bool,
}

pub(super) fn of(commands: &[Command]) -> Plan {
    let used = fields_of(commands);
    let is_of_events = !commands.iter().any(|command| matches!(command, Command::Stats { .. } | Command::Pattern { .. }));
    let columns = columns(commands);
    let is_of_rows = |name: &str| matches!(name, "@timestamp" | "@ingestionTime" | "@logStream" | "@log" | "@ptr");
    let (order, skipped) = order(commands);
    let diff = commands.iter().enumerate().find_map(|(place, command)| match command {
        Command::Pattern { diff: Some(shift), .. } => Some((place, *shift)),
        _ => None,
    });
    Plan {
        with_streams: used.contains("@logStream") || columns.names.iter().any(|name| name == "@logStream"),
        with_messages: used.iter().any(|name| !is_of_rows(name))
            || columns.names.iter().any(|name| !is_of_rows(name) && is_of_events),
        needles: needles(commands),
        order,
        skipped,
        unordered: unordered(commands),
        diff,
        columns,
    }
}

/// Whether it takes and gives rows in any order.
pub(super) fn is_order_free(command: &Command) -> bool {
    use Command::{Display, Fields, Filter, Lookup, Parse, Unmask, Unnest};
    matches!(command, Display(_) | Fields(_) | Filter(_) | Lookup { .. } | Parse { .. } | Unmask | Unnest { .. })
}

fn unordered(commands: &[Command]) -> Option<usize> {
    let place = commands.iter().position(|command| !is_order_free(command))?;
    match &commands[place] {
        Command::Pattern { .. } => Some(place),
        // Of several events of one time the first one counts.
        Command::Stats { aggregates, .. } => {
            let is_by_time = |aggregate: &Aggregate| matches!(aggregate.kind, AggregateKind::Earliest | AggregateKind::Latest);
            (!aggregates.iter().any(is_by_time)).then_some(place)
        }
        _ => None,
    }
}

/// What is shown: the last `display`; what `stats` and `pattern` made; or the fields that were named.
fn columns(commands: &[Command]) -> Columns {
    let mut names: Vec<String> = Vec::new();
    let (mut is_displayed, mut with_pointer) = (false, true);
    let add = |names: &mut Vec<String>, name: &str| {
        if !names.iter().any(|known| known == name) {
            names.push(name.into());
        }
    };
    for command in commands {
        match command {
            Command::Display(list) => {
                names = list.iter().map(|named| named.name.clone()).collect();
                is_displayed = true;
            }
            Command::Fields(list) if !is_displayed => list.iter().for_each(|named| add(&mut names, &named.name)),
            Command::Parse { how: Extract::Glob(_, more) | Extract::Regex(_, more), .. } if !is_displayed && !names.is_empty() => {
                more.iter().for_each(|name| add(&mut names, name));
            }
            Command::Unnest { name, .. } if !is_displayed && !names.is_empty() => add(&mut names, name),
            Command::Stats { by, made, .. } => {
                names.clear();
                by.iter().chain(made).for_each(|named| add(&mut names, &named.name));
                (is_displayed, with_pointer) = (false, false);
            }
            Command::Lookup { output, .. } if !is_displayed && !names.is_empty() => {
                output.iter().for_each(|(_, name)| add(&mut names, name));
            }
            Command::Pattern { diff, with_anomalies, .. } => {
                names = shape::fields(diff.is_some(), *with_anomalies).into_iter().map(Into::into).collect();
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
            Command::Filter(expr) | Command::Pattern { of: expr, .. } => fields_in(expr, &mut used),
            Command::Lookup { keys, .. } => keys.iter().for_each(|(_, expr)| fields_in(expr, &mut used)),
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

pub(super) fn fields_in(expr: &Expr, used: &mut BTreeSet<String>) {
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
        Expr::Or(left, right) => {
            // An id in its two forms.
            let trace = |side: &Expr| match side {
                Expr::Contains(of, text) if is_message(of) => text.parse::<TraceId>().ok(),
                _ => None,
            };
            if let (Some(left), Some(right)) = (trace(left), trace(right))
                && left == right
            {
                needles.push(Needle::Trace(left));
            }
        }
        Expr::Contains(of, text) if is_message(of) => {
            needles.push(Needle::Text(text.clone().into_bytes()));
        }
        Expr::Matches(of, regex) if is_message(of) => {
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

fn is_message(expr: &Expr) -> bool {
    matches!(expr, Expr::Field(name) if name == "@message")
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
