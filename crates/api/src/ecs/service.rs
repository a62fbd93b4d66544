//! Services.

use control::cluster::{Deployment, Service};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Paging, arn, known_cluster, missing, named, paged, short};
use crate::app::App;
use crate::error::ApiError;
use crate::time::Moment;

fn service_arn(app: &App, cluster: &str, name: &str) -> String {
    arn(app, &format!("service/{cluster}/{name}"))
}

#[derive(Deserialize)]
pub(super) struct ListServices {
    cluster: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

pub(super) async fn list_services(app: &App, input: ListServices) -> Result<Value, ApiError> {
    let cluster = known_cluster(app, &input.cluster).await?;
    let arns = app.clusters.services(cluster).iter().map(|service| service_arn(app, cluster, &service.name)).collect();
    paged(app, &input.paging, &("services", cluster), "serviceArns", arns)
}

#[derive(Deserialize)]
pub(super) struct DescribeServices {
    cluster: Option<String>,
    services: Option<Vec<String>>,
}

pub(super) async fn describe_services(app: &App, input: DescribeServices) -> Result<Value, ApiError> {
    let cluster = known_cluster(app, &input.cluster).await?;
    let all = app.clusters.services(cluster);
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for asked in named(input.services, "services")? {
        match all.iter().find(|service| service.name == short(&asked)) {
            Some(service) => found.push(describe(app, service)),
            None => failures.push(missing(service_arn(app, cluster, short(&asked)))),
        }
    }
    Ok(json!({"services": found, "failures": failures}))
}

fn describe(app: &App, service: &Service) -> Value {
    let definition = |of: &Deployment| arn(app, &format!("task-definition/{}:{}", of.family, of.revision));
    let deployment = |(place, of): (usize, &Deployment)| {
        json!({
            "id": format!("ecs-svc/{}", of.created_us / 1_000),
            "status": if place == 0 { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": definition(of),
            "desiredCount": of.running + of.pending + of.failed,
            "pendingCount": of.pending,
            "runningCount": of.running,
            "failedTasks": of.failed,
            "createdAt": Moment(of.created_us),
            "updatedAt": Moment(of.updated_us),
            "rolloutState": if place == 0 && service.deployments.len() > 1 { "IN_PROGRESS" } else { "COMPLETED" },
        })
    };
    json!({
        "serviceArn": service_arn(app, &service.cluster, &service.name),
        "serviceName": service.name,
        "clusterArn": arn(app, &format!("cluster/{}", service.cluster)),
        "status": "ACTIVE",
        "desiredCount": service.desired,
        "runningCount": service.running,
        "pendingCount": service.pending,
        "launchType": "EXTERNAL",
        "schedulingStrategy": "REPLICA",
        "taskDefinition": service.deployments.first().map(definition),
        "deployments": service.deployments.iter().enumerate().map(deployment).collect::<Vec<_>>(),
        "createdAt": Moment(service.created_us),
        "loadBalancers": [],
        "serviceRegistries": [],
        "placementConstraints": [],
        "placementStrategy": [],
        "events": [],
        "propagateTags": "NONE",
        "enableECSManagedTags": false,
        "enableExecuteCommand": false,
    })
}
