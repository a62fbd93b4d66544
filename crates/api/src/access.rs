//! Who asks, and whether they may. Programs sign (SigV4) or bring a token, people have a session; where nobody has to sign in, who
//! brings nothing is whoever sits at this machine.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use control::key::Keys;
use control::user::Users;
use model::limit;
use model::principal::{Action, Principal, Role};
use sigv4::{Payload, Signature, SigningKey};

use crate::app::App;
use crate::body::{self, AlreadyRead};
use crate::error::ApiError;
use crate::oam;
use crate::operation::Operation;
use crate::rpc::Protocol;
use crate::xray::OPERATIONS;

/// The cookie that a session is kept in.
pub(crate) const COOKIE_NAME: &str = "mitoshi_session";

/// Who may ask.
pub struct Access {
    pub keys: Keys,
    pub users: Users,
    /// Whether everyone has to say who they are.
    pub required: bool,
    /// Whether browsers may keep sessions for connections with TLS only.
    pub with_tls: bool,
}

/// What a path wants of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing: it tells nothing, or is there to sign in.
    Nothing,
    /// It tells more to those who may read.
    Welcome,
    /// Who asks must have said who they are.
    Someone,
    May(Action),
}

fn need(method: &Method, path: &str) -> Need {
    static OF_OPERATIONS: LazyLock<HashMap<&str, Action>> =
        LazyLock::new(|| operations().map(|operation| (operation.path, operation.action)).collect());
    if let Some(action) = OF_OPERATIONS.get(path) {
        return Need::May(*action);
    }
    if let Some(action) = crate::synthetics::action_of(method, path) {
        return Need::May(action);
    }
    match path {
        _ if path.starts_with("/tags/") && *method == Method::GET => Need::May(Action::Read),
        _ if path.starts_with("/tags/") => Need::May(Action::Change),
        // Which operation it is stands in headers or in the body: there it is found out whether it may be asked for.
        "/" if *method == Method::POST => Need::Someone,
        _ if path.starts_with("/service/") => Need::Someone,
        "/api/status-page" if *method == Method::PUT => Need::May(Action::Change),
        "/api/session" => Need::Nothing,
        "/api/health" => Need::Welcome,
        "/metrics" => Need::May(Action::Read),
        "/api/v1/write" | "/api/containers" | "/api/log-lines" => Need::May(Action::Send),
        // SQL reads, whatever the query says.
        _ if path.starts_with("/api/") || path.starts_with("/arrow.flight.protocol.") => Need::May(Action::Read),
        _ if path.starts_with("/v1/") || path.starts_with("/opentelemetry.") => Need::May(Action::Send),
        // The console's files.
        _ => Need::Nothing,
    }
}

fn operations() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().chain(oam::OPERATIONS)
}

/// Lets those through who may, with who they are.
pub(crate) async fn check(State(app): State<Arc<App>>, request: Request<Body>, next: Next) -> Response {
    let need = need(request.method(), request.uri().path());
    if need == Need::Nothing {
        return next.run(request).await;
    }
    let face = Face::of(&request);
    let path = request.uri().path().to_owned();
    let (mut request, principal) = match identify(&app, request).await {
        Ok(identified) => identified,
        Err(err) => return face.refuse(err),
    };
    match (need, &principal) {
        (Need::May(_) | Need::Someone, None) => return face.refuse(missing()),
        (Need::May(action), Some(principal)) if !principal.role.may(action) => return face.refuse(denied(principal, &path)),
        _ => {}
    }
    if let Some(principal) = principal {
        let asking = app.of_account(&principal.account_id);
        // SQL reads tables, which hold what all accounts sent.
        if reads_tables(&path) && !asking.query.sees_everything() {
            return face.refuse(not_all(&principal));
        }
        request.extensions_mut().insert(asking);
        request.extensions_mut().insert(principal);
    }
    next.run(request).await
}

/// Who asks; none where they would have to say so and do not.
async fn identify(app: &App, request: Request<Body>) -> Result<(Request<Body>, Option<Principal>), ApiError> {
    let (parts, body) = request.into_parts();
    let here = || {
        let account_id = app.identity.account_id.clone();
        (!app.access.required).then(|| Principal { name: "local".to_owned(), account_id, role: Role::Admin })
    };
    let signature = match Signature::of(&parts) {
        Ok(signature) => signature,
        // Whatever stands there, nobody asked for it.
        Err(_) if !app.access.required => None,
        Err(err) => return Err(of_signature(&err)),
    };
    if let Some(signature) = signature {
        let known = app.access.keys.find(&signature.access_key_id).await?;
        let known = known.filter(|key| key.session_token == signature.session_token);
        return match known {
            Some(key) if app.access.keys.is_over(&key) => {
                let message = "The security token included in the request is expired";
                Err(ApiError::new(StatusCode::FORBIDDEN, "ExpiredTokenException", message))
            }
            Some(key) => {
                let request = verified(app, parts, body, &signature, &key.secret).await?;
                Ok((request, Some(key.principal())))
            }
            None if !app.access.required => Ok((Request::from_parts(parts, body), here())),
            None => {
                let message = "The security token included in the request is invalid.";
                Err(ApiError::new(StatusCode::FORBIDDEN, "UnrecognizedClientException", message))
            }
        };
    }
    let token = bearer(&parts.headers).map(str::to_owned).or_else(|| basic(&parts.headers));
    let principal = match (token.as_deref(), cookie(&parts.headers)) {
        (Some(token), _) => app.access.keys.of_token(token).await?,
        (None, Some(token)) => app.access.users.of_session(token).await?,
        (None, None) => None,
    };
    Ok((Request::from_parts(parts, body), principal.or_else(here)))
}

