//! Topics of an account: names for where notifications go to, each with subscriptions.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Clock;
use model::topic::{Delivery, Outcome, Protocol, Subscription, Topic};
use store::Catalog;

use crate::{Error, Result};

const TOPICS_MAX: usize = 1_000;
const SUBSCRIPTIONS_MAX: usize = 100;
/// Bytes of a message (AWS).
const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// Cheap to clone.
#[derive(Clone)]
pub struct Topics {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    region: Arc<str>,
    account_id: Arc<str>,
    change: Arc<tokio::sync::Mutex<()>>,
}

/// A message for the subscriptions of a topic.
#[derive(Debug, Clone, Default)]
pub struct Notification {
    pub alarm: Option<String>,
    pub subject: Option<String>,
    pub message: String,
    /// Where protocols get different texts.
    pub by_protocol: BTreeMap<String, String>,
}

impl Topics {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>, region: &str, account_id: &str) -> Topics {
        Topics { catalog, clock, region: region.into(), account_id: account_id.into(), change: Arc::default() }
    }

    pub fn arn(&self, name: &str) -> String {
        format!("arn:aws:sns:{}:{}:{name}", self.region, self.account_id)
    }

    /// The name of the topic that an ARN means, if it is one of this account. Its region says nothing here.
    fn name_of(&self, arn: &str) -> Option<String> {
        let rest = arn.strip_prefix("arn:")?.split_once(':')?.1.strip_prefix("sns:")?;
        let (_region, rest) = rest.split_once(':')?;
        let (account_id, name) = rest.split_once(':')?;
        (account_id == &*self.account_id && !name.contains(':')).then(|| name.to_owned())
    }

    pub async fn list(&self) -> Result<Vec<Topic>> {
        Ok(self.catalog.resources().await?)
    }

    /// The topic of an ARN.
    pub async fn get(&self, arn: &str) -> Result<Topic> {
        let none = || Error::NoResource("Topic does not exist".to_owned());
        let name = self.name_of(arn).ok_or_else(none)?;
        self.catalog.resource(&name).await?.ok_or_else(none)
    }

    /// Makes it; where it is there already, that is fine. Returns its ARN.
    pub async fn create(&self, name: &str, display_name: Option<String>) -> Result<String> {
        let _change = self.change.lock().await;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > 256 || !name.bytes().all(is_allowed) {
            let rule = "Topic names must have from 1 to 256 letters, digits, dashes and underscores";
            return Err(Error::Invalid(format!("Invalid parameter: Topic Name. {rule}")));
        }
        if self.catalog.resource::<Topic>(name).await?.is_none() {
            if self.list().await?.len() >= TOPICS_MAX {
                return Err(Error::LimitExceeded(format!("there are {TOPICS_MAX} topics, the limit")));
            }
            let topic = Topic { name: name.to_owned(), display_name, subscriptions: Vec::new() };
            self.catalog.put_resource(&topic).await?;
        }
        Ok(self.arn(name))
    }

    /// What is not there is no error (AWS).
    pub async fn delete(&self, arn: &str) -> Result<()> {
        let _change = self.change.lock().await;
        if let Some(name) = self.name_of(arn) {
            self.catalog.delete_resource::<Topic>(&name).await?;
        }
        Ok(())
    }

    pub async fn set_display_name(&self, arn: &str, display_name: Option<String>) -> Result<()> {
        let _change = self.change.lock().await;
        let topic = Topic { display_name, ..self.get(arn).await? };
        Ok(self.catalog.put_resource(&topic).await?)
    }

    /// Adds a subscription; the same again is the one that there is. Returns its ARN.
    pub async fn subscribe(&self, arn: &str, protocol: Protocol, endpoint: &str, is_raw: bool) -> Result<String> {
        let _change = self.change.lock().await;
        check_endpoint(protocol, endpoint)?;
        let mut topic = self.get(arn).await?;
        let known = topic.subscriptions.iter().find(|known| known.protocol == protocol && known.endpoint == endpoint);
        if let Some(known) = known {
            return Ok(format!("{}:{}", self.arn(&topic.name), known.id));
        }
        if topic.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return Err(Error::LimitExceeded(format!("a topic can have {SUBSCRIPTIONS_MAX} subscriptions")));
        }
        let id = uuid::Uuid::new_v4().to_string();
        let subscription_arn = format!("{}:{id}", self.arn(&topic.name));
        topic.subscriptions.push(Subscription { id, protocol, endpoint: endpoint.to_owned(), is_raw });
        self.catalog.put_resource(&topic).await?;
        Ok(subscription_arn)
    }

    /// The topic and the subscription that an ARN means.
    pub async fn subscription(&self, arn: &str) -> Result<(Topic, Subscription)> {
        let none = || Error::NoResource("Subscription does not exist".to_owned());
        let (topic, id) = arn.rsplit_once(':').ok_or_else(none)?;
        let topic = self.get(topic).await.map_err(|_| none())?;
        let found = topic.subscriptions.iter().find(|known| known.id == id).cloned().ok_or_else(none)?;
        Ok((topic, found))
    }

    pub async fn set_raw(&self, arn: &str, is_raw: bool) -> Result<()> {
        let _change = self.change.lock().await;
        let (mut topic, meant) = self.subscription(arn).await?;
        topic.subscriptions.iter_mut().filter(|known| known.id == meant.id).for_each(|known| known.is_raw = is_raw);
        Ok(self.catalog.put_resource(&topic).await?)
    }

    /// What is not there is no error (AWS).
    pub async fn unsubscribe(&self, arn: &str) -> Result<()> {
        let _change = self.change.lock().await;
        let (mut topic, meant) = match self.subscription(arn).await {
            Ok(found) => found,
            Err(Error::NoResource(_)) => return Ok(()),
            Err(err) => return Err(err),
        };
        topic.subscriptions.retain(|known| known.id != meant.id);
        Ok(self.catalog.put_resource(&topic).await?)
    }

    /// What has to be delivered so that all subscriptions of a topic know it, and the id of the message.
    pub async fn deliveries(&self, arn: &str, told: &Notification) -> Result<(Vec<Delivery>, String)> {
        if told.message.is_empty() {
            return Err(Error::Invalid("Invalid parameter: Empty message".to_owned()));
        }
        if told.message.len() > MESSAGE_BYTES_MAX {
            return Err(Error::Invalid(format!("Invalid parameter: Message too long: at most {MESSAGE_BYTES_MAX} bytes")));
        }
        let topic = self.get(arn).await?;
        let now_us = self.clock.now_us();
        let message_id = uuid::Uuid::new_v4().to_string();
        let delivery = |subscription: Subscription| Delivery {
            id: crate::delivery::id(now_us),
            created_us: now_us,
            topic_arn: self.arn(&topic.name),
            alarm: told.alarm.clone(),
            subscription_arn: format!("{}:{}", self.arn(&topic.name), subscription.id),
            message: told.by_protocol.get(subscription.protocol.as_str()).unwrap_or(&told.message).clone(),
            protocol: subscription.protocol,
            endpoint: subscription.endpoint,
            is_raw: subscription.is_raw,
            message_id: message_id.clone(),
            subject: told.subject.clone(),
            tries: 0,
            error: None,
            outcome: Outcome::Pending { next_us: now_us },
        };
        let all = topic.subscriptions.iter().cloned().map(delivery).collect();
        Ok((all, message_id))
    }
}

fn check_endpoint(protocol: Protocol, endpoint: &str) -> Result<()> {
    let wrong = |why: String| Err(Error::Invalid(format!("Invalid parameter: Endpoint {why}")));
    match protocol {
        Protocol::Http if !endpoint.starts_with("http://") => wrong("must begin with http://".to_owned()),
        Protocol::Https | Protocol::Slack | Protocol::Teams if !endpoint.starts_with("http") => {
            wrong("must begin with https://".to_owned())
        }
        Protocol::Http | Protocol::Https | Protocol::Slack | Protocol::Teams => match deliver::check(endpoint) {
            Ok(()) => Ok(()),
            Err(err) => wrong(err.to_string()),
        },
        Protocol::Email => match deliver::check_address(endpoint) {
            Ok(()) => Ok(()),
            Err(err) => wrong(err.to_string()),
        },
        Protocol::Command => {
            let is_name =
                !endpoint.is_empty() && endpoint.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            if is_name { Ok(()) } else { wrong("must be the name of a command of the server's configuration".to_owned()) }
        }
    }
}
