//! Multi-checks: up to ten checks of HTTP, DNS, SSL and TCP, one after the other, as CloudWatch Synthetics describes them. Values that one extracts
//! can be used by those after it.

mod assertion;
mod dns;
mod http;
mod ssl;
mod tcp;

use std::collections::BTreeMap;
use std::time::Duration;

use model::canary::Assertion;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::recorder::{Recorder, Running};

const STEPS_MAX: usize = 10;
const VARIABLES_MAX: usize = 10;
const NAME_MAX: usize = 64;
const STEP_TIMEOUT_MS: u64 = 30_000;
const STEP_TIMEOUTS_MS: std::ops::RangeInclusive<u64> = 5_000..=300_000;
/// Words in which nothing is put: which check it is, and how it compares.
const FIXED: [&str; 9] = ["checkerType", "httpMethod", "type", "operator", "target", "recordType", "protocol", "encoding", "unit"];

/// As it is written.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    global: Global,
    variables: BTreeMap<String, String>,
    steps: Vec<Map<String, Value>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Global {
    step_timeout: Option<u64>,
    user_agent: Option<String>,
}

/// What all steps have.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Common {
    step_name: String,
    checker_type: Checker,
    #[serde(default)]
    wait_time: f64,
    #[serde(default)]
    extractors: Vec<Extractor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Checker {
    Http,
    Dns,
    Ssl,
    Tcp,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extractor {
    name: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    regex: Option<String>,
    #[serde(default)]
    regex_group: Option<usize>,
}

/// What a check came to: why it could not be done, if so, and a text from which values can be extracted.
struct Checked {
    assertions: Vec<Assertion>,
    text: Option<String>,
    error: Option<String>,
}

fn is_name(text: &str, more: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|next| next.is_ascii_alphanumeric() || more.contains(next))
}

impl Config {
    pub(crate) fn read(config: &Value) -> Result<Config, String> {
        let members = config.as_object().ok_or("the configuration of multi-checks is a JSON object with steps")?;
        if let Some(other) = members.keys().find(|key| !matches!(key.as_str(), "globalSettings" | "variables" | "steps")) {
            return Err(format!("{other} is none of globalSettings, variables and steps"));
        }
        let part = |name: &str| members.get(name).cloned().unwrap_or_else(|| Value::Object(Map::new()));
        let global: Global = serde_json::from_value(part("globalSettings")).map_err(|err| format!("globalSettings: {err}"))?;
        if let Some(timeout) = global.step_timeout.filter(|timeout| !STEP_TIMEOUTS_MS.contains(timeout)) {
            return Err(format!("globalSettings.stepTimeout {timeout} is not from 5000 to 300000 milliseconds"));
        }
        let variables: BTreeMap<String, Value> =
            serde_json::from_value(part("variables")).map_err(|err| format!("variables: {err}"))?;
        if variables.len() > VARIABLES_MAX {
            return Err(format!("there can be at most {VARIABLES_MAX} variables"));
        }
        if let Some(name) = variables.keys().find(|name| !is_name(name, "_")) {
            return Err(format!("variables: {name:?} must begin with a letter and have letters, digits and underscores"));
        }
        let text = |(name, value): (String, Value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let steps = part("steps");
        let steps = steps.as_object().ok_or("steps is an object whose keys are \"1\", \"2\" and so on")?;
        if steps.is_empty() || steps.len() > STEPS_MAX {
            return Err(format!("there must be from 1 to {STEPS_MAX} steps"));
        }
        let mut numbered: Vec<(usize, Map<String, Value>)> = Vec::new();
        for (key, step) in steps {
            let number: usize = key
                .parse()
                .ok()
                .filter(|number| (1..=STEPS_MAX).contains(number))
                .ok_or_else(|| format!("steps: {key:?} is no number from 1 to {STEPS_MAX}"))?;
            let step = step.as_object().ok_or_else(|| format!("steps.{key} is no object"))?.clone();
            numbered.push((number, step));
        }
        numbered.sort_by_key(|(number, _)| *number);
        let config = Config {
            global,
            variables: variables.into_iter().map(text).collect(),
            steps: numbered.into_iter().map(|(_, step)| step).collect(),
        };
        let mut names = Vec::new();
        for (place, step) in config.steps.iter().enumerate() {
            let at = |why: String| format!("steps.{}: {why}", place + 1);
            let common: Common = read(step).map_err(at)?;
            if !is_name(&common.step_name, "_-") || common.step_name.len() > NAME_MAX {
                return Err(at(format!(
                    "stepName {:?} must begin with a letter and have up to 64 letters, digits, _ and -",
                    common.step_name
                )));
            }
            if names.contains(&common.step_name) {
                return Err(at(format!("stepName {} is there twice", common.step_name)));
            }
            if !(0.0..=60.0).contains(&common.wait_time) {
                return Err(at("waitTime must be from 0 to 60 seconds".to_owned()));
            }
            for extractor in &common.extractors {
                extractor.check().map_err(at)?;
            }
            check(step, common.checker_type).map_err(at)?;
            names.push(common.step_name);
        }
        Ok(config)
    }
}

fn read<T: DeserializeOwned>(step: &Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(step.clone())).map_err(|err| err.to_string())
}

