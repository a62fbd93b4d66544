//! Dashboards.

use axum::http::StatusCode;
use control::dashboard::{Finding, PutError};
use model::dashboard::Dashboard;
use serde::{Deserialize, Serialize};

use super::{invalid_value, missing, refuse};
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::Moment;

/// Dashboards on a page (AWS).
const PAGE: usize = 1_000;

fn arn(app: &App, name: &str) -> String {
    format!("arn:aws:cloudwatch::{}:dashboard/{name}", app.identity.account_id)
}

fn of(err: control::Error) -> ApiError {
    match err {
        control::Error::NoResource(message) => ApiError::new(StatusCode::NOT_FOUND, "DashboardNotFoundError", message),
        err => err.into(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutDashboard {
    dashboard_name: Option<String>,
    dashboard_body: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutDashboardOutput {
    dashboard_validation_messages: Vec<ValidationMessage>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ValidationMessage {
    data_path: String,
    message: String,
}

fn told(findings: Vec<Finding>) -> Vec<ValidationMessage> {
    findings.into_iter().map(|Finding { path, message }| ValidationMessage { data_path: path, message }).collect()
}

pub(super) async fn put_dashboard(app: &App, input: PutDashboard) -> Result<PutDashboardOutput, ApiError> {
    let name = input.dashboard_name.ok_or_else(|| missing("DashboardName"))?;
    let body = input.dashboard_body.ok_or_else(|| missing("DashboardBody"))?;
    match app.dashboards.put(&name, &body).await {
        Ok(findings) => Ok(PutDashboardOutput { dashboard_validation_messages: told(findings) }),
        Err(PutError::Failed(err)) => Err(of(err)),
        Err(PutError::Invalid(findings)) => {
            let messages = findings.iter().map(|finding| match finding.path.as_str() {
                "" => finding.message.clone(),
                path => format!("{path}: {}", finding.message),
            });
            let message = format!("The dashboard is not valid. {}", messages.collect::<Vec<_>>().join("; "));
            let told = serde_json::to_value(told(findings)).unwrap_or_default();
            // Clients of this name the member in small letters.
            Err(refuse("DashboardInvalidInputError", message).with("dashboardValidationMessages", told))
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetDashboard {
    dashboard_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetDashboardOutput {
    dashboard_arn: String,
    dashboard_body: String,
    dashboard_name: String,
}

pub(super) async fn get_dashboard(app: &App, input: GetDashboard) -> Result<GetDashboardOutput, ApiError> {
    let name = input.dashboard_name.ok_or_else(|| missing("DashboardName"))?;
    let Dashboard { name, body, .. } = app.dashboards.get(&name).await.map_err(of)?;
    Ok(GetDashboardOutput { dashboard_arn: arn(app, &name), dashboard_body: body, dashboard_name: name })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListDashboards {
    dashboard_name_prefix: Option<String>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListDashboardsOutput {
    dashboard_entries: Vec<DashboardEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DashboardEntry {
    dashboard_name: String,
    dashboard_arn: String,
    last_modified: Moment,
    size: usize,
}

pub(super) async fn list_dashboards(app: &App, input: ListDashboards) -> Result<ListDashboardsOutput, ApiError> {
    let prefix = input.dashboard_name_prefix.unwrap_or_default();
    let question = ("dashboards", &prefix);
    let all = app.dashboards.list().await.map_err(of)?;
    let found = all.iter().filter(|dashboard| dashboard.name.starts_with(&prefix));
    let token = input.next_token.as_deref();
    let (found, next_token) = page::cut_by_name(found, |dashboard| &dashboard.name, token, PAGE, &question, app.clock.now_us())?;
    let entry = |dashboard: &Dashboard| DashboardEntry {
        dashboard_name: dashboard.name.clone(),
        dashboard_arn: arn(app, &dashboard.name),
        last_modified: Moment(dashboard.modified_us),
        size: dashboard.body.len(),
    };
    Ok(ListDashboardsOutput { dashboard_entries: found.into_iter().map(entry).collect(), next_token })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteDashboards {
    dashboard_names: Option<Vec<String>>,
}

#[derive(Serialize)]
pub(super) struct Nothing {}

pub(super) async fn delete_dashboards(app: &App, input: DeleteDashboards) -> Result<Nothing, ApiError> {
    let names = input.dashboard_names.ok_or_else(|| missing("DashboardNames"))?;
    if names.is_empty() {
        return Err(invalid_value("DashboardNames must have at least one name"));
    }
    app.dashboards.delete(&names).await.map_err(of)?;
    Ok(Nothing {})
}
