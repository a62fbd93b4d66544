//! Searches for metrics: `{AWS/ECS,ClusterName} MetricName="CPUUtilization" prod`.

use std::collections::BTreeSet;

use model::metric::MetricId;

use super::math::quoted;
use super::names;
use crate::{Error, Result};

/// Characters of a search (AWS).
const CHARS_MAX: usize = 1_024;
const DEPTH_MAX: usize = 50;

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    /// Namespace and exactly these dimensions.
    schema: Option<(String, BTreeSet<String>)>,
    terms: Term,
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    All(Vec<Term>),
    Any(Vec<Term>),
    Not(Box<Term>),
    /// Some text of the metric, or of one of its properties, has these words.
    Words(Option<String>, Vec<String>),
    /// It is exactly this.
    Exactly(Option<String>, String),
}

pub(crate) fn parse(text: &str) -> Result<Search> {
    if text.chars().count() > CHARS_MAX {
        return Err(Error::Invalid(format!("a search has at most {CHARS_MAX} characters")));
    }
    let mut rest = text.trim_start();
    let mut schema = None;
    if let Some(behind) = rest.strip_prefix('{') {
        let (inside, after) = schema_end(behind).ok_or_else(|| invalid("the brace is not closed"))?;
        let mut parts = comma_separated(inside).into_iter();
        let namespace =
            parts.next().filter(|namespace| !namespace.is_empty()).ok_or_else(|| invalid("the braces have no namespace"))?;
        schema = Some((namespace, parts.filter(|part| !part.is_empty()).collect()));
        rest = after;
    }
    let tokens = tokens(rest)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let terms = parser.any()?;
    match parser.tokens.get(parser.at) {
        None => Ok(Search { schema, terms }),
        Some(_) => Err(invalid("a parenthesis is closed that was not opened")),
    }
}

fn invalid(what: &str) -> Error {
    Error::Invalid(format!("Error in search: {what}"))
}

/// Up to the closing brace, which may stand in quotes.
fn schema_end(text: &str) -> Option<(&str, &str)> {
    let mut in_quotes = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => in_quotes = !in_quotes,
            '}' if !in_quotes => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

fn comma_separated(text: &str) -> Vec<String> {
    let (mut parts, mut in_quotes) = (vec![String::new()], false);
    for character in text.chars() {
        match character {
            '"' => in_quotes = !in_quotes,
            ',' if !in_quotes => parts.push(String::new()),
            _ => parts.last_mut().expect("invariant: never empty").push(character),
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).collect()
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Equals,
    Word(String),
    Quoted(String),
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '=' => (Token::Equals, 1),
            '"' => {
                let (content, length) = quoted(rest, '"').ok_or_else(|| invalid("a text in quotes has no end"))?;
                (Token::Quoted(content), length)
            }
            _ => {
                let length = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '=' | '"')).unwrap_or(rest.len());
                (Token::Word(rest[..length].to_owned()), length)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn keyword(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.at += usize::from(is_it);
        is_it
    }

    fn any(&mut self) -> Result<Term> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(invalid("it has too many parentheses in each other"));
        }
        let mut terms = vec![self.all()?];
        while self.keyword("OR") {
            terms.push(self.all()?);
        }
        self.depth -= 1;
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::Any(terms) })
    }

    fn all(&mut self) -> Result<Term> {
        let mut terms = Vec::new();
        loop {
            self.keyword("AND");
            match self.peek() {
                None | Some(Token::Close) => break,
                Some(Token::Word(word)) if word == "OR" => break,
                Some(_) => terms.push(self.one()?),
            }
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::All(terms) })
    }

    fn one(&mut self) -> Result<Term> {
        if self.keyword("NOT") {
            return Ok(Term::Not(Box::new(self.one()?)));
        }
        let Some(token) = self.peek().cloned() else { return Err(invalid("it ends too early")) };
        self.at += 1;
        match token {
            Token::Open => {
                let inner = self.any()?;
                match self.peek() {
                    Some(Token::Close) => self.at += 1,
                    _ => return Err(invalid("a parenthesis is not closed")),
                }
                Ok(inner)
            }
            Token::Word(name) | Token::Quoted(name) if self.peek() == Some(&Token::Equals) => {
                self.at += 1;
                self.value_of(&name)
            }
            Token::Word(word) => Ok(Term::Words(None, words(&word))),
            Token::Quoted(text) => Ok(Term::Exactly(None, text)),
            Token::Close | Token::Equals => Err(invalid("a sign stands where a word is expected")),
        }
    }

    /// What stands behind `Property=`: one value, or several in parentheses.
    fn value_of(&mut self, name: &str) -> Result<Term> {
        let Some(token) = self.peek().cloned() else { return Err(invalid("a property has no value")) };
        self.at += 1;
        match token {
            Token::Word(word) => Ok(Term::Words(Some(name.to_owned()), words(&word))),
            Token::Quoted(text) => Ok(Term::Exactly(Some(name.to_owned()), text)),
            Token::Open => {
                let mut terms = Vec::new();
                loop {
                    terms.push(self.value_of(name)?);
                    if self.keyword("OR") {
                        continue;
                    }
                    match self.peek() {
                        Some(Token::Close) => {
                            self.at += 1;
                            return Ok(Term::Any(terms));
                        }
                        Some(_) => {}
                        None => return Err(invalid("a parenthesis is not closed")),
                    }
                }
            }
            Token::Close | Token::Equals => Err(invalid("a property has no value")),
        }
    }
}

