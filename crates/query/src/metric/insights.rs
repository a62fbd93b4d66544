//! CloudWatch Metrics Insights: `SELECT AVG(CpuUtilized) FROM SCHEMA("ECS/ContainerInsights", ClusterName, TaskId) WHERE … GROUP BY TaskId`.

use std::collections::BTreeSet;
use std::fmt;

use model::metric::{MetricId, Statistic};

use super::math::Function;
use super::names;
use crate::{Error, Result};

/// Metrics that a query reads (AWS).
pub(crate) const METRICS_MAX: usize = 10_000;
/// What a metric that lacks a dimension is grouped under (AWS).
const OTHER: &str = "Other";

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) statistic: Statistic,
    /// Of the metrics.
    pub(crate) name: String,
    namespace: Option<String>,
    /// Exactly these dimensions.
    schema: Option<BTreeSet<String>>,
    conditions: Vec<Condition>,
    groups: Vec<String>,
    /// By which value of a series, and whether the smallest comes first.
    pub(crate) order: Option<(Function, bool)>,
    pub(crate) limit: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    key: String,
    is_equal: bool,
    value: String,
}

/// Whether an expression is such a query, and no metric math.
pub(crate) fn is_query(text: &str) -> bool {
    let text = text.trim_start();
    text.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("SELECT")) && text[6..].starts_with(char::is_whitespace)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A word, or what stands in double quotes.
    Name {
        text: String,
        is_quoted: bool,
    },
    /// In single quotes.
    Text(String),
    Sign(char),
    NotEqual,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Name { text, .. } => f.write_str(text),
            Token::Text(text) => write!(f, "'{text}'"),
            Token::Sign(sign) => write!(f, "{sign}"),
            Token::NotEqual => f.write_str("!="),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => {
                let inside = &rest[1..];
                let end = inside.find(first).ok_or_else(|| Error::Invalid(format!("the query has a {first} without an end")))?;
                let content = inside[..end].to_owned();
                tokens.push(if first == '"' { Token::Name { text: content, is_quoted: true } } else { Token::Text(content) });
                end + 2
            }
            '!' if rest.starts_with("!=") => {
                tokens.push(Token::NotEqual);
                2
            }
            '(' | ')' | ',' | '=' | '.' => {
                tokens.push(Token::Sign(first));
                1
            }
            _ if first.is_alphanumeric() || matches!(first, '_' | '/' | '*' | '-' | ':' | '#') => {
                let ends = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '/' | '*' | '-' | ':' | '#'));
                let length = rest.find(ends).unwrap_or(rest.len());
                tokens.push(Token::Name { text: rest[..length].to_owned(), is_quoted: false });
                length
            }
            _ => return Err(Error::Invalid(format!("the query has a {first:?} that is not expected"))),
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

pub(crate) fn parse(text: &str) -> Result<Select> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0 };
    parser.expect_keyword("SELECT")?;
    let (function, name) = parser.function(false)?;
    let statistic = match function.as_str() {
        "AVG" => Statistic::Average,
        "COUNT" => Statistic::SampleCount,
        "MAX" => Statistic::Maximum,
        "MIN" => Statistic::Minimum,
        _ => Statistic::Sum,
    };
    parser.expect_keyword("FROM")?;
    let (mut namespace, mut schema) = (None, None);
    let source = parser.name("a namespace, or SCHEMA with one")?;
    if source.eq_ignore_ascii_case("SCHEMA") && parser.sign('(') {
        namespace = Some(parser.name("a namespace")?);
        let mut dimensions = BTreeSet::new();
        while parser.sign(',') {
            dimensions.insert(parser.name("a dimension")?);
        }
        parser.expect(')')?;
        schema = Some(dimensions);
    } else if source != "*" {
        namespace = Some(source);
    }
    let mut conditions = Vec::new();
    if parser.keyword("WHERE") {
        loop {
            let key = parser.key()?;
            let is_equal = match parser.next() {
                Some(Token::Sign('=')) => true,
                Some(Token::NotEqual) => false,
                found => return Err(unexpected("= or !=", found)),
            };
            let value = match parser.next() {
                Some(Token::Text(value)) => value.clone(),
                found => return Err(unexpected("a value in single quotes", found)),
            };
            conditions.push(Condition { key, is_equal, value });
            if !parser.keyword("AND") {
                break;
            }
        }
    }
    let mut groups = Vec::new();
    if parser.keyword("GROUP") {
        parser.expect_keyword("BY")?;
        loop {
            groups.push(parser.key()?);
            if !parser.sign(',') {
                break;
            }
        }
    }
    let mut order = None;
    if parser.keyword("ORDER") {
        parser.expect_keyword("BY")?;
        let (function, _) = parser.function(true)?;
        let function = match function.as_str() {
            "AVG" => Function::Avg,
            "COUNT" => Function::DatapointCount,
            "MAX" => Function::Max,
            "MIN" => Function::Min,
            _ => Function::Sum,
        };
        let ascending = !parser.keyword("DESC");
        if ascending {
            parser.keyword("ASC");
        }
        order = Some((function, ascending));
    }
    let mut limit = usize::MAX;
    if parser.keyword("LIMIT") {
        let number = parser.name("a number")?;
        limit = number
            .parse()
            .ok()
            .filter(|limit| (1..=super::SERIES_MAX).contains(limit))
            .ok_or_else(|| Error::Invalid(format!("LIMIT {number} is not from 1 to {}", super::SERIES_MAX)))?;
    }
    match parser.next() {
        None => Ok(Select { statistic, name, namespace, schema, conditions, groups, order, limit }),
        found => Err(unexpected("the end of the query", found)),
    }
}

