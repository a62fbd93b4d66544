//! A page about how things are, for everybody who has its address: off, until someone switches it on and says what it tells of.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use model::alarm::AlarmState;
use model::canary::{CanaryRun, RunState};
use model::limit;
use model::setting::StatusPage;
use model::time::DAY_US;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::{App, Asking};
use crate::error::ApiError;
use crate::notification::told;
use crate::time::written;

/// What can be told of.
const NAMES_MAX: usize = 50;
/// Runs that are looked at for a share of successes.
const RUNS_MAX: usize = 1_440;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
#[derive(Default)]
struct Settings {
    enabled: bool,
    title: String,
    description: String,
    canaries: Vec<String>,
    alarms: Vec<String>,
}

fn of(page: &StatusPage) -> Value {
    json!({
        "Enabled": page.is_enabled,
        "Title": page.title,
        "Description": page.description,
        "Canaries": page.canaries,
        "Alarms": page.alarms,
    })
}

/// `GET /api/status-page`.
pub(crate) async fn settings(Asking(app): Asking) -> Response {
    told(app.settings.status_page().await.map(|page| of(&page)).map_err(ApiError::from))
}

/// `PUT /api/status-page`.
pub(crate) async fn change(Asking(app): Asking, request: Request<Body>) -> Response {
    let change = async {
        let (body, _room) = crate::body::read(&app, request, limit::REQUEST_BYTES).await?;
        let given: Settings =
            serde_json::from_slice(&body).map_err(|err| ApiError::invalid(format!("the body is not valid: {err}")))?;
        if given.canaries.len() + given.alarms.len() > NAMES_MAX {
            return Err(ApiError::invalid(format!("a status page can tell of at most {NAMES_MAX} canaries and alarms")));
        }
        if given.title.chars().count() > 200 || given.description.chars().count() > 2_000 {
            return Err(ApiError::invalid("Title can have 200 characters, Description 2000"));
        }
        let page = StatusPage {
            is_enabled: given.enabled,
            title: given.title,
            description: given.description,
            canaries: given.canaries,
            alarms: given.alarms,
        };
        app.settings.put_status_page(&page).await?;
        Ok(of(&page))
    };
    told(change.await)
}

/// How one thing is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Good,
    Bad,
    Unknown,
}

struct Line {
    name: String,
    is: Is,
    /// In percent, of the last day.
    share: Option<f64>,
    since_us: Option<i64>,
}

/// `GET /status`: of the server's own account. Nothing of it is told that its page does not name.
pub(crate) async fn page(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let page = match app.settings.status_page().await {
        Ok(page) if page.is_enabled => page,
        Ok(_) => return (StatusCode::NOT_FOUND, "There is no status page here.\n").into_response(),
        Err(err) => return ApiError::from(err).into_response(),
    };
    let in_japanese =
        headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).is_some_and(|value| value.trim().starts_with("ja"));
    let mut lines = Vec::new();
    for name in &page.canaries {
        lines.extend(of_canary(&app, name).await);
    }
    for name in &page.alarms {
        lines.extend(app.alarms.get(name).await.ok().map(|alarm| Line {
            name: name.clone(),
            is: match alarm.status.state {
                AlarmState::Ok => Is::Good,
                AlarmState::Alarm => Is::Bad,
                AlarmState::InsufficientData => Is::Unknown,
            },
            share: None,
            since_us: Some(alarm.status.transitioned_us),
        }));
    }
    let html = html(&page, &lines, in_japanese, app.clock.now_us());
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=15"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
        ),
    ];
    (headers, html).into_response()
}

