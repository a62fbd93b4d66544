//! Filter patterns of CloudWatch Logs: terms, JSON, and fields between spaces.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;
use store::Needle;

use super::Comparison;

/// Regular expressions of a pattern, and selectors with a wildcard of one (AWS).
const REGEXES_MAX: usize = 2;
const WILDCARDS_MAX: usize = 3;
/// Characters of a pattern (AWS).
pub const PATTERN_CHARS: usize = 1_024;
/// How deep parentheses may stand.
const DEPTH_MAX: usize = 32;

/// A pattern that can be looked for.
#[derive(Debug, Clone)]
pub struct Pattern {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    All,
    Terms { all: Vec<Text>, any: Vec<Text>, none: Vec<Text> },
    Json(Condition),
    Fields(Vec<Field>),
}

/// What a pattern cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// Of the byte where it is.
    pub position: usize,
    pub message: String,
}

#[derive(Debug, Clone)]
enum Text {
    Plain(String),
    Regex(Regex),
}

#[derive(Debug, Clone)]
enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Compare(Selector, Comparison, Operand),
    /// `IS TRUE`, `IS FALSE`, `IS NULL`.
    Is(Selector, Value),
    NotExists(Selector),
}

#[derive(Debug, Clone)]
enum Operand {
    /// The same as a whole number, where it is one.
    Number(f64, Option<i128>),
    /// With `*` for anything.
    Glob(String),
    Regex(Regex),
}

#[derive(Debug, Clone)]
struct Selector {
    /// As it was written.
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Index(usize),
    /// Any key, or any place of a list.
    Any,
}

#[derive(Debug, Clone)]
enum Field {
    /// `...`: any number of fields.
    Rest,
    One {
        name: String,
        condition: Option<FieldCondition>,
    },
}

#[derive(Debug, Clone)]
enum FieldCondition {
    And(Box<FieldCondition>, Box<FieldCondition>),
    Or(Box<FieldCondition>, Box<FieldCondition>),
    Compare(Comparison, Operand),
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        if text.chars().count() > PATTERN_CHARS {
            return Err(PatternError { position: 0, message: format!("the pattern has more than {PATTERN_CHARS} characters") });
        }
        let mut parser = Parser { text, at: 0, regexes: 0, wildcards: 0, goes_on: false };
        parser.spaces();
        let kind = match parser.peek() {
            None => Kind::All,
            Some(b'{') => parser.json()?,
            Some(b'[') => parser.fields()?,
            Some(_) => parser.terms()?,
        };
        Ok(Pattern { kind })
    }

    pub fn is_everything(&self) -> bool {
        matches!(self.kind, Kind::All)
    }

    pub fn is_match(&self, message: &str) -> bool {
        match &self.kind {
            Kind::All => true,
            Kind::Terms { all, any, none } => {
                all.iter().all(|text| text.is_in(message))
                    && (any.is_empty() || any.iter().any(|text| text.is_in(message)))
                    && !none.iter().any(|text| text.is_in(message))
            }
            Kind::Json(condition) => json(message).is_some_and(|value| condition.holds(&value)),
            Kind::Fields(fields) => placed(fields, &split(message)).is_some(),
        }
    }

    /// What the pattern names of a message that matches: selectors, or names of fields, with their values.
    pub fn extracted(&self, message: &str) -> BTreeMap<String, String> {
        match &self.kind {
            Kind::All | Kind::Terms { .. } => BTreeMap::new(),
            Kind::Json(condition) => {
                let mut selectors = Vec::new();
                condition.selectors(&mut selectors);
                let Some(value) = json(message) else { return BTreeMap::new() };
                let found = |selector: &&Selector| Some((selector.text.clone(), text_of(selector.of(&value).first()?)));
                selectors.iter().filter_map(found).collect()
            }
            Kind::Fields(fields) => {
                let words = split(message);
                let Some(places) = placed(fields, &words) else { return BTreeMap::new() };
                let mut found = BTreeMap::new();
                for (field, place) in fields.iter().zip(&places) {
                    let covered = match field {
                        Field::One { .. } => 1,
                        Field::Rest => words.len() + 1 - fields.len(),
                    };
                    for place in *place..place + covered {
                        // What has no name has its number.
                        let name = match field {
                            Field::One { name, .. } if !name.is_empty() => format!("${name}"),
                            _ => format!("${}", place + 1),
                        };
                        found.extend(words.get(place).map(|word| (name, (*word).to_owned())));
                    }
                }
                found
            }
        }
    }

    /// What a message must have to match, as far as that can be told without looking at it.
    pub fn needles(&self) -> Vec<Needle> {
        let mut needles = Vec::new();
        match &self.kind {
            Kind::Terms { all, .. } => {
                for text in all {
                    if let Text::Plain(text) = text {
                        needles.push(Needle::Text(text.clone().into_bytes()));
                    }
                }
            }
            Kind::Fields(fields) => {
                for field in fields {
                    if let Field::One { condition: Some(FieldCondition::Compare(Comparison::Equal, Operand::Glob(glob))), .. } =
                        field
                    {
                        needles.extend(glob.split('*').map(|part| Needle::Text(part.as_bytes().to_vec())));
                    }
                }
            }
            // JSON can write the same text in several ways.
            Kind::All | Kind::Json(_) => {}
        }
        needles
    }
}

