//! Shapes of lines: what they have in common when what differs from line to line is left out. And which of them are unusual.

use std::collections::HashMap;

use super::value::{Value, moment_text, number_text};

/// Shapes that are told apart; lines of others are counted, and no more.
const SHAPES_MAX: usize = 100_000;
/// Steps of the time that is asked about, in which events are counted.
const STEPS: usize = 20;
/// Numbers of a line that are followed.
const NUMBERS_MAX: usize = 8;
/// Characters of a line that make its shape.
const LINE_CHARS: usize = 4_096;
/// A count stands out when it is so many deviations above what is usual, and is not just a few.
const COUNT_DEVIATIONS: f64 = 4.0;
const COUNT_LEAST: f64 = 5.0;
/// A number stands out when it is so many deviations from the mean of so many.
const NUMBER_DEVIATIONS: f64 = 6.0;
const NUMBER_LEAST: f64 = 50.0;

/// The time that is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) from_us: i64,
    pub(super) to_us: i64,
}

/// The shapes of many lines.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// Where it is told what is unusual.
    window: Option<Window>,
    found: HashMap<String, Shape>,
    total: u64,
    /// Those of the time that these are compared with.
    pub(super) before: Option<Box<Shapes>>,
}

#[derive(Debug, Default)]
struct Shape {
    regex: String,
    count: u64,
    severity: Option<&'static str>,
    first_us: Option<i64>,
    /// How many in each step of the time.
    steps: Vec<u32>,
    numbers: Vec<Numbers>,
}

/// The numbers at one place of lines of a shape.
#[derive(Debug, Clone, Copy, Default)]
struct Numbers {
    count: f64,
    mean: f64,
    /// The sum of the squares of what they differ from the mean.
    squares: f64,
    furthest: f64,
    furthest_us: i64,
}

/// Something unusual about a shape.
struct Unusual {
    kind: &'static str,
    description: String,
    time_us: i64,
}

const FIELDS: [&str; 5] = ["@pattern", "@ratio", "@sampleCount", "@severityLabel", "@regexString"];
const DIFF_FIELDS: [&str; 3] = ["@previousSampleCount", "@differenceAbsolute", "@differencePercent"];
const ANOMALY_FIELDS: [&str; 4] = ["@anomaly", "@anomalyType", "@anomalyDescription", "@anomalyTime"];

/// What is told of each shape.
pub(super) fn fields(with_diff: bool, with_anomalies: bool) -> Vec<&'static str> {
    let (diff, anomalies) =
        (if with_diff { &DIFF_FIELDS[..] } else { &[] }, if with_anomalies { &ANOMALY_FIELDS[..] } else { &[] });
    [&FIELDS[..], diff, anomalies].concat()
}

impl Shapes {
    pub(super) fn new(window: Option<Window>) -> Shapes {
        Shapes { window, ..Shapes::default() }
    }

    pub(super) fn add(&mut self, text: &str, time_us: Option<i64>) {
        self.total += 1;
        let (pattern, regex, numbers) = shape_of(text);
        if self.found.len() >= SHAPES_MAX && !self.found.contains_key(&pattern) {
            return;
        }
        let known = self.found.entry(pattern).or_insert_with(|| Shape { regex, severity: severity(text), ..Shape::default() });
        known.count += 1;
        if let (Some(window), Some(time_us)) = (self.window, time_us) {
            known.see(window, time_us, &numbers);
        }
    }

    pub(super) fn merge(&mut self, more: Shapes) {
        self.total += more.total;
        for (pattern, shape) in more.found {
            let has_room = self.found.len() < SHAPES_MAX;
            match self.found.get_mut(&pattern) {
                Some(known) => known.merge(shape),
                None if has_room => {
                    self.found.insert(pattern, shape);
                }
                None => {}
            }
        }
    }

