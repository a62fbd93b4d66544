//! Text to expression. Recursive descent; every error names the character where reading stopped and what could stand there.

use model::limit;

use super::{CauseKind, CauseLevel, Comparison, Expression, FilterError, Flag, GroupExpressions, Literal, Number, Target, Text};

/// Parses an expression that names no group but the default one. An empty one matches everything.
pub fn parse(text: &str) -> Result<Expression, FilterError> {
    parse_with(text, &GroupExpressions::default())
}

/// Parses an expression that may name these groups.
pub fn parse_with(text: &str, groups: &GroupExpressions) -> Result<Expression, FilterError> {
    let mut parser = Parser { text: text.chars().collect(), at: 0, depth: 0, scope: Scope::Trace, groups };
    if parser.text.len() > limit::FILTER_CHARS {
        return Err(parser.error(format!("the expression is longer than {} characters", limit::FILTER_CHARS), &[]));
    }
    parser.skip_space();
    if parser.peek().is_none() {
        return Ok(Expression::Constant(true));
    }
    let expression = parser.or()?;
    match parser.peek() {
        None => Ok(expression),
        Some(found) => Err(parser.error(format!("unexpected `{found}`"), &["AND", "OR", "end of expression"])),
    }
}

/// Where an expression stands: not every keyword means something everywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Trace,
    Service,
    Edge,
    CauseService,
    CauseEntity,
    CauseException,
}

struct Parser<'g> {
    text: Vec<char>,
    at: usize,
    depth: usize,
    scope: Scope,
    groups: &'g GroupExpressions,
}

