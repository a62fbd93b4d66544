//! Clusters.

use std::collections::BTreeMap;

use control::cluster::Populated;
use model::container::Insights;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Paging, arn, cluster_name, invalid, missing, named, of, paged, short};
use crate::app::App;
use crate::error::ApiError;

pub(super) const INSIGHTS: &str = "containerInsights";

#[derive(Deserialize)]
struct Setting {
    name: Option<String>,
    value: Option<String>,
}

#[derive(Deserialize)]
struct Tag {
    key: Option<String>,
    value: Option<String>,
}

/// How much is to be measured, where settings say it.
fn insights(settings: Option<Vec<Setting>>) -> Result<Option<Insights>, ApiError> {
    let mut found = None;
    for Setting { name, value } in settings.unwrap_or_default() {
        match name.as_deref() {
            Some(INSIGHTS) => found = Some(value.unwrap_or_default().parse().map_err(invalid)?),
            other => return Err(invalid(format!("{:?} is no setting of clusters; {INSIGHTS} is", other.unwrap_or_default()))),
        }
    }
    Ok(found)
}

fn describe(app: &App, populated: &Populated, include: &[String], status: &str) -> Value {
    let Populated { cluster, instances, services, running, pending } = populated;
    let has = |what: &str| include.iter().any(|included| included == what);
    let mut answer = json!({
        "clusterArn": arn(app, &format!("cluster/{}", cluster.name)),
        "clusterName": cluster.name,
        "status": status,
        "registeredContainerInstancesCount": instances,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": services,
        "statistics": [],
        "tags": [],
        "settings": [],
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
    });
    if has("SETTINGS") {
        answer["settings"] = json!([{"name": INSIGHTS, "value": cluster.insights.as_str()}]);
    }
    if has("TAGS") {
        answer["tags"] = cluster.tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    }
    answer
}

/// With everything, as answers to changes have it.
fn whole(app: &App, populated: &Populated, status: &str) -> Value {
    json!({"cluster": describe(app, populated, &["SETTINGS".to_owned(), "TAGS".to_owned()], status)})
}

async fn populated(app: &App, name: &str) -> Result<Populated, ApiError> {
    let all = app.clusters.list().await.map_err(of)?;
    let found = all.into_iter().find(|known| known.cluster.name == name);
    found.ok_or_else(|| of(control::Error::NoResource(String::new())))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateCluster {
    cluster_name: Option<String>,
    settings: Option<Vec<Setting>>,
    tags: Option<Vec<Tag>>,
}

pub(super) async fn create_cluster(app: &App, input: CreateCluster) -> Result<Value, ApiError> {
    let name = cluster_name(&input.cluster_name);
    let insights = insights(input.settings)?;
    let tags: BTreeMap<String, String> = input
        .tags
        .unwrap_or_default()
        .into_iter()
        .map(|Tag { key, value }| (key.unwrap_or_default(), value.unwrap_or_default()))
        .collect();
    if tags.len() > app.quotas.tags_per_resource || tags.keys().any(|key| key.is_empty() || key.len() > 128) {
        let most = app.quotas.tags_per_resource;
        return Err(invalid(format!("a cluster can have at most {most} tags, whose keys have from 1 to 128 letters")));
    }
    app.clusters.create(name, insights, tags).await.map_err(of)?;
    Ok(whole(app, &populated(app, name).await?, "ACTIVE"))
}

#[derive(Deserialize)]
pub(super) struct DeleteCluster {
    cluster: Option<String>,
}

pub(super) async fn delete_cluster(app: &App, input: DeleteCluster) -> Result<Value, ApiError> {
    let deleted = app.clusters.delete(cluster_name(&input.cluster)).await.map_err(of)?;
    Ok(whole(app, &deleted, "INACTIVE"))
}

#[derive(Deserialize)]
pub(super) struct DescribeClusters {
    clusters: Option<Vec<String>>,
    include: Option<Vec<String>>,
}

pub(super) async fn describe_clusters(app: &App, input: DescribeClusters) -> Result<Value, ApiError> {
    let all = app.clusters.list().await.map_err(of)?;
    let asked = match input.clusters {
        None => vec!["default".to_owned()],
        Some(asked) if asked.is_empty() => vec!["default".to_owned()],
        asked => named(asked, "clusters")?,
    };
    let include = input.include.unwrap_or_default();
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for asked in &asked {
        match all.iter().find(|known| known.cluster.name == short(asked)) {
            Some(populated) => found.push(describe(app, populated, &include, "ACTIVE")),
            None => failures.push(missing(arn(app, &format!("cluster/{}", short(asked))))),
        }
    }
    Ok(json!({"clusters": found, "failures": failures}))
}

#[derive(Deserialize)]
pub(super) struct ListClusters {
    #[serde(flatten)]
    paging: Paging,
}

pub(super) async fn list_clusters(app: &App, input: ListClusters) -> Result<Value, ApiError> {
    let all = app.clusters.list().await.map_err(of)?;
    let arns = all.iter().map(|known| arn(app, &format!("cluster/{}", known.cluster.name))).collect();
    paged(app, &input.paging, &"clusters", "clusterArns", arns)
}

#[derive(Deserialize)]
pub(super) struct UpdateCluster {
    cluster: Option<String>,
    settings: Option<Vec<Setting>>,
}

pub(super) async fn update_cluster(app: &App, input: UpdateCluster) -> Result<Value, ApiError> {
    let name = cluster_name(&input.cluster);
    if let Some(insights) = insights(input.settings)? {
        app.clusters.set_insights(name, insights).await.map_err(of)?;
    }
    Ok(whole(app, &populated(app, name).await?, "ACTIVE"))
}

pub(super) async fn update_cluster_settings(app: &App, input: UpdateCluster) -> Result<Value, ApiError> {
    if input.settings.as_ref().is_none_or(Vec::is_empty) {
        return Err(invalid("settings cannot be empty."));
    }
    update_cluster(app, input).await
}
