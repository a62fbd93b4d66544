//! SNS, as far as notifications need it: topics, their subscriptions, and publishing to them. Subscriptions need no confirmation here: who may make
//! them is whom the server trusts.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use control::tag::Taggable;
use control::topic::Notification;
use model::principal::Action::{Change, Read, Send};
use model::topic::{Delivery, Outcome, Protocol, Subscription, Topic};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::ApiError;
use crate::page;
use crate::rpc::{Service, rpc};
use crate::time::Moment;

pub(crate) static SERVICE: Service = Service {
    name: "sns",
    target: "AmazonSimpleNotificationService",
    query: Some(("http://sns.amazonaws.com/doc/2010-03-31/", "2010-03-31")),
    operations: &[
        rpc!("CreateTopic", Change, create_topic),
        rpc!("DeleteTopic", Change, delete_topic),
        rpc!("GetSubscriptionAttributes", Read, get_subscription_attributes),
        rpc!("GetTopicAttributes", Read, get_topic_attributes),
        rpc!("ListSubscriptions", Read, list_subscriptions),
        rpc!("ListSubscriptionsByTopic", Read, list_subscriptions_by_topic),
        rpc!("ListTagsForResource", Read, list_tags_for_resource),
        rpc!("ListTopics", Read, list_topics),
        rpc!("Publish", Send, publish),
        rpc!("SetSubscriptionAttributes", Change, set_subscription_attributes),
        rpc!("SetTopicAttributes", Change, set_topic_attributes),
        rpc!("Subscribe", Change, subscribe),
        rpc!("TagResource", Change, tag_resource),
        rpc!("Unsubscribe", Change, unsubscribe),
        rpc!("UntagResource", Change, untag_resource),
    ],
    of_linked: &[],
    others: &[
        "AddPermission",
        "CheckIfPhoneNumberIsOptedOut",
        "ConfirmSubscription",
        "CreatePlatformApplication",
        "CreatePlatformEndpoint",
        "CreateSMSSandboxPhoneNumber",
        "DeleteEndpoint",
        "DeletePlatformApplication",
        "DeleteSMSSandboxPhoneNumber",
        "GetDataProtectionPolicy",
        "GetEndpointAttributes",
        "GetPlatformApplicationAttributes",
        "GetSMSAttributes",
        "GetSMSSandboxAccountStatus",
        "ListEndpointsByPlatformApplication",
        "ListOriginationNumbers",
        "ListPhoneNumbersOptedOut",
        "ListPlatformApplications",
        "ListSMSSandboxPhoneNumbers",
        "OptInPhoneNumber",
        "PublishBatch",
        "PutDataProtectionPolicy",
        "RemovePermission",
        "SetEndpointAttributes",
        "SetPlatformApplicationAttributes",
        "SetSMSAttributes",
        "VerifySMSSandboxPhoneNumber",
    ],
    code,
    invalid: "InvalidParameterException",
    broken: None,
};

/// Topics or subscriptions on a page.
const PAGE: usize = 100;

fn code(exception: &str) -> Option<&'static str> {
    Some(match exception {
        "InvalidParameterException" => "InvalidParameter",
        "NotFoundException" => "NotFound",
        "ResourceNotFoundException" => "ResourceNotFound",
        "TopicLimitExceededException" => "TopicLimitExceeded",
        "InternalFailure" => "InternalError",
        "UnknownOperationException" => "InvalidAction",
        _ => return None,
    })
}

fn of(err: control::Error) -> ApiError {
    match err {
        control::Error::NoResource(message) => ApiError::new(StatusCode::NOT_FOUND, "NotFoundException", message),
        control::Error::Invalid(message) => invalid(message),
        control::Error::LimitExceeded(message) => ApiError::new(StatusCode::FORBIDDEN, "TopicLimitExceededException", message),
        err => err.into(),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "InvalidParameterException", message)
}

