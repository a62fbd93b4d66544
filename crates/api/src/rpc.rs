//! Services whose operations have no paths: all are posted to the root, and named in a header or in the body. Three protocols over the same typed
//! operations: AWS JSON (1.0 and 1.1), RPC v2 CBOR, and Query, which brings a form and gets XML.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use model::limit;
use model::principal::{Action, Principal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use smithy::{Lenient, cbor, form, xml};

use crate::app::App;
use crate::error::{ApiError, ERROR_TYPE, REQUEST_ID};
use crate::operation::request_id;
use crate::{cloudwatch, ecs, logs, sns, sts};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");
const CBOR: HeaderValue = HeaderValue::from_static("application/cbor");

/// How long a word of a protocol may be: names of services and operations.
const NAME_BYTES_MAX: usize = 256;

/// A service.
pub(crate) struct Service {
    /// As signatures and policies call it.
    pub(crate) name: &'static str,
    /// Before the operation, in `X-Amz-Target` and in paths.
    pub(crate) target: &'static str,
    /// Of its Query protocol, where it has one: the name space of its answers, and its version.
    pub(crate) query: Option<(&'static str, &'static str)>,
    pub(crate) operations: &'static [Rpc],
    /// Operations that may be asked of an account which linked its metrics to the one that asks.
    pub(crate) of_linked: &'static [&'static str],
    /// Operations of its model that this server does not have.
    pub(crate) others: &'static [&'static str],
    /// What its older protocol calls an exception.
    pub(crate) code: fn(&str) -> Option<&'static str>,
    /// Its exception for input that is not valid.
    pub(crate) invalid: &'static str,
    /// What is wrong with the members of a request that was refused, where that says more.
    pub(crate) broken: Option<fn(&Value) -> Option<ApiError>>,
}

/// An operation.
pub(crate) struct Rpc {
    pub(crate) name: &'static str,
    pub(crate) action: Action,
    pub(crate) handler: fn(Arc<App>, Call) -> Answer,
}

type Answer = Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>;

/// What an operation answers with.
pub(crate) enum Reply {
    Whole(Vec<u8>),
    /// Events as they happen, until one side ends it.
    EventStream(Body),
}

/// A request of an operation.
pub(crate) struct Call {
    operation: &'static Rpc,
    service: &'static Service,
    protocol: Protocol,
    body: Bytes,
}

/// How a request is written, and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// With the second number of its version.
    Json(u8),
    Cbor,
    Query,
}

static SERVICES: [&Service; 5] = [&cloudwatch::SERVICE, &ecs::SERVICE, &logs::SERVICE, &sns::SERVICE, &sts::SERVICE];

/// A table row's handler from a typed function.
macro_rules! rpc {
    ($name:literal, $action:expr, $function:path) => {
        $crate::rpc::Rpc {
            name: $name,
            action: $action,
            handler: |app, call| {
                Box::pin(async move {
                    let input = call.input()?;
                    call.output(&$function(&app, input).await?).map($crate::rpc::Reply::Whole)
                })
            },
        }
    };
}
pub(crate) use rpc;

/// The same of a function whose answer is an event stream.
macro_rules! rpc_stream {
    ($name:literal, $action:expr, $function:path) => {
        $crate::rpc::Rpc {
            name: $name,
            action: $action,
            handler: |app, call| {
                Box::pin(async move {
                    let input = call.input()?;
                    $function(&app, input).await.map($crate::rpc::Reply::EventStream)
                })
            },
        }
    };
}
pub(crate) use rpc_stream;

impl Protocol {
    /// What a request is written in; none where it is none of these.
    pub(crate) fn of(headers: &HeaderMap, path: &str) -> Option<Protocol> {
        let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if path.starts_with("/service/") {
            return Some(Protocol::Cbor);
        }
        if path != "/" {
            return None;
        }
        if headers.contains_key(TARGET) {
            return Some(Protocol::Json(if kind.starts_with(b"application/x-amz-json-1.1") { 1 } else { 0 }));
        }
        kind.starts_with(b"application/x-www-form-urlencoded").then_some(Protocol::Query)
    }

