//! Heartbeats: pages are loaded as people load them, each as a step. Without a browser they are asked for alone. With `variancePercent` it is visual
//! monitoring: how they look is compared with how they looked.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::browser::Browser;
use crate::net::{Ask, Exchange, send};
use crate::page::{Page, SETTLE};
use crate::recorder::{Recorder, Running, TRACE_HEADER};
use crate::setup::Setup;
use crate::visual;

const URLS_MAX: usize = 20;
const STEP_TIMEOUT_MS: u64 = 60_000;
const VIEWPORT: Viewport = Viewport { width: 1_440, height: 900 };

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Config {
    urls: Vec<Target>,
    #[serde(default = "yes")]
    screenshot: bool,
    #[serde(default)]
    max_duration_ms: Option<f64>,
    #[serde(default)]
    fail_on_console_error: bool,
    #[serde(default)]
    fail_on_failed_request: bool,
    #[serde(default)]
    viewport: Option<Viewport>,
    #[serde(default)]
    wait_for_selector: Option<String>,
    #[serde(default)]
    settle_ms: Option<u64>,
    #[serde(default)]
    step_timeout_ms: Option<u64>,
    /// Of visual monitoring.
    #[serde(default)]
    variance_percent: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    url: String,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Viewport {
    width: u32,
    height: u32,
}

impl Viewport {
    pub(crate) fn or_default(viewport: Option<Viewport>) -> (u32, u32) {
        let Viewport { width, height } = viewport.unwrap_or(VIEWPORT);
        (width, height)
    }

    pub(crate) fn check(viewport: Option<Viewport>) -> Result<(), String> {
        match viewport {
            Some(Viewport { width, height }) if !(100..=8_000).contains(&width) || !(100..=8_000).contains(&height) => {
                Err("viewport: width and height must be from 100 to 8000".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn yes() -> bool {
    true
}

impl Config {
    pub(crate) fn read(config: &Value) -> Result<Config, String> {
        let read: Config =
            serde_json::from_value(config.clone()).map_err(|err| format!("the configuration of a heartbeat: {err}"))?;
        if read.urls.is_empty() || read.urls.len() > URLS_MAX {
            return Err(format!("urls must have from 1 to {URLS_MAX} addresses"));
        }
        read.urls.iter().try_for_each(|target| check_url(&target.url))?;
        Viewport::check(read.viewport)?;
        if read.variance_percent.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
            return Err("variancePercent must be from 0 to 100".to_owned());
        }
        Ok(read)
    }

    fn within(&self) -> Duration {
        Duration::from_millis(self.step_timeout_ms.unwrap_or(STEP_TIMEOUT_MS))
    }
}

/// Whether it can be loaded.
pub(crate) fn check_url(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|err| format!("{text:?} is no address: {err}"))?;
    match matches!(url.scheme(), "http" | "https") && url.has_host() {
        true => Ok(()),
        false => Err(format!("{text:?} must begin with http:// or https://")),
    }
}

/// What a step is called: the name that was given, or the last part of its address.
fn name_of(target: &Target) -> String {
    if let Some(name) = target.name.as_ref().filter(|name| !name.is_empty()) {
        return name.clone();
    }
    let url = Url::parse(&target.url).ok();
    let last = url.as_ref().and_then(|url| url.path_segments()?.rfind(|part| !part.is_empty()).map(str::to_owned));
    last.or_else(|| url.as_ref()?.host_str().map(str::to_owned)).unwrap_or_else(|| "page".to_owned())
}

/// As part of the name of a file.
pub(crate) fn file_part(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' || letter == '_' { letter } else { '-' };
    name.chars().take(60).map(letter).collect()
}

pub(crate) async fn run(config: &Config, setup: &Setup, recorder: &mut Recorder<'_>) -> Result<(), String> {
    if let Some(message) = &setup.browser.message {
        if config.variance_percent.is_some() {
            return Err(format!("pages cannot be compared: {message}"));
        }
        recorder.journal.info(format!("{message}; the pages are asked for alone: no screenshot, and nothing of what they load"));
        for target in &config.urls {
            ask(config, target, recorder).await;
        }
        return Ok(());
    }
    let browser = Browser::start(&setup.browser, recorder.job.memory_mb).await?;
    let suffix = format!("CloudWatchSynthetics/{}", recorder.job.arn);
    let mut page = Page::open(browser, Viewport::or_default(config.viewport), &suffix).await?;
    for target in &config.urls {
        look_at(config, target, &mut page, recorder).await?;
    }
    page.close().await;
    Ok(())
}

async fn look_at(config: &Config, target: &Target, page: &mut Page, recorder: &mut Recorder<'_>) -> Result<(), String> {
    let name = name_of(target);
    let mut running = recorder.begin(&name, Some(&target.url));
    let number = running.step.step_number;
    page.trace(&target.url, recorder.trace_header(running.call())).await?;
    let settle = config.settle_ms.map_or(SETTLE, Duration::from_millis);
    let loaded = page.load(&target.url, config.within(), settle).await?;
    let mut error = loaded.error.clone();
    running.step.duration_ms = loaded.duration_ms;
    running.step.status_code = loaded.status;
    running.step.timings = loaded.timings;
    running.step.destination_url = Some(loaded.url.clone()).filter(|url| *url != target.url);
    if let Some(selector) = config.wait_for_selector.as_ref().filter(|_| error.is_none()) {
        let expression = format!("document.querySelector({}) !== null", Value::from(selector.as_str()));
        let left = config.within().saturating_sub(running.begun.elapsed());
        match page.wait_for(&expression, left).await {
            Ok(Some(_)) => running.step.duration_ms = running.step.duration_ms.max(crate::net::ms(running.begun)),
            Ok(None) => error = Some(format!("nothing matches {selector} within {} ms", config.within().as_millis())),
            Err(why) => error = Some(format!("waitForSelector: {why}")),
        }
    }
    let id = format!("page_{number}");
    let noted = page.take(&id);
    recorder.har.page(&id, &name, (recorder_time(&running)).round() as i64, &loaded.timings);
    noted.entries.into_iter().for_each(|entry| recorder.har.add_entry(entry));
    add(&mut recorder.requests, noted.requests);
    running.step.console_errors = noted.console_errors;
    running.step.failed_requests = noted.failed;
    for line in &running.step.console_errors {
        recorder.journal.error(format!("console of {name}: {line}"));
    }
    for failed in &running.step.failed_requests {
        recorder.journal.error(format!("request of {name}: {}: {}", failed.url, failed.reason));
    }
    if error.is_none() {
        let most = config.max_duration_ms.filter(|most| running.step.duration_ms > *most);
        error = match (most, running.step.failed_requests.first(), running.step.console_errors.first()) {
            (Some(most), ..) => Some(format!("it took {} ms, more than the {most} ms that it may take", running.step.duration_ms)),
            (None, Some(failed), _) if config.fail_on_failed_request => Some(format!("{} {}", failed.url, failed.reason)),
            (None, _, Some(line)) if config.fail_on_console_error => Some(format!("the console says: {line}")),
            _ => None,
        };
    }
    if config.screenshot || config.variance_percent.is_some() {
        // Of a page that was not loaded there is no picture: that it was not is what is wrong.
        let picture = match page.screenshot().await {
            Ok(picture) => picture,
            Err(why) if error.is_some() => {
                recorder.journal.info(format!("no screenshot of {name}: {why}"));
                recorder.finish(running, error);
                return Ok(());
            }
            Err(why) => return Err(why),
        };
        if let Some(allowed) = config.variance_percent {
            match visual::compare(recorder, &format!("{number:02}-{}", file_part(&name)), &picture, allowed).await {
                Ok(Some((seen, wrong))) => {
                    running.step.visual = Some(seen);
                    error = error.or(wrong);
                }
                Ok(None) => {}
                Err(why) => error = error.or(Some(why)),
            }
        }
        let outcome = if error.is_some() { "failed" } else { "succeeded" };
        let file = format!("{number:02}-{}-{outcome}.png", file_part(&name));
        if recorder.keep(&file, &picture).await {
            running.step.screenshots.push(file);
        }
    }
    recorder.finish(running, error);
    Ok(())
}

/// When a step began, in microseconds since 1970.
fn recorder_time(running: &Running) -> f64 {
    crate::net::now_us() as f64 - Instant::now().duration_since(running.begun).as_secs_f64() * 1e6
}

fn add(to: &mut model::canary::Requests, more: model::canary::Requests) {
    to.ok += more.ok;
    to.redirected += more.redirected;
    to.errors += more.errors;
    to.faults += more.faults;
    to.failed += more.failed;
}

/// Notes what a page did in a step.
pub(crate) fn note_page(page: &mut Page, recorder: &mut Recorder<'_>, running: &mut Running) {
    let id = format!("page_{}", running.step.step_number);
    let noted = page.take(&id);
    let (name, started) = (running.step.step_name.clone(), recorder_time(running).round() as i64);
    recorder.har.page(&id, &name, started, &running.step.timings);
    noted.entries.into_iter().for_each(|entry| recorder.har.add_entry(entry));
    add(&mut recorder.requests, noted.requests);
    running.step.console_errors = noted.console_errors;
    running.step.failed_requests = noted.failed;
}

/// Without a browser.
async fn ask(config: &Config, target: &Target, recorder: &mut Recorder<'_>) {
    let mut running = recorder.begin(&name_of(target), Some(&target.url));
    let ask = Ask {
        method: "GET".to_owned(),
        url: target.url.clone(),
        headers: Vec::new(),
        body: Default::default(),
        timeout: config.within(),
    };
    let header = recorder.trace_header(running.call());
    let traced = |_: &Url| header.iter().map(|value| (TRACE_HEADER.to_owned(), value.clone())).collect();
    let exchanges = send(&ask, &recorder.user_agent(), traced).await;
    exchanges.iter().for_each(|exchange| recorder.note(&mut running, exchange));
    running.step.duration_ms = crate::net::round(exchanges.iter().map(Exchange::duration_ms).sum());
    let mut error = Some("nothing was sent".to_owned());
    if let Some(last) = exchanges.last() {
        running.step.status_code = last.status;
        running.step.timings = last.timings;
        running.step.destination_url = Some(last.url.clone()).filter(|url| *url != target.url);
        let status = last.status.unwrap_or(0);
        error = last.error.clone().or_else(|| (status >= 400).then(|| format!("{} answered {status}", target.url)));
    }
    if let (None, Some(most)) = (&error, config.max_duration_ms.filter(|most| running.step.duration_ms > *most)) {
        error = Some(format!("it took {} ms, more than the {most} ms that it may take", running.step.duration_ms));
    }
    recorder.finish(running, error);
}
