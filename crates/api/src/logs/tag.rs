//! Tags of groups, in the two ways that there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::group::check_tags;
use super::{Nothing, OfGroup, group_of_identifier, missing, of};
use crate::app::App;
use crate::error::ApiError;

type Tags = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfResource {
    resource_arn: Option<String>,
    tags: Option<Tags>,
    tag_keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagsOfGroup {
    log_group_name: Option<String>,
    tags: Option<TagsOrKeys>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TagsOrKeys {
    Tags(Tags),
    Keys(Vec<String>),
}

#[derive(Serialize)]
pub(super) struct TagsOutput {
    tags: Tags,
}

async fn tag(app: &App, group: &str, more: Tags) -> Result<Nothing, ApiError> {
    let mut tags = app.logs.group(group).await.map_err(of)?.tags;
    tags.extend(more);
    check_tags(&tags)?;
    app.logs.change_group(group, |group| group.tags = tags).await.map_err(of)?;
    Ok(Nothing {})
}

async fn untag(app: &App, group: &str, keys: Vec<String>) -> Result<Nothing, ApiError> {
    app.logs.change_group(group, |group| group.tags.retain(|key, _| !keys.contains(key))).await.map_err(of)?;
    Ok(Nothing {})
}

fn group(app: &App, arn: Option<String>) -> Result<String, ApiError> {
    let arn = arn.ok_or_else(|| missing("resourceArn"))?;
    // As DescribeLogGroups tells it, too.
    group_of_identifier(app, arn.strip_suffix(":*").unwrap_or(&arn))
}

pub(super) async fn tag_resource(app: &App, input: OfResource) -> Result<Nothing, ApiError> {
    tag(app, &group(app, input.resource_arn)?, input.tags.ok_or_else(|| missing("tags"))?).await
}

pub(super) async fn untag_resource(app: &App, input: OfResource) -> Result<Nothing, ApiError> {
    untag(app, &group(app, input.resource_arn)?, input.tag_keys.ok_or_else(|| missing("tagKeys"))?).await
}

pub(super) async fn list_tags_for_resource(app: &App, input: OfResource) -> Result<TagsOutput, ApiError> {
    let group = app.logs.group(&group(app, input.resource_arn)?).await.map_err(of)?;
    Ok(TagsOutput { tags: group.tags })
}

pub(super) async fn tag_log_group(app: &App, input: TagsOfGroup) -> Result<Nothing, ApiError> {
    let name = input.log_group_name.ok_or_else(|| missing("logGroupName"))?;
    match input.tags {
        Some(TagsOrKeys::Tags(tags)) => tag(app, &name, tags).await,
        _ => Err(missing("tags")),
    }
}

pub(super) async fn untag_log_group(app: &App, input: TagsOfGroup) -> Result<Nothing, ApiError> {
    let name = input.log_group_name.ok_or_else(|| missing("logGroupName"))?;
    match input.tags {
        Some(TagsOrKeys::Keys(keys)) => untag(app, &name, keys).await,
        _ => Err(missing("tags")),
    }
}

pub(super) async fn list_tags_log_group(app: &App, input: OfGroup) -> Result<TagsOutput, ApiError> {
    Ok(TagsOutput { tags: app.logs.group(input.name()?).await.map_err(of)?.tags })
}
