//! Workflows: what people do in a page, step by step, and what has to come of it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::heartbeat::{Viewport, check_url, file_part, note_page};
use crate::page::{Page, SETTLE};
use crate::recorder::Recorder;
use crate::setup::Setup;

const STEPS_MAX: usize = 50;
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an action may keep a page busy before the next one.
const BUSY: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Config {
    url: String,
    steps: Vec<Action>,
    #[serde(default)]
    viewport: Option<Viewport>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Action {
    action: Kind,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    selector: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Click,
    Type,
    Press,
    Select,
    VerifySelector,
    VerifyText,
    VerifyUrl,
    Navigate,
    Wait,
}

impl Config {
    pub(crate) fn read(config: &Value) -> Result<Config, String> {
        let read: Config =
            serde_json::from_value(config.clone()).map_err(|err| format!("the configuration of a workflow: {err}"))?;
        check_url(&read.url)?;
        Viewport::check(read.viewport)?;
        if read.steps.len() > STEPS_MAX {
            return Err(format!("there can be at most {STEPS_MAX} steps"));
        }
        for (place, step) in read.steps.iter().enumerate() {
            let needs = |what: &str, is_given: bool| match is_given {
                true => Ok(()),
                false => Err(format!("steps[{place}]: {:?} needs {what}", step.action)),
            };
            match step.action {
                Kind::Click | Kind::VerifySelector => needs("a selector", step.selector.is_some())?,
                Kind::Type | Kind::Select => needs("a selector and a text", step.selector.is_some() && step.text.is_some())?,
                Kind::Press | Kind::VerifyText => needs("a text", step.text.is_some())?,
                Kind::VerifyUrl => needs("a text or a url", step.text.is_some() || step.url.is_some())?,
                Kind::Navigate => check_url(step.url.as_deref().unwrap_or_default())?,
                Kind::Wait => needs("ms", step.ms.is_some_and(|ms| ms <= 60_000))?,
            }
        }
        Ok(read)
    }
}

impl Action {
    fn name(&self) -> String {
        if let Some(name) = self.name.as_ref().filter(|name| !name.is_empty()) {
            return name.clone();
        }
        let of = self.selector.as_deref().or(self.text.as_deref()).or(self.url.as_deref()).unwrap_or_default();
        let word = match self.action {
            Kind::Click => "click",
            Kind::Type => "type into",
            Kind::Press => "press",
            Kind::Select => "select in",
            Kind::VerifySelector => "see",
            Kind::VerifyText => "read",
            Kind::VerifyUrl => "be at",
            Kind::Navigate => "go to",
            Kind::Wait => return format!("wait {} ms", self.ms.unwrap_or(0)),
        };
        format!("{word} {of}").chars().take(100).collect()
    }
}

pub(crate) async fn run(config: &Config, setup: &Setup, recorder: &mut Recorder<'_>) -> Result<(), String> {
    if let Some(message) = &setup.browser.message {
        return Err(format!("a workflow needs a browser: {message}"));
    }
    let browser = Browser::start(&setup.browser, recorder.job.memory_mb).await?;
    let suffix = format!("CloudWatchSynthetics/{}", recorder.job.arn);
    let mut page = Page::open(browser, Viewport::or_default(config.viewport), &suffix).await?;
    let first = Action {
        action: Kind::Navigate,
        name: Some("open".to_owned()),
        selector: None,
        text: None,
        url: Some(config.url.clone()),
        ms: None,
    };
    let mut failed = None;
    for step in std::iter::once(&first).chain(&config.steps) {
        match &failed {
            // What comes after a step that failed says nothing.
            Some(before) => recorder.skip(&step.name(), &format!("step {before} failed")),
            None => {
                if !one(step, &mut page, recorder).await? {
                    failed = Some(step.name());
                }
            }
        }
    }
    page.close().await;
    Ok(())
}

/// Returns whether it did.
async fn one(step: &Action, page: &mut Page, recorder: &mut Recorder<'_>) -> Result<bool, String> {
    let name = step.name();
    let mut running = recorder.begin(&name, step.url.as_deref());
    let number = running.step.step_number;
    let mut error = None;
    if step.action == Kind::Navigate {
        let url = step.url.as_deref().unwrap_or_default();
        page.trace(url, recorder.trace_header(running.call())).await?;
        let loaded = page.load(url, STEP_TIMEOUT, SETTLE).await?;
        running.step.duration_ms = loaded.duration_ms;
        running.step.status_code = loaded.status;
        running.step.timings = loaded.timings;
        running.step.destination_url = Some(loaded.url).filter(|to| to != url);
        error = loaded.error;
    } else {
        match act(step, page).await {
            Ok(()) => {}
            Err(why) if why == crate::browser::GONE => return Err(why),
            Err(why) => error = Some(why),
        }
        running.step.duration_ms = crate::net::ms(running.begun);
        if error.is_none() && matches!(step.action, Kind::Click | Kind::Press | Kind::Select) {
            page.settle(BUSY).await?;
        }
    }
    note_page(page, recorder, &mut running);
    let outcome = if error.is_some() { "failed" } else { "succeeded" };
    let file = format!("{number:02}-{}-{outcome}.png", file_part(&name));
    let picture = page.screenshot().await?;
    if recorder.keep(&file, &picture).await {
        running.step.screenshots.push(file);
    }
    let is_good = error.is_none();
    recorder.finish(running, error);
    Ok(is_good)
}

async fn act(step: &Action, page: &mut Page) -> Result<(), String> {
    let selector = step.selector.as_deref().unwrap_or_default();
    let text = step.text.as_deref().unwrap_or_default();
    let quoted = |text: &str| Value::from(text).to_string();
    match step.action {
        Kind::Click => {
            let (x, y) = middle(page, selector).await?;
            page.click_at(x, y).await
        }
        Kind::Type => {
            let (x, y) = middle(page, selector).await?;
            page.click_at(x, y).await?;
            // What stands there goes.
            page.evaluate("document.activeElement && document.activeElement.select && document.activeElement.select()").await?;
            page.ask("Input.insertText", json!({"text": text})).await.map(drop)
        }
        Kind::Press => {
            if !selector.is_empty() {
                let script = format!(
                    "(() => {{ const e = document.querySelector({}); if (!e) return null; e.focus(); return true; }})()",
                    quoted(selector)
                );
                let found = page.wait_for(&script, STEP_TIMEOUT).await?;
                found.ok_or_else(|| format!("nothing matches {selector}"))?;
            }
            page.press(text).await
        }
        Kind::Select => {
            let script = format!(
                "(() => {{ const e = document.querySelector({}); if (!e) return null; const o = [...e.options].find(o => o.value === {1} || o.text === {1}); \
                 if (!o) return null; e.value = o.value; e.dispatchEvent(new Event('input', {{bubbles: true}})); \
                 e.dispatchEvent(new Event('change', {{bubbles: true}})); return true; }})()",
                quoted(selector),
                quoted(text)
            );
            let done = page.wait_for(&script, STEP_TIMEOUT).await?;
            done.map(drop).ok_or_else(|| format!("{selector} has no option {text:?}"))
        }
        Kind::VerifySelector => {
            let shown = "e && e.getClientRects().length > 0";
            let script = format!("(() => {{ const e = document.querySelector({}); return !!({shown}); }})()", quoted(selector));
            let seen = page.wait_for(&script, STEP_TIMEOUT).await?;
            seen.map(drop).ok_or_else(|| format!("nothing that can be seen matches {selector}"))
        }
        Kind::VerifyText => {
            let of = if selector.is_empty() {
                "document.body".to_owned()
            } else {
                format!("document.querySelector({})", quoted(selector))
            };
            let script =
                format!("(() => {{ const e = {of}; return !!e && (e.innerText || e.value || '').includes({}); }})()", quoted(text));
            let seen = page.wait_for(&script, STEP_TIMEOUT).await?;
            seen.map(drop)
                .ok_or_else(|| format!("{} does not say {text:?}", if selector.is_empty() { "the page" } else { selector }))
        }
        Kind::VerifyUrl => {
            let wanted = step.url.as_deref().unwrap_or(text);
            let seen = page.wait_for(&format!("location.href.includes({})", quoted(wanted)), STEP_TIMEOUT).await?;
            seen.map(drop).ok_or_else(|| format!("the address does not contain {wanted:?}"))
        }
        Kind::Wait => {
            tokio::time::sleep(Duration::from_millis(step.ms.unwrap_or(0))).await;
            Ok(())
        }
        Kind::Navigate => Ok(()),
    }
}

/// The middle of what a selector matches, when it can be seen.
async fn middle(page: &mut Page, selector: &str) -> Result<(f64, f64), String> {
    let script = format!(
        "(() => {{ const e = document.querySelector({}); if (!e || !e.getClientRects().length) return null; e.scrollIntoView({{block: 'center', inline: 'center'}}); \
         const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()",
        Value::from(selector)
    );
    let found = page.wait_for(&script, STEP_TIMEOUT).await?;
    let place = found.and_then(|place| Some((place.get(0)?.as_f64()?, place.get(1)?.as_f64()?)));
    place.ok_or_else(|| format!("nothing that can be seen matches {selector}"))
}
