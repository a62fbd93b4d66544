//! Queries of logs that people keep.

use std::sync::Arc;

use model::Clock;
use model::query_definition::QueryDefinition;
use store::Catalog;

use crate::{Error, Result};

/// Definitions of an account (AWS), and what one may have.
const DEFINITIONS_MAX: usize = 1_000;
const NAME_MAX: usize = 255;
const TEXT_MAX: usize = 10_000;
const GROUPS_MAX: usize = 50;
const PARAMETERS_MAX: usize = 20;

/// The definitions of an account. Cheap to clone.
#[derive(Clone)]
pub struct QueryDefinitions {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    change: Arc<tokio::sync::Mutex<()>>,
}

impl QueryDefinitions {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> QueryDefinitions {
        QueryDefinitions { catalog, clock, change: Arc::default() }
    }

    /// By name.
    pub async fn list(&self) -> Result<Vec<QueryDefinition>> {
        let mut all: Vec<QueryDefinition> = self.catalog.resources().await?;
        all.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(all)
    }

    /// Makes one, or, where it has an id, changes that. Returns its id.
    pub async fn put(&self, mut definition: QueryDefinition) -> Result<String> {
        let _change = self.change.lock().await;
        let invalid = |message: String| Err(Error::Invalid(message));
        if definition.name.is_empty() || definition.name.chars().count() > NAME_MAX {
            return invalid(format!("name must have from 1 to {NAME_MAX} characters"));
        }
        if definition.text.is_empty() || definition.text.chars().count() > TEXT_MAX {
            return invalid(format!("queryString must have from 1 to {TEXT_MAX} characters"));
        }
        if definition.groups.len() > GROUPS_MAX {
            return invalid(format!("a query is of at most {GROUPS_MAX} log groups"));
        }
        if definition.parameters.len() > PARAMETERS_MAX {
            return invalid(format!("a query has at most {PARAMETERS_MAX} parameters"));
        }
        if definition.id.is_empty() {
            if self.list().await?.len() >= DEFINITIONS_MAX {
                return Err(Error::LimitExceeded(format!("there are {DEFINITIONS_MAX} query definitions, the limit")));
            }
            definition.id = uuid::Uuid::new_v4().to_string();
        } else if self.catalog.resource::<QueryDefinition>(&definition.id).await?.is_none() {
            return Err(missing(&definition.id));
        }
        definition.modified_us = self.clock.now_us();
        self.catalog.put_resource(&definition).await?;
        Ok(definition.id)
    }

    pub async fn delete(&self, id: &str) -> Result<()> {
        let _change = self.change.lock().await;
        match self.catalog.delete_resource::<QueryDefinition>(id).await? {
            true => Ok(()),
            false => Err(missing(id)),
        }
    }
}

fn missing(id: &str) -> Error {
    Error::NoResource(format!("there is no query definition {id}"))
}