/// Whether a step is written as its kind has it. What is put into it later may still be wrong.
fn check(step: &Map<String, Value>, checker: Checker) -> Result<(), String> {
    let assertions = assertion::read(step)?;
    let kinds: &[&str] = match checker {
        Checker::Http => {
            http::check(step)?;
            &["STATUS_CODE", "RESPONSE_TIME", "HEADER", "BODY"]
        }
        Checker::Dns => {
            dns::check(step)?;
            &["RECORD_VALUE", "RECORD_COUNT", "AUTHORITATIVE", "TTL", "RESPONSE_TIME"]
        }
        Checker::Ssl => {
            ssl::check(step)?;
            &["CERTIFICATE_EXPIRY", "CERTIFICATE_SUBJECT", "CERTIFICATE_ISSUER"]
        }
        Checker::Tcp => {
            tcp::check(step)?;
            &["CONNECTION_SUCCESSFUL", "RESPONSE_DATA"]
        }
    };
    match assertions.iter().find(|assertion| !kinds.contains(&assertion.kind.as_str())) {
        Some(other) => Err(format!("assertion {} is none of {}", other.kind, kinds.join(", "))),
        None => Ok(()),
    }
}

pub(crate) async fn run(config: &Config, recorder: &mut Recorder<'_>) -> Result<(), String> {
    let mut values = config.variables.clone();
    let mut failed = false;
    for step in &config.steps {
        let mut step = Value::Object(step.clone());
        let unknown = fill(&mut step, &values, &recorder.job.environment, &mut |secret| recorder.journal.keep_secret(secret));
        let Value::Object(step) = step else { continue };
        let common: Common = read(&step)?;
        // What a failed step should have extracted is missing in those after it.
        if failed && !unknown.is_empty() {
            recorder.skip(&common.step_name, &format!("it needs {}, which a failed step did not extract", unknown.join(", ")));
            continue;
        }
        if common.wait_time > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(common.wait_time)).await;
        }
        let url = step.get("url").and_then(Value::as_str);
        let mut running = recorder.begin(&common.step_name, url);
        if !unknown.is_empty() {
            let error = format!("there is no value for {}", unknown.join(", "));
            recorder.finish(running, Some(error));
            failed = true;
            continue;
        }
        let within = Duration::from_millis(config.global.step_timeout.unwrap_or(STEP_TIMEOUT_MS));
        let work = one(&step, common.checker_type, config, recorder, &mut running);
        let checked = match tokio::time::timeout(within, work).await {
            Ok(checked) => checked,
            Err(_) => Err(format!("it took longer than the step timeout of {} ms", within.as_millis())),
        };
        let error = match checked {
            Err(why) => Some(why),
            Ok(checked) => {
                running.step.assertions = checked.assertions;
                let mut error = checked.error.or_else(|| first_failed(&running.step.assertions));
                for extractor in &common.extractors {
                    if error.is_some() {
                        break;
                    }
                    match extractor.extract(checked.text.as_deref().unwrap_or_default()) {
                        Ok(value) => drop(values.insert(extractor.name.clone(), value)),
                        Err(why) => error = Some(why),
                    }
                }
                error
            }
        };
        failed |= error.is_some();
        recorder.finish(running, error);
    }
    Ok(())
}

async fn one(
    step: &Map<String, Value>,
    checker: Checker,
    config: &Config,
    recorder: &mut Recorder<'_>,
    running: &mut Running,
) -> Result<Checked, String> {
    match checker {
        Checker::Http => http::run(step, config.global.user_agent.as_deref(), recorder, running).await,
        Checker::Dns => dns::run(step).await,
        Checker::Ssl => ssl::run(step, running).await,
        Checker::Tcp => tcp::run(step).await,
    }
}

fn first_failed(assertions: &[Assertion]) -> Option<String> {
    let failed = assertions.iter().find(|assertion| !assertion.passed)?;
    Some(format!("{}, but it is {}", failed.text, if failed.actual.is_empty() { "nothing" } else { &failed.actual }))
}

