//! Tags of canaries and their groups. Their paths are those of other services' tags too.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Method, Request};
use control::tag::Taggable;
use model::limit;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{invalid, of};
use crate::app::App;
use crate::error::ApiError;
use crate::parameter::Parameters;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagResource {
    tags: BTreeMap<String, String>,
}

/// Whether an ARN is of something here; tests of others name canaries by their names alone.
pub(crate) fn is_tagged(arn: &str) -> bool {
    arn.contains(":synthetics:") || !arn.contains(':')
}

async fn tagged(app: &App, arn: &str) -> Result<Taggable, ApiError> {
    if let Some((_, id)) = arn.rsplit_once(":group:") {
        return Ok(Taggable::CanaryGroup(app.canary_groups.get(id).await.map_err(of)?.id));
    }
    let name = arn.rsplit_once(":canary:").map_or(arn, |(_, name)| name);
    Ok(Taggable::Canary(app.canaries.get(name).await.map_err(of)?.name))
}

/// TagResource, UntagResource and ListTagsForResource.
pub(crate) async fn tags(app: &App, arn: &str, request: Request<Body>) -> Result<Value, ApiError> {
    let resource = tagged(app, arn).await?;
    if request.method() == Method::GET {
        return Ok(json!({"Tags": app.tags.list(&resource).await.map_err(of)?}));
    }
    if request.method() == Method::DELETE {
        let parameters = Parameters::of(request.uri().query());
        let keys: Vec<String> = parameters.all("tagKeys").map(str::to_owned).collect();
        app.tags.remove(&resource, &keys).await.map_err(of)?;
        return Ok(json!({}));
    }
    let (body, _room) = crate::body::read(app, request, limit::REQUEST_BYTES).await?;
    let input: TagResource =
        serde_json::from_slice(&body).map_err(|err| invalid(format!("the request body is not valid: {err}")))?;
    app.tags.add(&resource, input.tags).await.map_err(of)?;
    Ok(json!({}))
}
