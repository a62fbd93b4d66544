//! Mitoshi's own calls about canaries: what came of a run, its files, and tries of what is no canary yet.

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use canary::Found;
use control::canary::Artifact;
use model::principal::{Action, Principal};
use serde_json::{Value, json};

use super::canary::{CanaryInput, told_run, trial};
use super::{REQUEST_BYTES, invalid, of};
use crate::app::Asking;
use crate::notification::told;
use crate::parameter::Parameters;

fn files(all: &[Artifact]) -> Vec<Value> {
    all.iter().map(|artifact| json!({"Key": artifact.key, "Bytes": artifact.bytes})).collect()
}

/// `GET /api/canaries/{name}/runs/{id}`.
pub(super) async fn run(Asking(app): Asking, Path((name, id)): Path<(String, String)>) -> Response {
    let find = async {
        let canary = app.canaries.get(&name).await.map_err(of)?;
        let run = app.canaries.run(&name, &id).await.map_err(of)?;
        Ok(json!({
            "Run": told_run(&run),
            "Report": app.canaries.report(&run).await,
            "LogGroup": app.canaries.log_group(&canary),
            "LogStream": run.log_stream,
            "Artifacts": files(&app.canaries.artifacts(&run.artifacts).await),
        }))
    };
    told(find.await)
}

/// `GET /api/canary-artifacts?key=`. A canary's files are what pages of others are made of: nothing in them is run.
pub(super) async fn artifact(Asking(app): Asking, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::of(query.as_deref());
    let key = parameters.get("key").unwrap_or_default();
    let kind = match key.rsplit_once('.').map(|(_, ending)| ending) {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("json" | "har") => "application/json",
        Some("txt" | "log") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    match app.canaries.artifact(key).await.map_err(of) {
        Ok(bytes) => {
            let headers = [
                (CONTENT_TYPE, kind),
                (CACHE_CONTROL, "private, max-age=3600"),
                (CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
            ];
            (headers, bytes).into_response()
        }
        Err(err) => err.into_response(),
    }
}

/// `POST /api/canary-tries`.
pub(super) async fn start(Asking(app): Asking, request: Request<Body>) -> Response {
    let begin = async {
        // It asks other servers for something, and may run what someone wrote.
        if let Some(principal) = request.extensions().get::<Principal>().filter(|principal| !principal.role.may(Action::Change)) {
            return Err(crate::access::denied_to(principal, "synthetics:StartCanaryDryRun"));
        }
        let (body, _rooms) = crate::body::read_packed(&app, request, REQUEST_BYTES).await?;
        let input: CanaryInput =
            serde_json::from_slice(&body).map_err(|err| invalid(format!("the request body is not valid: {err}")))?;
        let (name, code, config) = trial(input)?;
        Ok(json!({"TryId": app.canaries.start_try(&name, code, config).await.map_err(of)?}))
    };
    told(begin.await)
}

/// `GET /api/canary-tries/{id}`.
pub(super) async fn look(Asking(app): Asking, Path(id): Path<String>) -> Response {
    let find = async {
        let tried = app.canaries.tried(&id).map_err(of)?;
        let state = tried.report.as_ref().map_or("RUNNING", |report| report.status.as_str());
        Ok(json!({
            "State": state,
            "Report": tried.report,
            "Log": tried.journal.text(),
            "Artifacts": files(&app.canaries.artifacts(&tried.artifacts).await),
        }))
    };
    told(find.await)
}

/// `GET /api/canary-setup`.
pub(super) async fn setup(Asking(app): Asking) -> Response {
    let setup = app.canaries.runner().setup();
    let found = |found: &Found| json!({"Path": found.path, "Version": found.version, "Message": found.message});
    told(Ok(json!({
        "Browser": found(&setup.browser),
        "Node": found(&setup.node),
        "Python": found(&setup.python),
        "Scripts": {"Message": setup.no_scripts},
    })))
}