impl Parser<'_> {
    fn error(&self, message: impl Into<String>, expected: &[&'static str]) -> FilterError {
        self.error_at(self.at, message, expected)
    }

    fn error_at(&self, position: usize, message: impl Into<String>, expected: &[&'static str]) -> FilterError {
        let mut message = message.into();
        if !expected.is_empty() {
            message = format!("{message}, expected {}", expected.join(" or "));
        }
        FilterError { position, message, expected: expected.to_vec() }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Takes a character, and the space behind it.
    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += 1;
            self.skip_space();
        }
        found
    }

    fn expect(&mut self, wanted: char, label: &'static str) -> Result<(), FilterError> {
        if self.eat(wanted) {
            return Ok(());
        }
        let message = match self.peek() {
            Some(found) => format!("unexpected `{found}`"),
            None => "the expression ends too early".to_owned(),
        };
        Err(self.error(message, &[label]))
    }

    /// The word at this place, without taking it.
    fn word_ahead(&self) -> String {
        self.text[self.at..].iter().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).collect()
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        let found = self.word_ahead().eq_ignore_ascii_case(wanted);
        if found {
            self.at += wanted.chars().count();
            self.skip_space();
        }
        found
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, FilterError>) -> Result<T, FilterError> {
        if self.depth == limit::FILTER_DEPTH {
            return Err(self.error(format!("nested deeper than {} levels", limit::FILTER_DEPTH), &[]));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.and()?];
        while self.eat_word("OR") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
    }

    fn and(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.unary()?];
        loop {
            if self.eat_word("AND") {
                parts.push(self.unary()?);
            } else if matches!(self.peek(), None | Some(')' | '}')) || self.word_ahead().eq_ignore_ascii_case("OR") {
                break;
            } else if self.peek().is_some_and(|c| c == '!' || c == '(' || c.is_alphabetic()) {
                // Terms side by side mean AND.
                parts.push(self.unary()?);
            } else {
                break;
            }
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
    }

    fn unary(&mut self) -> Result<Expression, FilterError> {
        if self.eat('!') {
            let inner = self.deeper(Self::unary)?;
            return Ok(Expression::Not(Box::new(inner)));
        }
        if self.eat('(') {
            let inner = self.deeper(Self::or)?;
            self.expect(')', "`)`")?;
            return Ok(inner);
        }
        self.term()
    }

    fn term(&mut self) -> Result<Expression, FilterError> {
        let start = self.at;
        let word = self.word_ahead();
        if word.is_empty() {
            let message = match self.peek() {
                Some(found) => format!("unexpected `{found}`"),
                None => "the expression ends too early".to_owned(),
            };
            return Err(self.error(message, &["a keyword", "`(`", "`!`"]));
        }
        let keyword = word.to_ascii_lowercase();
        self.at += word.chars().count();
        match keyword.as_str() {
            "annotation" if self.peek() == Some('[') => {
                self.at += 1;
                let key = self.bracketed_key()?;
                return self.annotation(key, start);
            }
            "service" if self.scope == Scope::Trace => return self.service(),
            "edge" if self.scope == Scope::Trace => return self.edge(),
            "group.name" | "group.arn" if self.scope == Scope::Trace => return self.group(start, keyword == "group.arn"),
            "rootcause.json" | "json" if self.scope == Scope::Trace => return self.json(),
            _ => {}
        }
        if let Some(key) = strip_prefix_ignore_case(&word, "annotation.") {
            if key.is_empty() {
                return Err(self.error("the annotation has no key", &["a key"]));
            }
            return self.annotation(key.to_owned(), start);
        }
        if let Some(rest) = strip_prefix_ignore_case(&word, "rootcause.").filter(|_| self.scope == Scope::Trace) {
            return self.root_cause(rest, start);
        }
        if let Some(flag) = flag(&keyword) {
            self.check_scope(flag_scopes(flag), &word, start)?;
            return self.flag(flag);
        }
        if let Some(number) = number(&keyword) {
            self.check_scope(number_scopes(number), &word, start)?;
            return self.number(number);
        }
        if let Some(text) = text(&keyword) {
            self.check_scope(text_scopes(text), &word, start)?;
            return self.text(text);
        }
        Err(self.error_at(start, format!("unknown keyword `{word}`"), &["a keyword"]))
    }

    fn check_scope(&self, scopes: &[Scope], word: &str, start: usize) -> Result<(), FilterError> {
        if scopes.contains(&self.scope) {
            return Ok(());
        }
        let place = match self.scope {
            Scope::Trace => "for a whole trace",
            Scope::Service => "inside service() { }",
            Scope::Edge => "inside edge() { }",
            Scope::CauseService => "inside rootcause.*.service { }",
            Scope::CauseEntity => "inside rootcause.*.entity { }",
            Scope::CauseException => "inside rootcause.*.exception { }",
        };
        Err(self.error_at(start, format!("`{word}` means nothing {place}"), &[]))
    }

    /// An operator, if one stands here.
    fn comparison(&mut self) -> Option<Comparison> {
        self.skip_space();
        let two: String = self.text[self.at..].iter().take(2).collect();
        let (comparison, length) = match two.as_str() {
            "!=" => (Comparison::NotEqual, 2),
            "<=" => (Comparison::LessOrEqual, 2),
            ">=" => (Comparison::GreaterOrEqual, 2),
            "==" => (Comparison::Equal, 2),
            _ => match two.chars().next() {
                Some('=') => (Comparison::Equal, 1),
                Some('<') => (Comparison::Less, 1),
                Some('>') => (Comparison::Greater, 1),
                _ => match self.word_ahead().to_ascii_lowercase().as_str() {
                    "contains" => (Comparison::Contains, 8),
                    "beginswith" => (Comparison::BeginsWith, 10),
                    "endswith" => (Comparison::EndsWith, 8),
                    _ => return None,
                },
            },
        };
        self.at += length;
        self.skip_space();
        Some(comparison)
    }

    fn flag(&mut self, flag: Flag) -> Result<Expression, FilterError> {
        self.skip_space();
        let place = self.at;
        let Some(comparison) = self.comparison() else { return Ok(Expression::Flag(flag, true)) };
        let wanted = match self.literal()? {
            Literal::Boolean(wanted) => wanted,
            _ => return Err(self.error_at(place, "a true-or-false keyword is compared with something else", &["true", "false"])),
        };
        match comparison {
            Comparison::Equal => Ok(Expression::Flag(flag, wanted)),
            Comparison::NotEqual => Ok(Expression::Flag(flag, !wanted)),
            _ => Err(self.error_at(place, "this operator does not suit a true-or-false keyword", &["=", "!="])),
        }
    }

    fn number(&mut self, number: Number) -> Result<Expression, FilterError> {
        self.skip_space();
        let place = self.at;
        let Some(comparison) = self.comparison() else { return Ok(Expression::Number(number, None)) };
        if matches!(comparison, Comparison::Contains | Comparison::BeginsWith | Comparison::EndsWith) {
            return Err(self.error_at(place, "this operator does not suit a number", &["=", "!=", "<", "<=", ">", ">="]));
        }
        let value_place = self.at;
        match self.literal()? {
            Literal::Number(value) => Ok(Expression::Number(number, Some((comparison, value)))),
            _ => Err(self.error_at(value_place, "the value is not a number", &["a number"])),
        }
    }

    fn text(&mut self, text: Text) -> Result<Expression, FilterError> {
        self.skip_space();
        let place = self.at;
        let Some(comparison) = self.comparison() else { return Ok(Expression::Text(text, None)) };
        if !is_text_comparison(comparison) {
            return Err(self.error_at(
                place,
                "this operator does not suit a text",
                &["=", "!=", "CONTAINS", "BEGINSWITH", "ENDSWITH"],
            ));
        }
        let value = match self.literal()? {
            Literal::Text(value) => value,
            Literal::Number(value) => value.to_string(),
            Literal::Boolean(value) => value.to_string(),
        };
        Ok(Expression::Text(text, Some((comparison, value))))
    }

    fn annotation(&mut self, key: String, start: usize) -> Result<Expression, FilterError> {
        self.check_scope(&[Scope::Trace, Scope::Service, Scope::Edge], "annotation", start)?;
        self.skip_space();
        let place = self.at;
        let Some(comparison) = self.comparison() else { return Ok(Expression::Annotation(key, None)) };
        let value = self.literal()?;
        let suits = match value {
            Literal::Text(_) => is_text_comparison(comparison),
            Literal::Number(_) => !matches!(comparison, Comparison::Contains | Comparison::BeginsWith | Comparison::EndsWith),
            Literal::Boolean(_) => matches!(comparison, Comparison::Equal | Comparison::NotEqual),
        };
        if !suits {
            return Err(self.error_at(place, "this operator does not suit the value's type", &[]));
        }
        Ok(Expression::Annotation(key, Some((comparison, value))))
    }

    fn bracketed_key(&mut self) -> Result<String, FilterError> {
        self.skip_space();
        let key = if matches!(self.peek(), Some('"' | '\'')) {
            self.quoted()?
        } else {
            let start = self.at;
            while self.peek().is_some_and(|c| c != ']') {
                self.at += 1;
            }
            self.text[start..self.at].iter().collect::<String>().trim().to_owned()
        };
        if key.is_empty() {
            return Err(self.error("the annotation has no key", &["a key"]));
        }
        self.expect(']', "`]`")?;
        Ok(key)
    }

    fn service(&mut self) -> Result<Expression, FilterError> {
        self.skip_space();
        self.expect('(', "`(`")?;
        let target = self.target()?;
        self.expect(')', "`)`")?;
        let inner = self.braces(Scope::Service)?;
        Ok(Expression::Service(target, inner))
    }

    fn edge(&mut self) -> Result<Expression, FilterError> {
        self.skip_space();
        self.expect('(', "`(`")?;
        let from = self.target()?;
        self.expect(',', "`,`")?;
        let to = self.target()?;
        self.expect(')', "`)`")?;
        let inner = self.braces(Scope::Edge)?;
        Ok(Expression::Edge(from, to, inner))
    }

    fn target(&mut self) -> Result<Target, FilterError> {
        self.skip_space();
        if matches!(self.peek(), Some(')' | ',')) {
            return Ok(Target::default());
        }
        if matches!(self.peek(), Some('"' | '\'')) {
            let name = self.quoted()?;
            self.skip_space();
            return Ok(Target { name: (!name.is_empty()).then_some(name), ..Target::default() });
        }
        if !self.eat_word("id") {
            return Err(self.error("this is no service", &["a quoted name", "id("]));
        }
        self.expect('(', "`(`")?;
        let mut target = Target::default();
        loop {
            let start = self.at;
            let word = self.word_ahead();
            self.at += word.chars().count();
            self.skip_space();
            self.expect(':', "`:`")?;
            let value = match self.literal()? {
                Literal::Text(value) => value,
                Literal::Number(value) => value.to_string(),
                Literal::Boolean(value) => value.to_string(),
            };
            match word.to_ascii_lowercase().as_str() {
                "name" => target.name = Some(value),
                "type" => target.kind = Some(value),
                "account.id" => target.account_id = Some(value),
                _ => {
                    return Err(self.error_at(start, format!("unknown part `{word}` of an id"), &["name", "type", "account.id"]));
                }
            }
            if !self.eat(',') {
                break;
            }
        }
        self.expect(')', "`)`")?;
        Ok(target)
    }

    /// `{ … }`, if it follows.
    fn braces(&mut self, scope: Scope) -> Result<Option<Box<Expression>>, FilterError> {
        self.skip_space();
        if !self.eat('{') {
            return Ok(None);
        }
        let outer = std::mem::replace(&mut self.scope, scope);
        let inner = self.deeper(Self::or);
        self.scope = outer;
        let inner = inner?;
        self.expect('}', "`}`")?;
        Ok(Some(Box::new(inner)))
    }

    fn root_cause(&mut self, rest: &str, start: usize) -> Result<Expression, FilterError> {
        let lower = rest.to_ascii_lowercase();
        let (kind, level) = lower.split_once('.').unwrap_or((lower.as_str(), ""));
        let kind = match kind {
            "fault" => CauseKind::Fault,
            "error" => CauseKind::Error,
            "responsetime" => CauseKind::ResponseTime,
            _ => return Err(self.error_at(start, "unknown kind of root cause", &["fault", "error", "responsetime", "json"])),
        };
        let (level, scope) = match level {
            "service" => (CauseLevel::Service, Scope::CauseService),
            "entity" => (CauseLevel::Entity, Scope::CauseEntity),
            "exception" => (CauseLevel::Exception, Scope::CauseException),
            _ => return Err(self.error_at(start, "unknown part of a root cause", &["service", "entity", "exception"])),
        };
        let inner = self.braces(scope)?;
        Ok(Expression::RootCause(kind, level, inner))
    }

    fn group(&mut self, start: usize, by_arn: bool) -> Result<Expression, FilterError> {
        let wanted = match self.comparison() {
            Some(Comparison::Equal) => true,
            Some(Comparison::NotEqual) => false,
            _ => return Err(self.error("a group is compared with = or !=", &["=", "!="])),
        };
        let group = match self.literal()? {
            Literal::Text(arn) if by_arn => self.groups.by_arn(&arn),
            Literal::Text(name) => self.groups.by_name(&name),
            _ => None,
        };
        match group {
            None => Err(self.error_at(start, "there is no group of this name", &[])),
            Some(Expression::Constant(everything)) => Ok(Expression::Constant(*everything == wanted)),
            Some(expression) if wanted => Ok(expression.clone()),
            Some(expression) => Ok(Expression::Not(Box::new(expression.clone()))),
        }
    }

    fn json(&mut self) -> Result<Expression, FilterError> {
        self.skip_space();
        let place = self.at;
        if self.comparison() != Some(Comparison::Equal) || self.peek() != Some('#') {
            return Err(self.error_at(place, "a root cause pattern is written `= #[…]`", &["= #["]));
        }
        self.at += 1;
        let rest: String = self.text[self.at..].iter().collect();
        let mut values = serde_json::Deserializer::from_str(&rest).into_iter::<serde_json::Value>();
        match values.next() {
            Some(Ok(value)) if value.is_array() => {
                let bytes = values.byte_offset();
                self.at += rest[..bytes].chars().count();
                self.skip_space();
                Ok(Expression::RootCauseJson(value))
            }
            Some(Err(err)) => Err(self.error(format!("the pattern is not JSON: {err}"), &["a JSON array"])),
            _ => Err(self.error("the pattern is not a JSON array", &["a JSON array"])),
        }
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        self.skip_space();
        if matches!(self.peek(), Some('"' | '\'')) {
            let text = self.quoted()?;
            self.skip_space();
            return Ok(Literal::Text(text));
        }
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '{' | '}' | ',' | '"' | '\'' | '!' | '=' | '<' | '>'))
        {
            self.at += 1;
        }
        let word: String = self.text[start..self.at].iter().collect();
        self.skip_space();
        match word.to_ascii_lowercase().as_str() {
            "" => Err(self.error_at(start, "the value is missing", &["a value"])),
            "true" => Ok(Literal::Boolean(true)),
            "false" => Ok(Literal::Boolean(false)),
            "and" | "or" => Err(self.error_at(start, "the value is missing", &["a value"])),
            _ => match word.parse::<f64>() {
                Ok(number) if word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) => {
                    Ok(Literal::Number(number))
                }
                _ => Ok(Literal::Text(word)),
            },
        }
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        let quote = self.text[start];
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err(self.error_at(start, "the text has no closing quote", &["a closing quote"])),
                Some(c) if c == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => {
                    let escaped = self.text.get(self.at + 1).copied();
                    let Some(escaped) = escaped else {
                        return Err(self.error_at(start, "the text has no closing quote", &["a closing quote"]));
                    };
                    // A backslash only means something before a quote or a backslash; a path or pattern keeps its own.
                    if escaped != quote && escaped != '\\' {
                        text.push('\\');
                    }
                    text.push(escaped);
                    self.at += 2;
                }
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }
}

