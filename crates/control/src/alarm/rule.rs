//! The rules of composite alarms: `ALARM("a") AND NOT (OK(b) OR AT_LEAST(2, ALARM, (c, d, e)))`.

use std::collections::BTreeSet;

use model::alarm::AlarmState;

/// Alarms that a rule may name (AWS).
const CHILDREN_MAX: usize = 100;
const DEPTH_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    Constant(bool),
    /// The alarm is in the state.
    Is(AlarmState, String),
    AtLeast {
        count: Count,
        state: AlarmState,
        is_negated: bool,
        alarms: Vec<String>,
    },
    Not(Box<Rule>),
    And(Box<Rule>, Box<Rule>),
    Or(Box<Rule>, Box<Rule>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Count {
    Alarms(f64),
    Percent(f64),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Percent,
    Word(String),
    /// In quotation marks.
    Text(String),
}

/// Reads a rule; what is wrong is told with its place.
pub(super) fn parse(text: &str) -> Result<Rule, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, length: text.len() };
    let rule = parser.or()?;
    match parser.peek() {
        None => {}
        Some(_) => return Err(parser.unexpected("AND, OR or the end")),
    }
    let mut children = BTreeSet::new();
    rule.children(&mut children);
    if children.len() > CHILDREN_MAX {
        return Err(format!("a rule can name at most {CHILDREN_MAX} alarms, this one names {}", children.len()));
    }
    Ok(rule)
}

impl Rule {
    /// The alarms that it names, as they are written.
    pub(super) fn children<'r>(&'r self, into: &mut BTreeSet<&'r str>) {
        match self {
            Rule::Constant(_) => {}
            Rule::Is(_, alarm) => drop(into.insert(alarm)),
            Rule::AtLeast { alarms, .. } => into.extend(alarms.iter().map(String::as_str)),
            Rule::Not(inner) => inner.children(into),
            Rule::And(left, right) | Rule::Or(left, right) => {
                left.children(into);
                right.children(into);
            }
        }
    }

    /// Whether it holds; an alarm that is not there is in no state.
    pub(super) fn holds(&self, state: &impl Fn(&str) -> Option<AlarmState>) -> bool {
        match self {
            Rule::Constant(value) => *value,
            Rule::Is(wanted, alarm) => state(alarm) == Some(*wanted),
            Rule::AtLeast { count, state: wanted, is_negated, alarms } => {
                let is_so = |alarm: &&String| state(alarm).is_some_and(|is| (is == *wanted) != *is_negated);
                let so = alarms.iter().filter(is_so).count() as f64;
                match count {
                    Count::Alarms(least) => so >= *least,
                    Count::Percent(least) => so * 100.0 >= least * alarms.len() as f64,
                }
            }
            Rule::Not(inner) => !inner.holds(state),
            Rule::And(left, right) => left.holds(state) && right.holds(state),
            Rule::Or(left, right) => left.holds(state) || right.holds(state),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<(Token, usize)>, String> {
    let mut found = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, next)) = rest.next() {
        let token = match next {
            next if next.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '%' => Token::Percent,
            '"' => {
                let mut quoted = String::new();
                loop {
                    match rest.next() {
                        Some((_, '"')) => break,
                        // A mark within a name.
                        Some((_, '\\')) => quoted.extend(rest.next().map(|(_, next)| next)),
                        Some((_, next)) => quoted.push(next),
                        None => return Err(format!("the quotation mark at position {} has no end", at + 1)),
                    }
                }
                Token::Text(quoted)
            }
            _ => {
                let mut word = String::from(next);
                while let Some((_, next)) = rest.next_if(|(_, next)| !next.is_whitespace() && !"(),%\"".contains(*next)) {
                    word.push(next);
                }
                Token::Word(word)
            }
        };
        found.push((token, at));
    }
    Ok(found)
}

