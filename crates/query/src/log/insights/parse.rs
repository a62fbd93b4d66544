//! From text to commands.

use std::collections::BTreeSet;

use regex::RegexBuilder;

use super::function::Function;
use super::value::{EXACT_MAX, Value};
use super::{Aggregate, AggregateKind, Command, Expr, Extract, LogQuery, Malformed, Named, Shift, Source, Step, plan};
use crate::log::Comparison;

/// Characters of a query (AWS).
const QUERY_CHARS: usize = 10_000;
/// How deep expressions may stand in one another, and how many commands there may be.
const DEPTH_MAX: usize = 64;
const COMMANDS_MAX: usize = 50;
/// Compiled size of a regular expression.
const REGEX_BYTES: usize = 1 << 20;
/// Most rows that a query may ask for (AWS).
pub(crate) const ROWS_MAX: usize = 100_000;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A name as it was written; in backticks it is nothing but a name.
    Name(String, bool),
    Number(f64),
    /// A number with a unit of time behind it.
    Step(Step),
    Text(String),
    Regex(String, bool),
    Sign(&'static str),
}

#[derive(Debug, Clone)]
struct At {
    token: Token,
    start: usize,
    end: usize,
}

type Result<T> = std::result::Result<T, Malformed>;

pub fn parse(text: &str) -> Result<LogQuery> {
    if text.chars().count() > QUERY_CHARS {
        return Err(Malformed {
            start: QUERY_CHARS,
            end: QUERY_CHARS,
            message: format!("the query has more than {QUERY_CHARS} characters"),
        });
    }
    let tokens = tokens(text)?;
    let end = text.chars().count();
    let mut parser = Parser { tokens, at: 0, end, text: text.chars().collect(), depth: 0, aggregates: None };
    parser.query()
}

const SIGNS: [&str; 23] =
    ["!=", "<=", ">=", "=~", "~=", "==", "=", "<", ">", "(", ")", "[", "]", ",", "|", "+", "-", "*", "/", "%", "^", ":", "."];

