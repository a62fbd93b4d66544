//! Groups of canaries.

use std::sync::Arc;

use model::Clock;
use model::canary::CanaryGroup;
use store::{Catalog, ResourceChanges};

use crate::{Error, Result};

/// AWS's limits.
const GROUPS_MAX: usize = 20;
const CANARIES_MAX: usize = 10;
const GROUPS_OF_CANARY_MAX: usize = 10;
const NAME_MAX: usize = 64;

/// Cheap to clone.
#[derive(Clone)]
pub struct CanaryGroups {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    change: Arc<tokio::sync::Mutex<()>>,
}

impl CanaryGroups {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> CanaryGroups {
        CanaryGroups { catalog, clock, change: Arc::default() }
    }

    pub async fn list(&self) -> Result<Vec<CanaryGroup>> {
        let mut all: Vec<CanaryGroup> = self.catalog.resources().await?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// By its name, its id or its ARN.
    pub async fn get(&self, identifier: &str) -> Result<CanaryGroup> {
        let id = identifier.rsplit_once(":group:").map_or(identifier, |(_, id)| id);
        let found = self.list().await?.into_iter().find(|group| group.id == id || group.name == identifier);
        found.ok_or_else(|| Error::NoResource(format!("Group {identifier} does not exist")))
    }

    pub async fn create(&self, name: &str) -> Result<CanaryGroup> {
        let _change = self.change.lock().await;
        if name.trim().is_empty() || name.chars().count() > NAME_MAX {
            return Err(Error::Invalid(format!("Name must have from 1 to {NAME_MAX} characters")));
        }
        let known = self.list().await?;
        if known.iter().any(|group| group.name == name) {
            return Err(Error::Conflict(format!("Group {name} exists already")));
        }
        if known.len() >= GROUPS_MAX {
            return Err(Error::QuotaExceeded(format!("there are {GROUPS_MAX} groups, the limit")));
        }
        let now_us = self.clock.now_us();
        let id: String = crate::unique_id().to_ascii_lowercase().chars().take(10).collect();
        let group = CanaryGroup { id, name: name.to_owned(), created_us: now_us, modified_us: now_us, resources: Vec::new() };
        self.catalog.put_resource(&group).await?;
        Ok(group)
    }

    pub async fn delete(&self, identifier: &str) -> Result<CanaryGroup> {
        let _change = self.change.lock().await;
        let group = self.get(identifier).await?;
        self.catalog.delete_resource::<CanaryGroup>(&group.id).await?;
        Ok(group)
    }

    pub async fn associate(&self, identifier: &str, arn: &str) -> Result<()> {
        let _change = self.change.lock().await;
        let mut group = self.get(identifier).await?;
        if group.resources.iter().any(|known| known == arn) {
            return Err(Error::Conflict(format!("{arn} is in the group {} already", group.name)));
        }
        if group.resources.len() >= CANARIES_MAX {
            return Err(Error::QuotaExceeded(format!("a group can have {CANARIES_MAX} canaries")));
        }
        let of_it = self.list().await?.iter().filter(|group| group.resources.iter().any(|known| known == arn)).count();
        if of_it >= GROUPS_OF_CANARY_MAX {
            return Err(Error::QuotaExceeded(format!("a canary can be in {GROUPS_OF_CANARY_MAX} groups")));
        }
        group.resources.push(arn.to_owned());
        group.modified_us = self.clock.now_us();
        Ok(self.catalog.put_resource(&group).await?)
    }

    pub async fn disassociate(&self, identifier: &str, arn: &str) -> Result<()> {
        let _change = self.change.lock().await;
        let mut group = self.get(identifier).await?;
        let before = group.resources.len();
        group.resources.retain(|known| known != arn);
        if group.resources.len() == before {
            return Err(Error::NoResource(format!("{arn} is not in the group {}", group.name)));
        }
        group.modified_us = self.clock.now_us();
        Ok(self.catalog.put_resource(&group).await?)
    }

    /// A canary is no more, and in no group.
    pub async fn forget(&self, arn: &str) -> Result<()> {
        let _change = self.change.lock().await;
        let mut changes = ResourceChanges::default();
        for mut group in self.list().await? {
            if group.resources.iter().any(|known| known == arn) {
                group.resources.retain(|known| known != arn);
                changes.put(&group)?;
            }
        }
        Ok(self.catalog.change_resources(&changes).await?)
    }
}