    /// What is told of each, the most frequent first, or those that changed most.
    pub(super) fn rows(mut self) -> Vec<Vec<(&'static str, Value)>> {
        let with_diff = self.before.is_some();
        let mut before = self.before.take().map(|before| before.found).unwrap_or_default();
        let mut all: Vec<(String, Shape, u64)> = Vec::with_capacity(self.found.len());
        for (pattern, shape) in std::mem::take(&mut self.found) {
            let of_before = before.remove(&pattern).map_or(0, |known| known.count);
            all.push((pattern, shape, of_before));
        }
        // What is no more.
        all.extend(before.into_iter().map(|(pattern, shape)| (pattern, Shape { count: 0, ..shape }, shape.count)));
        let change = |shape: &Shape, before: u64| shape.count.abs_diff(before);
        all.sort_by(|(a_text, a, a_before), (b_text, b, b_before)| {
            let by_change = if with_diff { change(b, *b_before).cmp(&change(a, *a_before)) } else { std::cmp::Ordering::Equal };
            by_change.then_with(|| b.count.cmp(&a.count)).then_with(|| a_text.cmp(b_text))
        });
        let first_us = all.iter().filter_map(|(_, shape, _)| shape.first_us).min();
        let total = self.total.max(1) as f64;
        let row = |(pattern, shape, before): (String, Shape, u64)| {
            let count = shape.count as f64;
            let mut row = vec![
                ("@pattern", Value::Text(pattern)),
                ("@ratio", Value::Number(count / total)),
                ("@sampleCount", Value::Number(count)),
                ("@severityLabel", shape.severity.map_or(Value::Nothing, |severity| Value::Text(severity.to_owned()))),
                ("@regexString", Value::Text(shape.regex.clone())),
            ];
            if with_diff {
                let difference = count - before as f64;
                row.push(("@previousSampleCount", Value::Number(before as f64)));
                row.push(("@differenceAbsolute", Value::Number(difference)));
                // Of nothing there is no share.
                let percent = (before > 0).then(|| Value::Number(difference * 100.0 / before as f64));
                row.push(("@differencePercent", percent.unwrap_or(Value::Nothing)));
            }
            if let Some(window) = self.window {
                let unusual = shape.unusual(window, first_us);
                row.push(("@anomaly", Value::Truth(unusual.is_some())));
                if let Some(Unusual { kind, description, time_us }) = unusual {
                    row.push(("@anomalyType", Value::Text(kind.to_owned())));
                    row.push(("@anomalyDescription", Value::Text(description)));
                    row.push(("@anomalyTime", Value::Moment(time_us)));
                }
            }
            row
        };
        all.into_iter().map(row).collect()
    }
}

impl Window {
    fn step_us(self) -> i64 {
        (self.to_us.saturating_sub(self.from_us) / STEPS as i64).max(1)
    }

    fn step(self, time_us: i64) -> usize {
        (time_us.saturating_sub(self.from_us).max(0) / self.step_us()).min(STEPS as i64 - 1) as usize
    }
}

impl Shape {
    fn see(&mut self, window: Window, time_us: i64, numbers: &[f64]) {
        self.first_us = Some(self.first_us.map_or(time_us, |known| known.min(time_us)));
        self.steps.resize(STEPS, 0);
        self.steps[window.step(time_us)] += 1;
        if self.numbers.len() < numbers.len() {
            self.numbers.resize(numbers.len(), Numbers::default());
        }
        for (known, number) in self.numbers.iter_mut().zip(numbers) {
            known.add(*number, time_us);
        }
    }

    fn merge(&mut self, more: Shape) {
        self.count += more.count;
        self.first_us = [self.first_us, more.first_us].into_iter().flatten().min();
        self.steps.resize(self.steps.len().max(more.steps.len()), 0);
        self.steps.iter_mut().zip(&more.steps).for_each(|(known, more)| *known += more);
        self.numbers.resize(self.numbers.len().max(more.numbers.len()), Numbers::default());
        self.numbers.iter_mut().zip(&more.numbers).for_each(|(known, more)| known.merge(*more));
    }

    /// What is unusual about it, if something is. `first_us` is that of all lines.
    fn unusual(&self, window: Window, first_us: Option<i64>) -> Option<Unusual> {
        let quarter = window.to_us.saturating_sub(window.from_us) / 4;
        // New is what comes late in a log that was there before.
        if let (Some(mine), Some(first)) = (self.first_us, first_us)
            && mine >= window.to_us - quarter
            && first < window.from_us.saturating_add(2 * quarter)
        {
            return Some(Unusual {
                kind: "NewPattern",
                description: format!("first seen at {}, in the last quarter of the time", moment_text(mine)),
                time_us: mine,
            });
        }
        if let Some((step, most)) = self.steps.iter().copied().enumerate().max_by_key(|(step, count)| (*count, STEPS - step)) {
            let mut others: Vec<f64> =
                self.steps.iter().enumerate().filter(|(other, _)| *other != step).map(|(_, count)| f64::from(*count)).collect();
            let usual = median(&mut others);
            let mut away: Vec<f64> = others.iter().map(|count| (count - usual).abs()).collect();
            // Counts of independent events differ by their root even where nothing happens.
            let deviation = (1.4826 * median(&mut away)).max(usual.sqrt()).max(1.0);
            let most = f64::from(most);
            if most >= COUNT_LEAST && most > usual + COUNT_DEVIATIONS * deviation {
                let time_us = window.from_us.saturating_add(window.step_us().saturating_mul(step as i64));
                return Some(Unusual {
                    kind: "PatternFrequency",
                    description: format!("{} lines from {} on, where {} are usual", most, moment_text(time_us), number_text(usual)),
                    time_us,
                });
            }
        }
        let far = self.numbers.iter().find(|numbers| numbers.is_far())?;
        Some(Unusual {
            kind: "NumericalToken",
            description: format!("a number is {}, where {} is usual", number_text(far.furthest), number_text(far.mean)),
            time_us: far.furthest_us,
        })
    }
}

