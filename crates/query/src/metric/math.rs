//! Metric math as it is written: `IF(m1 > 100, RATE(m1), 0)`.

use std::fmt;

use crate::{Error, Result};

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Number(f64),
    Text(String),
    /// Another query of the request, by its id.
    Id(String),
    /// `[m1, m2]`.
    List(Vec<Expression>),
    Negated(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(Function, Vec<Expression>),
    /// A word that some functions know: `REPEAT`, `ASC` and the like.
    Word(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

/// Writes the functions once: their names and variants.
macro_rules! functions {
    ($($variant:ident = $name:literal,)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Function {
            $($variant,)+
        }

        impl Function {
            fn named(name: &str) -> Option<Function> {
                match name.to_ascii_uppercase().as_str() {
                    $($name => Some(Function::$variant),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for Function {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Function::$variant => $name,)+
                })
            }
        }
    };
}

functions! {
    Abs = "ABS",
    AnomalyDetectionBand = "ANOMALY_DETECTION_BAND",
    Avg = "AVG",
    Ceil = "CEIL",
    DatapointCount = "DATAPOINT_COUNT",
    Date = "DATE",
    Day = "DAY",
    DbPerfInsights = "DB_PERF_INSIGHTS",
    Diff = "DIFF",
    DiffTime = "DIFF_TIME",
    Epoch = "EPOCH",
    Fill = "FILL",
    First = "FIRST",
    Floor = "FLOOR",
    Hour = "HOUR",
    If = "IF",
    InsightRuleMetric = "INSIGHT_RULE_METRIC",
    Lambda = "LAMBDA",
    Last = "LAST",
    Log = "LOG",
    Log10 = "LOG10",
    Max = "MAX",
    MetricCount = "METRIC_COUNT",
    Metrics = "METRICS",
    Min = "MIN",
    Minute = "MINUTE",
    Month = "MONTH",
    Period = "PERIOD",
    Rate = "RATE",
    RemoveEmpty = "REMOVE_EMPTY",
    RunningSum = "RUNNING_SUM",
    Search = "SEARCH",
    ServiceQuota = "SERVICE_QUOTA",
    Slice = "SLICE",
    Sort = "SORT",
    Stddev = "STDDEV",
    Sum = "SUM",
    TimeSeries = "TIME_SERIES",
    Year = "YEAR",
}

const WORDS: [&str; 8] = ["REPEAT", "LINEAR", "ASC", "DESC", "AVG", "MIN", "MAX", "SUM"];

/// Parentheses and lists in each other: more is no expression that a person wrote.
const DEPTH_MAX: usize = 50;

pub(crate) fn parse(text: &str) -> Result<Expression> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let expression = parser.or()?;
    match parser.tokens.get(parser.at) {
        None => Ok(expression),
        Some((at, token)) => Err(wrong(*at, &format!("{token} is not expected"))),
    }
}

fn wrong(at: usize, what: &str) -> Error {
    Error::Invalid(format!("Error in expression at character {}: {what}", at + 1))
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Name(String),
    Sign(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Number(number) => write!(f, "{number}"),
            Token::Text(text) => write!(f, "{text:?}"),
            Token::Name(name) => f.write_str(name),
            Token::Sign(sign) => f.write_str(sign),
        }
    }
}

/// Longer ones first.
const SIGNS: [&str; 19] = ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", "="];

fn tokens(text: &str) -> Result<Vec<(usize, Token)>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let length;
        let token = if first.is_ascii_digit() || first == '.' {
            length = number_length(rest);
            Token::Number(rest[..length].parse().map_err(|_| wrong(at, "this is no number"))?)
        } else if first.is_ascii_alphabetic() || first == '_' {
            length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            Token::Name(rest[..length].to_owned())
        } else if first == '\'' || first == '"' {
            let (content, read) = quoted(rest, first).ok_or_else(|| wrong(at, "a text has no end"))?;
            length = read;
            Token::Text(content)
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| wrong(at, &format!("{first:?} is not expected")))?;
            length = sign.len();
            Token::Sign(sign)
        };
        tokens.push((at, token));
        rest = &rest[length..];
    }
}

/// How long the number is that a text begins with.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |length| from + length);
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end = digits(end + 1);
    }
    let behind = &text[end..];
    if behind.starts_with(['e', 'E']) {
        let sign = usize::from(behind[1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

/// What stands in quotes, and how long it is with them. A backslash makes the next character plain.
pub(crate) fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut content = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => content.push(characters.next()?.1),
            _ if character == quote => return Some((content, at + character.len_utf8())),
            _ => content.push(character),
        }
    }
    None
}