/// Offsets are in characters, as editors count them.
fn tokens(text: &str) -> Result<Vec<At>> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens: Vec<At> = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let start = at;
        let character = characters[at];
        let wrong = |message: &str| Malformed { start, end: characters.len(), message: message.to_owned() };
        if character.is_whitespace() {
            at += 1;
            continue;
        }
        if character == '#' {
            while at < characters.len() && characters[at] != '\n' {
                at += 1;
            }
            continue;
        }
        // A slash divides behind a value, and begins a regular expression behind anything else, and in `parse`.
        let command = tokens.iter().rposition(|at| at.token == Token::Sign("|")).map_or(0, |place| place + 1);
        let is_parse =
            matches!(tokens.get(command).map(|at| &at.token), Some(Token::Name(name, false)) if name.eq_ignore_ascii_case("parse"));
        let is_value_before = matches!(
            tokens.last().map(|last| &last.token),
            Some(Token::Number(_) | Token::Text(_) | Token::Step(_) | Token::Sign(")" | "]"))
        ) || matches!(tokens.last().map(|last| &last.token), Some(Token::Name(name, quoted)) if *quoted || !is_before_regex(name));
        let token = match character {
            '`' => {
                let end =
                    characters[at + 1..].iter().position(|c| *c == '`').ok_or_else(|| wrong("a name in backticks has no end"))?;
                at += end + 2;
                Token::Name(characters[start + 1..at - 1].iter().collect(), true)
            }
            '"' | '\'' => {
                let mut value = String::new();
                at += 1;
                loop {
                    match characters.get(at) {
                        None => return Err(wrong("a text in quotes has no end")),
                        Some('\\') if characters.get(at + 1).is_some_and(|next| *next == character || *next == '\\') => {
                            value.push(characters[at + 1]);
                            at += 2;
                        }
                        Some(c) if *c == character => break,
                        Some(c) => {
                            value.push(*c);
                            at += 1;
                        }
                    }
                }
                at += 1;
                Token::Text(value)
            }
            '/' if is_parse || !is_value_before => {
                let mut value = String::new();
                at += 1;
                loop {
                    match characters.get(at) {
                        None => return Err(wrong("a regular expression has no end")),
                        Some('\\') if characters.get(at + 1) == Some(&'/') => {
                            value.push('/');
                            at += 2;
                        }
                        Some('\\') => {
                            value.push('\\');
                            value.extend(characters.get(at + 1));
                            at += 2;
                        }
                        Some('/') => break,
                        Some(c) => {
                            value.push(*c);
                            at += 1;
                        }
                    }
                }
                at += 1;
                let is_caseless =
                    characters.get(at) == Some(&'i') && !characters.get(at + 1).is_some_and(|next| next.is_alphanumeric());
                at += usize::from(is_caseless);
                Token::Regex(value, is_caseless)
            }
            c if c.is_ascii_digit() || (c == '.' && characters.get(at + 1).is_some_and(char::is_ascii_digit)) => {
                while characters.get(at).is_some_and(|c| c.is_ascii_digit() || *c == '.') {
                    at += 1;
                }
                // An exponent.
                if matches!(characters.get(at), Some('e' | 'E'))
                    && characters[at + 1..]
                        .iter()
                        .take_while(|c| c.is_ascii_digit() || matches!(c, '+' | '-'))
                        .any(char::is_ascii_digit)
                {
                    at += 2;
                    while characters.get(at).is_some_and(char::is_ascii_digit) {
                        at += 1;
                    }
                }
                let written: String = characters[start..at].iter().collect();
                let number: f64 = written.parse().map_err(|_| wrong("not a number"))?;
                let unit: String = characters[at..].iter().take_while(|c| c.is_alphanumeric()).collect();
                if unit.is_empty() && number >= EXACT_MAX && written.bytes().all(|byte| byte.is_ascii_digit()) {
                    // An id: each of its digits counts.
                    Token::Text(written)
                } else if unit.is_empty() {
                    Token::Number(number)
                } else {
                    at += unit.chars().count();
                    let step = step(number, &unit);
                    Token::Step(step.ok_or_else(|| Malformed {
                        start,
                        end: at,
                        message: format!("{unit:?} is no unit of time: ms, s, m, h, d, w, mo, q and y are"),
                    })?)
                }
            }
            '@' if characters.get(at + 1) == Some(&'`') => {
                let end =
                    characters[at + 2..].iter().position(|c| *c == '`').ok_or_else(|| wrong("a name in backticks has no end"))?;
                at += end + 3;
                Token::Name(format!("@{}", characters[start + 2..at - 1].iter().collect::<String>()), true)
            }
            c if c.is_alphabetic() || matches!(c, '_' | '@' | '$') => {
                let is_name = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '@' | '.' | '$');
                while characters.get(at).is_some_and(is_name) {
                    at += 1;
                }
                Token::Name(characters[start..at].iter().collect(), false)
            }
            _ => {
                let rest: String = characters[at..].iter().take(2).collect();
                let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
                    return Err(Malformed { start, end: start + 1, message: format!("unexpected character {character:?}") });
                };
                at += sign.len();
                Token::Sign(sign)
            }
        };
        tokens.push(At { token, start, end: at });
    }
    Ok(tokens)
}

