//! CloudWatch's Observability Access Manager: REST with JSON bodies, every operation but tagging a POST to its own path.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use control::link::{NewLink, Place};
use model::limit;
use model::link::{Link, Sink};
use model::principal::Action::{Change, Read};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{App, Asking, Identity};
use crate::error::ApiError;
use crate::operation::{self, Operation, handler};
use crate::{page, synthetics};

/// All operations, but those about tags, whose paths have the resource's ARN.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new("CreateLink", "/CreateLink", Change, handler!(create_link)),
    Operation::new("CreateSink", "/CreateSink", Change, handler!(create_sink)),
    Operation::new("DeleteLink", "/DeleteLink", Change, handler!(delete_link)),
    Operation::new("DeleteSink", "/DeleteSink", Change, handler!(delete_sink)),
    Operation::new("GetLink", "/GetLink", Read, handler!(get_link)),
    Operation::new("GetSink", "/GetSink", Read, handler!(get_sink)),
    Operation::new("GetSinkPolicy", "/GetSinkPolicy", Read, handler!(get_sink_policy)),
    Operation::new("ListAttachedLinks", "/ListAttachedLinks", Read, handler!(list_attached_links)),
    Operation::new("ListLinks", "/ListLinks", Read, handler!(list_links)),
    Operation::new("ListSinks", "/ListSinks", Read, handler!(list_sinks)),
    Operation::new("PutSinkPolicy", "/PutSinkPolicy", Change, handler!(put_sink_policy)),
    Operation::new("UpdateLink", "/UpdateLink", Change, handler!(update_link)),
];

/// TagResource, UntagResource and ListTagsForResource.
pub(crate) fn tags() -> Router<Arc<App>> {
    Router::new().route("/tags/{*arn}", get(list_tags).put(tag).post(tag_canary).delete(untag))
}

/// Names where AWS's exceptions are others than X-Ray's.
fn named(err: ApiError) -> ApiError {
    err.instead("InvalidRequestException", "InvalidParameterException")
}

fn invalid(message: impl Into<String>) -> ApiError {
    named(ApiError::invalid(message))
}

fn of(err: control::Error) -> ApiError {
    named(err.into())
}

fn sink_arn(account_id: &str, id: &str, identity: &Identity) -> String {
    format!("arn:aws:oam:{}:{account_id}:sink/{id}", identity.region)
}

fn link_arn(account_id: &str, id: &str, identity: &Identity) -> String {
    format!("arn:aws:oam:{}:{account_id}:link/{id}", identity.region)
}

/// What an ARN of OAM means: whether it is a sink's, and which one.
fn of_arn(arn: &str) -> Option<(bool, Place)> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "oam", _, account_id, resource] = parts[..] else { return None };
    let (kind, id) = resource.split_once('/')?;
    let place = Place { account_id: account_id.to_owned(), id: id.to_owned() };
    match kind {
        "sink" => Some((true, place)),
        "link" => Some((false, place)),
        _ => None,
    }
}

/// A sink of anyone.
fn any_sink(arn: &str) -> Result<Place, ApiError> {
    of_arn(arn)
        .filter(|(is_sink, _)| *is_sink)
        .map(|(_, place)| place)
        .ok_or_else(|| invalid(format!("{arn:?} is no ARN of a sink")))
}