struct Parser<'t> {
    tokens: &'t [(Token, usize)],
    at: usize,
    depth: usize,
    length: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    /// Error at the token that comes next.
    fn unexpected(&self, wanted: &str) -> String {
        let place = self.tokens.get(self.at).map_or(self.length, |(_, place)| *place) + 1;
        match self.peek() {
            Some(Token::Word(word) | Token::Text(word)) => format!("at position {place} there is {word:?} and not {wanted}"),
            Some(_) => format!("at position {place} there is not {wanted}"),
            None => format!("the rule ends where {wanted} is missing"),
        }
    }

    fn take(&mut self, token: &Token, name: &str) -> Result<(), String> {
        if self.peek() != Some(token) {
            return Err(self.unexpected(name));
        }
        self.at += 1;
        Ok(())
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(is)) if is.eq_ignore_ascii_case(word))
    }

    fn or(&mut self) -> Result<Rule, String> {
        let mut left = self.and()?;
        while self.is_word("OR") {
            self.at += 1;
            left = Rule::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Rule, String> {
        let mut left = self.not()?;
        while self.is_word("AND") {
            self.at += 1;
            left = Rule::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Rule, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("the rule has more than {DEPTH_MAX} levels"));
        }
        let rule = if self.is_word("NOT") {
            self.at += 1;
            Ok(Rule::Not(Box::new(self.not()?)))
        } else {
            self.one()
        };
        self.depth -= 1;
        rule
    }

    fn one(&mut self) -> Result<Rule, String> {
        const WANTED: &str = "ALARM(…), OK(…), INSUFFICIENT_DATA(…), AT_LEAST(…), NOT, TRUE, FALSE or a bracket";
        if self.peek() == Some(&Token::Open) {
            self.at += 1;
            let inner = self.or()?;
            self.take(&Token::Close, "a closing bracket")?;
            return Ok(inner);
        }
        let Some(Token::Word(word)) = self.peek().cloned() else { return Err(self.unexpected(WANTED)) };
        let word = word.to_ascii_uppercase();
        if let "TRUE" | "FALSE" = word.as_str() {
            self.at += 1;
            return Ok(Rule::Constant(word == "TRUE"));
        }
        if word == "AT_LEAST" {
            self.at += 1;
            return self.at_least();
        }
        let Ok(state) = word.parse::<AlarmState>() else { return Err(self.unexpected(WANTED)) };
        self.at += 1;
        self.take(&Token::Open, "an opening bracket")?;
        let alarm = self.name()?;
        self.take(&Token::Close, "a closing bracket")?;
        Ok(Rule::Is(state, alarm))
    }

    fn name(&mut self) -> Result<String, String> {
        match self.peek().cloned() {
            Some(Token::Word(name) | Token::Text(name)) if !name.is_empty() => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("the name or ARN of an alarm")),
        }
    }

    /// `(2, ALARM, (a, b))`, `(50%, NOT OK, (a, b))`.
    fn at_least(&mut self) -> Result<Rule, String> {
        self.take(&Token::Open, "an opening bracket")?;
        let number = match self.peek() {
            Some(Token::Word(word)) => word.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0),
            _ => None,
        };
        let number = number.ok_or_else(|| self.unexpected("a number"))?;
        self.at += 1;
        let count = match self.peek() == Some(&Token::Percent) {
            true => {
                self.at += 1;
                Count::Percent(number)
            }
            false => Count::Alarms(number),
        };
        self.take(&Token::Comma, "a comma")?;
        let is_negated = self.is_word("NOT");
        self.at += usize::from(is_negated);
        let state = match self.peek() {
            Some(Token::Word(word)) => word.to_ascii_uppercase().parse::<AlarmState>().ok(),
            _ => None,
        };
        let state = state.ok_or_else(|| self.unexpected("ALARM, OK or INSUFFICIENT_DATA"))?;
        self.at += 1;
        self.take(&Token::Comma, "a comma")?;
        self.take(&Token::Open, "an opening bracket")?;
        let mut alarms = vec![self.name()?];
        while self.peek() == Some(&Token::Comma) {
            self.at += 1;
            alarms.push(self.name()?);
        }
        self.take(&Token::Close, "a comma or a closing bracket")?;
        self.take(&Token::Close, "a closing bracket")?;
        Ok(Rule::AtLeast { count, state, is_negated, alarms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let state = |name: &str| match name {
            "bad" | "very bad" => Some(AlarmState::Alarm),
            "good" => Some(AlarmState::Ok),
            "unknown" => Some(AlarmState::InsufficientData),
            _ => None,
        };
        parse(text).unwrap_or_else(|err| panic!("{text}: {err}")).holds(&state)
    }

    #[test]
    fn rules_hold() {
        for (text, expected) in [
            ("ALARM(bad)", true),
            ("ALARM(\"very bad\")", true),
            ("ALARM(good)", false),
            ("OK(good)", true),
            ("NOT OK(good)", false),
            ("INSUFFICIENT_DATA(unknown)", true),
            ("ALARM(gone)", false),
            ("NOT ALARM(gone)", true),
            ("TRUE", true),
            ("FALSE", false),
            // NOT before AND before OR.
            ("TRUE OR FALSE AND FALSE", true),
            ("(TRUE OR FALSE) AND FALSE", false),
            ("NOT FALSE AND FALSE", false),
            ("ALARM(bad) and not (OK(good) or FALSE)", false),
            ("AT_LEAST(2, ALARM, (bad, good, \"very bad\"))", true),
            ("AT_LEAST(3, ALARM, (bad, good, \"very bad\"))", false),
            ("AT_LEAST(50%, NOT ALARM, (bad, good))", true),
            ("AT_LEAST(51%, NOT ALARM, (bad, good))", false),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_rule_says_where() {
        for (text, part) in [
            ("", "the rule ends"),
            ("ALARM(bad", "closing bracket"),
            ("ALARM(bad) ALARM(good)", "position 12"),
            ("BROKEN(bad)", "position 1"),
            ("ALARM(\"bad)", "no end"),
            ("AT_LEAST(x, ALARM, (a))", "a number"),
            ("AND", "position 1"),
        ] {
            let err = parse(text).unwrap_err();
            assert!(err.contains(part), "{text}: {err}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&"NOT ".repeat(100_000)).is_err());
    }
}