/// Words behind which a slash begins a regular expression.
fn is_before_regex(word: &str) -> bool {
    ["like", "parse", "and", "or", "not", "by", "filter"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn step(count: f64, unit: &str) -> Option<Step> {
    let months = |each: u32| (count >= 1.0 && count.fract() == 0.0).then(|| Step::Months(count as u32 * each));
    let micros = |each: i64| Some((count * each as f64) as i64).filter(|step| *step > 0).map(Step::Micros);
    match unit.to_ascii_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => micros(1_000),
        "s" | "sec" | "secs" | "second" | "seconds" => micros(1_000_000),
        "m" | "min" | "mins" | "minute" | "minutes" => micros(60_000_000),
        "h" | "hr" | "hrs" | "hour" | "hours" => micros(3_600_000_000),
        "d" | "day" | "days" => micros(86_400_000_000),
        "w" | "week" | "weeks" => micros(7 * 86_400_000_000),
        "mo" | "mon" | "mons" | "month" | "months" => months(1),
        "q" | "qtr" | "qtrs" | "quarter" | "quarters" => months(3),
        "y" | "yr" | "yrs" | "year" | "years" => months(12),
        _ => None,
    }
}

struct Parser {
    tokens: Vec<At>,
    at: usize,
    /// Of the whole text.
    end: usize,
    text: Vec<char>,
    depth: usize,
    /// Those of a `stats`, while what it makes is read.
    aggregates: Option<Vec<Aggregate>>,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|at| &at.token)
    }

    fn start(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |at| at.start)
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T> {
        let (start, end) = self.tokens.get(self.at).map_or((self.end, self.end), |at| (at.start, at.end));
        Err(Malformed { start, end, message: message.into() })
    }

    fn sign(&mut self, sign: &str) -> bool {
        let has = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(has);
        has
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.sign(sign) { Ok(()) } else { self.wrong(format!("expected {sign}")) }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(name, false)) if name.eq_ignore_ascii_case(word))
    }

    fn word(&mut self, word: &str) -> bool {
        let has = self.is_word(word);
        self.at += usize::from(has);
        has
    }

    /// What was written from there to here, with single spaces.
    fn written(&self, start: usize) -> String {
        let end = self.tokens[..self.at].last().map_or(start, |at| at.end);
        self.text[start..end.max(start)].iter().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn query(&mut self) -> Result<LogQuery> {
        let (mut source, mut commands) = (None, Vec::new());
        let mut stats = 0;
        loop {
            if self.peek().is_none() {
                // An empty command at the end does no harm.
                break;
            }
            if self.sign("|") {
                continue;
            }
            if commands.len() >= COMMANDS_MAX {
                return self.wrong(format!("a query can have at most {COMMANDS_MAX} commands"));
            }
            let is_first = source.is_none() && commands.is_empty();
            let Some(Token::Name(name, false)) = self.peek().cloned() else { return self.wrong("expected a command") };
            let at_command = self.at;
            self.at += 1;
            match name.to_ascii_lowercase().as_str() {
                "source" if is_first => source = Some(self.source()?),
                "fields" => commands.push(Command::Fields(self.named_list()?)),
                "display" => commands.push(Command::Display(self.named_list()?)),
                "filter" | "filterindex" | "where" => commands.push(Command::Filter(self.expr()?)),
                "stats" => {
                    stats += 1;
                    if stats > 2 {
                        self.at = at_command;
                        return self.wrong("a query can have at most two stats commands");
                    }
                    commands.push(self.stats()?);
                }
                "sort" => commands.push(self.sort()?),
                "limit" => commands.push(self.limit()?),
                "parse" => commands.push(self.parse()?),
                "dedup" => {
                    let mut fields = vec![self.expr()?];
                    while self.sign(",") {
                        fields.push(self.expr()?);
                    }
                    commands.push(Command::Dedup(fields));
                }
                "pattern" => {
                    commands.push(Command::Pattern { of: self.expr()?, diff: None, with_anomalies: false });
                }
                "diff" => {
                    let shift = self.shift()?;
                    // Without a pattern it is of messages.
                    if !matches!(commands.last(), Some(Command::Pattern { .. })) {
                        commands.push(Command::Pattern {
                            of: Expr::Field("@message".to_owned()),
                            diff: None,
                            with_anomalies: false,
                        });
                    }
                    let before = &commands[..commands.len() - 1];
                    if !before.iter().all(plan::is_order_free) {
                        self.at = at_command;
                        return self.wrong(
                            "diff compares patterns: before it come fields, filter, parse, unnest and lookup, and pattern at last",
                        );
                    }
                    if let Some(Command::Pattern { diff, .. }) = commands.last_mut() {
                        *diff = Some(shift);
                    }
                }
                "anomaly" => match commands.last_mut() {
                    Some(Command::Pattern { with_anomalies, .. }) => *with_anomalies = true,
                    _ => {
                        self.at = at_command;
                        return self.wrong("anomaly tells which patterns are unusual: it comes directly after pattern");
                    }
                },
                "lookup" => commands.push(self.lookup()?),
                "unmask" => {
                    self.named_list()?;
                    commands.push(Command::Unmask);
                }
                "unnest" => {
                    let of = self.expr()?;
                    if !self.word("into") {
                        return self.wrong("expected into and a name");
                    }
                    commands.push(Command::Unnest { of, name: self.name()? });
                }
                "head" | "tail" => {
                    self.at = at_command;
                    return self.wrong(format!("there is no command {name}: sort and limit do that"));
                }
                _ => {
                    self.at = at_command;
                    return self.wrong(format!(
                        "{name:?} is no command: fields, display, filter, stats, sort, limit, parse, dedup, pattern, diff, anomaly, unnest, lookup, unmask and SOURCE are"
                    ));
                }
            }
            if self.peek().is_some() && !self.sign("|") {
                return self.wrong("expected | and the next command");
            }
        }
        Ok(LogQuery { source, commands })
    }

    /// `logGroups(namePrefix: ["a", "b"], class: ["STANDARD"])`.
    fn source(&mut self) -> Result<Source> {
        if !self.word("logGroups") {
            return self.wrong("expected logGroups(…)");
        }
        self.expect("(")?;
        let mut source = Source::default();
        while !self.sign(")") {
            let Some(Token::Name(name, false)) = self.peek().cloned() else { return self.wrong("expected namePrefix or class") };
            let list = match name.as_str() {
                "namePrefix" => &mut source.prefixes,
                "class" => &mut source.classes,
                _ => return self.wrong(format!("{name} is not supported by this server; namePrefix and class are")),
            };
            self.at += 1;
            if !self.sign(":") {
                return self.wrong("expected :");
            }
            self.expect("[")?;
            while !self.sign("]") {
                let Some(Token::Text(text)) = self.peek().cloned() else { return self.wrong("expected a text in quotes") };
                list.push(text);
                self.at += 1;
                self.sign(",");
            }
            self.sign(",");
        }
        Ok(source)
    }

    fn name(&mut self) -> Result<String> {
        match self.peek().cloned() {
            Some(Token::Name(name, _)) => {
                self.at += 1;
                Ok(name)
            }
            _ => self.wrong("expected a name"),
        }
    }

    fn named_list(&mut self) -> Result<Vec<Named>> {
        let mut list = vec![self.named()?];
        while self.sign(",") {
            list.push(self.named()?);
        }
        Ok(list)
    }

    /// `expression as name`.
    fn named(&mut self) -> Result<Named> {
        let start = self.start();
        let expr = self.expr()?;
        let written = match &expr {
            // Those of aggregates are nobody's.
            Expr::Field(name) if !name.starts_with('\0') => name.clone(),
            _ => self.written(start),
        };
        let name = if self.word("as") { self.name()? } else { written };
        Ok(Named { name, expr })
    }

    /// With what `diff` compares.
    fn shift(&mut self) -> Result<Shift> {
        Ok(if self.word("previousDay") {
            Shift::Day
        } else if self.word("previousWeek") {
            Shift::Week
        } else if self.word("previousMonth") {
            Shift::Month
        } else if matches!(self.peek(), None | Some(Token::Sign("|"))) {
            Shift::Period
        } else {
            return self.wrong("expected previousDay, previousWeek, previousMonth or nothing");
        })
    }

    /// `table column [as field], … OUTPUT column [as name], …`.
    fn lookup(&mut self) -> Result<Command> {
        let at = self.tokens.get(self.at).map_or((self.end, self.end), |at| (at.start, at.end));
        let table = self.name()?;
        let mut keys = Vec::new();
        loop {
            let column = self.name()?;
            let field = if self.word("as") { self.name()? } else { column.clone() };
            keys.push((column, Expr::Field(field)));
            if !self.sign(",") {
                break;
            }
        }
        if !self.word("OUTPUT") {
            return self.wrong("expected OUTPUT and the columns that are wanted");
        }
        let mut output = Vec::new();
        loop {
            let column = self.name()?;
            let name = if self.word("as") { self.name()? } else { column.clone() };
            output.push((column, name));
            if !self.sign(",") {
                break;
            }
        }
        Ok(Command::Lookup { table, at, keys, output })
    }

    fn stats(&mut self) -> Result<Command> {
        let mut made: Vec<Named> = Vec::new();
        self.aggregates = Some(Vec::new());
        loop {
            let (at_item, known) = (self.at, self.aggregates.as_ref().map_or(0, Vec::len));
            let named = self.named()?;
            let is_new = self.aggregates.as_ref().is_some_and(|aggregates| aggregates.len() > known);
            let mut used = BTreeSet::new();
            plan::fields_in(&named.expr, &mut used);
            // What is no aggregate is made of those before.
            let is_of_others = !used.is_empty() && used.iter().all(|name| made.iter().any(|made| made.name == *name));
            if !is_new && !is_of_others {
                self.at = at_item;
                return match self.peek().cloned() {
                    Some(Token::Name(name, _)) => self.wrong(format!("{name:?} is no aggregate function")),
                    _ => self.wrong("expected an aggregate function"),
                };
            }
            made.push(named);
            if !self.sign(",") {
                break;
            }
        }
        let aggregates = self.aggregates.take().unwrap_or_default();
        let by = if self.word("by") { self.named_list()? } else { Vec::new() };
        Ok(Command::Stats { aggregates, by, made })
    }

    /// A call of an aggregate function: its value is a field of whatever is made of it. None where it is another function.
    fn aggregate(&mut self, function: &str) -> Result<Option<Expr>> {
        // One is not of another.
        let Some(mut aggregates) = self.aggregates.take() else { return Ok(None) };
        let Some((kind, of)) = self.aggregated(function)? else {
            self.aggregates = Some(aggregates);
            return Ok(None);
        };
        let name = format!("\0{}", aggregates.len());
        aggregates.push(Aggregate { name: name.clone(), kind, of });
        self.aggregates = Some(aggregates);
        Ok(Some(Expr::Field(name)))
    }

    fn aggregated(&mut self, function: &str) -> Result<Option<(AggregateKind, Option<Expr>)>> {
        let kind = match function.to_ascii_lowercase().as_str() {
            "count" => AggregateKind::Count,
            "count_distinct" => AggregateKind::CountDistinct,
            "sum" => AggregateKind::Sum,
            "avg" => AggregateKind::Average,
            "min" => AggregateKind::Minimum,
            "max" => AggregateKind::Maximum,
            "pct" | "percentile" => AggregateKind::Percentile(0.0),
            "median" => AggregateKind::Percentile(50.0),
            "stddev" => AggregateKind::Deviation,
            "earliest" => AggregateKind::Earliest,
            "latest" => AggregateKind::Latest,
            "sortsfirst" => AggregateKind::SortsFirst,
            "sortslast" => AggregateKind::SortsLast,
            _ => return Ok(None),
        };
        self.at += 1;
        self.expect("(")?;
        let mut of = None;
        if self.sign("*") {
            if kind != AggregateKind::Count {
                self.at -= 1;
                return self.wrong("count alone can be of *");
            }
        } else if !matches!(self.peek(), Some(Token::Sign(")"))) {
            of = Some(self.expr()?);
        } else if kind != AggregateKind::Count {
            return self.wrong("expected a field");
        }
        let kind = match kind {
            AggregateKind::Percentile(_) if !function.eq_ignore_ascii_case("median") => {
                self.expect(",")?;
                match self.peek() {
                    Some(Token::Number(percent)) if (0.0..=100.0).contains(percent) => {
                        let kind = AggregateKind::Percentile(*percent);
                        self.at += 1;
                        kind
                    }
                    _ => return self.wrong("expected a percentage from 0 to 100"),
                }
            }
            kind => kind,
        };
        self.expect(")")?;
        Ok(Some((kind, of)))
    }

    fn sort(&mut self) -> Result<Command> {
        self.word("by");
        let mut keys = Vec::new();
        loop {
            let expr = self.expr()?;
            let is_descending = if self.word("desc") {
                true
            } else {
                self.word("asc");
                false
            };
            keys.push((expr, is_descending));
            if !self.sign(",") {
                return Ok(Command::Sort(keys));
            }
        }
    }

    fn limit(&mut self) -> Result<Command> {
        match self.peek() {
            Some(Token::Number(count)) if *count >= 1.0 && *count <= ROWS_MAX as f64 && count.fract() == 0.0 => {
                let count = *count as usize;
                self.at += 1;
                Ok(Command::Limit(count))
            }
            _ => self.wrong(format!("expected a whole number from 1 to {ROWS_MAX}")),
        }
    }

    /// `parse field "a * b" as x`, `parse field /(?<x>…)/`.
    fn parse(&mut self) -> Result<Command> {
        let of = match self.peek() {
            Some(Token::Text(_) | Token::Regex(..)) => Expr::Field("@message".to_owned()),
            _ => self.expr()?,
        };
        match self.peek().cloned() {
            Some(Token::Text(glob)) => {
                self.at += 1;
                let parts: Vec<String> = glob.split('*').map(str::to_owned).collect();
                if !self.word("as") {
                    return self.wrong("expected as and the names of what each * stands for");
                }
                let mut names = vec![self.name()?];
                while self.sign(",") {
                    names.push(self.name()?);
                }
                if names.len() != parts.len() - 1 {
                    self.at -= 1;
                    return self.wrong(format!("the text has {} times *, and there are {} names", parts.len() - 1, names.len()));
                }
                Ok(Command::Parse { of, how: Extract::Glob(parts, names) })
            }
            Some(Token::Regex(text, is_caseless)) => {
                let regex = self.regex(&text, is_caseless)?;
                let names: Vec<String> = regex.capture_names().flatten().map(str::to_owned).collect();
                if names.is_empty() {
                    return self.wrong("the regular expression names nothing: (?<name>…)");
                }
                self.at += 1;
                Ok(Command::Parse { of, how: Extract::Regex(regex, names) })
            }
            _ => self.wrong("expected a text with *, or a regular expression"),
        }
    }

    fn regex(&self, text: &str, is_caseless: bool) -> Result<regex::Regex> {
        match RegexBuilder::new(text).size_limit(REGEX_BYTES).case_insensitive(is_caseless).build() {
            Ok(regex) => Ok(regex),
            Err(err) => self.wrong(format!("not a regular expression: {}", err.to_string().lines().last().unwrap_or_default())),
        }
    }

    fn expr(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.wrong("expressions stand too deep in one another");
        }
        let mut left = self.and()?;
        while self.word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr> {
        let mut left = self.not()?;
        while self.word("and") {
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr> {
        let mut count = 0;
        while self.word("not") {
            count += 1;
        }
        let inner = self.comparison()?;
        Ok(if count % 2 == 1 { Expr::Not(Box::new(inner)) } else { inner })
    }

    fn comparison(&mut self) -> Result<Expr> {
        let left = self.sum()?;
        for (sign, how) in [
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("==", Comparison::Equal),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ] {
            if self.sign(sign) {
                return Ok(Expr::Compare(how, Box::new(left), Box::new(self.sum()?)));
            }
        }
        if self.sign("=~") || self.sign("~=") {
            return self.like(left);
        }
        let is_not = self.is_word("not")
            && matches!(self.tokens.get(self.at + 1).map(|at| &at.token), Some(Token::Name(next, false)) if next.eq_ignore_ascii_case("like") || next.eq_ignore_ascii_case("in"));
        self.at += usize::from(is_not);
        let found = if self.word("like") {
            self.like(left)?
        } else if self.word("in") {
            self.list(left)?
        } else {
            return Ok(left);
        };
        Ok(if is_not { Expr::Not(Box::new(found)) } else { found })
    }

    fn like(&mut self, left: Expr) -> Result<Expr> {
        match self.peek().cloned() {
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(Expr::Contains(Box::new(left), text))
            }
            Some(Token::Regex(text, is_caseless)) => {
                let regex = self.regex(&text, is_caseless)?;
                self.at += 1;
                Ok(Expr::Matches(Box::new(left), regex))
            }
            _ => self.wrong("expected a text in quotes, or a regular expression"),
        }
    }

    fn list(&mut self, left: Expr) -> Result<Expr> {
        let close = if self.sign("[") {
            "]"
        } else {
            self.expect("(")?;
            ")"
        };
        let mut values = Vec::new();
        while !self.sign(close) {
            values.push(self.sum()?);
            if !self.sign(",") && !matches!(self.peek(), Some(Token::Sign(sign)) if *sign == close) {
                return self.wrong(format!("expected , or {close}"));
            }
        }
        Ok(Expr::In(Box::new(left), values))
    }

    fn sum(&mut self) -> Result<Expr> {
        let mut left = self.product()?;
        loop {
            let sign = match self.peek() {
                Some(Token::Sign("+")) => '+',
                Some(Token::Sign("-")) => '-',
                _ => return Ok(left),
            };
            self.at += 1;
            left = Expr::Arithmetic(sign, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expr> {
        let mut left = self.power()?;
        loop {
            let sign = match self.peek() {
                Some(Token::Sign("*")) => '*',
                Some(Token::Sign("/")) => '/',
                Some(Token::Sign("%")) => '%',
                _ => return Ok(left),
            };
            self.at += 1;
            left = Expr::Arithmetic(sign, Box::new(left), Box::new(self.power()?));
        }
    }

    fn power(&mut self) -> Result<Expr> {
        let left = self.unary()?;
        if self.sign("^") {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return self.wrong("expressions stand too deep in one another");
            }
            let right = self.power()?;
            self.depth -= 1;
            return Ok(Expr::Arithmetic('^', Box::new(left), Box::new(right)));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr> {
        let mut count = 0;
        while self.sign("-") {
            count += 1;
        }
        let inner = self.primary()?;
        Ok(match inner {
            inner if count % 2 == 0 => inner,
            Expr::Value(value @ Value::Text(_)) if value.is_long() => {
                Expr::Value(Value::Text(format!("-{}", value.text().unwrap_or_default())))
            }
            inner => Expr::Negate(Box::new(inner)),
        })
    }

    fn primary(&mut self) -> Result<Expr> {
        let mut found = match self.peek().cloned() {
            Some(Token::Number(number)) => {
                self.at += 1;
                Expr::Value(Value::Number(number))
            }
            Some(Token::Text(text)) => {
                self.at += 1;
                Expr::Value(Value::Text(text))
            }
            Some(Token::Sign("(")) => {
                self.at += 1;
                let inner = self.expr()?;
                self.expect(")")?;
                inner
            }
            Some(Token::Name(name, is_quoted)) => {
                let is_call = !is_quoted && matches!(self.tokens.get(self.at + 1).map(|at| &at.token), Some(Token::Sign("(")));
                if is_call {
                    match self.aggregate(&name)? {
                        Some(aggregate) => aggregate,
                        None => self.call(&name)?,
                    }
                } else if let (Some(of), Some(Token::Name(member, true))) =
                    (name.strip_suffix('.').filter(|_| !is_quoted), self.tokens.get(self.at + 1).map(|at| at.token.clone()))
                {
                    self.at += 2;
                    Expr::Field(format!("{of}.{member}"))
                } else {
                    self.at += 1;
                    match name.to_ascii_lowercase().as_str() {
                        "true" if !is_quoted => Expr::Value(Value::Truth(true)),
                        "false" if !is_quoted => Expr::Value(Value::Truth(false)),
                        "null" if !is_quoted => Expr::Value(Value::Nothing),
                        _ => Expr::Field(name),
                    }
                }
            }
            Some(Token::Step(_)) => return self.wrong("a length of time can stand in bin, datefloor and dateceil alone"),
            Some(Token::Regex(..)) => return self.wrong("a regular expression can stand behind like, =~ and parse alone"),
            _ => return self.wrong("expected a field, a value or a function"),
        };
        // Places of lists, and members of what is there: `list[0].name`.
        while let Some(Token::Sign(sign @ ("[" | "."))) = self.peek() {
            let is_place = *sign == "[";
            self.at += 1;
            let place = match self.peek() {
                Some(Token::Number(place)) if is_place && *place >= 0.0 => format!("{place}"),
                Some(Token::Text(name)) if is_place => name.clone(),
                Some(Token::Name(name, _)) if !is_place => name.clone(),
                _ if is_place => return self.wrong("expected a place in a list, such as 0"),
                _ => return self.wrong("expected the name of a member"),
            };
            self.at += 1;
            if is_place {
                self.expect("]")?;
            }
            found = match found {
                Expr::Field(name) => Expr::Field(format!("{name}.{place}")),
                other => Expr::Member(Box::new(other), place),
            };
        }
        Ok(found)
    }

    fn call(&mut self, name: &str) -> Result<Expr> {
        let at_name = self.at;
        self.at += 2;
        let step_of = |parser: &mut Parser| match parser.peek().cloned() {
            Some(Token::Step(step)) => {
                parser.at += 1;
                Ok(step)
            }
            _ => parser.wrong("expected a length of time, such as 5m"),
        };
        if name.eq_ignore_ascii_case("bin") {
            let step = step_of(self)?;
            self.expect(")")?;
            return Ok(Expr::Bin(step));
        }
        let Some((function, least, most)) = Function::of_name(name) else {
            self.at = at_name;
            return match self.aggregates {
                Some(_) => self.wrong(format!("{name:?} is no aggregate function, and no other either")),
                None => self.wrong(format!("there is no function {name}")),
            };
        };
        let mut arguments = Vec::new();
        if matches!(function, Function::DateFloor | Function::DateCeil) {
            arguments.push(self.expr()?);
            self.expect(",")?;
            let Step::Micros(step) = step_of(self)? else { return self.wrong("a length of time up to weeks can stand here") };
            self.expect(")")?;
            arguments.push(Expr::Value(Value::Moment(step)));
            return Ok(Expr::Call(function, arguments));
        }
        while !self.sign(")") {
            arguments.push(self.expr()?);
            if !self.sign(",") && !matches!(self.peek(), Some(Token::Sign(")"))) {
                return self.wrong("expected , or )");
            }
        }
        if arguments.len() < least || arguments.len() > most {
            self.at = at_name;
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return self.wrong(format!("{name} takes {wanted} arguments, not {}", arguments.len()));
        }
        Ok(Expr::Call(function, arguments))
    }
}
