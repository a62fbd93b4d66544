//! One row per AWS operation. The table drives routing and the coverage test.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use model::limit;
use model::principal::Action;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::{ApiError, REQUEST_ID};

/// A JSON body, under way.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Vec<u8>, ApiError>> + Send>>;
type Handler = fn(Arc<App>, Bytes) -> Answer;
type Reply = Pin<Box<dyn Future<Output = Response> + Send>>;

/// An operation of an AWS service.
#[derive(Clone, Copy)]
pub struct Operation {
    pub name: &'static str,
    pub path: &'static str,
    /// What who asks must be allowed to do.
    pub action: Action,
    handler: Handler,
}

impl Operation {
    pub(crate) const fn new(name: &'static str, path: &'static str, action: Action, handler: Handler) -> Operation {
        Operation { name, path, action, handler }
    }

    /// The row as a request handler.
    pub(crate) fn service(self) -> impl Fn(State<Arc<App>>, Request<Body>) -> Reply + Clone + Send + 'static {
        move |State(app), request| {
            // Whose operation it is.
            let app = request.extensions().get::<Arc<App>>().cloned().unwrap_or(app);
            Box::pin(async move {
                match self.answer(app, request).await {
                    Ok(json) => {
                        let mut headers = HeaderMap::new();
                        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                        if let Ok(id) = HeaderValue::from_str(&request_id()) {
                            headers.insert(REQUEST_ID, id);
                        }
                        (headers, json).into_response()
                    }
                    Err(err) => err.into_response(),
                }
            })
        }
    }

    async fn answer(&self, app: Arc<App>, request: Request<Body>) -> Result<Vec<u8>, ApiError> {
        let (body, _rooms) = crate::body::read_packed(&app, request, limit::REQUEST_BYTES).await?;
        (self.handler)(app.clone(), body).await
    }
}

/// Runs a typed handler on a JSON body. An empty body is an empty object: some clients send none.
pub(crate) async fn json<I, O, F>(body: Bytes, handler: impl FnOnce(I) -> F) -> Result<Vec<u8>, ApiError>
where
    I: DeserializeOwned,
    O: Serialize,
    F: Future<Output = Result<O, ApiError>>,
{
    let text: &[u8] = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { &body };
    let input = serde_json::from_slice(text).map_err(|err| invalid_body::<I>(text, err))?;
    answer(&handler(input).await?)
}

/// Reads the body once more to find out which member is wrong.
fn invalid_body<I: DeserializeOwned>(text: &[u8], err: serde_json::Error) -> ApiError {
    let placed = serde_path_to_error::deserialize::<_, I>(&mut serde_json::Deserializer::from_slice(text)).err();
    let path = placed.map(|placed| placed.path().to_string()).filter(|path| path != ".");
    let member = path.map_or_else(String::new, |path| format!("{path}: "));
    ApiError::invalid(format!("the request body is not valid: {member}{err}"))
}

pub(crate) fn answer(output: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(output).map_err(|err| ApiError::internal(err.to_string()))
}

/// A table row's handler from a typed function.
macro_rules! handler {
    ($function:path) => {
        |app, body| Box::pin(async move { $crate::operation::json(body, |input| $function(&app, input)).await })
    };
}
pub(crate) use handler;

/// An id for one answer: unique in this process and, by its time, over restarts.
pub(crate) fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let started = std::process::id();
    format!("{:08x}-0000-4000-8000-{n:012x}", started)
}