fn strip_prefix_ignore_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn is_text_comparison(comparison: Comparison) -> bool {
    matches!(
        comparison,
        Comparison::Equal | Comparison::NotEqual | Comparison::Contains | Comparison::BeginsWith | Comparison::EndsWith
    )
}

fn flag(keyword: &str) -> Option<Flag> {
    Some(match keyword {
        "ok" => Flag::Ok,
        "error" => Flag::Error,
        "throttle" => Flag::Throttle,
        "fault" => Flag::Fault,
        "partial" => Flag::Partial,
        "inferred" => Flag::Inferred,
        "first" => Flag::First,
        "last" => Flag::Last,
        "remote" => Flag::Remote,
        "root" => Flag::Root,
        _ => return None,
    })
}

fn flag_scopes(flag: Flag) -> &'static [Scope] {
    match flag {
        Flag::Ok | Flag::Error | Flag::Throttle | Flag::Fault => &[Scope::Trace, Scope::Service, Scope::Edge],
        Flag::Partial => &[Scope::Trace],
        Flag::Inferred => &[Scope::Service, Scope::CauseService],
        Flag::First | Flag::Last => &[Scope::CauseService, Scope::CauseEntity, Scope::CauseException],
        Flag::Remote => &[Scope::CauseEntity],
        Flag::Root => &[Scope::Service],
    }
}

