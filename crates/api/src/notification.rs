//! Mitoshi's own calls about alarms and what they notify of.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use model::limit;
use serde_json::{Value, json};

use crate::app::{App, Asking};
use crate::cloudwatch::alarm;
use crate::error::ApiError;
use crate::parameter::Parameters;
use crate::{operation, sns};

/// Which ways out the configuration opened.
#[derive(Debug, Clone, Default)]
pub struct NotificationSetup {
    pub has_mail: bool,
    pub commands: Vec<String>,
}

/// A small answer that browsers do not keep.
pub(crate) fn told(answer: Result<Value, ApiError>) -> Response {
    match answer {
        Ok(body) => ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body.to_string()).into_response(),
        Err(err) => err.into_response(),
    }
}

/// `GET /api/notification-setup`.
pub(crate) async fn setup(Asking(app): Asking) -> Response {
    told(Ok(json!({"Smtp": app.notification_setup.has_mail, "Commands": app.notification_setup.commands})))
}

/// `GET /api/deliveries`: what became of notifications, the newest first.
pub(crate) async fn deliveries(Asking(app): Asking, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::of(query.as_deref());
    let found = async {
        let most = parameters.number("limit")?.and_then(|most| usize::try_from(most).ok());
        sns::deliveries(&app, parameters.get("alarm"), parameters.get("topic"), most.unwrap_or(100)).await
    };
    told(found.await)
}

/// `POST /api/alarm-preview`.
pub(crate) async fn preview(Asking(app): Asking, request: Request<Body>) -> Response {
    let asked: Arc<App> = app.clone();
    let answer = async {
        let (body, _rooms) = crate::body::read_packed(&app, request, limit::REQUEST_BYTES).await?;
        operation::json(body, async |input| alarm::preview(&asked, input).await).await
    };
    match answer.await {
        Ok(body) => ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], body).into_response(),
        Err(err) => err.into_response(),
    }
}