/// The value that a selector such as `$.a.b` has in a message of JSON.
pub fn json_value(message: &str, selector: &str) -> Option<Value> {
    let mut parser = Parser { text: selector, at: 0, regexes: 0, wildcards: 0, goes_on: false };
    let parsed = parser.selector().ok()?;
    if parser.at < selector.len() {
        return None;
    }
    let value = json(message)?;
    parsed.of(&value).first().map(|found| (*found).clone())
}

/// A value as it is told: texts without their quotes.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn json(message: &str) -> Option<Value> {
    let trimmed = message.trim_start();
    // Most lines are none, and this is cheaper than to find that out.
    if !trimmed.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(trimmed).ok()
}

impl Text {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Text::Plain(text) => message.contains(text.as_str()),
            Text::Regex(regex) => regex.is_match(message),
        }
    }
}

impl Condition {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Condition::And(left, right) => left.holds(value) && right.holds(value),
            Condition::Or(left, right) => left.holds(value) || right.holds(value),
            Condition::Compare(selector, comparison, operand) => {
                selector.of(value).iter().any(|found| operand.compares(*comparison, found))
            }
            Condition::Is(selector, wanted) => selector.of(value).contains(&wanted),
            Condition::NotExists(selector) => selector.of(value).is_empty(),
        }
    }

    fn selectors<'c>(&'c self, all: &mut Vec<&'c Selector>) {
        match self {
            Condition::And(left, right) | Condition::Or(left, right) => {
                left.selectors(all);
                right.selectors(all);
            }
            Condition::Compare(selector, ..) | Condition::Is(selector, _) | Condition::NotExists(selector) => all.push(selector),
        }
    }
}

impl Selector {
    fn of<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found
                .into_iter()
                .flat_map(|value| match (step, value) {
                    (Step::Key(key), Value::Object(members)) => members.get(key).into_iter().collect::<Vec<_>>(),
                    (Step::Index(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
                    (Step::Any, Value::Object(members)) => members.values().collect(),
                    (Step::Any, Value::Array(items)) => items.iter().collect(),
                    _ => Vec::new(),
                })
                .collect();
        }
        found
    }
}

impl Operand {
    fn compares(&self, comparison: Comparison, value: &Value) -> bool {
        match (self, value) {
            // Numbers compare with numbers, and with texts that are one.
            (Operand::Number(..), Value::Number(found)) => self.compares_text(comparison, &found.to_string()),
            (_, Value::String(found)) => self.compares_text(comparison, found),
            (Operand::Glob(_) | Operand::Regex(_), Value::Number(_) | Value::Bool(_)) => {
                self.compares_text(comparison, &value.to_string())
            }
            _ => false,
        }
    }

    fn compares_text(&self, comparison: Comparison, found: &str) -> bool {
        match self {
            Operand::Number(number, whole) => {
                // Ids are whole numbers that a floating one cannot tell apart.
                let exact = whole.zip(super::whole(found)).map(|(wanted, found)| found.cmp(&wanted));
                let order = exact.or_else(|| found.trim().parse::<f64>().ok()?.partial_cmp(number));
                order.is_some_and(|order| comparison.holds(Some(order)))
            }
            Operand::Glob(glob) => is_glob(glob, found) == (comparison == Comparison::Equal),
            Operand::Regex(regex) => regex.is_match(found) == (comparison == Comparison::Equal),
        }
    }
}

