//! CloudWatch Logs Insights: a query language of commands, each of which takes the rows of the one before.

mod aggregate;
mod function;
mod parse;
mod plan;
mod row;
mod run;
mod shape;
mod value;

use chrono::{DateTime, Months};
use model::time::DAY_US;
use regex::Regex;

pub use parse::parse;
pub use run::{Answer, Ask, Lookups, Statistics, Stop};
pub use value::Value;

use super::Comparison;

/// A query cannot be understood: where, in characters, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Malformed {
    pub start: usize,
    pub end: usize,
    pub message: String,
}

/// A query as it was understood.
#[derive(Debug, Clone)]
pub struct LogQuery {
    /// The groups that it names itself.
    pub source: Option<Source>,
    pub(crate) commands: Vec<Command>,
}

/// `SOURCE logGroups(…)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    pub prefixes: Vec<String>,
    pub classes: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Command {
    Fields(Vec<Named>),
    Display(Vec<Named>),
    Filter(Expr),
    Stats {
        /// Under names of nobody's.
        aggregates: Vec<Aggregate>,
        by: Vec<Named>,
        /// What is made of them.
        made: Vec<Named>,
    },
    Sort(Vec<(Expr, bool)>),
    Limit(usize),
    Parse {
        of: Expr,
        how: Extract,
    },
    Dedup(Vec<Expr>),
    Pattern {
        of: Expr,
        diff: Option<Shift>,
        with_anomalies: bool,
    },
    /// Columns of a table with the fields that they are found by, and columns with what they become.
    Lookup {
        table: String,
        at: (usize, usize),
        keys: Vec<(String, Expr)>,
        output: Vec<(String, String)>,
    },
    Unnest {
        of: Expr,
        name: String,
    },
    Unmask,
}

/// With which time a query compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shift {
    /// What came just before.
    Period,
    Day,
    Week,
    Month,
}

impl Shift {
    pub(crate) fn before(self, from_us: i64, to_us: i64) -> (i64, i64) {
        let months = |time_us: i64| {
            let moved = DateTime::from_timestamp_micros(time_us).and_then(|time| time.checked_sub_months(Months::new(1)));
            moved.map_or(time_us, |time| time.timestamp_micros())
        };
        match self {
            Shift::Period => (from_us.saturating_sub(to_us.saturating_sub(from_us)), from_us),
            Shift::Day => (from_us.saturating_sub(DAY_US), to_us.saturating_sub(DAY_US)),
            Shift::Week => (from_us.saturating_sub(7 * DAY_US), to_us.saturating_sub(7 * DAY_US)),
            // As long as what it is compared with.
            Shift::Month => (months(from_us), months(from_us).saturating_add(to_us.saturating_sub(from_us))),
        }
    }
}

impl LogQuery {
    /// Whether it says itself how many rows there may be.
    pub fn has_limit(&self) -> bool {
        self.commands.iter().any(|command| matches!(command, Command::Limit(_)))
    }

    /// The tables that it looks up in, and where in its text they are named.
    pub fn tables(&self) -> Vec<(&str, (usize, usize))> {
        self.commands
            .iter()
            .filter_map(|command| match command {
                Command::Lookup { table, at, .. } => Some((table.as_str(), *at)),
                _ => None,
            })
            .collect()
    }
}

/// An expression, and what its values are called.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) expr: Expr,
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub(crate) name: String,
    pub(crate) kind: AggregateKind,
    pub(crate) of: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum AggregateKind {
    Count,
    CountDistinct,
    Sum,
    Average,
    Minimum,
    Maximum,
    Percentile(f64),
    Deviation,
    Earliest,
    Latest,
    SortsFirst,
    SortsLast,
}

#[derive(Debug, Clone)]
pub(crate) enum Extract {
    /// Texts between which the values stand, and their names.
    Glob(Vec<String>, Vec<String>),
    Regex(Regex, Vec<String>),
}

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Field(String),
    Value(Value),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Arithmetic(char, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    Contains(Box<Expr>, String),
    Matches(Box<Expr>, Regex),
    Call(function::Function, Vec<Expr>),
    /// A moment, cut to a step of time.
    Bin(Step),
    /// `value.member`, `value[0]` of what is no field.
    Member(Box<Expr>, String),
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Micros(i64),
    /// Of the calendar.
    Months(u32),
}