/// A sink or a link of the account that asks. That there is one elsewhere is not told.
fn own(app: &App, arn: &str, sink: bool) -> Result<Place, ApiError> {
    let kind = if sink { "sink" } else { "link" };
    let place = of_arn(arn).filter(|(is_sink, _)| *is_sink == sink).map(|(_, place)| place);
    let place = place.ok_or_else(|| invalid(format!("{arn:?} is no ARN of a {kind}")))?;
    match place.account_id == app.identity.account_id {
        true => Ok(place),
        false => Err(ApiError::no_resource(format!("this account has no {kind} {arn}"))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateSink {
    name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SinkOutput {
    arn: String,
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<BTreeMap<String, String>>,
}

fn sink_output(app: &App, sink: Sink, with_tags: bool) -> SinkOutput {
    let arn = sink_arn(&app.identity.account_id, &sink.id, &app.identity);
    SinkOutput { arn, id: sink.id, name: sink.name, tags: with_tags.then_some(sink.tags) }
}

async fn create_sink(app: &App, input: CreateSink) -> Result<SinkOutput, ApiError> {
    let sink = app.links.create_sink(&app.identity.account_id, &input.name, input.tags).await.map_err(of)?;
    Ok(sink_output(app, sink, true))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identified {
    identifier: String,
    #[serde(default)]
    include_tags: bool,
}

async fn get_sink(app: &App, input: Identified) -> Result<SinkOutput, ApiError> {
    let sink = app.links.sink(&own(app, &input.identifier, true)?).await.map_err(of)?;
    Ok(sink_output(app, sink, input.include_tags))
}

#[derive(Serialize)]
struct Nothing {}

async fn delete_sink(app: &App, input: Identified) -> Result<Nothing, ApiError> {
    app.links.delete_sink(&own(app, &input.identifier, true)?).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Paged {
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Items<T> {
    items: Vec<T>,
}

async fn list_sinks(app: &App, input: Paged) -> Result<Items<SinkOutput>, ApiError> {
    page::none(input.next_token.as_deref()).map_err(named)?;
    let sinks = app.links.sinks(&app.identity.account_id).await.map_err(of)?;
    Ok(Items { items: sinks.into_iter().map(|sink| sink_output(app, sink, false)).collect() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutSinkPolicy {
    sink_identifier: String,
    policy: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SinkPolicy {
    policy: String,
    sink_arn: String,
    sink_id: String,
}

fn sink_policy(app: &App, sink: Sink) -> SinkPolicy {
    let sink_arn = sink_arn(&app.identity.account_id, &sink.id, &app.identity);
    SinkPolicy { policy: sink.policy.unwrap_or_default(), sink_arn, sink_id: sink.id }
}

async fn put_sink_policy(app: &App, input: PutSinkPolicy) -> Result<SinkPolicy, ApiError> {
    let place = own(app, &input.sink_identifier, true)?;
    Ok(sink_policy(app, app.links.put_sink_policy(&place, &input.policy).await.map_err(of)?))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfSink {
    sink_identifier: String,
    next_token: Option<String>,
}

async fn get_sink_policy(app: &App, input: OfSink) -> Result<SinkPolicy, ApiError> {
    let sink = app.links.sink(&own(app, &input.sink_identifier, true)?).await.map_err(of)?;
    Ok(sink_policy(app, sink))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AttachedLink {
    label: String,
    link_arn: String,
    resource_types: Vec<String>,
}

async fn list_attached_links(app: &App, input: OfSink) -> Result<Items<AttachedLink>, ApiError> {
    page::none(input.next_token.as_deref()).map_err(named)?;
    let links = app.links.attached(&own(app, &input.sink_identifier, true)?).await.map_err(of)?;
    let item = |(account_id, link): (String, Link)| AttachedLink {
        label: label(&link, &account_id),
        link_arn: link_arn(&account_id, &link.id, &app.identity),
        resource_types: link.resource_types,
    };
    Ok(Items { items: links.into_iter().map(item).collect() })
}

/// The template with what is known here of an account, which is its id.
fn label(link: &Link, account_id: &str) -> String {
    ["$AccountName", "$AccountEmailNoDomain", "$AccountEmail"]
        .iter()
        .fold(link.label_template.clone(), |label, variable| label.replace(variable, account_id))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateLink {
    label_template: String,
    resource_types: Vec<String>,
    sink_identifier: String,
    link_configuration: Option<Value>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LinkOutput {
    arn: String,
    id: String,
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_configuration: Option<Value>,
    resource_types: Vec<String>,
    sink_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<BTreeMap<String, String>>,
}

fn link_output(app: &App, link: Link, whole: bool, with_tags: bool) -> LinkOutput {
    let account_id = &app.identity.account_id;
    LinkOutput {
        arn: link_arn(account_id, &link.id, &app.identity),
        label: label(&link, account_id),
        sink_arn: sink_arn(&link.sink_account_id, &link.sink_id, &app.identity),
        label_template: whole.then_some(link.label_template),
        link_configuration: link.configuration.filter(|_| whole),
        resource_types: link.resource_types,
        tags: with_tags.then_some(link.tags),
        id: link.id,
    }
}

async fn create_link(app: &App, input: CreateLink) -> Result<LinkOutput, ApiError> {
    let new = NewLink {
        label_template: input.label_template,
        resource_types: input.resource_types,
        configuration: input.link_configuration,
        sink: any_sink(&input.sink_identifier)?,
        tags: input.tags,
    };
    let link = app.links.create_link(&app.identity.account_id, new).await.map_err(of)?;
    Ok(link_output(app, link, true, true))
}

async fn get_link(app: &App, input: Identified) -> Result<LinkOutput, ApiError> {
    let link = app.links.link(&own(app, &input.identifier, false)?).await.map_err(of)?;
    Ok(link_output(app, link, true, input.include_tags))
}

async fn delete_link(app: &App, input: Identified) -> Result<Nothing, ApiError> {
    app.links.delete_link(&own(app, &input.identifier, false)?).await.map_err(of)?;
    Ok(Nothing {})
}

async fn list_links(app: &App, input: Paged) -> Result<Items<LinkOutput>, ApiError> {
    page::none(input.next_token.as_deref()).map_err(named)?;
    let links = app.links.links(&app.identity.account_id).await.map_err(of)?;
    Ok(Items { items: links.into_iter().map(|link| link_output(app, link, false, false)).collect() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateLink {
    identifier: String,
    resource_types: Vec<String>,
    link_configuration: Option<Value>,
    #[serde(default)]
    include_tags: bool,
}

async fn update_link(app: &App, input: UpdateLink) -> Result<LinkOutput, ApiError> {
    let place = own(app, &input.identifier, false)?;
    let link = app.links.update_link(&place, input.resource_types, input.link_configuration).await.map_err(of)?;
    Ok(link_output(app, link, true, input.include_tags))
}

/// A sink or a link of the account that asks.
fn tagged(app: &App, arn: &str) -> Result<(bool, Place), ApiError> {
    let (is_sink, _) = of_arn(arn).ok_or_else(|| invalid(format!("{arn:?} is no ARN of a sink or a link")))?;
    Ok((is_sink, own(app, arn, is_sink)?))
}

fn respond(result: Result<Value, ApiError>) -> Response {
    match result.and_then(|value| operation::answer(&value)) {
        Ok(json) => (StatusCode::OK, [("content-type", "application/json")], json).into_response(),
        Err(err) => err.into_response(),
    }
}

/// Synthetics' way, at the same address.
async fn tag_canary(Asking(app): Asking, Path(arn): Path<String>, request: Request<Body>) -> Response {
    respond(synthetics::tags(&app, &arn, request).await)
}

async fn list_tags(Asking(app): Asking, Path(arn): Path<String>, request: Request<Body>) -> Response {
    if synthetics::is_tagged(&arn) {
        return respond(synthetics::tags(&app, &arn, request).await);
    }
    let find = async {
        let (is_sink, place) = tagged(&app, &arn)?;
        let tags = match is_sink {
            true => app.links.sink(&place).await.map_err(of)?.tags,
            false => app.links.link(&place).await.map_err(of)?.tags,
        };
        Ok(json!({ "Tags": tags }))
    };
    respond(find.await)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagResource {
    tags: BTreeMap<String, String>,
}

async fn tag(Asking(app): Asking, Path(arn): Path<String>, request: Request<Body>) -> Response {
    let change = async {
        let (body, _room) = crate::body::read(&app, request, limit::REQUEST_BYTES).await?;
        let input: TagResource =
            serde_json::from_slice(&body).map_err(|err| invalid(format!("the request body is not valid: {err}")))?;
        let (is_sink, place) = tagged(&app, &arn)?;
        app.links.put_tags(&place, is_sink, |tags| tags.extend(input.tags)).await.map_err(of)?;
        Ok(json!({}))
    };
    respond(change.await)
}

async fn untag(Asking(app): Asking, Path(arn): Path<String>, RawQuery(query): RawQuery, request: Request<Body>) -> Response {
    if synthetics::is_tagged(&arn) {
        return respond(synthetics::tags(&app, &arn, request).await);
    }
    let change = async {
        let pairs = query.as_deref().unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("tagKeys="));
        let keys: Vec<String> = pairs.map(|key| percent_decode_str(key).decode_utf8_lossy().into_owned()).collect();
        let (is_sink, place) = tagged(&app, &arn)?;
        app.links.put_tags(&place, is_sink, |tags| tags.retain(|key, _| !keys.contains(key))).await.map_err(of)?;
        Ok(json!({}))
    };
    respond(change.await)
}