fn unexpected(wanted: &str, found: Option<&Token>) -> Error {
    match found {
        Some(token) => Error::Invalid(format!("the query has {token} where {wanted} is expected")),
        None => Error::Invalid(format!("the query ends where {wanted} is expected")),
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<&'t Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }

    fn keyword(&mut self, word: &str) -> bool {
        let is_it =
            matches!(self.tokens.get(self.at), Some(Token::Name { text, is_quoted: false }) if text.eq_ignore_ascii_case(word));
        self.at += usize::from(is_it);
        is_it
    }

    fn expect_keyword(&mut self, word: &str) -> Result<()> {
        if self.keyword(word) { Ok(()) } else { Err(unexpected(word, self.next())) }
    }

    fn sign(&mut self, sign: char) -> bool {
        let is_it = self.tokens.get(self.at) == Some(&Token::Sign(sign));
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: char) -> Result<()> {
        if self.sign(sign) { Ok(()) } else { Err(unexpected(&sign.to_string(), self.next())) }
    }

    fn name(&mut self, wanted: &str) -> Result<String> {
        match self.next() {
            Some(Token::Name { text, .. }) => Ok(text.clone()),
            found => Err(unexpected(wanted, found)),
        }
    }

    /// `AVG(name)`, or without a name.
    fn function(&mut self, is_empty: bool) -> Result<(String, String)> {
        let wanted = "one of AVG, COUNT, MAX, MIN and SUM";
        let function = self.name(wanted)?.to_ascii_uppercase();
        if !["AVG", "COUNT", "MAX", "MIN", "SUM"].contains(&function.as_str()) {
            return Err(Error::Invalid(format!("the query has {function} where {wanted} is expected")));
        }
        self.expect('(')?;
        let name = if is_empty { String::new() } else { self.name("the name of a metric")? };
        self.expect(')')?;
        Ok((function, name))
    }

    /// A dimension, `AWS.AccountId`, or `tag."key"`.
    fn key(&mut self) -> Result<String> {
        let mut key = self.name("a dimension")?;
        while self.sign('.') {
            key.push('.');
            key.push_str(&self.name("the rest of a name")?);
        }
        if key.starts_with("tag.") {
            return Err(Error::Invalid(format!("{key}: resources have no tags here; use a dimension")));
        }
        Ok(key)
    }
}

impl Select {
    pub(crate) fn is_grouped(&self) -> bool {
        !self.groups.is_empty()
    }

    pub(crate) fn admits(&self, id: &MetricId, account_id: &str) -> bool {
        let meets = |condition: &Condition| {
            let value = value(id, account_id, &condition.key);
            (value == Some(condition.value.as_str())) == condition.is_equal
        };
        (self.name == "*" || id.name == self.name.as_str())
            && self.namespace.as_ref().is_none_or(|namespace| id.namespace == namespace.as_str())
            && self.schema.as_ref().is_none_or(|schema| names(&id.dimensions) == schema.iter().map(String::as_str).collect())
            && self.conditions.iter().all(meets)
    }

    /// The names of what it is grouped by.
    pub(crate) fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The values by which it is grouped.
    pub(crate) fn group(&self, id: &MetricId, account_id: &str) -> Vec<String> {
        self.groups.iter().map(|key| value(id, account_id, key).unwrap_or(OTHER).to_owned()).collect()
    }
}

fn value<'i>(id: &'i MetricId, account_id: &'i str, key: &str) -> Option<&'i str> {
    match key {
        "AWS.AccountId" => Some(account_id),
        "Namespace" if id.dimensions.get(key).is_none() => Some(&id.namespace),
        "MetricName" if id.dimensions.get(key).is_none() => Some(&id.name),
        _ => id.dimensions.get(key),
    }
}