struct Parser<'t> {
    tokens: &'t [(usize, Token)],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn sign(&mut self, signs: &[&str]) -> Option<&'static str> {
        match self.tokens.get(self.at) {
            Some((_, Token::Sign(sign))) if signs.contains(sign) => {
                self.at += 1;
                Some(sign)
            }
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.tokens.get(self.at), Some((_, Token::Name(name))) if name.eq_ignore_ascii_case(word));
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: &'static str) -> Result<()> {
        match self.sign(&[sign]) {
            Some(_) => Ok(()),
            None => Err(self.unexpected(sign)),
        }
    }

    fn unexpected(&self, wanted: &str) -> Error {
        match self.tokens.get(self.at) {
            Some((at, token)) => wrong(*at, &format!("{wanted} is expected, not {token}")),
            None => Error::Invalid(format!("Error in expression: {wanted} is missing at its end")),
        }
    }

    fn or(&mut self) -> Result<Expression> {
        let mut left = self.and()?;
        while self.sign(&["||"]).is_some() || self.word("OR") {
            left = Expression::Binary(Operator::Or, Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression> {
        let mut left = self.comparison()?;
        while self.sign(&["&&"]).is_some() || self.word("AND") {
            left = Expression::Binary(Operator::And, Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression> {
        let mut left = self.sum()?;
        while let Some(sign) = self.sign(&["==", "!=", "<=", ">=", "<", ">", "="]) {
            let operator = match sign {
                "!=" => Operator::NotEqual,
                "<=" => Operator::LessOrEqual,
                ">=" => Operator::GreaterOrEqual,
                "<" => Operator::Less,
                ">" => Operator::Greater,
                _ => Operator::Equal,
            };
            left = Expression::Binary(operator, Box::new(left), Box::new(self.sum()?));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Expression> {
        let mut left = self.product()?;
        while let Some(sign) = self.sign(&["+", "-"]) {
            let operator = if sign == "+" { Operator::Add } else { Operator::Subtract };
            left = Expression::Binary(operator, Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expression> {
        let mut left = self.unary()?;
        while let Some(sign) = self.sign(&["*", "/"]) {
            let operator = if sign == "*" { Operator::Multiply } else { Operator::Divide };
            left = Expression::Binary(operator, Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression> {
        self.deeper(|parser| match parser.sign(&["-", "+"]) {
            Some("-") => Ok(Expression::Negated(Box::new(parser.unary()?))),
            Some(_) => parser.unary(),
            None => parser.power(),
        })
    }

    fn power(&mut self) -> Result<Expression> {
        let base = self.atom()?;
        match self.sign(&["^"]) {
            // From the right: 2 ^ 3 ^ 2 is 2 ^ 9.
            Some(_) => Ok(Expression::Binary(Operator::Power, Box::new(base), Box::new(self.unary()?))),
            None => Ok(base),
        }
    }

    fn deeper(&mut self, parse: impl FnOnce(&mut Self) -> Result<Expression>) -> Result<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::Invalid(format!("Error in expression: more than {DEPTH_MAX} parts in each other")));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn atom(&mut self) -> Result<Expression> {
        let Some((at, token)) = self.tokens.get(self.at) else { return Err(self.unexpected("a value")) };
        self.at += 1;
        match token {
            Token::Number(number) => Ok(Expression::Number(*number)),
            Token::Text(text) => Ok(Expression::Text(text.clone())),
            Token::Sign("(") => {
                let inner = self.or()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("[") => Ok(Expression::List(self.list("]")?)),
            Token::Name(name) if self.sign(&["("]).is_some() => {
                let function = Function::named(name).ok_or_else(|| wrong(*at, &format!("there is no function {name}")))?;
                Ok(Expression::Call(function, self.list(")")?))
            }
            Token::Name(name) if name.starts_with(|c: char| c.is_ascii_lowercase()) => Ok(Expression::Id(name.clone())),
            Token::Name(name) if name.eq_ignore_ascii_case("TRUE") => Ok(Expression::Number(1.0)),
            Token::Name(name) if name.eq_ignore_ascii_case("FALSE") => Ok(Expression::Number(0.0)),
            Token::Name(name) if WORDS.contains(&name.as_str()) => Ok(Expression::Word(name.clone())),
            Token::Name(name) => {
                Err(wrong(*at, &format!("{name} is neither the id of a query, which begins with a small letter, nor a function")))
            }
            Token::Sign(sign) => Err(wrong(*at, &format!("{sign} is not expected"))),
        }
    }

    fn list(&mut self, end: &'static str) -> Result<Vec<Expression>> {
        let mut items = Vec::new();
        if self.sign(&[end]).is_some() {
            return Ok(items);
        }
        loop {
            items.push(self.or()?);
            if self.sign(&[end]).is_some() {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }
}
