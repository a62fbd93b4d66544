//! A page of a browser: it is loaded, looked at and acted on, and what it requests is noted.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use model::canary::{FailedRequest, Requests, Timings};
use serde_json::{Value, json};
use url::Url;

use crate::browser::{Browser, Event, GONE};
use crate::har::stamp;
use crate::net::round;
use crate::recorder::TRACE_HEADER;

/// A page is quiet when nothing was requested for so long.
const QUIET: Duration = Duration::from_millis(500);
/// How long is waited after it was loaded for it to be quiet, where nothing else is said.
pub(crate) const SETTLE: Duration = Duration::from_secs(15);
const CALL_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Of console messages and failed requests of a step.
const TOLD_MAX: usize = 50;
const TEXT_MAX: usize = 500;
/// Notes the largest thing that was painted.
const OBSERVER: &str = "new PerformanceObserver(list => { for (const entry of list.getEntries()) globalThis.__mitoshiPaint = entry.startTime; })\
    .observe({ type: 'largest-contentful-paint', buffered: true });";

pub(crate) struct Page {
    browser: Browser,
    session: String,
    started: Instant,
    requests: HashMap<String, Request>,
    /// Those that are over, in the order of their beginning.
    done: Vec<Request>,
    is_loaded: bool,
    /// When that was, by the browser's clock.
    loaded_at: Option<f64>,
    last_activity: Instant,
    /// What is said of whom requests of this origin are, and what is said.
    traced: Option<(String, String)>,
    console_errors: Vec<String>,
}

#[derive(Debug, Clone)]
struct Request {
    number: usize,
    url: String,
    method: String,
    headers: Value,
    wall_time: f64,
    begun: f64,
    kind: String,
    response: Option<Value>,
    end: Option<f64>,
    bytes: f64,
    error: Option<String>,
    is_cancelled: bool,
}

impl Request {
    fn status(&self) -> Option<u16> {
        self.response.as_ref()?.get("status")?.as_u64().and_then(|status| u16::try_from(status).ok())
    }

    /// Connections that are meant to stay open.
    fn stays_open(&self) -> bool {
        matches!(self.kind.as_str(), "EventSource" | "WebSocket" | "Ping" | "Media")
    }
}

/// What came of loading a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    pub(crate) url: String,
    pub(crate) status: Option<u16>,
    pub(crate) duration_ms: f64,
    pub(crate) timings: Timings,
    pub(crate) error: Option<String>,
}

/// What was noted since it was last asked for.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) entries: Vec<Value>,
    pub(crate) requests: Requests,
    pub(crate) failed: Vec<FailedRequest>,
    pub(crate) console_errors: Vec<String>,
}

