//! Groups: filter expressions with a name.

use std::sync::Arc;

use model::Clock;
use model::group::{DEFAULT_GROUP, Group, GroupVersion};
use model::quota::Quotas;
use query::filter::{self, GroupExpressions};
use store::Catalog;

use crate::{Error, Result};

/// How many expressions of a group are remembered. Older ones are those of traces that are gone, most likely.
const VERSIONS: usize = 20;

/// The groups. Cheap to clone.
#[derive(Clone)]
pub struct Groups {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    quotas: Arc<Quotas>,
    /// Changes happen one after the other, so that limits and uniqueness hold.
    change: Arc<tokio::sync::Mutex<()>>,
}

/// Which group is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupRef {
    Name(String),
    /// Name and id, as an ARN has them.
    Exactly(String, String),
}

impl GroupRef {
    pub fn name(&self) -> &str {
        match self {
            GroupRef::Name(name) | GroupRef::Exactly(name, _) => name,
        }
    }

    fn means(&self, group: &Group) -> bool {
        match self {
            GroupRef::Name(name) => group.name == *name,
            GroupRef::Exactly(name, id) => group.name == *name && group.id == *id,
        }
    }
}

/// What is set of a group; what is none stays, or has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupChange {
    pub expression: Option<String>,
    pub insights_enabled: Option<bool>,
    pub notifications_enabled: Option<bool>,
}

impl Groups {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>, quotas: Arc<Quotas>) -> Groups {
        Groups { catalog, clock, quotas, change: Arc::default() }
    }

    /// All groups, the default one first, then by name.
    pub async fn list(&self) -> Result<Vec<Group>> {
        let mut groups: Vec<Group> = self.catalog.resources().await?;
        match groups.iter().position(Group::is_default) {
            Some(place) => groups[..=place].rotate_right(1),
            None => groups.insert(0, Group::default_group()),
        }
        Ok(groups)
    }

    pub async fn get(&self, which: &GroupRef) -> Result<Group> {
        let group = self.catalog.resource(which.name()).await?;
        let group = group.or_else(|| (which.name() == DEFAULT_GROUP).then(Group::default_group));
        group.filter(|group| which.means(group)).ok_or_else(|| Error::NotFound(format!("there is no group named {}", which.name())))
    }

    /// What filter expressions may name.
    pub async fn expressions(&self) -> Result<GroupExpressions> {
        Ok(GroupExpressions::of(&self.list().await?))
    }

    pub async fn create(&self, name: &str, change: GroupChange) -> Result<Group> {
        let _change = self.change.lock().await;
        check_name(name)?;
        let groups = self.list().await?;
        if groups.iter().any(|group| group.name == name) {
            return Err(Error::Invalid(format!("a group named {name} exists already")));
        }
        if groups.len() > self.quotas.groups {
            return Err(Error::Invalid(format!("there are {} groups, the limit", self.quotas.groups)));
        }
        let mut group = Group {
            name: name.to_owned(),
            id: crate::unique_id(),
            versions: Vec::new(),
            insights_enabled: false,
            notifications_enabled: false,
        };
        self.apply(&mut group, GroupChange { expression: Some(change.expression.unwrap_or_default()), ..change })?;
        self.catalog.put_resource(&group).await?;
        Ok(group)
    }

    pub async fn update(&self, which: &GroupRef, change: GroupChange) -> Result<Group> {
        let _change = self.change.lock().await;
        let mut group = self.get(which).await?;
        if group.is_default() && change.expression.as_deref().is_some_and(|text| !text.trim().is_empty()) {
            return Err(Error::Invalid("the group Default has every trace; its filter expression cannot be changed".to_owned()));
        }
        self.apply(&mut group, change)?;
        self.catalog.put_resource(&group).await?;
        Ok(group)
    }

    pub async fn delete(&self, which: &GroupRef) -> Result<Group> {
        let _change = self.change.lock().await;
        let group = self.get(which).await?;
        if group.is_default() {
            return Err(Error::Invalid("the group Default cannot be deleted".to_owned()));
        }
        self.catalog.delete_resource::<Group>(&group.name).await?;
        Ok(group)
    }

    fn apply(&self, group: &mut Group, change: GroupChange) -> Result<()> {
        if let Some(text) = change.expression {
            let expression = (!text.trim().is_empty()).then_some(text);
            if let Some(text) = &expression {
                filter::parse(text)?;
            }
            if group.versions.is_empty() || group.expression() != expression.as_deref() {
                group.versions.push(GroupVersion { since_us: self.clock.now_us(), expression });
                let gone = group.versions.len().saturating_sub(VERSIONS);
                group.versions.drain(..gone);
            }
        }
        group.insights_enabled = change.insights_enabled.unwrap_or(group.insights_enabled);
        group.notifications_enabled = change.notifications_enabled.unwrap_or(group.notifications_enabled);
        if group.notifications_enabled && !group.insights_enabled {
            return Err(Error::Invalid("notifications need insights: enable InsightsEnabled too".to_owned()));
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > 32 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        let message = format!("GroupName {name:?} must have from 1 to 32 letters, digits, dashes and underscores");
        return Err(Error::Invalid(message));
    }
    Ok(())
}
