//! ECS: clusters and how much is measured of them, and what runs in them as it was discovered. Nothing is placed or started here.

mod cluster;
mod instance;
mod service;
mod setting;
mod task;

use axum::http::StatusCode;
use model::principal::Action::{Change, Read};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::rpc::{Service, rpc};

/// Things on a page, and in one question (AWS).
const PAGE: usize = 100;

pub(crate) static SERVICE: Service = Service {
    name: "ecs",
    target: "AmazonEC2ContainerServiceV20141113",
    query: None,
    operations: &[
        rpc!("CreateCluster", Change, cluster::create_cluster),
        rpc!("DeleteCluster", Change, cluster::delete_cluster),
        rpc!("DescribeClusters", Read, cluster::describe_clusters),
        rpc!("DescribeContainerInstances", Read, instance::describe_container_instances),
        rpc!("DescribeServices", Read, service::describe_services),
        rpc!("DescribeTaskDefinition", Read, task::describe_task_definition),
        rpc!("DescribeTasks", Read, task::describe_tasks),
        rpc!("ListAccountSettings", Read, setting::list_account_settings),
        rpc!("ListClusters", Read, cluster::list_clusters),
        rpc!("ListContainerInstances", Read, instance::list_container_instances),
        rpc!("ListServices", Read, service::list_services),
        rpc!("ListTaskDefinitions", Read, task::list_task_definitions),
        rpc!("ListTasks", Read, task::list_tasks),
        rpc!("PutAccountSetting", Change, setting::put_account_setting),
        rpc!("PutAccountSettingDefault", Change, setting::put_account_setting),
        rpc!("UpdateCluster", Change, cluster::update_cluster),
        rpc!("UpdateClusterSettings", Change, cluster::update_cluster_settings),
    ],
    of_linked: &[
        "DescribeClusters",
        "DescribeContainerInstances",
        "DescribeServices",
        "DescribeTaskDefinition",
        "DescribeTasks",
        "ListClusters",
        "ListContainerInstances",
        "ListServices",
        "ListTaskDefinitions",
        "ListTasks",
    ],
    others: &[
        "ContinueServiceDeployment",
        "CreateCapacityProvider",
        "CreateDaemon",
        "CreateExpressGatewayService",
        "CreateService",
        "CreateTaskSet",
        "DeleteAccountSetting",
        "DeleteAttributes",
        "DeleteCapacityProvider",
        "DeleteDaemon",
        "DeleteDaemonTaskDefinition",
        "DeleteExpressGatewayService",
        "DeleteService",
        "DeleteTaskDefinitions",
        "DeleteTaskSet",
        "DeregisterContainerInstance",
        "DeregisterTaskDefinition",
        "DescribeCapacityProviders",
        "DescribeDaemon",
        "DescribeDaemonDeployments",
        "DescribeDaemonRevisions",
        "DescribeDaemonTaskDefinition",
        "DescribeExpressGatewayService",
        "DescribeServiceDeployments",
        "DescribeServiceRevisions",
        "DescribeTaskSets",
        "DiscoverPollEndpoint",
        "ExecuteCommand",
        "GetTaskProtection",
        "ListAttributes",
        "ListDaemonDeployments",
        "ListDaemonTaskDefinitions",
        "ListDaemons",
        "ListServiceDeployments",
        "ListServicesByNamespace",
        "ListTagsForResource",
        "ListTaskDefinitionFamilies",
        "PutAttributes",
        "PutClusterCapacityProviders",
        "RegisterContainerInstance",
        "RegisterDaemonTaskDefinition",
        "RegisterTaskDefinition",
        "RunTask",
        "StartTask",
        "StopServiceDeployment",
        "StopTask",
        "SubmitAttachmentStateChanges",
        "SubmitContainerStateChange",
        "SubmitTaskStateChange",
        "TagResource",
        "UntagResource",
        "UpdateCapacityProvider",
        "UpdateContainerAgent",
        "UpdateContainerInstancesState",
        "UpdateDaemon",
        "UpdateExpressGatewayService",
        "UpdateService",
        "UpdateServicePrimaryTaskSet",
        "UpdateTaskProtection",
        "UpdateTaskSet",
    ],
    code: |_| None,
    invalid: "InvalidParameterException",
    broken: None,
};

fn refuse(exception: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, exception, message)
}

fn invalid(message: impl Into<String>) -> ApiError {
    refuse("InvalidParameterException", message)
}

fn of(err: control::Error) -> ApiError {
    match err {
        control::Error::NoResource(_) => refuse("ClusterNotFoundException", "Cluster not found."),
        control::Error::Conflict(message) => refuse("ClusterContainsTasksException", message),
        control::Error::LimitExceeded(message) => refuse("LimitExceededException", message),
        control::Error::Invalid(message) => invalid(message),
        err => err.into(),
    }
}

/// The name that an ARN ends with, or that was given instead of one.
fn short(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or(name_or_arn)
}

/// The cluster that is meant; without one, that is `default`.
fn cluster_name(given: &Option<String>) -> &str {
    given.as_deref().filter(|given| !given.is_empty()).map_or("default", short)
}

/// The same, where it exists.
async fn known_cluster<'g>(app: &App, given: &'g Option<String>) -> Result<&'g str, ApiError> {
    let name = cluster_name(given);
    let all = app.clusters.list().await.map_err(of)?;
    if all.iter().any(|known| known.cluster.name == name) {
        return Ok(name);
    }
    Err(refuse("ClusterNotFoundException", "Cluster not found."))
}

fn arn(app: &App, what: &str) -> String {
    format!("arn:aws:ecs:{}:{}:{what}", app.identity.region, app.identity.account_id)
}

/// What was asked for and is not there.
fn missing(arn: String) -> Value {
    json!({"arn": arn, "reason": "MISSING"})
}

/// At most as many as a question may name.
fn named(given: Option<Vec<String>>, member: &str) -> Result<Vec<String>, ApiError> {
    let given = given.unwrap_or_default();
    match given.len() {
        0 => Err(invalid(format!("{member} cannot be empty."))),
        count if count > PAGE => Err(invalid(format!("{member} can have at most {PAGE} items."))),
        _ => Ok(given),
    }
}

/// Which page of a list.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Paging {
    next_token: Option<String>,
    max_results: Option<i64>,
}

/// A page of what is in order, under the member's name.
fn paged(app: &App, paging: &Paging, question: &impl Serialize, member: &str, all: Vec<String>) -> Result<Value, ApiError> {
    let size = match paging.max_results {
        None => PAGE,
        Some(size) if (1..=PAGE as i64).contains(&size) => size as usize,
        Some(size) => return Err(invalid(format!("maxResults is {size}, it must be from 1 to {PAGE}"))),
    };
    let token = paging.next_token.as_deref();
    let (items, next_token) = page::cut_by_name(all, |item| item, token, size, question, app.clock.now_us())?;
    let mut answer = json!({});
    if let Some(next_token) = next_token {
        answer["nextToken"] = next_token.into();
    }
    answer[member] = items.into();
    Ok(answer)
}
