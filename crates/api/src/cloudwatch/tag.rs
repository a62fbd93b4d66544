//! Tags of alarms and of what mutes them.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use control::tag::Taggable;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dashboard::Nothing;
use super::{invalid_value, missing};
use crate::app::App;
use crate::error::ApiError;

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
        return Err(invalid_value("a key stands twice in Tags"));
    }
    Ok(map)
}

fn of(err: control::Error) -> ApiError {
    match err {
        control::Error::NoResource(message) => ApiError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message),
        control::Error::Invalid(message) | control::Error::TooManyTags(message) => invalid_value(message),
        err => err.into(),
    }
}

/// What an ARN of this account means.
fn tagged(app: &App, arn: Option<&str>) -> Result<Taggable, ApiError> {
    let arn = arn.ok_or_else(|| missing("ResourceARN"))?;
    let unknown = || invalid_value(format!("ResourceARN {arn:?} is no ARN of an alarm or a mute rule"));
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(_), Some("cloudwatch"), Some(_), Some(account_id), Some(rest)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unknown());
    };
    let resource = match rest.split_once(':') {
        Some(("alarm", name)) => Taggable::Alarm(name.to_owned()),
        Some(("alarm-mute-rule", name)) => Taggable::MuteRule(name.to_owned()),
        _ => return Err(unknown()),
    };
    if account_id != app.identity.account_id {
        return Err(of(control::Error::NoResource(format!("{arn} is of another account"))));
    }
    Ok(resource)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<String>,
    tags: Option<Vec<Tag>>,
    tag_keys: Option<Vec<String>>,
}

pub(super) async fn list_tags_for_resource(app: &App, input: OfResource) -> Result<Value, ApiError> {
    let tags = app.tags.list(&tagged(app, input.resource_arn.as_deref())?).await.map_err(of)?;
    Ok(json!({"Tags": tags.into_iter().map(|(key, value)| Tag { key, value }).collect::<Vec<_>>()}))
}

pub(super) async fn tag_resource(app: &App, input: OfResource) -> Result<Nothing, ApiError> {
    let tags = map_of(input.tags.ok_or_else(|| missing("Tags"))?)?;
    app.tags.add(&tagged(app, input.resource_arn.as_deref())?, tags).await.map_err(of)?;
    Ok(Nothing {})
}

pub(super) async fn untag_resource(app: &App, input: OfResource) -> Result<Nothing, ApiError> {
    let keys = input.tag_keys.ok_or_else(|| missing("TagKeys"))?;
    app.tags.remove(&tagged(app, input.resource_arn.as_deref())?, &keys).await.map_err(of)?;
    Ok(Nothing {})
}
