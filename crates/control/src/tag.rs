//! Tags on what people made.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::alarm::Alarm;
use model::canary::{Canary, CanaryGroup};
use model::mute_rule::MuteRule;
use model::quota::Quotas;
use model::resource::Resource;
use model::setting::Tags;
use model::topic::Topic;
use store::Catalog;

use crate::group::{GroupRef, Groups};
use crate::sampling::Sampling;
use crate::{Error, Result};

/// What can have tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taggable {
    Group(GroupRef),
    SamplingRule(String),
    Alarm(String),
    MuteRule(String),
    Topic(String),
    Canary(String),
    /// By its id.
    CanaryGroup(String),
}

/// The tags. Cheap to clone.
#[derive(Clone)]
pub struct Tagging {
    catalog: Catalog,
    groups: Groups,
    sampling: Sampling,
    quotas: Arc<Quotas>,
    change: Arc<tokio::sync::Mutex<()>>,
}

impl Tagging {
    pub fn new(catalog: Catalog, groups: Groups, sampling: Sampling, quotas: Arc<Quotas>) -> Tagging {
        Tagging { catalog, groups, sampling, quotas, change: Arc::default() }
    }

    pub async fn list(&self, of: &Taggable) -> Result<BTreeMap<String, String>> {
        let key = self.key(of).await?;
        Ok(self.catalog.resource::<Tags>(&key).await?.map(|tags| tags.tags).unwrap_or_default())
    }

    /// Sets tags; others that there are stay.
    pub async fn add(&self, to: &Taggable, tags: BTreeMap<String, String>) -> Result<()> {
        let _change = self.change.lock().await;
        check(&tags, &self.quotas)?;
        let resource = self.key(to).await?;
        let mut all = self.list(to).await?;
        all.extend(tags);
        if all.len() > self.quotas.tags_per_resource {
            return Err(Error::TooManyTags(format!("a resource may have {} tags", self.quotas.tags_per_resource)));
        }
        Ok(self.catalog.put_resource(&Tags { resource, tags: all }).await?)
    }

    pub async fn remove(&self, from: &Taggable, keys: &[String]) -> Result<()> {
        let _change = self.change.lock().await;
        let resource = self.key(from).await?;
        let mut tags = self.list(from).await?;
        tags.retain(|key, _| !keys.contains(key));
        Ok(self.catalog.put_resource(&Tags { resource, tags }).await?)
    }

    /// What was deleted has no tags any more: another one of its name begins without.
    pub async fn forget(&self, of: &Taggable) -> Result<()> {
        let key = match of {
            Taggable::Group(group) => group_key(group),
            Taggable::SamplingRule(name) => rule_key(name),
            Taggable::Alarm(name) => alarm_key(name),
            Taggable::MuteRule(name) => mute_rule_key(name),
            Taggable::Topic(name) => topic_key(name),
            Taggable::Canary(name) => canary_key(name),
            Taggable::CanaryGroup(id) => canary_group_key(id),
        };
        self.catalog.delete_resource::<Tags>(&key).await?;
        Ok(())
    }

    async fn there_is<R: Resource>(&self, name: &str) -> Result<()> {
        match self.catalog.resource::<R>(name).await? {
            Some(_) => Ok(()),
            None => Err(Error::NoResource(format!("Resource {name} does not exist"))),
        }
    }

    /// The key of its tags, if it is there.
    async fn key(&self, of: &Taggable) -> Result<String> {
        match of {
            Taggable::Group(group) => self.groups.get(group).await.map(|_| group_key(group)),
            Taggable::SamplingRule(name) => self.sampling.rule(name).await.map(|_| rule_key(name)),
            Taggable::Alarm(name) => self.there_is::<Alarm>(name).await.map(|()| alarm_key(name)),
            Taggable::MuteRule(name) => self.there_is::<MuteRule>(name).await.map(|()| mute_rule_key(name)),
            Taggable::Topic(name) => self.there_is::<Topic>(name).await.map(|()| topic_key(name)),
            Taggable::Canary(name) => self.there_is::<Canary>(name).await.map(|()| canary_key(name)),
            Taggable::CanaryGroup(id) => self.there_is::<CanaryGroup>(id).await.map(|()| canary_group_key(id)),
        }
        .map_err(|err| match err {
            Error::NotFound(what) => Error::NoResource(what),
            err => err,
        })
    }
}

pub(crate) fn alarm_key(name: &str) -> String {
    format!("alarm/{name}")
}

fn mute_rule_key(name: &str) -> String {
    format!("mute-rule/{name}")
}

fn topic_key(name: &str) -> String {
    format!("topic/{name}")
}

pub(crate) fn canary_key(name: &str) -> String {
    format!("canary/{name}")
}

fn canary_group_key(id: &str) -> String {
    format!("canary-group/{id}")
}

fn group_key(group: &GroupRef) -> String {
    format!("group/{}", group.name())
}

fn rule_key(name: &str) -> String {
    format!("sampling-rule/{name}")
}

/// Whether these may be tags.
pub fn check(tags: &BTreeMap<String, String>, quotas: &Quotas) -> Result<()> {
    for (key, value) in tags {
        let chars = key.chars().count();
        if !(1..=128).contains(&chars) {
            return Err(Error::Invalid(format!("the key of a tag has {chars} characters, it must have from 1 to 128")));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::Invalid(format!("the key of the tag {key} begins with aws:, which is AWS's own")));
        }
        let chars = value.chars().count();
        if chars > 256 {
            return Err(Error::Invalid(format!("the value of the tag {key} has {chars} characters, the limit is 256")));
        }
    }
    if tags.len() > quotas.tags_per_resource {
        return Err(Error::TooManyTags(format!("a resource may have {} tags", quotas.tags_per_resource)));
    }
    Ok(())
}