    /// An error in this protocol's shape.
    pub(crate) fn refuse(self, err: ApiError, service: Option<&Service>) -> Response {
        let request_id = request_id();
        let invalid = service.map_or("InvalidParameterValueException", |service| service.invalid);
        let (status, exception, message, members) = err.instead("InvalidRequestException", invalid).logged(&request_id);
        let code = service.and_then(|service| (service.code)(exception)).unwrap_or(exception);
        let side = if status.is_server_error() { "Receiver" } else { "Sender" };
        let mut body = members;
        body.extend([("__type".to_owned(), exception.into())]);
        body.extend(["message", "Message"].map(|name| (name.to_owned(), Value::from(message.as_str()))));
        let body = Value::Object(body);
        let (kind, body) = match self {
            Protocol::Json(_) => (self.kind(), body.to_string().into_bytes()),
            Protocol::Cbor => (self.kind(), cbor::encode(&body)),
            Protocol::Query => {
                let space = service.and_then(|service| service.query).map_or("", |(space, _)| space);
                (self.kind(), xml::error(space, side, code, &message, &request_id))
            }
        };
        let mut headers = self.headers(kind, &request_id);
        headers.insert(ERROR_TYPE, HeaderValue::from_static(exception));
        // Services that once spoke Query say what they called it then.
        if service.is_none_or(|service| service.query.is_some())
            && let Ok(value) = HeaderValue::from_str(&format!("{code};{side}"))
        {
            headers.insert(QUERY_ERROR, value);
        }
        (status, headers, body).into_response()
    }

    fn kind(self) -> HeaderValue {
        match self {
            Protocol::Json(0) => HeaderValue::from_static("application/x-amz-json-1.0"),
            Protocol::Json(_) => HeaderValue::from_static("application/x-amz-json-1.1"),
            Protocol::Cbor => CBOR,
            Protocol::Query => HeaderValue::from_static("text/xml"),
        }
    }

    fn headers(self, kind: HeaderValue, request_id: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind);
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(REQUEST_ID, id);
        }
        if self == Protocol::Cbor {
            headers.insert(SMITHY_PROTOCOL, HeaderValue::from_static("rpc-v2-cbor"));
        }
        headers
    }
}

impl Call {
    pub(crate) fn input<I: DeserializeOwned>(&self) -> Result<I, ApiError> {
        let invalid = |err: String| ApiError::invalid(format!("the request is not valid: {err}"));
        match self.protocol {
            Protocol::Json(_) => {
                let text: &[u8] = if self.body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { &self.body };
                // To know where a mistake is takes longer than to read what has none.
                serde_json::from_slice(text).or_else(|_| {
                    let mut deserializer = serde_json::Deserializer::from_slice(text);
                    serde_path_to_error::deserialize(&mut deserializer).map_err(|err| invalid(err.to_string()))
                })
            }
            Protocol::Cbor => {
                let value = if self.body.is_empty() {
                    Value::Object(Default::default())
                } else {
                    cbor::decode(&self.body).map_err(invalid)?
                };
                serde_path_to_error::deserialize(Lenient(value)).map_err(|err| invalid(err.to_string()))
            }
            Protocol::Query => {
                let value = form::decode(&self.body).map_err(invalid)?;
                serde_path_to_error::deserialize(Lenient(value)).map_err(|err| invalid(err.to_string()))
            }
        }
    }

    pub(crate) fn output(&self, output: &impl Serialize) -> Result<Vec<u8>, ApiError> {
        let internal = |err: serde_json::Error| ApiError::internal(err.to_string());
        match self.protocol {
            Protocol::Json(_) => serde_json::to_vec(output).map_err(internal),
            Protocol::Cbor => Ok(cbor::encode(&serde_json::to_value(output).map_err(internal)?)),
            Protocol::Query => {
                let value = serde_json::to_value(output).map_err(internal)?;
                let space = self.service.query.map_or("", |(space, _)| space);
                Ok(xml::answer(space, self.operation.name, &value, &request_id()))
            }
        }
    }
}