fn number(keyword: &str) -> Option<Number> {
    Some(match keyword {
        "responsetime" => Number::ResponseTime,
        "duration" => Number::Duration,
        "http.status" => Number::HttpStatus,
        "index" => Number::Index,
        "coverage" => Number::Coverage,
        _ => return None,
    })
}

fn number_scopes(number: Number) -> &'static [Scope] {
    match number {
        Number::ResponseTime | Number::Duration | Number::HttpStatus => &[Scope::Trace, Scope::Service, Scope::Edge],
        Number::Index => &[Scope::CauseService, Scope::CauseEntity, Scope::CauseException],
        Number::Coverage => &[Scope::CauseEntity],
    }
}

fn text(keyword: &str) -> Option<Text> {
    Some(match keyword {
        "http.url" => Text::HttpUrl,
        "http.method" => Text::HttpMethod,
        "http.useragent" => Text::HttpUserAgent,
        "http.clientip" => Text::HttpClientIp,
        "user" => Text::User,
        "name" => Text::Name,
        "type" => Text::Type,
        "message" => Text::Message,
        "availabilityzone" => Text::AvailabilityZone,
        "instance.id" => Text::InstanceId,
        "resource.arn" => Text::ResourceArn,
        "account.id" => Text::AccountId,
        _ => return None,
    })
}

fn text_scopes(text: Text) -> &'static [Scope] {
    match text {
        Text::HttpUrl | Text::HttpMethod | Text::HttpUserAgent | Text::HttpClientIp => &[Scope::Trace, Scope::Service, Scope::Edge],
        Text::User => &[Scope::Trace, Scope::Service],
        Text::Name => &[Scope::Trace, Scope::Service, Scope::CauseService, Scope::CauseEntity, Scope::CauseException],
        Text::Type => &[Scope::Trace, Scope::Service, Scope::CauseService],
        Text::Message => &[Scope::CauseException],
        Text::AvailabilityZone | Text::InstanceId | Text::ResourceArn => &[Scope::Trace],
        Text::AccountId => &[Scope::Trace, Scope::Service, Scope::CauseService],
    }
}
