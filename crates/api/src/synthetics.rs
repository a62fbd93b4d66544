//! CloudWatch Synthetics: REST with JSON bodies. One row per operation; paths have names and ARNs in them.

mod canary;
mod group;
mod tag;
mod trial;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use model::principal::Action::{self, Change, Read};
use percent_encoding::percent_decode_str;

use crate::app::App;
use crate::console;
use crate::error::{ApiError, REQUEST_ID};
use crate::operation::{Answer, request_id};

pub use canary::{apply_canary, canary_once};
pub(crate) use tag::{is_tagged, tags};

/// A zip of 10 MB, in base64.
const REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// What a request says besides its body.
pub(crate) struct Asked {
    /// What stands in the path where the pattern has a `*`.
    names: Vec<String>,
    query: Option<String>,
    body: Bytes,
}

struct Operation {
    #[allow(dead_code, reason = "the table is the list of operations, and is read by people")]
    name: &'static str,
    method: &'static str,
    /// Parts of the path; `*` is any.
    path: &'static [&'static str],
    action: Action,
    handler: fn(Arc<App>, Asked) -> Answer,
}

macro_rules! operation {
    ($name:literal, $method:literal, [$($part:literal),*], $action:expr, $function:path) => {
        Operation {
            name: $name,
            method: $method,
            path: &[$($part),*],
            action: $action,
            handler: |app, asked| Box::pin(async move { $crate::operation::answer(&$function(&app, asked).await?) }),
        }
    };
}

/// All operations, but those about tags.
static OPERATIONS: &[Operation] = &[
    operation!("AssociateResource", "PATCH", ["group", "*", "associate"], Change, group::associate_resource),
    operation!("CreateCanary", "POST", ["canary"], Change, canary::create_canary),
    operation!("CreateGroup", "POST", ["group"], Change, group::create_group),
    operation!("DeleteCanary", "DELETE", ["canary", "*"], Change, canary::delete_canary),
    operation!("DeleteGroup", "DELETE", ["group", "*"], Change, group::delete_group),
    operation!("DescribeCanaries", "POST", ["canaries"], Read, canary::describe_canaries),
    operation!("DescribeCanariesLastRun", "POST", ["canaries", "last-run"], Read, canary::describe_canaries_last_run),
    operation!("DescribeRuntimeVersions", "POST", ["runtime-versions"], Read, canary::describe_runtime_versions),
    operation!("DisassociateResource", "PATCH", ["group", "*", "disassociate"], Change, group::disassociate_resource),
    operation!("GetCanary", "GET", ["canary", "*"], Read, canary::get_canary),
    operation!("GetCanaryRuns", "POST", ["canary", "*", "runs"], Read, canary::get_canary_runs),
    operation!("GetGroup", "GET", ["group", "*"], Read, group::get_group),
    operation!("ListAssociatedGroups", "POST", ["resource", "*", "groups"], Read, group::list_associated_groups),
    operation!("ListGroupResources", "POST", ["group", "*", "resources"], Read, group::list_group_resources),
    operation!("ListGroups", "POST", ["groups"], Read, group::list_groups),
    operation!("StartCanary", "POST", ["canary", "*", "start"], Change, canary::start_canary),
    operation!("StartCanaryDryRun", "POST", ["canary", "*", "dry-run", "start"], Change, canary::start_canary_dry_run),
    operation!("StopCanary", "POST", ["canary", "*", "stop"], Change, canary::stop_canary),
    operation!("UpdateCanary", "PATCH", ["canary", "*"], Change, canary::update_canary),
];

/// The operation of a path, with what its parts name.
fn find(method: &Method, path: &str) -> Option<(&'static Operation, Vec<String>)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let names = |pattern: &[&str]| {
        let fits =
            pattern.len() == parts.len() && pattern.iter().zip(&parts).all(|(wanted, part)| *wanted == "*" || wanted == part);
        let named = pattern.iter().zip(&parts).filter(|(wanted, _)| **wanted == "*");
        fits.then(|| named.map(|(_, part)| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect())
    };
    let of_method = OPERATIONS.iter().filter(|operation| operation.method == method.as_str());
    of_method.into_iter().find_map(|operation| Some((operation, names(operation.path)?)))
}

/// What it takes to ask for a path; none where it is none of Synthetics'.
pub(crate) fn action_of(method: &Method, path: &str) -> Option<Action> {
    find(method, path).map(|(operation, _)| operation.action)
}

pub(crate) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for path in [
        "/canary",
        "/canary/{*rest}",
        "/canaries/last-run",
        "/runtime-versions",
        "/group",
        "/group/{*rest}",
        "/groups",
        "/resource/{*rest}",
    ] {
        router = router.route(path, any(answer));
    }
    router
        .route("/canaries", any(answer))
        .route("/api/canaries/{name}/runs/{id}", get(trial::run))
        .route("/api/canary-artifacts", get(trial::artifact))
        .route("/api/canary-tries", post(trial::start))
        .route("/api/canary-tries/{id}", get(trial::look))
        .route("/api/canary-setup", get(trial::setup))
}

async fn answer(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let app = request.extensions().get::<Arc<App>>().cloned().unwrap_or(app);
    let Some((operation, names)) = find(request.method(), request.uri().path()) else {
        // The console has pages at some of these addresses.
        if request.method() == Method::GET || request.method() == Method::HEAD {
            return console::file(request.method().clone(), request.uri().clone()).await;
        }
        let message = format!("there is no operation {} {}", request.method(), request.uri().path());
        return ApiError::new(StatusCode::NOT_FOUND, "UnknownOperationException", message).into_response();
    };
    let query = request.uri().query().map(str::to_owned);
    let done = async {
        let (body, _rooms) = crate::body::read_packed(&app, request, REQUEST_BYTES).await?;
        (operation.handler)(app.clone(), Asked { names, query, body }).await
    };
    match done.await {
        Ok(json) => {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            if let Ok(id) = HeaderValue::from_str(&request_id()) {
                headers.insert(REQUEST_ID, id);
            }
            (headers, json).into_response()
        }
        Err(err) => err.instead("InvalidRequestException", "ValidationException").into_response(),
    }
}

impl Asked {
    fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    fn input<I: serde::de::DeserializeOwned>(&self) -> Result<I, ApiError> {
        let text: &[u8] = if self.body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { &self.body };
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        serde_path_to_error::deserialize(&mut deserializer).map_err(|err| invalid(format!("the request body is not valid: {err}")))
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "ValidationException", message)
}

/// As Synthetics names what is wrong.
fn of(err: control::Error) -> ApiError {
    match err {
        control::Error::Invalid(message) => invalid(message),
        control::Error::QuotaExceeded(message) => {
            ApiError::new(StatusCode::PAYMENT_REQUIRED, "ServiceQuotaExceededException", message)
        }
        control::Error::TooManyTags(message) => invalid(message),
        err => err.into(),
    }
}
