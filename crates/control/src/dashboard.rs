//! Dashboards, and what is wrong with those that someone wants to keep.

use std::sync::Arc;

use model::Clock;
use model::dashboard::Dashboard;
use serde_json::Value;
use store::Catalog;

use crate::{Error, Result};

/// Widgets of a dashboard (AWS).
const WIDGETS_MAX: usize = 500;
/// Bytes of a dashboard.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Dashboards of an account (AWS).
const DASHBOARDS_MAX: usize = 5_000;
/// Columns of the grid that widgets stand on.
const COLUMNS: i64 = 24;
const HEIGHT_MAX: i64 = 1_000;
const TYPES: [&str; 6] = ["metric", "log", "text", "alarm", "explorer", "trace"];

/// The dashboards of an account. Cheap to clone.
#[derive(Clone)]
pub struct Dashboards {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    change: Arc<tokio::sync::Mutex<()>>,
}

/// Something about a dashboard that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: a path into the body.
    pub path: String,
    pub message: String,
}

impl Dashboards {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> Dashboards {
        Dashboards { catalog, clock, change: Arc::default() }
    }

    /// By name.
    pub async fn list(&self) -> Result<Vec<Dashboard>> {
        Ok(self.catalog.resources().await?)
    }

    pub async fn get(&self, name: &str) -> Result<Dashboard> {
        let found = self.catalog.resource(name).await?;
        found.ok_or_else(|| Error::NoResource(format!("Dashboard {name} does not exist")))
    }

    /// Keeps it, in the place of one of the same name. What is not as it should be and does no harm comes back.
    pub async fn put(&self, name: &str, body: &str) -> Result<Vec<Finding>, PutError> {
        let _change = self.change.lock().await;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > 255 || !name.bytes().all(is_allowed) {
            let message = "The name must have from 1 to 255 letters, digits, dashes and underscores".to_owned();
            return Err(PutError::Invalid(vec![Finding { path: "DashboardName".to_owned(), message }]));
        }
        let findings = check(body).map_err(PutError::Invalid)?;
        let known = self.list().await?;
        if known.len() >= DASHBOARDS_MAX && known.iter().all(|known| known.name != name) {
            return Err(Error::LimitExceeded(format!("there are {DASHBOARDS_MAX} dashboards, the limit")).into());
        }
        let dashboard = Dashboard { name: name.to_owned(), body: body.to_owned(), modified_us: self.clock.now_us() };
        self.catalog.put_resource(&dashboard).await.map_err(Error::from)?;
        Ok(findings)
    }

    /// Deletes all of them, or none where one does not exist.
    pub async fn delete(&self, names: &[String]) -> Result<()> {
        let _change = self.change.lock().await;
        let known = self.list().await?;
        let missing: Vec<&str> =
            names.iter().map(String::as_str).filter(|name| known.iter().all(|known| known.name != **name)).collect();
        if !missing.is_empty() {
            return Err(Error::NoResource(format!("The specified dashboard does not exist. [{}]", missing.join(", "))));
        }
        for name in names {
            self.catalog.delete_resource::<Dashboard>(name).await?;
        }
        Ok(())
    }
}

/// Why a dashboard was not kept.
#[derive(Debug)]
pub enum PutError {
    Invalid(Vec<Finding>),
    Failed(Error),
}

impl From<Error> for PutError {
    fn from(err: Error) -> PutError {
        PutError::Failed(err)
    }
}

/// What keeps a body from being drawn; or, where nothing does, what of it will not be seen.
fn check(body: &str) -> Result<Vec<Finding>, Vec<Finding>> {
    let finding = |path: &str, message: &str| Finding { path: path.to_owned(), message: message.to_owned() };
    if body.len() > BODY_BYTES_MAX {
        return Err(vec![finding("", "The dashboard is larger than 1 MB")]);
    }
    let value: Value = match serde_json::from_str(body) {
        Ok(value) => value,
        Err(err) => return Err(vec![finding("", &format!("The field DashboardBody must be a valid JSON object: {err}"))]),
    };
    let Some(members) = value.as_object() else {
        return Err(vec![finding("", "The field DashboardBody must be a valid JSON object")]);
    };
    let Some(widgets) = members.get("widgets") else {
        return Err(vec![finding("/", "Should have required property 'widgets'")]);
    };
    let Some(widgets) = widgets.as_array() else { return Err(vec![finding("/widgets", "Should be array")]) };
    if widgets.len() > WIDGETS_MAX {
        return Err(vec![finding("/widgets", &format!("Should have at most {WIDGETS_MAX} items"))]);
    }
    let (mut wrong, mut odd) = (Vec::new(), Vec::new());
    for (place, widget) in widgets.iter().enumerate() {
        let path = format!("/widgets/{place}");
        let Some(kind) = widget.get("type").and_then(Value::as_str) else {
            wrong.push(finding(&path, "Should have required property 'type'"));
            continue;
        };
        if !TYPES.contains(&kind) {
            odd.push(finding(&format!("{path}/type"), &format!("{kind} is no type of widget: {}", TYPES.join(", "))));
        }
        if !widget.get("properties").is_some_and(Value::is_object) {
            wrong.push(finding(&path, "Should have required property 'properties'"));
        }
        let number = |name: &str, from: i64, to: i64, wrong: &mut Vec<Finding>| match widget.get(name) {
            None => {}
            Some(value) if value.as_i64().is_some_and(|number| (from..=to).contains(&number)) => {}
            Some(_) => wrong.push(finding(&format!("{path}/{name}"), &format!("Should be a whole number from {from} to {to}"))),
        };
        number("x", 0, COLUMNS - 1, &mut wrong);
        number("y", 0, i64::MAX, &mut wrong);
        number("width", 1, COLUMNS, &mut wrong);
        number("height", 1, HEIGHT_MAX, &mut wrong);
    }
    if wrong.is_empty() { Ok(odd) } else { Err(wrong) }
}
