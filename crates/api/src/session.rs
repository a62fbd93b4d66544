//! `/api/session`: signing in to the console, and out.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use model::principal::Principal;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::{COOKIE_NAME, cookie};
use crate::app::App;
use crate::error::ApiError;

/// Bytes of a name and a password.
const BODY_BYTES: usize = 8 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    user: String,
    password: String,
}

/// Who is signed in, and whether anybody has to be.
pub(crate) async fn session(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let known = match cookie(&headers) {
        Some(token) => app.access.users.of_session(token).await,
        None => Ok(None),
    };
    match known {
        Ok(principal) => answer(&app, principal.as_ref(), None),
        Err(err) => ApiError::from(err).into_response(),
    }
}

pub(crate) async fn sign_in(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    // A form of another page cannot send this type without asking first.
    let is_json = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return ApiError::invalid("the content type is not application/json").into_response();
    }
    match signed_in(&app, request).await {
        Ok(response) => response,
        Err(err) => err.into_response(),
    }
}

async fn signed_in(app: &App, request: Request<Body>) -> Result<Response, ApiError> {
    let (body, _room) = crate::body::read(app, request, BODY_BYTES).await?;
    let form = "{\"user\": …, \"password\": …}";
    let SignIn { user, password } =
        serde_json::from_slice(&body).map_err(|_| ApiError::invalid(format!("the request body is not {form}")))?;
    let begun = app.access.users.sign_in(&user, &password).await;
    let begun = match begun {
        Ok(begun) => begun,
        Err(control::Error::TooManyTries(message)) => {
            let mut response = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", message).into_response();
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
            return Ok(response);
        }
        Err(control::Error::WrongPassword(message)) => {
            return Err(ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message));
        }
        Err(err) => return Err(err.into()),
    };
    let kept = set_cookie(app, &begun.token, begun.lasts_secs);
    Ok(answer(app, Some(&begun.principal), Some(kept)))
}

pub(crate) async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(token) = cookie(&headers)
        && let Err(err) = app.access.users.sign_out(token).await
    {
        return ApiError::from(err).into_response();
    }
    answer(&app, None, Some(set_cookie(&app, "", 0)))
}

/// Scripts cannot read it, and other sites' pages do not bring it.
fn set_cookie(app: &App, token: &str, lasts_secs: i64) -> String {
    let secure = if app.access.with_tls { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={token}; Path=/; Max-Age={lasts_secs}; HttpOnly; SameSite=Strict{secure}")
}

fn answer(app: &App, principal: Option<&Principal>, cookie: Option<String>) -> Response {
    let of = |value: fn(&Principal) -> Value| principal.map_or(Value::Null, value);
    let body = json!({
        "required": app.access.required,
        "user": of(|principal| json!(principal.name)),
        "role": of(|principal| json!(principal.role)),
        "account_id": of(|principal| json!(principal.account_id)),
    });
    let mut response = ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body.to_string()).into_response();
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