/// Whether a text is what a glob says: `*` stands for anything.
pub(crate) fn is_glob(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

impl FieldCondition {
    fn holds(&self, word: &str) -> bool {
        match self {
            FieldCondition::And(left, right) => left.holds(word) && right.holds(word),
            FieldCondition::Or(left, right) => left.holds(word) || right.holds(word),
            FieldCondition::Compare(comparison, operand) => operand.compares_text(*comparison, word),
        }
    }
}

/// The words of a line: what stands in quotes or brackets is one.
pub(crate) fn split(message: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = message.trim();
    while !rest.is_empty() {
        let closing = match rest.as_bytes()[0] {
            b'[' => Some(']'),
            b'"' => Some('"'),
            _ => None,
        };
        if let Some(closing) = closing
            && let Some(end) = rest[1..].find(closing)
        {
            words.push(&rest[1..=end]);
            rest = rest[end + 2..].trim_start();
            continue;
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        words.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    words
}

/// Where each field stands, where all of them hold.
fn placed(fields: &[Field], words: &[&str]) -> Option<Vec<usize>> {
    let ones = fields.iter().filter(|field| matches!(field, Field::One { .. })).count();
    let has_rest = ones < fields.len();
    if words.len() < ones || (!has_rest && words.len() > ones) {
        return None;
    }
    let mut places = Vec::with_capacity(fields.len());
    let mut at = 0;
    for field in fields {
        places.push(at);
        match field {
            // What is too much for the others.
            Field::Rest => at += words.len() - ones,
            Field::One { condition, .. } => {
                if !condition.as_ref().is_none_or(|condition| condition.holds(words[at])) {
                    return None;
                }
                at += 1;
            }
        }
    }
    Some(places)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    regexes: usize,
    wildcards: usize,
    /// Behind `&&` comes the next field.
    goes_on: bool,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, PatternError> {
        Err(PatternError { position: self.at, message: message.into() })
    }

    fn take(&mut self, token: &str) -> bool {
        self.spaces();
        let has = self.rest().starts_with(token);
        if has {
            self.at += token.len();
        }
        has
    }

    /// A word in any case, not followed by more of a word.
    fn take_word(&mut self, word: &str) -> bool {
        self.spaces();
        let rest = self.rest();
        let is_it = rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && !rest[word.len()..].starts_with(|next: char| next.is_ascii_alphanumeric());
        if is_it {
            self.at += word.len();
        }
        is_it
    }

    /// A text in quotes, of which the first is next.
    fn quoted(&mut self) -> Result<String, PatternError> {
        let quote = self.text[self.at..].chars().next().unwrap_or('"');
        let mut text = String::new();
        let mut characters = self.text[self.at + quote.len_utf8()..].char_indices();
        while let Some((place, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, next)) if next == quote || next == '\\' => text.push(next),
                    Some((_, next)) => text.extend(['\\', next]),
                    None => break,
                },
                _ if character == quote => {
                    self.at += quote.len_utf8() + place + quote.len_utf8();
                    return Ok(text);
                }
                _ => text.push(character),
            }
        }
        self.wrong("a text in quotes has no end")
    }

    /// `%…%`, of which the first is next.
    fn regex(&mut self) -> Result<Regex, PatternError> {
        self.regexes += 1;
        if self.regexes > REGEXES_MAX {
            return self.wrong(format!("a pattern can have at most {REGEXES_MAX} regular expressions"));
        }
        let Some(end) = self.text[self.at + 1..].find('%') else { return self.wrong("a regular expression has no end: %") };
        let text = &self.text[self.at + 1..self.at + 1 + end];
        if let Some(why) = unsupported(text) {
            return self.wrong(why);
        }
        let regex = regex::RegexBuilder::new(text).size_limit(1 << 20).build();
        match regex {
            Ok(regex) => {
                self.at += end + 2;
                Ok(regex)
            }
            Err(err) => self.wrong(format!("not a regular expression: {err}")),
        }
    }

    fn terms(&mut self) -> Result<Kind, PatternError> {
        let (mut all, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.spaces();
            let Some(first) = self.peek() else { break };
            let list = match first {
                b'?' => &mut any,
                b'-' => &mut none,
                _ => &mut all,
            };
            if matches!(first, b'?' | b'-') {
                self.at += 1;
            }
            let text = match self.peek() {
                Some(b'"') => Text::Plain(self.quoted()?),
                Some(b'%') => Text::Regex(self.regex()?),
                _ => {
                    let rest = self.rest();
                    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                    let word = &rest[..end];
                    let is_plain = |character: char| {
                        character.is_alphanumeric()
                            || matches!(character, '_' | '.' | ':' | '/' | '-' | '*' | '@' | '=' | '+' | ',')
                    };
                    if word.is_empty() {
                        return self.wrong("a term is missing");
                    }
                    if let Some(place) = word.find(|character| !is_plain(character)) {
                        self.at += place;
                        return self.wrong("a term with characters that are no letters and digits must stand in double quotes");
                    }
                    self.at += end;
                    Text::Plain(word.to_owned())
                }
            };
            list.push(text);
        }
        // Beside terms that must be there, those of which one must be do not count (AWS).
        if !all.is_empty() {
            any.clear();
        }
        if all.iter().chain(&any).chain(&none).all(|text| matches!(text, Text::Plain(text) if text.is_empty())) {
            return Ok(Kind::All);
        }
        Ok(Kind::Terms { all, any, none })
    }

    fn json(&mut self) -> Result<Kind, PatternError> {
        self.at += 1;
        let condition = self.either(0)?;
        if !self.take("}") {
            return self.wrong("expected && or || or }");
        }
        self.spaces();
        match self.peek() {
            None => Ok(Kind::Json(condition)),
            Some(_) => self.wrong("nothing may stand behind the pattern's }"),
        }
    }

    fn either(&mut self, depth: usize) -> Result<Condition, PatternError> {
        let mut left = self.both(depth)?;
        while self.take("||") {
            left = Condition::Or(Box::new(left), Box::new(self.both(depth)?));
        }
        Ok(left)
    }

    fn both(&mut self, depth: usize) -> Result<Condition, PatternError> {
        let mut left = self.one(depth)?;
        while self.take("&&") {
            left = Condition::And(Box::new(left), Box::new(self.one(depth)?));
        }
        Ok(left)
    }

    fn one(&mut self, depth: usize) -> Result<Condition, PatternError> {
        if depth > DEPTH_MAX {
            return self.wrong("there are too many parentheses in one another");
        }
        if self.take("(") {
            let inner = self.either(depth + 1)?;
            return if self.take(")") { Ok(inner) } else { self.wrong("expected )") };
        }
        self.spaces();
        let selector = self.selector()?;
        if self.take_word("NOT") {
            return if self.take_word("EXISTS") { Ok(Condition::NotExists(selector)) } else { self.wrong("expected EXISTS") };
        }
        if self.take_word("IS") {
            for (word, value) in [("TRUE", Value::Bool(true)), ("FALSE", Value::Bool(false)), ("NULL", Value::Null)] {
                if self.take_word(word) {
                    return Ok(Condition::Is(selector, value));
                }
            }
            return self.wrong("expected TRUE, FALSE or NULL");
        }
        let comparison = self.comparison()?;
        let operand = self.operand(comparison, |character| matches!(character, ')' | '}' | '&' | '|'))?;
        Ok(Condition::Compare(selector, comparison, operand))
    }

    /// `$.a.b[0]`, `$['odd.key']`, `$.*`.
    fn selector(&mut self) -> Result<Selector, PatternError> {
        let start = self.at;
        if self.peek() != Some(b'$') {
            return self.wrong("expected a selector, as in $.name");
        }
        self.at += 1;
        let (mut steps, wildcards) = (Vec::new(), self.wildcards);
        loop {
            match self.peek() {
                Some(b'.') => {
                    self.at += 1;
                    if self.peek() == Some(b'[') {
                        continue;
                    }
                    if self.peek() == Some(b'*') {
                        self.at += 1;
                        self.wildcards += 1;
                        steps.push(Step::Any);
                        continue;
                    }
                    let rest = self.rest();
                    let is_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '@' | '#' | '$');
                    let end = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
                    if end == 0 {
                        return self.wrong("expected the name of a property");
                    }
                    steps.push(Step::Key(rest[..end].to_owned()));
                    self.at += end;
                }
                Some(b'[') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'\'' | b'"') => steps.push(Step::Key(self.quoted()?)),
                        Some(b'*') => {
                            self.at += 1;
                            self.wildcards += 1;
                            steps.push(Step::Any);
                        }
                        _ => {
                            let rest = self.rest();
                            let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
                            match rest[..end].parse() {
                                Ok(index) => steps.push(Step::Index(index)),
                                Err(_) => return self.wrong("expected a place in a list, such as 0"),
                            }
                            self.at += end;
                        }
                    }
                    if self.peek() != Some(b']') {
                        return self.wrong("expected ]");
                    }
                    self.at += 1;
                }
                _ => break,
            }
        }
        if self.wildcards > wildcards + 1 || self.wildcards > WILDCARDS_MAX {
            return self.wrong(format!("a selector can have one wildcard, and a pattern {WILDCARDS_MAX}"));
        }
        if steps.is_empty() {
            return self.wrong("expected a property, as in $.name");
        }
        Ok(Selector { text: self.text[start..self.at].to_owned(), steps })
    }

    fn comparison(&mut self) -> Result<Comparison, PatternError> {
        for (token, comparison) in [
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ] {
            if self.take(token) {
                return Ok(comparison);
            }
        }
        self.wrong("expected =, !=, <, <=, > or >=")
    }

    /// What something is compared with; without quotes it ends at a space or where `ends` says.
    fn operand(&mut self, comparison: Comparison, ends: impl Fn(char) -> bool) -> Result<Operand, PatternError> {
        self.spaces();
        let start = self.at;
        let operand = match self.peek() {
            Some(b'"') => Operand::Glob(self.quoted()?),
            Some(b'%') => Operand::Regex(self.regex()?),
            _ => {
                let rest = self.rest();
                let end = rest.find(|character: char| character.is_whitespace() || ends(character)).unwrap_or(rest.len());
                if end == 0 {
                    return self.wrong("expected a value");
                }
                self.at += end;
                match rest[..end].parse::<f64>() {
                    Ok(number)
                        if number.is_finite()
                            && rest.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) =>
                    {
                        Operand::Number(number, super::whole(&rest[..end]))
                    }
                    _ => Operand::Glob(rest[..end].to_owned()),
                }
            }
        };
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if !is_equality && !matches!(operand, Operand::Number(..)) {
            self.at = start;
            return self.wrong("only numbers can be less or greater");
        }
        Ok(operand)
    }

    fn fields(&mut self) -> Result<Kind, PatternError> {
        self.at += 1;
        let mut fields = Vec::new();
        loop {
            self.spaces();
            if self.take("...") {
                if fields.iter().any(|field| matches!(field, Field::Rest)) {
                    return self.wrong("... can stand once");
                }
                fields.push(Field::Rest);
            } else {
                fields.push(self.field()?);
            }
            if std::mem::take(&mut self.goes_on) {
                continue;
            }
            if self.take("]") {
                break;
            }
            if !self.take(",") {
                return self.wrong("expected , or ]");
            }
        }
        self.spaces();
        match self.peek() {
            None => Ok(Kind::Fields(fields)),
            Some(_) => self.wrong("nothing may stand behind the pattern's ]"),
        }
    }

    fn field(&mut self) -> Result<Field, PatternError> {
        let name = self.field_name();
        self.spaces();
        if matches!(self.peek(), None | Some(b',' | b']')) {
            return Ok(Field::One { name, condition: None });
        }
        let mut either = self.field_both(&name, true)?;
        while self.take("||") {
            either = FieldCondition::Or(Box::new(either), Box::new(self.field_both(&name, false)?));
        }
        Ok(Field::One { name, condition: Some(either) })
    }

    fn field_both(&mut self, name: &str, is_named: bool) -> Result<FieldCondition, PatternError> {
        let mut left = self.field_one(name, is_named)?;
        while self.take("&&") {
            let start = self.at;
            let next = self.field_name();
            self.at = start;
            if !next.is_empty() && next != name {
                self.goes_on = true;
                break;
            }
            left = FieldCondition::And(Box::new(left), Box::new(self.field_one(name, false)?));
        }
        Ok(left)
    }

    /// `name = value`; `is_named`, where the name was read before.
    fn field_one(&mut self, name: &str, is_named: bool) -> Result<FieldCondition, PatternError> {
        if !is_named {
            let again = self.field_name();
            if !again.is_empty() && again != name {
                return self.wrong(format!("a condition of the field {name} names {again}"));
            }
        }
        let comparison = self.comparison()?;
        let operand = self.operand(comparison, |character| matches!(character, ',' | ']' | '&' | '|'))?;
        Ok(FieldCondition::Compare(comparison, operand))
    }

    fn field_name(&mut self) -> String {
        self.spaces();
        let rest = self.rest();
        let is_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '@' | '$' | '#');
        let end = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }
}

/// Why a regular expression is not among those that patterns may have: no groups, and few escapes (AWS).
fn unsupported(regex: &str) -> Option<String> {
    let mut characters = regex.chars();
    while let Some(character) = characters.next() {
        match character {
            '(' | ')' => return Some("regular expressions of patterns have no groups".to_owned()),
            '\\' => match characters.next() {
                Some(next) if matches!(next, 'd' | 's' | 'w' | 'D' | 'S' | 'W' | 'x') || !next.is_alphanumeric() => {}
                Some(next) => return Some(format!("regular expressions of patterns have no \\{next}")),
                None => return Some("a regular expression ends with \\".to_owned()),
            },
            _ => {}
        }
    }
    None
}