/// `POST /`.
pub(crate) async fn root(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let Some(protocol) = Protocol::of(request.headers(), "/") else {
        let message = "the request names no operation: neither in X-Amz-Target nor as the Action of a form";
        return ApiError::new(StatusCode::BAD_REQUEST, "UnknownOperationException", message).into_response();
    };
    let target = request.headers().get(TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    answer(app, request, protocol, target).await
}

/// `POST /service/GraniteServiceVersion20100801/operation/PutMetricData`.
pub(crate) async fn path(
    State(app): State<Arc<App>>,
    Path((service, operation)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    answer(app, request, Protocol::Cbor, format!("{service}.{operation}")).await
}

/// `target` is the service's name before a dot, and that of the operation.
async fn answer(app: Arc<App>, mut request: Request<Body>, protocol: Protocol, mut target: String) -> Response {
    // Whose operation it is, and who asks.
    let (root, app) = (app.clone(), request.extensions().get::<Arc<App>>().cloned().unwrap_or(app));
    let headers = request.headers().clone();
    let principal = request.extensions_mut().remove::<Principal>();
    let (body, _rooms) = match crate::body::read_packed(&app, request, limit::REQUEST_BYTES).await {
        Ok(read) => read,
        Err(err) => return protocol.refuse(err, None),
    };
    if protocol == Protocol::Query {
        target = match form::target(&body) {
            Ok(target) => target,
            Err(message) => return protocol.refuse(ApiError::new(StatusCode::BAD_REQUEST, "MissingAction", message), None),
        };
    }
    let (service, operation) = match find(&target, protocol) {
        Ok(found) => found,
        Err((err, service)) => return protocol.refuse(err, service),
    };
    if let Some(principal) = principal.filter(|principal| !principal.role.may(operation.action)) {
        let what = format!("{}:{}", service.name, operation.name);
        return protocol.refuse(crate::access::denied_to(&principal, &what), Some(service));
    }
    let app = match app.clone().asked(&root, &headers) {
        Ok(asked) if !Arc::ptr_eq(&asked, &app) && !service.of_linked.contains(&operation.name) => {
            let message = format!(
                "of account {}, which linked its metrics, clusters and metrics can be read and nothing else: not {}",
                asked.identity.account_id, operation.name
            );
            let err = ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message);
            return protocol.refuse(err, Some(service));
        }
        Ok(asked) => asked,
        Err(err) => return protocol.refuse(err, Some(service)),
    };
    let text = body.clone();
    match (operation.handler)(app, Call { operation, service, protocol, body }).await {
        Ok(Reply::Whole(body)) => (protocol.headers(protocol.kind(), &request_id()), body).into_response(),
        Ok(Reply::EventStream(body)) => (protocol.headers(EVENT_STREAM, &request_id()), body).into_response(),
        Err(err) => {
            let broken = service.broken.filter(|_| matches!(protocol, Protocol::Json(_)));
            let broken = broken.and_then(|broken| broken(&serde_json::from_slice(&text).ok()?));
            protocol.refuse(broken.unwrap_or(err), Some(service))
        }
    }
}

/// What is not found is told as the service that was meant tells it.
type NotFound = (ApiError, Option<&'static Service>);

fn find(target: &str, protocol: Protocol) -> Result<(&'static Service, &'static Rpc), NotFound> {
    let unknown = |message: String| ApiError::new(StatusCode::BAD_REQUEST, "UnknownOperationException", message);
    if target.len() > NAME_BYTES_MAX {
        return Err((unknown("the operation's name is too long".to_owned()), None));
    }
    let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
    let is_meant = |service: &&Service| match protocol {
        // Query says the version of the service alone, and that may be missing.
        Protocol::Query => service.query.is_some_and(|(_, version)| prefix.is_empty() || prefix == version),
        _ => service.target == prefix,
    };
    let Some(service) = SERVICES.into_iter().find(is_meant) else {
        return Err((unknown(format!("there is no service {prefix:?} here")), None));
    };
    match service.operations.iter().find(|operation| operation.name == name) {
        Some(operation) => Ok((service, operation)),
        None if service.others.contains(&name) => Err((unknown(format!("{name} is not supported by this server")), Some(service))),
        None => Err((unknown(format!("{} has no operation {name}", service.name)), Some(service))),
    }
}
