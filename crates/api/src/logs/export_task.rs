//! Exports of log events to files.

use control::export_task::STANDARD_PREFIX;
use model::export_task::{ExportStatus, ExportTask};
use serde::{Deserialize, Serialize};

use super::{Nothing, broken, limit_of, missing, of};
use crate::app::App;
use crate::error::ApiError;
use crate::page;

const PAGE: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateExportTask {
    task_name: Option<String>,
    log_group_name: Option<String>,
    log_stream_name_prefix: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
    destination: Option<String>,
    destination_prefix: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateExportTaskOutput {
    task_id: String,
}

pub(super) async fn create_export_task(app: &App, input: CreateExportTask) -> Result<CreateExportTaskOutput, ApiError> {
    let prefix = input.destination_prefix.filter(|prefix| !prefix.is_empty());
    let task = ExportTask {
        id: String::new(),
        name: input.task_name,
        group: input.log_group_name.ok_or_else(|| missing("logGroupName"))?,
        stream_prefix: input.log_stream_name_prefix,
        from_us: input.from.ok_or_else(|| missing("from"))?.saturating_mul(1_000),
        to_us: input.to.ok_or_else(|| missing("to"))?.saturating_mul(1_000),
        destination: input.destination.ok_or_else(|| missing("destination"))?,
        prefix: prefix.unwrap_or_else(|| STANDARD_PREFIX.to_owned()),
        status: ExportStatus::Pending,
        message: String::new(),
        created_us: 0,
        ended_us: None,
    };
    Ok(CreateExportTaskOutput { task_id: app.export_tasks.create(task).await.map_err(of)? })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelExportTask {
    task_id: Option<String>,
}

pub(super) async fn cancel_export_task(app: &App, input: CancelExportTask) -> Result<Nothing, ApiError> {
    let id = input.task_id.ok_or_else(|| missing("taskId"))?;
    match app.export_tasks.cancel(&id).await {
        Ok(()) => Ok(Nothing {}),
        Err(control::Error::Conflict(message)) => {
            Err(ApiError::new(axum::http::StatusCode::BAD_REQUEST, "InvalidOperationException", message))
        }
        Err(err) => Err(of(err)),
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeExportTasks {
    task_id: Option<String>,
    status_code: Option<String>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    #[serde(skip_serializing)]
    limit: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeExportTasksOutput {
    export_tasks: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    task_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_name: Option<String>,
    log_group_name: String,
    from: i64,
    to: i64,
    destination: String,
    destination_prefix: String,
    status: Status,
    execution_info: ExecutionInfo,
}

#[derive(Serialize)]
struct Status {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionInfo {
    creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_time: Option<i64>,
}

pub(super) async fn describe_export_tasks(app: &App, input: DescribeExportTasks) -> Result<DescribeExportTasksOutput, ApiError> {
    const CODES: [&str; 6] = ["CANCELLED", "COMPLETED", "FAILED", "PENDING", "PENDING_CANCEL", "RUNNING"];
    if let Some(code) = input.status_code.as_ref().filter(|code| !CODES.contains(&code.as_str())) {
        let constraint = format!("Member must satisfy enum value set: [{}]", CODES.join(", "));
        return Err(broken(code, "statusCode", &constraint));
    }
    let most = limit_of(input.limit, PAGE, PAGE)?;
    let is_meant = |task: &ExportTask| {
        input.task_id.as_ref().is_none_or(|id| task.id == *id)
            && input.status_code.as_ref().is_none_or(|code| task.status.as_str() == code)
    };
    let meant: Vec<ExportTask> = app.export_tasks.list().await.map_err(of)?.into_iter().filter(is_meant).collect();
    if input.task_id.is_some() && meant.is_empty() && input.status_code.is_none() {
        return Err(of(control::Error::NoResource("The specified export task does not exist.".to_owned())));
    }
    let (tasks, next_token) = page::cut(meant, input.next_token.as_deref(), most, &input, app.clock.now_us())?;
    let told = |task: ExportTask| Told {
        task_id: task.id,
        task_name: task.name,
        log_group_name: task.group,
        from: task.from_us / 1_000,
        to: task.to_us / 1_000,
        destination: task.destination,
        destination_prefix: task.prefix,
        status: Status { code: task.status.as_str(), message: task.message },
        execution_info: ExecutionInfo {
            creation_time: task.created_us / 1_000,
            completion_time: task.ended_us.map(|ended_us| ended_us / 1_000),
        },
    };
    Ok(DescribeExportTasksOutput { export_tasks: tasks.into_iter().map(told).collect(), next_token })
}
