//! The broken-link checker: a page, and what it links to.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::heartbeat::check_url;
use crate::net::{Ask, Exchange, send};
use crate::recorder::{Recorder, TRACE_HEADER};

const LINKS_MAX: usize = 100;
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Config {
    url: String,
    #[serde(default = "ten")]
    max_links: usize,
    #[serde(default = "yes")]
    same_host_only: bool,
}

fn ten() -> usize {
    10
}

fn yes() -> bool {
    true
}

impl Config {
    pub(crate) fn read(config: &Value) -> Result<Config, String> {
        let read: Config =
            serde_json::from_value(config.clone()).map_err(|err| format!("the configuration of broken-links: {err}"))?;
        check_url(&read.url)?;
        match (1..=LINKS_MAX).contains(&read.max_links) {
            true => Ok(read),
            false => Err(format!("maxLinks must be from 1 to {LINKS_MAX}")),
        }
    }
}

/// Where the links of a page lead, each once, in their order.
fn links(html: &str, base: &Url) -> Vec<Url> {
    static LINK: OnceLock<Option<Regex>> = OnceLock::new();
    let link = LINK.get_or_init(|| Regex::new(r#"(?is)<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))"#).ok());
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for captures in link.iter().flat_map(|link| link.captures_iter(html)) {
        let href = captures.iter().skip(1).flatten().next().map(|found| found.as_str().trim()).unwrap_or_default();
        let Ok(mut url) = base.join(&href.replace("&amp;", "&")) else { continue };
        url.set_fragment(None);
        if matches!(url.scheme(), "http" | "https") && seen.insert(url.to_string()) {
            found.push(url);
        }
    }
    found
}

pub(crate) async fn run(config: &Config, recorder: &mut Recorder<'_>) -> Result<(), String> {
    let start = Url::parse(&config.url).map_err(|err| format!("{:?} is no address: {err}", config.url))?;
    let mut waiting = std::collections::VecDeque::from([(start.clone(), None::<String>)]);
    let mut known = BTreeSet::from([start.to_string()]);
    let mut checked = 0;
    // The page itself does not count.
    while let Some((url, from)) = waiting.pop_front().filter(|_| checked <= config.max_links) {
        checked += 1;
        let (answer, html) = look_at(&url, from.as_deref(), recorder).await;
        let Some(base) = answer.filter(|base| base.host_str() == start.host_str()) else { continue };
        for link in links(&html, &base) {
            let is_wanted = !config.same_host_only || link.host_str() == start.host_str();
            if is_wanted && known.insert(link.to_string()) {
                waiting.push_back((link, Some(base.to_string())));
            }
        }
    }
    Ok(())
}

/// Where it led, and the page that is there, where it is one.
async fn look_at(url: &Url, from: Option<&str>, recorder: &mut Recorder<'_>) -> (Option<Url>, String) {
    let name = match url.path() {
        "/" | "" => url.host_str().unwrap_or("page").to_owned(),
        path => path.trim_start_matches('/').chars().take(100).collect(),
    };
    let mut running = recorder.begin(&name, Some(url.as_str()));
    let ask =
        Ask { method: "GET".to_owned(), url: url.to_string(), headers: Vec::new(), body: Default::default(), timeout: TIMEOUT };
    let header = recorder.trace_header(running.call());
    let origin = url.origin();
    // Other people's servers need not know.
    let traced = |to: &Url| {
        let header = header.iter().filter(|_| to.origin() == origin);
        header.map(|value| (TRACE_HEADER.to_owned(), value.clone())).collect()
    };
    let exchanges = send(&ask, &recorder.user_agent(), traced).await;
    exchanges.iter().for_each(|exchange| recorder.note(&mut running, exchange));
    running.step.duration_ms = crate::net::round(exchanges.iter().map(Exchange::duration_ms).sum());
    let Some(last) = exchanges.last() else {
        recorder.finish(running, Some("nothing was sent".to_owned()));
        return (None, String::new());
    };
    running.step.status_code = last.status;
    running.step.timings = last.timings;
    running.step.destination_url = Some(last.url.clone()).filter(|to| to != url.as_str());
    let linked = from.map(|from| format!(", linked from {from}")).unwrap_or_default();
    let error = match (&last.error, last.status.unwrap_or(0)) {
        (Some(error), _) => Some(format!("{url}{linked}: {error}")),
        (None, status @ 400..) => Some(format!("{url}{linked}: answered {status}")),
        _ => None,
    };
    let is_good = error.is_none();
    recorder.finish(running, error);
    let is_page = last.header("content-type").is_none_or(|kind| kind.contains("html"));
    match (is_good && is_page, Url::parse(&last.url)) {
        (true, Ok(base)) => (Some(base), String::from_utf8_lossy(&last.body).into_owned()),
        _ => (None, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_page_are_found_once() {
        let base = Url::parse("https://example.com/shop/index.html").unwrap();
        let html = r##"<a href="cart">x</a> <A class='b' HREF='/help?a=1&amp;b=2'>y</A><a href=cart#top>z</a>
            <a href="mailto:x@example.com">m</a><a href="https://other.example/">o</a><link href="/style.css">"##;
        let found: Vec<String> = links(html, &base).into_iter().map(String::from).collect();
        assert_eq!(found, ["https://example.com/shop/cart", "https://example.com/help?a=1&b=2", "https://other.example/"]);
    }
}
