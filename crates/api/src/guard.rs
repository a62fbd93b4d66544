//! Keeps web pages of other sites out. The APIs on loopback need no signature, so a browser on the same machine must not be
//! talked into calling them: neither across origins, nor through a name that was made to point at this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Request, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::ApiError;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Names besides addresses and `localhost` under which browsers may reach this server.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    pub allowed_hosts: Vec<String>,
}

pub(crate) async fn check(State(app): State<Arc<App>>, request: Request<Body>, next: Next) -> Response {
    match app.guard.refusal(request.headers(), request.uri()) {
        None => next.run(request).await,
        Some(why) => ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", why).into_response(),
    }
}

impl Guard {
    /// Why a request is refused, if it is.
    fn refusal(&self, headers: &HeaderMap, uri: &Uri) -> Option<String> {
        let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
        let origin = text(ORIGIN);
        if origin.is_none() && !headers.contains_key(SEC_FETCH_SITE) {
            // Not a browser.
            return None;
        }
        let host = text(HOST).or_else(|| uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
        if !self.host_allowed(host) {
            return Some(format!("browsers may not reach this server as {host}; add the name to allowed_hosts if it is yours"));
        }
        match origin {
            Some(origin) if origin.split_once("://").map(|(_, rest)| rest) != Some(host) => {
                Some(format!("requests from pages of {origin} are not allowed"))
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
