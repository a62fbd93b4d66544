//! CloudWatch Logs Insights: a query language of commands, each of which takes the rows of the one before.

mod function;
mod parse;
mod run;
mod value;

use regex::Regex;

pub use parse::parse;
pub use run::{Answer, Statistics, Stop};
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
    Stats { aggregates: Vec<Aggregate>, by: Vec<Named> },
    Sort(Vec<(Expr, bool)>),
    Limit(usize),
    Parse { of: Expr, how: Extract },
    Dedup(Vec<Expr>),
    Pattern(Expr),
    Unnest { of: Expr, name: String },
    Unmask,
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