impl Page {
    pub(crate) async fn open(browser: Browser, (width, height): (u32, u32), user_agent_suffix: &str) -> Result<Page, String> {
        let version = browser.call(None, "Browser.getVersion", json!({})).await?;
        let target = browser.call(None, "Target.createTarget", json!({"url": "about:blank"})).await?;
        let attached =
            browser.call(None, "Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true})).await?;
        let session = attached["sessionId"].as_str().unwrap_or_default().to_owned();
        let now = Instant::now();
        let mut page = Page {
            browser,
            session,
            started: now,
            requests: HashMap::new(),
            done: Vec::new(),
            is_loaded: false,
            loaded_at: None,
            last_activity: now,
            traced: None,
            console_errors: Vec::new(),
        };
        for domain in ["Page.enable", "Network.enable", "Runtime.enable", "Log.enable"] {
            page.ask(domain, json!({})).await?;
        }
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        page.ask("Emulation.setDeviceMetricsOverride", metrics).await?;
        let agent = version["userAgent"].as_str().unwrap_or("Mozilla/5.0").replace("HeadlessChrome", "Chrome");
        page.ask("Network.setUserAgentOverride", json!({"userAgent": format!("{agent} {user_agent_suffix}")})).await?;
        page.ask("Page.addScriptToEvaluateOnNewDocument", json!({"source": OBSERVER})).await?;
        Ok(page)
    }

    pub(crate) async fn close(self) {
        self.browser.close().await;
    }

    /// Says of whom requests are that go to the origin of an address. Others are left alone: they may not take a header that they do not know.
    pub(crate) async fn trace(&mut self, url: &str, header: Option<String>) -> Result<(), String> {
        let origin = Url::parse(url).ok().map(|url| url.origin().ascii_serialization());
        self.traced = origin.zip(header);
        match &self.traced {
            Some((origin, _)) => {
                let patterns = json!({"patterns": [{"urlPattern": format!("{origin}/*")}]});
                self.ask("Fetch.enable", patterns).await.map(drop)
            }
            None => Ok(()),
        }
    }

    /// Asks the browser for something about this page; what happens meanwhile is noted.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Result<Value, String> {
        let session = self.session.clone();
        let mut answer = self.browser.begin(Some(&session), method, params).await?;
        let deadline = tokio::time::sleep(CALL_WITHIN);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                answer = &mut answer => return match answer {
                    Ok(answer) => answer.map_err(|why| format!("{method}: {why}")),
                    Err(_) => Err(GONE.to_owned()),
                },
                event = self.browser.event() => match event {
                    Some(event) => self.note(event).await?,
                    None => return Err(GONE.to_owned()),
                },
                () = &mut deadline => return Err(format!("the browser did not answer {method} within {} seconds", CALL_WITHIN.as_secs())),
            }
        }
    }

    /// Notes what happens until something is so, or the time is over; returns whether it is.
    async fn until(&mut self, within: Duration, is_so: impl Fn(&Page) -> bool) -> Result<bool, String> {
        let deadline = Instant::now() + within;
        loop {
            if is_so(self) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            tokio::select! {
                event = self.browser.event() => match event {
                    Some(event) => self.note(event).await?,
                    None => return Err(GONE.to_owned()),
                },
                () = tokio::time::sleep(left.min(LOOK_EVERY)) => {}
            }
        }
    }

    /// Loads an address, and waits until the page is quiet.
    pub(crate) async fn load(&mut self, url: &str, within: Duration, settle: Duration) -> Result<Loaded, String> {
        self.is_loaded = false;
        self.loaded_at = None;
        self.started = Instant::now();
        self.last_activity = self.started;
        let deadline = self.started + within;
        let mut loaded = Loaded { url: url.to_owned(), ..Loaded::default() };
        let went = self.ask("Page.navigate", json!({"url": url})).await?;
        let document = went["loaderId"].as_str().unwrap_or_default().to_owned();
        if let Some(why) = went["errorText"].as_str().filter(|why| !why.is_empty()) {
            loaded.error = Some(format!("cannot load {url}: {why}"));
        } else if !self.until(within, |page| page.is_loaded).await? {
            loaded.error = Some(format!("{url} was not loaded within {} ms", within.as_millis()));
        }
        let mut is_quiet = true;
        if loaded.error.is_none() {
            let left = deadline.saturating_duration_since(Instant::now()).min(settle);
            is_quiet = self.until(left, Page::is_quiet).await?;
        }
        // What comes after the last request is the wait for quiet alone. A page that never is quiet asks for news again and again: what it asked for first
        // counts.
        let active = self.last_activity.duration_since(self.started).as_secs_f64() * 1e3;
        loaded.duration_ms = round(if is_quiet { active } else { self.first_burst_ms().unwrap_or(active) });
        let main =
            self.requests.get(&document).or_else(|| self.done.iter().rev().find(|request| request.kind == "Document")).cloned();
        if let Some(main) = main {
            loaded.status = main.status();
            loaded.timings = timings(&main);
            loaded.url = main.url;
        }
        if loaded.error.is_none() {
            self.look(&mut loaded).await?;
        }
        if let (None, Some(status @ 400..)) = (&loaded.error, loaded.status) {
            loaded.error = Some(format!("{url} answered {status}"));
        }
        Ok(loaded)
    }

    /// Until when was done what was asked for until shortly after the page was loaded.
    fn first_burst_ms(&self) -> Option<f64> {
        let loaded = self.loaded_at?;
        let all = || self.done.iter().chain(self.requests.values()).filter(|request| !request.stays_open());
        let begun = all().map(|request| request.begun).fold(f64::INFINITY, f64::min);
        let first = all().filter(|request| request.begun <= loaded + QUIET.as_secs_f64());
        // One that is not over takes as long as was waited for it.
        let now = begun + self.started.elapsed().as_secs_f64();
        let end = first.map(|request| request.end.unwrap_or(now)).fold(loaded, f64::max);
        begun.is_finite().then_some((end - begun) * 1e3)
    }

    /// What the page knows of itself.
    async fn look(&mut self, loaded: &mut Loaded) -> Result<(), String> {
        let script = "(() => { const [n] = performance.getEntriesByType('navigation'); return JSON.stringify({ href: location.href, \
            content: n && n.domContentLoadedEventEnd, load: n && n.loadEventEnd, paint: globalThis.__mitoshiPaint }); })()";
        let text = self.evaluate(script).await?;
        let known: Value = text.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let ms = |name: &str| known[name].as_f64().filter(|ms| *ms > 0.0).map(round);
        loaded.timings.dom_content_loaded_ms = ms("content");
        loaded.timings.load_ms = ms("load");
        loaded.timings.largest_paint_ms = ms("paint");
        if let Some(href) = known["href"].as_str() {
            loaded.url = href.to_owned();
        }
        Ok(())
    }

    fn is_quiet(&self) -> bool {
        self.requests.values().all(Request::stays_open) && self.last_activity.elapsed() >= QUIET
    }

    /// Waits until nothing is requested any more.
    pub(crate) async fn settle(&mut self, within: Duration) -> Result<(), String> {
        self.last_activity = Instant::now();
        self.until(within, Page::is_quiet).await.map(drop)
    }

    /// The value of an expression.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let answer = self.ask("Runtime.evaluate", json!({"expression": expression, "returnByValue": true})).await?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(exception(details)),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    /// Waits until a script says something other than null, false or nothing.
    pub(crate) async fn wait_for(&mut self, expression: &str, within: Duration) -> Result<Option<Value>, String> {
        let deadline = Instant::now() + within;
        loop {
            let value = self.evaluate(expression).await?;
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return Ok(Some(value));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            self.until(LOOK_EVERY, |_| false).await?;
        }
    }

    /// As a PNG.
    pub(crate) async fn screenshot(&mut self) -> Result<Vec<u8>, String> {
        let answer = self.ask("Page.captureScreenshot", json!({"format": "png"})).await?;
        BASE64.decode(answer["data"].as_str().unwrap_or_default()).map_err(|err| format!("the screenshot cannot be read: {err}"))
    }

    pub(crate) async fn press(&mut self, key: &str) -> Result<(), String> {
        let text = match key {
            "Enter" => "\r",
            key if key.chars().count() == 1 => key,
            _ => "",
        };
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            "Escape" => 27,
            "Backspace" => 8,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            _ => 0,
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if !text.is_empty() && kind == "keyDown" {
                event["text"] = json!(text);
            }
            self.ask("Input.dispatchKeyEvent", event).await?;
        }
        Ok(())
    }

    pub(crate) async fn click_at(&mut self, x: f64, y: f64) -> Result<(), String> {
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    async fn note(&mut self, event: Event) -> Result<(), String> {
        if event.session != self.session {
            return Ok(());
        }
        let Event { method, params, .. } = event;
        let id = params["requestId"].as_str().unwrap_or_default().to_owned();
        let time = params["timestamp"].as_f64().unwrap_or_default();
        match method.as_str() {
            "Fetch.requestPaused" => self.pass_on(&params).await?,
            "Network.requestWillBeSent" => self.begin(id, time, &params),
            "Network.responseReceived" => {
                if let Some(request) = self.requests.get_mut(&id) {
                    request.response = Some(params["response"].clone());
                    if let Some(kind) = params["type"].as_str() {
                        request.kind = kind.to_owned();
                    }
                }
            }
            "Network.loadingFinished" => {
                let bytes = params["encodedDataLength"].as_f64().unwrap_or_default();
                self.end(&id, time, bytes, None, false);
            }
            "Network.loadingFailed" => {
                let why = params["errorText"].as_str().unwrap_or("failed").to_owned();
                self.end(&id, time, 0.0, Some(why), params["canceled"].as_bool() == Some(true));
            }
            "Page.loadEventFired" => {
                self.is_loaded = true;
                self.loaded_at = Some(time);
                self.last_activity = Instant::now();
            }
            "Page.javascriptDialogOpening" => {
                // Nobody is there to read it.
                self.browser.begin(Some(&self.session), "Page.handleJavaScriptDialog", json!({"accept": true})).await?;
            }
            "Runtime.consoleAPICalled" if params["type"] == "error" => {
                let parts = params["args"].as_array().into_iter().flatten();
                let text = |part: &Value| match &part["value"] {
                    Value::String(text) => text.clone(),
                    Value::Null => part["description"].as_str().unwrap_or_default().to_owned(),
                    other => other.to_string(),
                };
                self.complain(parts.map(text).collect::<Vec<_>>().join(" "));
            }
            "Runtime.exceptionThrown" => self.complain(exception(&params["exceptionDetails"])),
            "Log.entryAdded" if params["entry"]["level"] == "error" && params["entry"]["source"] != "network" => {
                self.complain(params["entry"]["text"].as_str().unwrap_or_default().to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn complain(&mut self, text: String) {
        if self.console_errors.len() < TOLD_MAX {
            self.console_errors.push(text.chars().take(TEXT_MAX).collect());
        }
    }

    /// A request that waits for its header.
    async fn pass_on(&mut self, params: &Value) -> Result<(), String> {
        let mut more = json!({"requestId": params["requestId"]});
        let origin = params["request"]["url"].as_str().and_then(|url| Some(Url::parse(url).ok()?.origin().ascii_serialization()));
        if let Some((traced, header)) = &self.traced
            && origin.as_ref() == Some(traced)
        {
            let known = params["request"]["headers"].as_object().into_iter().flatten();
            let mut headers: Vec<Value> = known.map(|(name, value)| json!({"name": name, "value": value})).collect();
            headers.push(json!({"name": TRACE_HEADER, "value": header}));
            more["headers"] = json!(headers);
        }
        self.browser.begin(Some(&self.session), "Fetch.continueRequest", more).await.map(drop)
    }

    fn begin(&mut self, id: String, time: f64, params: &Value) {
        self.last_activity = Instant::now();
        if let Some(response) = params.get("redirectResponse").filter(|response| !response.is_null())
            && let Some(mut before) = self.requests.remove(&id)
        {
            before.response = Some(response.clone());
            before.end = Some(time);
            self.done.push(before);
        }
        let url = params["request"]["url"].as_str().unwrap_or_default();
        if url.starts_with("data:") || url.starts_with("blob:") {
            return;
        }
        let request = Request {
            number: self.requests.len() + self.done.len(),
            url: url.to_owned(),
            method: params["request"]["method"].as_str().unwrap_or("GET").to_owned(),
            headers: params["request"]["headers"].clone(),
            wall_time: params["wallTime"].as_f64().unwrap_or_default(),
            begun: time,
            kind: params["type"].as_str().unwrap_or_default().to_owned(),
            response: None,
            end: None,
            bytes: 0.0,
            error: None,
            is_cancelled: false,
        };
        self.requests.insert(id, request);
    }

    fn end(&mut self, id: &str, time: f64, bytes: f64, error: Option<String>, is_cancelled: bool) {
        if let Some(mut request) = self.requests.remove(id) {
            if !request.stays_open() {
                self.last_activity = Instant::now();
            }
            request.end = Some(time);
            request.bytes = bytes;
            request.error = error;
            request.is_cancelled = is_cancelled;
            self.done.push(request);
        }
    }

    /// Takes what was noted; `page` is its name in the HAR.
    pub(crate) fn take(&mut self, page: &str) -> Noted {
        let mut all = std::mem::take(&mut self.done);
        all.extend(self.requests.drain().map(|(_, request)| request));
        all.sort_by_key(|request| request.number);
        let mut noted = Noted { console_errors: std::mem::take(&mut self.console_errors), ..Noted::default() };
        for request in &all {
            noted.entries.push(entry(request, page));
            let status = request.status();
            if status.is_some() || (request.error.is_some() && !request.is_cancelled) {
                noted.requests.count(status);
            }
            let why = match (&request.error, status) {
                (Some(error), _) if !request.is_cancelled => Some(error.clone()),
                (None, Some(status @ 400..)) => Some(format!("answered {status}")),
                _ => None,
            };
            if let Some(reason) = why.filter(|_| noted.failed.len() < TOLD_MAX) {
                noted.failed.push(FailedRequest { url: request.url.clone(), reason });
            }
        }
        noted
    }
}

fn exception(details: &Value) -> String {
    let text = details["exception"]["description"].as_str().or_else(|| details["text"].as_str()).unwrap_or("an exception");
    text.chars().take(TEXT_MAX).collect()
}

fn timings(request: &Request) -> Timings {
    let timing = request.response.as_ref().map(|response| &response["timing"]).filter(|timing| timing.is_object());
    let Some(timing) = timing else { return Timings::default() };
    let at = |name: &str| timing[name].as_f64().filter(|ms| *ms >= 0.0);
    let between = |from: &str, to: &str| at(from).zip(at(to)).map(|(from, to)| round(to - from));
    let headers = at("receiveHeadersEnd");
    let begun = timing["requestTime"].as_f64();
    let download =
        begun.zip(headers).zip(request.end).map(|((begun, headers), end)| round(((end - begun) * 1e3 - headers).max(0.0)));
    let connect = between("connectStart", "connectEnd").map(|whole| round(whole - between("sslStart", "sslEnd").unwrap_or(0.0)));
    Timings {
        dns_ms: between("dnsStart", "dnsEnd"),
        connect_ms: connect,
        tls_ms: between("sslStart", "sslEnd"),
        first_byte_ms: at("sendStart").zip(headers).map(|(from, to)| round(to - from)),
        download_ms: download,
        ..Timings::default()
    }
}

/// As HAR has it.
fn entry(request: &Request, page: &str) -> Value {
    let parts = timings(request);
    let whole_ms = request.end.map_or(0.0, |end| round((end - request.begun) * 1e3));
    let known: f64 =
        [parts.dns_ms, parts.connect_ms, parts.tls_ms, parts.first_byte_ms, parts.download_ms].into_iter().flatten().sum();
    let part = |part: Option<f64>| part.map_or(json!(-1), |ms| json!(ms));
    let pairs = |headers: &Value| -> Vec<Value> {
        let secret =
            |name: &str| matches!(name.to_ascii_lowercase().as_str(), "authorization" | "cookie" | "set-cookie" | "x-api-key");
        let known = headers.as_object().into_iter().flatten();
        known.map(|(name, value)| json!({"name": name, "value": if secret(name) { "***" } else { value.as_str().unwrap_or_default() }})).collect()
    };
    let nothing = Value::Null;
    let response = request.response.as_ref().unwrap_or(&nothing);
    let query: Vec<Value> = Url::parse(&request.url)
        .map(|url| url.query_pairs().map(|(name, value)| json!({"name": name, "value": value})).collect())
        .unwrap_or_default();
    let version = match response["protocol"].as_str() {
        Some("h2") => "HTTP/2",
        Some("h3") => "HTTP/3",
        _ => "HTTP/1.1",
    };
    let mut told = json!({
        "pageref": page,
        "startedDateTime": stamp((request.wall_time * 1e6) as i64),
        "time": whole_ms,
        "_resourceType": request.kind.to_ascii_lowercase(),
        "request": {
            "method": request.method, "url": request.url, "httpVersion": version, "cookies": [],
            "headers": pairs(&request.headers), "queryString": query, "headersSize": -1, "bodySize": -1,
        },
        "response": {
            "status": request.status().unwrap_or(0), "statusText": response["statusText"].as_str().unwrap_or_default(),
            "httpVersion": version, "cookies": [], "headers": pairs(&response["headers"]),
            "content": {"size": request.bytes, "mimeType": response["mimeType"].as_str().unwrap_or_default()},
            "redirectURL": response["headers"]["location"].as_str().or_else(|| response["headers"]["Location"].as_str()).unwrap_or_default(),
            "headersSize": -1, "bodySize": request.bytes,
        },
        "cache": {},
        "timings": {
            "blocked": round((whole_ms - known).max(0.0)), "dns": part(parts.dns_ms),
            "connect": part(parts.connect_ms.map(|connect| connect + parts.tls_ms.unwrap_or(0.0))), "ssl": part(parts.tls_ms),
            "send": 0, "wait": parts.first_byte_ms.unwrap_or(0.0), "receive": parts.download_ms.unwrap_or(0.0),
        },
    });
    if let Some(ip) = response["remoteIPAddress"].as_str() {
        told["serverIPAddress"] = json!(ip);
    }
    if let Some(error) = &request.error {
        told["_error"] = json!(error);
    }
    told
}