/// The words that a text is made of, in small letters: digits, and letters, where another word begins with a capital. `CPUUtilization` has two.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before: Option<char> = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if !character.is_alphanumeric() {
            before = None;
            continue;
        }
        let begins = match before {
            None => true,
            Some(last) if last.is_numeric() != character.is_numeric() => true,
            Some(last) if character.is_uppercase() => {
                last.is_lowercase() || characters.peek().is_some_and(|next| next.is_lowercase())
            }
            Some(_) => false,
        };
        if begins {
            words.push(String::new());
        }
        words.last_mut().expect("invariant: a word was begun").extend(character.to_lowercase());
        before = Some(character);
    }
    words
}

/// Whether the text has the words one after the other.
fn has(text: &str, wanted: &[String]) -> bool {
    let all = words(text);
    // A word in one case has no parts: `cpuutilization` finds CPUUtilization.
    let joined: String = wanted.concat();
    wanted.is_empty() || all.windows(wanted.len()).any(|some| some == wanted) || all.contains(&joined) || all.concat() == joined
}

impl Search {
    pub(crate) fn admits(&self, id: &MetricId, account_id: &str) -> bool {
        let in_schema = self.schema.as_ref().is_none_or(|(namespace, dimensions)| {
            id.namespace == namespace.as_str() && names(&id.dimensions) == dimensions.iter().map(String::as_str).collect()
        });
        in_schema && self.terms.admits(id, account_id)
    }
}

impl Term {
    fn admits(&self, id: &MetricId, account_id: &str) -> bool {
        match self {
            Term::All(terms) => terms.iter().all(|term| term.admits(id, account_id)),
            Term::Any(terms) => terms.iter().any(|term| term.admits(id, account_id)),
            Term::Not(term) => !term.admits(id, account_id),
            Term::Words(property, wanted) => texts(id, account_id, property.as_deref()).iter().any(|text| has(text, wanted)),
            Term::Exactly(property, wanted) => texts(id, account_id, property.as_deref()).contains(&wanted.as_str()),
        }
    }
}

/// The texts of a metric, or of one property of it.
fn texts<'i>(id: &'i MetricId, account_id: &'i str, property: Option<&str>) -> Vec<&'i str> {
    match property {
        None => {
            let dimensions = id.dimensions.iter().flat_map(|(name, value)| [name, value]);
            [id.namespace.as_str(), id.name.as_str()].into_iter().chain(dimensions).collect()
        }
        Some("Namespace") => vec![id.namespace.as_str()],
        Some("MetricName") => vec![id.name.as_str()],
        Some(":aws.AccountId") => vec![account_id],
        Some(name) => id.dimensions.get(name).into_iter().collect(),
    }
}
