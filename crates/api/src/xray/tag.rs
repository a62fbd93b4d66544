//! Tags on groups and sampling rules.

use std::collections::BTreeMap;

use control::tag::Taggable;
use serde::{Deserialize, Serialize};

use super::group::{self, Nothing};
use super::sampling;
use crate::app::App;
use crate::error::ApiError;
use crate::page;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    key: String,
    value: String,
}

pub(super) fn map_of(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ApiError> {
    let count = tags.len();
    let map: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    if map.len() < count {
        return Err(ApiError::invalid("a key stands twice in Tags"));
    }
    Ok(map)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTagsForResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTagsForResourceResult {
    tags: Vec<Tag>,
}

pub(super) async fn list_tags_for_resource(app: &App, input: ListTagsForResource) -> Result<ListTagsForResourceResult, ApiError> {
    page::none(input.next_token.as_deref())?;
    let tags = app.tags.list(&of_arn(app, &input.resource_arn)?).await;
    let tags = tags.map_err(|err| named(err, &input.resource_arn))?;
    Ok(ListTagsForResourceResult { tags: tags.into_iter().map(|(key, value)| Tag { key, value }).collect() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    tags: Vec<Tag>,
}

pub(super) async fn tag_resource(app: &App, input: TagResource) -> Result<Nothing, ApiError> {
    let resource = of_arn(app, &input.resource_arn)?;
    app.tags.add(&resource, map_of(input.tags)?).await.map_err(|err| named(err, &input.resource_arn))?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    tag_keys: Vec<String>,
}

pub(super) async fn untag_resource(app: &App, input: UntagResource) -> Result<Nothing, ApiError> {
    let resource = of_arn(app, &input.resource_arn)?;
    app.tags.remove(&resource, &input.tag_keys).await.map_err(|err| named(err, &input.resource_arn))?;
    Ok(Nothing {})
}

fn of_arn(app: &App, arn: &str) -> Result<Taggable, ApiError> {
    let group = group::of_arn(arn, &app.identity).map(Taggable::Group);
    let rule = || sampling::rule_of_arn(arn, &app.identity).map(Taggable::SamplingRule);
    group.or_else(rule).ok_or_else(|| ApiError::no_resource(format!("there is no group or sampling rule {arn}")).naming(arn))
}

/// The error with the name of what it is about.
fn named(err: control::Error, arn: &str) -> ApiError {
    match err {
        control::Error::NoResource(_) | control::Error::TooManyTags(_) => ApiError::from(err).naming(arn),
        err => ApiError::from(err),
    }
}