/// Puts values where `${name}` stands; returns the names that have none. Secrets are variables of the canary's environment: a whole one, or a member
/// of one that is JSON.
fn fill(
    value: &mut Value,
    values: &BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
    on_secret: &mut impl FnMut(&str),
) -> Vec<String> {
    let mut unknown = Vec::new();
    match value {
        Value::String(text) => {
            let mut filled = String::new();
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once("${") {
                filled.push_str(before);
                let Some((name, behind)) = after.split_once('}') else {
                    filled.push_str("${");
                    rest = after;
                    continue;
                };
                let found = match name.strip_prefix("AWS_SECRET:") {
                    Some(name) => secret_of(name, environment).inspect(|secret| on_secret(secret)),
                    None => values.get(name).cloned(),
                };
                match found {
                    Some(found) => filled.push_str(&found),
                    None => unknown.push(name.to_owned()),
                }
                rest = behind;
            }
            filled.push_str(rest);
            *text = filled;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| unknown.extend(fill(item, values, environment, on_secret))),
        Value::Object(members) => {
            for (_, value) in members.iter_mut().filter(|(name, _)| !FIXED.contains(&name.as_str())) {
                unknown.extend(fill(value, values, environment, on_secret));
            }
        }
        _ => {}
    }
    unknown
}

fn secret_of(text: &str, environment: &BTreeMap<String, String>) -> Option<String> {
    match text.split_once(':') {
        None => environment.get(text).cloned(),
        Some((name, key)) => {
            let members: Map<String, Value> = serde_json::from_str(environment.get(name)?).ok()?;
            members.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        }
    }
}

impl Extractor {
    fn check(&self) -> Result<(), String> {
        if !is_name(&self.name, "_") {
            return Err(format!("extractor {:?} must begin with a letter and have letters, digits and underscores", self.name));
        }
        if let Some(path) = &self.path {
            assertion::json_path(path)?;
        }
        if let Some(regex) = &self.regex {
            regex::Regex::new(regex).map_err(|err| format!("extractor {}: {err}", self.name))?;
        }
        if self.path.is_none() && self.regex.is_none() {
            return Err(format!("extractor {} needs a path or a regex", self.name));
        }
        Ok(())
    }

    fn extract(&self, text: &str) -> Result<String, String> {
        let mut found = match &self.path {
            Some(path) => assertion::at(text, path)?.ok_or_else(|| format!("extractor {}: nothing is at {path}", self.name))?,
            None => text.to_owned(),
        };
        if let Some(pattern) = &self.regex {
            let regex = regex::Regex::new(pattern).map_err(|err| format!("extractor {}: {err}", self.name))?;
            let group = self.regex_group.unwrap_or(0);
            let matched = regex.captures(&found).and_then(|captures| Some(captures.get(group)?.as_str().to_owned()));
            found = matched.ok_or_else(|| format!("extractor {}: nothing matches {pattern}", self.name))?;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_put_in() {
        let values = BTreeMap::from([("host".to_owned(), "example.com".to_owned())]);
        let environment =
            BTreeMap::from([("db".to_owned(), r#"{"password":"x1"}"#.to_owned()), ("token".to_owned(), "t".to_owned())]);
        let mut step = json!({"url": "https://${host}/${AWS_SECRET:token}", "headers": {"a": "${AWS_SECRET:db:password}"}, "httpMethod": "${host}", "body": "${x} ${"});
        let mut secrets = Vec::new();
        assert_eq!(fill(&mut step, &values, &environment, &mut |secret| secrets.push(secret.to_owned())), ["x"]);
        secrets.sort();
        assert_eq!(secrets, ["t", "x1"]);
        assert_eq!(step["url"], "https://example.com/t");
        assert_eq!(step["headers"]["a"], "x1");
        // No words of the schema.
        assert_eq!(step["httpMethod"], "${host}");
    }

    #[test]
    fn what_is_no_configuration_says_why() {
        let step = |step: Value| json!({"steps": {"1": step}});
        let good = json!({"stepName": "home", "checkerType": "HTTP", "url": "http://x", "httpMethod": "GET",
            "assertions": [{"type": "STATUS_CODE", "operator": "EQUALS", "value": 200}]});
        assert!(Config::read(&step(good.clone())).is_ok());
        let with = |name: &str, value: Value| {
            let mut changed = good.clone();
            changed[name] = value;
            step(changed)
        };
        for (config, part) in [
            (json!({}), "1 to 10 steps"),
            (json!({"steps": {"11": good}}), "11"),
            (json!({"extra": 1}), "extra"),
            (with("stepName", json!("1home")), "stepName"),
            (with("checkerType", json!("FTP")), "FTP"),
            (with("httpMethod", json!("TRACE")), "TRACE"),
            (with("assertions", json!([{"type": "TTL", "operator": "EQUALS", "value": 1}])), "TTL"),
            (with("assertions", json!([{"type": "STATUS_CODE", "operator": "SOUNDS_LIKE", "value": 1}])), "SOUNDS_LIKE"),
            (with("extractors", json!([{"name": "x", "type": "BODY", "path": "$.["}])), "$.["),
            (json!({"globalSettings": {"stepTimeout": 1}, "steps": {"1": good}}), "stepTimeout"),
        ] {
            let err = Config::read(&config).unwrap_err();
            assert!(err.contains(part), "{config}: {err}");
        }
    }
}
