//! Checks of HTTP.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use model::canary::Assertion;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::{Checked, assertion};
use crate::net::{Ask, Exchange, now_us, send};
use crate::recorder::{Recorder, Running, TRACE_HEADER, Token};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const TIMEOUT_MS: u64 = 30_000;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpStep {
    url: String,
    http_method: String,
    #[serde(default)]
    timeout: Option<u64>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    authentication: Option<Authentication>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
enum Authentication {
    None,
    Basic {
        username: String,
        password: String,
    },
    ApiKey {
        api_key: String,
        #[serde(default)]
        header_name: Option<String>,
    },
    OauthClientCredentials {
        token_url: String,
        client_id: String,
        client_secret: String,
        #[serde(default)]
        scope: Option<String>,
        #[serde(default)]
        audience: Option<String>,
        #[serde(default)]
        resource: Option<String>,
        #[serde(default)]
        token_api_auth: Option<String>,
        /// Seconds; nothing is kept from one run to the next.
        #[serde(default = "one_hour")]
        token_cache_ttl: u64,
    },
    Sigv4 {
        service: String,
        region: String,
    },
}

fn one_hour() -> u64 {
    3_600
}

pub(super) fn check(step: &Map<String, Value>) -> Result<(), String> {
    let step: HttpStep = super::read(step)?;
    if !METHODS.contains(&step.http_method.as_str()) {
        return Err(format!("httpMethod {} is none of {}", step.http_method, METHODS.join(", ")));
    }
    Ok(())
}

pub(super) async fn run(
    given: &Map<String, Value>,
    user_agent: Option<&str>,
    recorder: &mut Recorder<'_>,
    running: &mut Running,
) -> Result<Checked, String> {
    let step: HttpStep = super::read(given)?;
    let asserted = assertion::read(given)?;
    let timeout = Duration::from_millis(step.timeout.unwrap_or(TIMEOUT_MS));
    let user_agent = user_agent.map_or_else(|| recorder.user_agent(), str::to_owned);
    let mut ask = Ask {
        method: step.http_method,
        url: step.url,
        headers: step.headers.into_iter().collect(),
        body: step.body.map(|body| Bytes::from(assertion::text_of(&body))).unwrap_or_default(),
        timeout,
    };
    if let Some(authentication) = step.authentication {
        authenticate(&mut ask, authentication, &user_agent, recorder, running).await?;
    }
    let header = recorder.trace_header(running.call());
    let traced = |_: &Url| header.iter().map(|value| (TRACE_HEADER.to_owned(), value.clone())).collect();
    let exchanges = send(&ask, &user_agent, traced).await;
    exchanges.iter().for_each(|exchange| recorder.note(running, exchange));
    let Some(last) = exchanges.last() else { return Err("nothing was sent".to_owned()) };
    let took_ms = crate::net::round(exchanges.iter().map(Exchange::duration_ms).sum());
    running.step.duration_ms = took_ms;
    running.step.status_code = last.status;
    running.step.timings = last.timings;
    if exchanges.len() > 1 {
        running.step.destination_url = Some(last.url.clone());
    }
    if let Some(error) = &last.error {
        return Err(error.clone());
    }
    let text = String::from_utf8_lossy(&last.body).into_owned();
    let mut assertions: Vec<Assertion> = Vec::new();
    for one in &asserted {
        assertions.push(match one.kind.as_str() {
            "STATUS_CODE" => one.of_number("status code", f64::from(last.status.unwrap_or(0))),
            "RESPONSE_TIME" => one.of_number("response time in ms", took_ms),
            "HEADER" => {
                let name = one.header_name.as_deref().ok_or("an assertion on a HEADER needs headerName")?;
                one.of_text(&format!("header {name}"), last.header(name))
            }
            _ => match (one.target.as_deref(), one.path.as_deref()) {
                (Some("JSON"), Some(path)) | (None, Some(path)) => match assertion::at(&text, path) {
                    Ok(found) => one.of_text(&format!("body at {path}"), found.as_deref()),
                    Err(why) => Assertion { text: format!("body at {path}"), actual: why, passed: false },
                },
                _ => one.of_text("body", Some(&text)),
            },
        });
    }
    // Where nothing is said of the status, a page that says of itself that it failed has failed.
    let says_nothing = asserted.iter().all(|one| one.kind != "STATUS_CODE");
    let status = last.status.unwrap_or(0);
    let error = (says_nothing && status >= 400).then(|| format!("answered {status} {}", last.reason).trim_end().to_owned());
    Ok(Checked { assertions, text: Some(text), error })
}

async fn authenticate(
    ask: &mut Ask,
    authentication: Authentication,
    user_agent: &str,
    recorder: &mut Recorder<'_>,
    running: &mut Running,
) -> Result<(), String> {
    let basic = |user: &str, password: &str| format!("Basic {}", BASE64.encode(format!("{user}:{password}")));
    match authentication {
        Authentication::None => {}
        Authentication::Basic { username, password } => {
            recorder.journal.keep_secret(&password);
            ask.headers.push(("authorization".to_owned(), basic(&username, &password)));
        }
        Authentication::ApiKey { api_key, header_name } => {
            recorder.journal.keep_secret(&api_key);
            ask.headers.push((header_name.unwrap_or_else(|| "X-API-Key".to_owned()), api_key));
        }
        Authentication::OauthClientCredentials {
            token_url,
            client_id,
            client_secret,
            scope,
            audience,
            resource,
            token_api_auth,
            token_cache_ttl,
        } => {
            let of = format!("{token_url} {client_id} {client_secret} {scope:?} {audience:?} {resource:?}");
            if let Some(token) = recorder.tokens.get(&of).filter(|token| Instant::now() < token.until) {
                ask.headers.push(("authorization".to_owned(), format!("Bearer {}", token.text)));
                return Ok(());
            }
            recorder.journal.keep_secret(&client_secret);
            let mut pairs = vec![("grant_type", "client_credentials".to_owned())];
            let optional = [("scope", scope), ("audience", audience), ("resource", resource)];
            pairs.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
            let mut headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
            if token_api_auth.as_deref() == Some("REQUEST_BODY") {
                pairs.extend([("client_id", client_id), ("client_secret", client_secret)]);
            } else {
                headers.push(("authorization".to_owned(), basic(&client_id, &client_secret)));
            }
            let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            let body = Bytes::from(form);
            let token = Ask { method: "POST".to_owned(), url: token_url, headers, body, timeout: ask.timeout };
            let exchanges = send(&token, user_agent, |_| Vec::new()).await;
            exchanges.iter().for_each(|exchange| recorder.note(running, exchange));
            let last = exchanges.last().ok_or("no token was asked for")?;
            if let Some(error) = &last.error {
                return Err(format!("no token: {error}"));
            }
            let answer: Value = serde_json::from_slice(&last.body).unwrap_or_default();
            let token = answer.get("access_token").and_then(Value::as_str);
            let token = token.ok_or_else(|| format!("no token: answered {} without access_token", last.status.unwrap_or(0)))?;
            ask.headers.push(("authorization".to_owned(), format!("Bearer {token}")));
            let until = Instant::now() + Duration::from_secs(token_cache_ttl.min(one_hour()));
            recorder.tokens.insert(of, Token { text: token.to_owned(), until });
        }
        Authentication::Sigv4 { service, region } => sign(ask, service, region, recorder)?,
    }
    Ok(())
}

/// With the keys of the canary's environment: there are no roles here to take.
fn sign(ask: &mut Ask, service: String, region: String, recorder: &Recorder<'_>) -> Result<(), String> {
    let environment = &recorder.job.environment;
    let key = |name: &str| {
        environment.get(name).cloned().ok_or_else(|| format!("SIGV4 needs {name} among the environment variables of the canary"))
    };
    let signer = sigv4::Signer { access_key_id: key("AWS_ACCESS_KEY_ID")?, secret: key("AWS_SECRET_ACCESS_KEY")?, region, service };
    let url = Url::parse(&ask.url).map_err(|err| format!("{:?} is no address: {err}", ask.url))?;
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut request =
        http::Request::builder().method(ask.method.as_str()).uri(&url[url::Position::BeforePath..url::Position::AfterQuery]);
    request = request.header("host", authority);
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    let (mut parts, ()) = request.body(()).map_err(|err| err.to_string())?.into_parts();
    signer.sign(&mut parts, &sigv4::hash(&ask.body), now_us() / 1_000_000);
    let made = parts.headers.iter().filter(|(name, _)| *name != "host");
    ask.headers = made.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect();
    Ok(())
}