/// The request, once its signature was found to be its owner's. What signs the body needs all of it, so that it is read here.
async fn verified(app: &App, mut parts: Parts, body: Body, signature: &Signature, secret: &str) -> Result<Request<Body>, ApiError> {
    let key = SigningKey::new(secret, &signature.date, &signature.region, &signature.service);
    let limit = if parts.uri.path().starts_with("/v1/") { limit::OTLP_BYTES } else { limit::REQUEST_BYTES };
    let (mut bytes, room) = body::read_body(app, &parts.headers, body, limit).await?;
    let payload = signature.payload(&parts).map_err(|err| of_signature(&err))?;
    let now_secs = app.clock.now_us().div_euclid(1_000_000);
    signature.verify(&parts, &sigv4::hash(&bytes), &key, now_secs).map_err(|err| of_signature(&err))?;
    if matches!(payload, Payload::SignedChunks { .. } | Payload::UnsignedChunks) {
        let content = sigv4::decode_chunks(&bytes, payload, signature, Some(&key)).map_err(|err| of_signature(&err))?;
        bytes = Bytes::from(content);
        without_chunks(&mut parts.headers, bytes.len());
    }
    parts.extensions.insert(AlreadyRead { bytes: bytes.clone(), room });
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// Headers as they are without `aws-chunked`.
fn without_chunks(headers: &mut HeaderMap, length: usize) {
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let encodings = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let others = encodings.split(',').map(str::trim).filter(|encoding| !encoding.eq_ignore_ascii_case("aws-chunked"));
    let others: Vec<&str> = others.filter(|encoding| !encoding.is_empty()).collect();
    match HeaderValue::from_str(&others.join(", ")) {
        Ok(value) if !value.is_empty() => headers.insert(CONTENT_ENCODING, value),
        _ => headers.remove(CONTENT_ENCODING),
    };
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A key's id and secret as name and password, which data sources know how to send.
fn basic(headers: &HeaderMap) -> Option<String> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(format!("{id}.{secret}"))
}

/// The session that a browser has.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value)
}

fn of_signature(err: &sigv4::Error) -> ApiError {
    let status = match err {
        sigv4::Error::Incomplete(_) => StatusCode::BAD_REQUEST,
        sigv4::Error::Invalid(_) | sigv4::Error::Expired(_) => StatusCode::FORBIDDEN,
    };
    ApiError::new(status, err.exception(), err.to_string())
}

fn reads_tables(path: &str) -> bool {
    path == "/api/sql" || path.starts_with("/arrow.flight.protocol.")
}

fn not_all(principal: &Principal) -> ApiError {
    let account_id = &principal.account_id;
    let message = format!(
        "SQL reads what all accounts sent, and the account {account_id} may see only some of it; link the others to it first"
    );
    ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message)
}

fn missing() -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", "Missing Authentication Token")
}

fn denied(principal: &Principal, path: &str) -> ApiError {
    let operation = operations().find(|operation| operation.path == path);
    let service = if oam::OPERATIONS.iter().any(|operation| operation.path == path) { "oam" } else { "xray" };
    let what = operation.map_or_else(|| path.to_owned(), |operation| format!("{service}:{}", operation.name));
    denied_to(principal, &what)
}

/// `what` is as policies write it: the service, a colon, and the operation.
pub(crate) fn denied_to(principal: &Principal, what: &str) -> ApiError {
    let Principal { name, account_id, role } = principal;
    let message = format!(
        "User: arn:aws:iam::{account_id}:user/{name} is not authorized to perform: {what} because the role {} does not allow it",
        role.name()
    );
    ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message)
}

/// The protocol in which an answer is read.
#[derive(Clone, Copy)]
enum Face {
    Aws,
    Grpc,
    Otlp,
    Rpc(Protocol),
}

impl Face {
    fn of(request: &Request<Body>) -> Face {
        let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        match request.uri().path() {
            _ if kind.starts_with(b"application/grpc") => Face::Grpc,
            path if path.starts_with("/v1/") => Face::Otlp,
            path if *request.method() == Method::POST => Protocol::of(request.headers(), path).map_or(Face::Aws, Face::Rpc),
            _ => Face::Aws,
        }
    }

    fn refuse(self, err: ApiError) -> Response {
        let is_missing = err.is("MissingAuthenticationTokenException");
        match self {
            Face::Aws => err.into_response(),
            Face::Rpc(protocol) => protocol.refuse(err, None),
            Face::Grpc => {
                let (status, message) = err.told();
                let code = match status {
                    _ if is_missing => tonic::Code::Unauthenticated,
                    StatusCode::FORBIDDEN => tonic::Code::PermissionDenied,
                    StatusCode::BAD_REQUEST => tonic::Code::Unauthenticated,
                    _ => tonic::Code::Unavailable,
                };
                tonic::Status::new(code, message).into_http()
            }
            // Exporters know 401 for: bring a token.
            Face::Otlp => {
                let mut response = crate::otlp::refuse(err, is_missing);
                if is_missing {
                    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                response
            }
        }
    }
}

#[cfg(test)]
mod tests;
