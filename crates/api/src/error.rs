//! Errors as AWS clients expect them: an exception's name in a header, a message in the body, the request's id.
//!
//! The public message says what to do. What only the operator may know goes to the log, under the same request id.

use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use model::Kind;
use serde_json::{Map, Value};
use tracing::{debug, error};

pub(crate) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const RETRY_AFTER_SECS: &str = "1";

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    exception: &'static str,
    message: String,
    /// Further members of the body.
    members: Map<String, Value>,
    private: Option<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, exception: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { status, exception, message: message.into(), members: Map::new(), private: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "InvalidRequestException", message)
    }

    pub(crate) fn internal(private: String) -> ApiError {
        ApiError {
            private: Some(private),
            ..ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalFailure",
                "the server failed; its log says why, under this answer's request id",
            )
        }
    }

    /// There is nothing under the ARN, token or the like that was given.
    pub(crate) fn no_resource(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
    }

    /// With the name of what it is about, as some exceptions have it.
    pub(crate) fn naming(self, resource: &str) -> ApiError {
        self.with("ResourceName", resource.into())
    }

    pub(crate) fn shutting_down() -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "the server is stopping")
    }

    fn of_kind(kind: Kind, message: String) -> ApiError {
        match kind {
            Kind::Invalid | Kind::NotFound => ApiError::invalid(message),
            Kind::LimitExceeded => ApiError::new(StatusCode::BAD_REQUEST, "RuleLimitExceededException", message),
            Kind::Unavailable => ApiError {
                private: Some(message),
                ..ApiError::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "ServiceUnavailable",
                    "the server cannot store data just now (its disk may be full); nothing of this request was kept, try again later",
                )
            },
            Kind::Corrupt | Kind::Internal => ApiError::internal(message),
        }
    }

    /// Under another name, where a service has one of its own for the same.
    pub(crate) fn instead(self, exception: &str, other: &'static str) -> ApiError {
        if self.exception == exception { ApiError { exception: other, ..self } } else { self }
    }

    pub(crate) fn is(&self, exception: &str) -> bool {
        self.exception == exception
    }

    /// What other protocols than AWS's tell of it. What only the operator may know goes to the log.
    pub(crate) fn told(self) -> (StatusCode, String) {
        if let Some(private) = &self.private {
            error!(error = %private, "request failed");
        }
        (self.status, self.message)
    }

    /// What it says, under which exception; what only the operator may know goes to the log.
    pub(crate) fn logged(self, request_id: &str) -> (StatusCode, &'static str, String, Map<String, Value>) {
        if let Some(private) = &self.private {
            if self.status == StatusCode::SERVICE_UNAVAILABLE {
                // The store has said so already, once and not for every request.
                debug!(%request_id, error = %private, "request refused");
            } else {
                error!(%request_id, exception = self.exception, error = %private, "request failed");
            }
        }
        (self.status, self.exception, self.message, self.members)
    }

    pub(crate) fn with(mut self, member: &str, value: Value) -> ApiError {
        self.members.insert(member.to_owned(), value);
        self
    }
}

impl From<ingest::Error> for ApiError {
    fn from(err: ingest::Error) -> ApiError {
        ApiError::of_kind(err.kind(), err.to_string())
    }
}

impl From<control::Error> for ApiError {
    fn from(err: control::Error) -> ApiError {
        let refuse = |exception| ApiError::new(StatusCode::BAD_REQUEST, exception, err.to_string());
        match err {
            control::Error::NoResource(message) => ApiError::no_resource(message),
            control::Error::TooManyTags(_) => refuse("TooManyTagsException"),
            control::Error::MalformedPolicyDocument(_) => refuse("MalformedPolicyDocumentException"),
            control::Error::InvalidPolicyRevisionId(_) => refuse("InvalidPolicyRevisionIdException"),
            control::Error::PolicySizeLimitExceeded(_) => refuse("PolicySizeLimitExceededException"),
            control::Error::PolicyCountLimitExceeded(_) => refuse("PolicyCountLimitExceededException"),
            control::Error::Conflict(message) | control::Error::Protected(message) => {
                ApiError::new(StatusCode::CONFLICT, "ConflictException", message)
            }
            control::Error::QuotaExceeded(message) => {
                ApiError::new(StatusCode::TOO_MANY_REQUESTS, "ServiceQuotaExceededException", message)
            }
            control::Error::Denied(message) => ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message),
            control::Error::Filter(filter) => query::Error::from(filter).into(),
            err => ApiError::of_kind(err.kind(), err.to_string()),
        }
    }
}

impl From<query::Error> for ApiError {
    fn from(err: query::Error) -> ApiError {
        let answer = ApiError::of_kind(err.kind(), err.to_string());
        match err {
            query::Error::Filter(filter) => {
                answer.with("Position", filter.position.into()).with("Expected", filter.expected.into())
            }
            _ => answer,
        }
    }
}

impl From<sql::Error> for ApiError {
    fn from(err: sql::Error) -> ApiError {
        match err {
            sql::Error::Stopping => ApiError::shutting_down(),
            err => ApiError::of_kind(err.kind(), err.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request_id = crate::operation::request_id();
        let (status, exception, message, members) = self.logged(&request_id);
        let mut body = Map::new();
        body.insert("Message".to_owned(), message.into());
        body.extend(members);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ERROR_TYPE, HeaderValue::from_static(exception));
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            headers.insert(REQUEST_ID, value);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECS));
        }
        (status, headers, Value::Object(body).to_string()).into_response()
    }
}

/// Browsers take an answer for what it says it is.
pub(crate) async fn no_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A path that no operation has.
pub(crate) async fn unknown_path(uri: Uri) -> Response {
    let message = format!("there is no operation at {}", uri.path());
    ApiError::new(StatusCode::NOT_FOUND, "UnknownOperationException", message).into_response()
}

/// A path that takes another method.
pub(crate) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let message = format!("{} does not take {method}; operations of AWS services are POST requests", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "UnknownOperationException", message).into_response()
}

/// A handler panicked: the caller gets an answer, the log the reason, and the server goes on.
pub(crate) fn panicked(reason: Box<dyn std::any::Any + Send>) -> Response {
    let reason = reason
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| reason.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "unknown".to_owned());
    ApiError::internal(format!("panic: {reason}")).into_response()
}
