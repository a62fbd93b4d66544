//! Keeps web pages of other sites out. The APIs on loopback need no signature, so a browser on the same machine must not be
//! talked into calling them: neither across origins, nor through a name that was made to point at this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::ApiError;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Names besides addresses and `localhost` under which browsers may reach this server.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    pub allowed_hosts: Vec<String>,
}

pub(crate) async fn check(State(app): State<Arc<App>>, request: Request<Body>, next: Next) -> Response {
    match app.guard.refusal(request.method(), request.headers(), request.uri()) {
        None => next.run(request).await,
        Some(why) => ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", why).into_response(),
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Operations that clients of an X-Ray daemon call through it.
const DAEMON_PATHS: &[&str] = &["/GetSamplingRules", "/SamplingTargets", "/TraceSegments", "/TelemetryRecords"];

/// On the daemon's address other machines may send, and may not read or change anything: nobody there has signed in. Where everyone
/// has to, the same holds for this machine.
pub(crate) async fn check_daemon(State(app): State<Arc<App>>, request: Request<Body>, next: Next) -> Response {
    let is_local = request.extensions().get::<Peer>().is_some_and(|peer| peer.0.to_canonical().is_loopback());
    if is_local && !app.access.required || DAEMON_PATHS.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let why = match app.access.required {
        true => {
            "segments may be sent and sampling rules and targets asked for here; everything else needs a signature, at the address of the APIs"
        }
        false => {
            "other machines may send segments and ask for sampling rules and targets here; everything else is for this machine"
        }
    };
    ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", why).into_response()
}

impl Guard {
    /// Why a request is refused, if it is.
    fn refusal(&self, method: &Method, headers: &HeaderMap, uri: &Uri) -> Option<String> {
        let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
        let origin = text(ORIGIN);
        let site = text(SEC_FETCH_SITE);
        let is_reading = matches!(*method, Method::GET | Method::HEAD);
        // AWS clients only post, under whatever name. Browsers say where they come from, except when they read from a name
        // without TLS that they take for the page's own.
        if origin.is_none() && site.is_none() && !is_reading {
            return None;
        }
        let host = text(HOST).or_else(|| uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
        if !self.host_allowed(host) {
            return Some(format!("this server is not to be read as {host}; add the name to http.allowed_hosts if it is yours"));
        }
        match origin {
            Some(origin) if origin.split_once("://").map(|(_, rest)| rest) != Some(host) => {
                Some(format!("requests from pages of {origin} are not allowed"))
            }
            // A link on another site's page may open the console; its scripts and forms may not reach it.
            None if matches!(site, Some("cross-site" | "same-site"))
                && !(is_reading && text(SEC_FETCH_MODE) == Some("navigate")) =>
            {
                Some("requests from pages of other sites are not allowed".to_owned())
            }
            _ => None,
        }
    }

    fn host_allowed(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || name.to_ascii_lowercase().ends_with(".localhost")
            || self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests;
