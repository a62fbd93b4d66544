//! Groups of canaries.

use std::collections::BTreeMap;

use control::tag::Taggable;
use model::canary::CanaryGroup;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, invalid, of};
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::time::Moment;

const PAGE_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateGroup {
    name: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfResource {
    resource_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Paged {
    max_results: Option<usize>,
    next_token: Option<String>,
}

fn arn(app: &App, group: &CanaryGroup) -> String {
    format!("arn:aws:synthetics:{}:{}:group:{}", app.identity.region, app.identity.account_id, group.id)
}

async fn told(app: &App, group: &CanaryGroup) -> Value {
    let tags = app.tags.list(&Taggable::CanaryGroup(group.id.clone())).await.unwrap_or_default();
    json!({
        "Id": group.id,
        "Name": group.name,
        "Arn": arn(app, group),
        "Tags": tags,
        "CreatedTime": Moment(group.created_us),
        "LastModifiedTime": Moment(group.modified_us),
    })
}

fn summary(app: &App, group: &CanaryGroup) -> Value {
    json!({"Id": group.id, "Name": group.name, "Arn": arn(app, group)})
}

pub(super) async fn create_group(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let input: CreateGroup = asked.input()?;
    let tags = input.tags.unwrap_or_default();
    control::tag::check(&tags, &app.quotas).map_err(of)?;
    let group = app.canary_groups.create(&input.name.ok_or_else(|| invalid("Name is missing"))?).await.map_err(of)?;
    if !tags.is_empty() {
        app.tags.add(&Taggable::CanaryGroup(group.id.clone()), tags).await.map_err(of)?;
    }
    Ok(json!({"Group": told(app, &group).await}))
}

pub(super) async fn get_group(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let group = app.canary_groups.get(asked.name()).await.map_err(of)?;
    Ok(json!({"Group": told(app, &group).await}))
}

pub(super) async fn delete_group(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let group = app.canary_groups.delete(asked.name()).await.map_err(of)?;
    app.tags.forget(&Taggable::CanaryGroup(group.id)).await.map_err(of)?;
    Ok(json!({}))
}

fn answer(name: &str, all: Vec<Value>, input: &Paged, question: &str, now_us: i64) -> Result<Value, ApiError> {
    let most = match input.max_results {
        None => PAGE_MAX,
        Some(wanted) if (1..=PAGE_MAX).contains(&wanted) => wanted,
        Some(wanted) => return Err(invalid(format!("MaxResults {wanted} must be from 1 to {PAGE_MAX}"))),
    };
    let (found, next) = page::cut(all, input.next_token.as_deref(), most, &(name, question), now_us)?;
    let mut told = json!({name: found});
    if let Some(token) = next {
        told["NextToken"] = json!(token);
    }
    Ok(told)
}

pub(super) async fn list_groups(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let groups = app.canary_groups.list().await.map_err(of)?;
    let all = groups.iter().map(|group| summary(app, group)).collect();
    answer("Groups", all, &asked.input()?, "", app.clock.now_us())
}

pub(super) async fn list_group_resources(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let group = app.canary_groups.get(asked.name()).await.map_err(of)?;
    let all = group.resources.into_iter().map(Value::from).collect();
    answer("Resources", all, &asked.input()?, &group.id, app.clock.now_us())
}

pub(super) async fn list_associated_groups(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let groups = app.canary_groups.list().await.map_err(of)?;
    let meant = groups.iter().filter(|group| group.resources.iter().any(|known| known == asked.name()));
    let all = meant.map(|group| summary(app, group)).collect();
    answer("Groups", all, &asked.input()?, asked.name(), app.clock.now_us())
}

pub(super) async fn associate_resource(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let input: OfResource = asked.input()?;
    let arn = input.resource_arn.ok_or_else(|| invalid("ResourceArn is missing"))?;
    let name =
        arn.rsplit_once(":canary:").map(|(_, name)| name).ok_or_else(|| invalid(format!("{arn:?} is no ARN of a canary")))?;
    let canary = app.canaries.get(name).await.map_err(of)?;
    app.canary_groups.associate(asked.name(), &app.canaries.arn(&canary.name)).await.map_err(of)?;
    Ok(json!({}))
}

pub(super) async fn disassociate_resource(app: &App, asked: Asked) -> Result<Value, ApiError> {
    let input: OfResource = asked.input()?;
    app.canary_groups
        .disassociate(asked.name(), &input.resource_arn.ok_or_else(|| invalid("ResourceArn is missing"))?)
        .await
        .map_err(of)?;
    Ok(json!({}))
}