impl Numbers {
    fn add(&mut self, number: f64, time_us: i64) {
        self.merge(Numbers { count: 1.0, mean: number, squares: 0.0, furthest: number, furthest_us: time_us });
    }

    fn merge(&mut self, more: Numbers) {
        let count = self.count + more.count;
        if count == 0.0 {
            return;
        }
        let away = more.mean - self.mean;
        self.squares += more.squares + away * away * self.count * more.count / count;
        self.mean += away * more.count / count;
        if self.count == 0.0 || more.furthest.abs() > self.furthest.abs() {
            (self.furthest, self.furthest_us) = (more.furthest, more.furthest_us);
        }
        self.count = count;
    }

    fn is_far(&self) -> bool {
        let deviation = (self.squares / self.count.max(1.0)).sqrt();
        self.count >= NUMBER_LEAST && deviation > 0.0 && (self.furthest - self.mean).abs() > NUMBER_DEVIATIONS * deviation
    }
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => 0.0,
        count if count % 2 == 1 => numbers[count / 2],
        count => (numbers[count / 2 - 1] + numbers[count / 2]) / 2.0,
    }
}

/// The shape of a line: what differs from line to line is called by its kind. And the same as a regular expression, and
/// the numbers in it.
fn shape_of(text: &str) -> (String, String, Vec<f64>) {
    let is_boundary = |c: char| {
        c.is_whitespace() || matches!(c, '[' | ']' | '{' | '}' | '(' | ')' | ',' | ';' | '=' | '"' | '\'' | '|' | '<' | '>')
    };
    let (mut pattern, mut regex) = (String::new(), String::new());
    let mut number = 0;
    let mut numbers = Vec::new();
    let mut word = String::new();
    let mut end = |word: &mut String, pattern: &mut String, regex: &mut String| {
        if word.is_empty() {
            return;
        }
        match kind_of(word) {
            Some(kind) => {
                number += 1;
                if kind == "Number" && numbers.len() < NUMBERS_MAX {
                    numbers.extend(number_of(word));
                }
                pattern.push_str(&format!("<{kind}-{number}>"));
                regex.push_str(".*");
            }
            None => {
                pattern.push_str(word);
                regex.push_str(&regex::escape(word));
            }
        }
        word.clear();
    };
    for character in text.chars().take(LINE_CHARS) {
        if is_boundary(character) {
            end(&mut word, &mut pattern, &mut regex);
            pattern.push(character);
            regex.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
        } else {
            word.push(character);
        }
    }
    end(&mut word, &mut pattern, &mut regex);
    (pattern, regex, numbers)
}

/// The number in a word that is one, with or without a unit of time.
fn number_of(word: &str) -> Option<f64> {
    let bare = word.trim_end_matches(['.', ':', ',']);
    let bare = bare.strip_suffix("ms").or(bare.strip_suffix('s')).unwrap_or(bare);
    bare.parse().ok().filter(|number: &f64| number.is_finite())
}

/// What kind of thing a word is that differs from line to line.
fn kind_of(word: &str) -> Option<&'static str> {
    let bare = word.trim_end_matches(['.', ':', ',']);
    if !bare.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(if number_of(bare).is_some() {
        "Number"
    } else if bare.parse::<std::net::IpAddr>().is_ok() || bare.parse::<std::net::SocketAddr>().is_ok() {
        "IP"
    } else if bare.parse::<model::TraceId>().is_ok() {
        "TraceId"
    } else if bare.len() == 36 && bare.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && bare.split('-').all(is_hex) {
        "UUID"
    } else if bare.len() >= 8
        && bare.bytes().filter(|byte| matches!(byte, b':' | b'-' | b'/')).count() >= 2
        && bare.starts_with(|c: char| c.is_ascii_digit())
    {
        "Time"
    } else if bare.len() >= 8 && is_hex(bare) {
        "ID"
    } else {
        "Token"
    })
}

fn severity(text: &str) -> Option<&'static str> {
    let head: String = text.chars().take(400).collect::<String>().to_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| head.contains(word));
    if has(&["ERROR", "FATAL", "EXCEPTION", "CRITICAL"]) {
        Some("ERROR")
    } else if has(&["WARN"]) {
        Some("WARN")
    } else if has(&["INFO"]) {
        Some("INFO")
    } else if has(&["DEBUG", "TRACE"]) {
        Some("DEBUG")
    } else {
        None
    }
}