fn missing(member: &str) -> ApiError {
    invalid(format!("Invalid parameter: {member} is missing"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateTopic {
    name: Option<String>,
    attributes: Option<BTreeMap<String, String>>,
    tags: Option<Vec<Tag>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

fn map_of(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect()
}

async fn create_topic(app: &App, input: CreateTopic) -> Result<Value, ApiError> {
    let name = input.name.ok_or_else(|| missing("Name"))?;
    if name.ends_with(".fifo") {
        return Err(invalid("Invalid parameter: topics that keep an order (.fifo) are not supported by this server"));
    }
    let display_name = input.attributes.and_then(|mut attributes| attributes.remove("DisplayName"));
    let tags = map_of(input.tags);
    control::tag::check(&tags, &app.quotas).map_err(of)?;
    let arn = app.topics.create(&name, display_name).await.map_err(of)?;
    if !tags.is_empty() {
        app.tags.add(&Taggable::Topic(name), tags).await.map_err(of)?;
    }
    Ok(json!({"TopicArn": arn}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfTopic {
    topic_arn: Option<String>,
    next_token: Option<String>,
}

async fn delete_topic(app: &App, input: OfTopic) -> Result<Value, ApiError> {
    let arn = input.topic_arn.ok_or_else(|| missing("TopicArn"))?;
    app.topics.delete(&arn).await.map_err(of)?;
    if let Some((_, name)) = arn.rsplit_once(':') {
        app.tags.forget(&Taggable::Topic(name.to_owned())).await.map_err(of)?;
    }
    Ok(json!({}))
}

async fn get_topic_attributes(app: &App, input: OfTopic) -> Result<Value, ApiError> {
    let arn = input.topic_arn.ok_or_else(|| missing("TopicArn"))?;
    let topic = app.topics.get(&arn).await.map_err(of)?;
    Ok(json!({"Attributes": {
        "TopicArn": app.topics.arn(&topic.name),
        "Owner": app.identity.account_id,
        "DisplayName": topic.display_name.unwrap_or_default(),
        "SubscriptionsConfirmed": topic.subscriptions.len().to_string(),
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetAttribute {
    topic_arn: Option<String>,
    subscription_arn: Option<String>,
    attribute_name: Option<String>,
    attribute_value: Option<String>,
}

async fn set_topic_attributes(app: &App, input: SetAttribute) -> Result<Value, ApiError> {
    let arn = input.topic_arn.ok_or_else(|| missing("TopicArn"))?;
    match input.attribute_name.as_deref() {
        Some("DisplayName") => app.topics.set_display_name(&arn, input.attribute_value).await.map_err(of)?,
        Some(other) => {
            return Err(invalid(format!(
                "Invalid parameter: AttributeName {other} is not supported by this server; DisplayName is"
            )));
        }
        None => return Err(missing("AttributeName")),
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListTopics {
    next_token: Option<String>,
}

async fn list_topics(app: &App, input: ListTopics) -> Result<Value, ApiError> {
    let all = app.topics.list().await.map_err(of)?;
    let (found, next) =
        page::cut_by_name(all, |topic| &topic.name, input.next_token.as_deref(), PAGE, &"topics", app.clock.now_us())?;
    let topics: Vec<Value> = found.iter().map(|topic| json!({"TopicArn": app.topics.arn(&topic.name)})).collect();
    Ok(json!({"Topics": topics, "NextToken": next}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Subscribe {
    topic_arn: Option<String>,
    protocol: Option<String>,
    endpoint: Option<String>,
    attributes: Option<BTreeMap<String, String>>,
}

async fn subscribe(app: &App, input: Subscribe) -> Result<Value, ApiError> {
    let arn = input.topic_arn.ok_or_else(|| missing("TopicArn"))?;
    let given = input.protocol.ok_or_else(|| missing("Protocol"))?;
    let protocol = match given.as_str() {
        // The same message in JSON: there is one way to write mail here.
        "email-json" => Protocol::Email,
        given => Protocol::of_text(given)
            .ok_or_else(|| invalid(format!("Invalid parameter: Protocol {given} is none of {}", Protocol::WORDS.join(", "))))?,
    };
    let endpoint = input.endpoint.ok_or_else(|| missing("Endpoint"))?;
    let is_raw =
        input.attributes.as_ref().and_then(|attributes| attributes.get("RawMessageDelivery")).is_some_and(|raw| raw == "true");
    let arn = app.topics.subscribe(&arn, protocol, &endpoint, is_raw).await.map_err(of)?;
    Ok(json!({"SubscriptionArn": arn}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfSubscription {
    subscription_arn: Option<String>,
}

async fn unsubscribe(app: &App, input: OfSubscription) -> Result<Value, ApiError> {
    app.topics.unsubscribe(&input.subscription_arn.ok_or_else(|| missing("SubscriptionArn"))?).await.map_err(of)?;
    Ok(json!({}))
}

/// Addresses that are secrets are not told in whole.
fn told_endpoint(protocol: Protocol, endpoint: &str) -> String {
    match protocol {
        Protocol::Slack | Protocol::Teams => format!("{}/…", deliver::told(endpoint)),
        _ => endpoint.to_owned(),
    }
}

fn told(app: &App, topic: &Topic, subscription: &Subscription) -> Value {
    let arn = app.topics.arn(&topic.name);
    json!({
        "SubscriptionArn": format!("{arn}:{}", subscription.id),
        "Owner": app.identity.account_id,
        "Protocol": subscription.protocol.as_str(),
        "Endpoint": told_endpoint(subscription.protocol, &subscription.endpoint),
        "TopicArn": arn,
    })
}

async fn list_subscriptions(app: &App, input: ListTopics) -> Result<Value, ApiError> {
    let topics = app.topics.list().await.map_err(of)?;
    let all: Vec<Value> =
        topics.iter().flat_map(|topic| topic.subscriptions.iter().map(|subscription| told(app, topic, subscription))).collect();
    let (found, next) = page::cut(all, input.next_token.as_deref(), PAGE, &"subscriptions", app.clock.now_us())?;
    Ok(json!({"Subscriptions": found, "NextToken": next}))
}

async fn list_subscriptions_by_topic(app: &App, input: OfTopic) -> Result<Value, ApiError> {
    let arn = input.topic_arn.ok_or_else(|| missing("TopicArn"))?;
    let topic = app.topics.get(&arn).await.map_err(of)?;
    let all: Vec<Value> = topic.subscriptions.iter().map(|subscription| told(app, &topic, subscription)).collect();
    let (found, next) = page::cut(all, input.next_token.as_deref(), PAGE, &("subscriptions", &arn), app.clock.now_us())?;
    Ok(json!({"Subscriptions": found, "NextToken": next}))
}

async fn get_subscription_attributes(app: &App, input: OfSubscription) -> Result<Value, ApiError> {
    let arn = input.subscription_arn.ok_or_else(|| missing("SubscriptionArn"))?;
    let (topic, subscription) = app.topics.subscription(&arn).await.map_err(of)?;
    Ok(json!({"Attributes": {
        "SubscriptionArn": arn,
        "TopicArn": app.topics.arn(&topic.name),
        "Owner": app.identity.account_id,
        "Protocol": subscription.protocol.as_str(),
        "Endpoint": told_endpoint(subscription.protocol, &subscription.endpoint),
        "RawMessageDelivery": subscription.is_raw.to_string(),
        "ConfirmationWasAuthenticated": "true",
        "PendingConfirmation": "false",
    }}))
}

async fn set_subscription_attributes(app: &App, input: SetAttribute) -> Result<Value, ApiError> {
    let arn = input.subscription_arn.ok_or_else(|| missing("SubscriptionArn"))?;
    match input.attribute_name.as_deref() {
        Some("RawMessageDelivery") => {
            app.topics.set_raw(&arn, input.attribute_value.as_deref() == Some("true")).await.map_err(of)?;
        }
        Some(other) => {
            return Err(invalid(format!(
                "Invalid parameter: AttributeName {other} is not supported by this server; RawMessageDelivery is"
            )));
        }
        None => return Err(missing("AttributeName")),
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Publish {
    topic_arn: Option<String>,
    target_arn: Option<String>,
    message: Option<String>,
    subject: Option<String>,
    message_structure: Option<String>,
}

async fn publish(app: &App, input: Publish) -> Result<Value, ApiError> {
    let arn = input
        .topic_arn
        .or(input.target_arn)
        .ok_or_else(|| invalid("Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"))?;
    let message = input.message.ok_or_else(|| missing("Message"))?;
    if input
        .subject
        .as_ref()
        .is_some_and(|subject| subject.is_empty() || subject.chars().count() > 100 || subject.chars().any(char::is_control))
    {
        return Err(invalid("Invalid parameter: Subject must have from 1 to 100 characters on one line"));
    }
    let mut told = Notification { subject: input.subject, message, ..Notification::default() };
    match input.message_structure.as_deref() {
        None | Some("") => {}
        Some("json") => {
            let wrong = || invalid("Invalid parameter: Message Structure - JSON message body failed to parse");
            let texts: BTreeMap<String, String> = serde_json::from_str(&told.message).map_err(|_| wrong())?;
            let default = texts.get("default");
            let default =
                default.ok_or_else(|| invalid("Invalid parameter: Message Structure - No default entry in JSON message body"))?;
            told.message.clone_from(default);
            told.by_protocol = texts;
        }
        Some(_) => return Err(invalid("Invalid parameter: MessageStructure must be json")),
    }
    let (deliveries, id) = app.topics.deliveries(&arn, &told).await.map_err(of)?;
    app.deliveries.send(&deliveries).await.map_err(of)?;
    Ok(json!({"MessageId": id}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfResource {
    resource_arn: Option<String>,
    tags: Option<Vec<Tag>>,
    tag_keys: Option<Vec<String>>,
}

async fn tagged(app: &App, arn: Option<String>) -> Result<Taggable, ApiError> {
    let arn = arn.ok_or_else(|| missing("ResourceArn"))?;
    let none = |err| ApiError::instead(of(err), "NotFoundException", "ResourceNotFoundException");
    Ok(Taggable::Topic(app.topics.get(&arn).await.map_err(none)?.name))
}

async fn list_tags_for_resource(app: &App, input: OfResource) -> Result<Value, ApiError> {
    let tags = app.tags.list(&tagged(app, input.resource_arn).await?).await.map_err(of)?;
    Ok(json!({"Tags": tags.into_iter().map(|(key, value)| Tag { key, value }).collect::<Vec<_>>()}))
}

async fn tag_resource(app: &App, input: OfResource) -> Result<Value, ApiError> {
    app.tags.add(&tagged(app, input.resource_arn).await?, map_of(input.tags)).await.map_err(of)?;
    Ok(json!({}))
}

async fn untag_resource(app: &App, input: OfResource) -> Result<Value, ApiError> {
    let keys = input.tag_keys.ok_or_else(|| missing("TagKeys"))?;
    app.tags.remove(&tagged(app, input.resource_arn).await?, &keys).await.map_err(of)?;
    Ok(json!({}))
}

/// What became of notifications, the newest first.
pub(crate) async fn deliveries(app: &App, alarm: Option<&str>, topic: Option<&str>, most: usize) -> Result<Value, ApiError> {
    let is_wanted = |delivery: &Delivery| {
        alarm.is_none_or(|alarm| delivery.alarm.as_deref() == Some(alarm)) && topic.is_none_or(|topic| delivery.topic_arn == topic)
    };
    let found = app.deliveries.list(is_wanted, most.min(1_000)).await.map_err(of)?;
    let told = found.iter().map(|delivery| {
        let (state, next_us, done_us) = match delivery.outcome {
            Outcome::Pending { next_us } => ("PENDING", Some(next_us), None),
            Outcome::Delivered { done_us } => ("DELIVERED", None, Some(done_us)),
            Outcome::Failed { done_us } => ("FAILED", None, Some(done_us)),
        };
        json!({
            "Id": delivery.id,
            "Time": Moment(delivery.created_us),
            "AlarmName": delivery.alarm,
            "TopicArn": delivery.topic_arn,
            "Protocol": delivery.protocol.as_str(),
            "Endpoint": told_endpoint(delivery.protocol, &delivery.endpoint),
            "Subject": delivery.subject,
            "State": state,
            "Tries": delivery.tries,
            "Error": delivery.error,
            "NextTryTime": next_us.map(Moment),
            "DoneTime": done_us.map(Moment),
        })
    });
    Ok(json!({"Deliveries": told.collect::<Vec<_>>()}))
}