async fn of_canary(app: &App, name: &str) -> Option<Line> {
    let since_us = app.clock.now_us() - DAY_US;
    let is_wanted = |run: &CanaryRun| run.dry_run.is_none() && run.state != RunState::Running;
    let runs = app.canaries.runs(name, is_wanted, RUNS_MAX).await.ok()?;
    let of_day: Vec<&CanaryRun> = runs.iter().filter(|run| run.started_us >= since_us).collect();
    let passed = of_day.iter().filter(|run| run.state == RunState::Passed).count();
    Some(Line {
        name: name.to_owned(),
        is: match runs.first().map(|run| run.state) {
            Some(RunState::Passed) => Is::Good,
            Some(_) => Is::Bad,
            None => Is::Unknown,
        },
        share: (!of_day.is_empty()).then(|| passed as f64 * 100.0 / of_day.len() as f64),
        since_us: runs.first().and_then(|run| run.completed_us),
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn html(page: &StatusPage, lines: &[Line], in_japanese: bool, now_us: i64) -> String {
    let word = |english: &'static str, japanese: &'static str| if in_japanese { japanese } else { english };
    let worst = match lines {
        [] => Is::Unknown,
        lines if lines.iter().any(|line| line.is == Is::Bad) => Is::Bad,
        lines if lines.iter().all(|line| line.is == Is::Unknown) => Is::Unknown,
        _ => Is::Good,
    };
    let (class, summary) = match worst {
        Is::Good => ("good", word("All systems work", "すべて正常に動作しています")),
        Is::Bad => ("bad", word("Some systems have a problem", "一部で問題が発生しています")),
        Is::Unknown => ("unknown", word("Nothing is known yet", "まだ情報がありません")),
    };
    let title = if page.title.is_empty() { word("Status", "ステータス").to_owned() } else { escaped(&page.title) };
    let mut rows = String::new();
    for line in lines {
        let (class, mark, said) = match line.is {
            Is::Good => ("good", "✓", word("Works", "正常")),
            Is::Bad => ("bad", "✕", word("Has a problem", "異常")),
            Is::Unknown => ("unknown", "?", word("Unknown", "不明")),
        };
        let share = line.share.map(|share| format!("{share:.2} % {}", word("in 24 hours", "（24時間）"))).unwrap_or_default();
        let since = line.since_us.map(written).unwrap_or_default();
        let _ = write!(
            rows,
            "<li><span class=\"name\">{}</span><span class=\"share\">{share}</span><span class=\"is {class}\" title=\"{since}\">{mark} {said}</span></li>",
            escaped(&line.name)
        );
    }
    let description = match page.description.is_empty() {
        true => String::new(),
        false => format!("<p class=\"about\">{}</p>", escaped(&page.description).replace('\n', "<br>")),
    };
    let language = word("en", "ja");
    let made = word("As of", "最終更新");
    format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"60\"><title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{description}\
         <p class=\"summary {class}\">{summary}</p><ul>{rows}</ul><p class=\"made\">{made} {}</p></main></body></html>",
        written(now_us)
    )
}

const STYLE: &str = ":root{color-scheme:light dark;--back:#fff;--text:#0f141a;--soft:#656871;--line:#d5dbdb;--good:#00802f;--bad:#db0000;--unknown:#656871}\
@media(prefers-color-scheme:dark){:root{--back:#161d26;--text:#ebebf0;--soft:#a4a4ad;--line:#424650;--good:#2bb534;--bad:#ff7a7a;--unknown:#a4a4ad}}\
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",\"Noto Sans JP\",sans-serif}\
main{max-width:720px;margin:0 auto;padding:40px 20px}h1{font-size:28px;margin:0 0 8px}.about{color:var(--soft);margin:0 0 16px}\
.summary{font-size:18px;font-weight:600;color:var(--back);background:var(--unknown);padding:14px 18px;border-radius:12px;margin:24px 0}\
.summary.good{background:var(--good)}.summary.bad{background:var(--bad)}ul{list-style:none;margin:0;padding:0;border:1px solid var(--line);border-radius:12px}\
li{display:flex;flex-wrap:wrap;gap:4px 16px;align-items:baseline;padding:14px 18px;border-top:1px solid var(--line)}li:first-child{border-top:0}\
.name{flex:1 1 auto;overflow-wrap:anywhere}.share{color:var(--soft);font-size:14px}.is{font-weight:600;white-space:nowrap}.is.good{color:var(--good)}.is.bad{color:var(--bad)}\
.is.unknown{color:var(--unknown)}.made{color:var(--soft);font-size:14px;margin-top:16px}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_page_is_markup() {
        let page = StatusPage { is_enabled: true, title: "<b>Shop</b>".to_owned(), ..StatusPage::default() };
        let line = Line { name: "\"><script>".to_owned(), is: Is::Bad, share: Some(99.5), since_us: None };
        let html = html(&page, &[line], false, 0);
        assert!(html.contains("&lt;b&gt;Shop") && !html.contains("<script>") && html.contains("99.50 %"), "{html}");
        assert!(html.contains("Some systems have a problem"));
    }
}
