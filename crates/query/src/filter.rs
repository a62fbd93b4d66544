//! X-Ray filter expressions: `service("api") { fault } AND responsetime > 2`.
//!
//! Text becomes an expression (`parse`), the expression a condition on columns that spares decoding (`prefilter`), and is tested
//! on digests (`evaluate`).

mod evaluate;
mod group;
mod parse;
mod prefilter;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use evaluate::Matcher;
pub(crate) use evaluate::{edge_matches, visit_matches};
pub use group::{GroupExpressions, expression as group_expression};
pub use parse::{parse, parse_with};

/// A syntax error, with where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter expression: {message} at character {}", position + 1)]
pub struct FilterError {
    /// Characters (not bytes) before the offending place.
    pub position: usize,
    pub message: String,
    /// What could have stood there.
    pub expected: Vec<&'static str>,
}

/// A parsed filter expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    /// A keyword that is true or false, and which it must be.
    Flag(Flag, bool),
    /// A number, or whether it is known at all.
    Number(Number, Option<(Comparison, f64)>),
    Text(Text, Option<(Comparison, String)>),
    Annotation(String, Option<(Comparison, Literal)>),
    Service(Target, Option<Box<Expression>>),
    Edge(Target, Target, Option<Box<Expression>>),
    RootCause(CauseKind, CauseLevel, Option<Box<Expression>>),
    /// A pattern that the root causes' JSON must match.
    RootCauseJson(Value),
    /// Everything, or nothing: what a condition on a group comes down to.
    Constant(bool),
    /// What counts depends on when the trace was: each expression from a time on, the first also before.
    ByTime(Vec<(i64, Expression)>),
}

impl Expression {
    /// Both must be met.
    pub fn and(self, other: Expression) -> Expression {
        match (self, other) {
            (Expression::Constant(true), only) | (only, Expression::Constant(true)) => only,
            (one, other) => Expression::And(vec![one, other]),
        }
    }

    /// Whether every trace meets it.
    pub fn is_everything(&self) -> bool {
        *self == Expression::Constant(true)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    Ok,
    Error,
    Throttle,
    Fault,
    Partial,
    Inferred,
    First,
    Last,
    Remote,
    Root,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    ResponseTime,
    Duration,
    HttpStatus,
    Index,
    Coverage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    HttpUrl,
    HttpMethod,
    HttpUserAgent,
    HttpClientIp,
    User,
    Name,
    Type,
    Message,
    AvailabilityZone,
    InstanceId,
    ResourceArn,
    AccountId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    BeginsWith,
    EndsWith,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// What `service(…)` names. An empty one is every service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    pub name: Option<String>,
    pub kind: Option<String>,
    pub account_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CauseKind {
    Fault,
    Error,
    ResponseTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CauseLevel {
    Service,
    Entity,
    Exception,
}
