//! Sinks and links: which accounts a monitoring account sees.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use model::link::{Link, RESOURCE_TYPES, Sink};
use model::owner::Scope;
use serde_json::Value;
use store::Catalog;

use crate::{Error, Result};

/// Links of one source account (AWS).
const LINKS: usize = 5;
const TAGS: usize = 50;
/// What a policy has to allow.
const CREATE_LINK: &str = "oam:CreateLink";

/// All links of all accounts.
#[derive(Clone)]
pub struct Links {
    catalog: Catalog,
    own_account_id: String,
    /// For each monitoring account, and each type of resource, the accounts whose resources it sees.
    sources: Arc<RwLock<Sources>>,
    change: Arc<tokio::sync::Mutex<()>>,
}

type Sources = HashMap<String, HashMap<String, BTreeSet<String>>>;

/// Which sink or link is meant: whose it is, and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub account_id: String,
    pub id: String,
}

/// A link to be made.
#[derive(Debug, Clone)]
pub struct NewLink {
    pub label_template: String,
    pub resource_types: Vec<String>,
    pub configuration: Option<Value>,
    pub sink: Place,
    pub tags: BTreeMap<String, String>,
}

impl Links {
    pub async fn load(catalog: Catalog, own_account_id: &str) -> Result<Links> {
        let own_account_id = own_account_id.to_owned();
        let links = Links { catalog, own_account_id, sources: Arc::default(), change: Arc::default() };
        links.learn().await?;
        Ok(links)
    }

    /// The account of this server.
    pub fn own_account_id(&self) -> &str {
        &self.own_account_id
    }

    /// What an account sees of a type of resource: its own, and those of accounts that linked theirs to it.
    pub fn scope(&self, account_id: &str, resource_type: &str) -> Scope {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        let mut others = sources.get(account_id).and_then(|of| of.get(resource_type)).cloned().unwrap_or_default();
        others.insert(account_id.to_owned());
        let own = others.remove(&self.own_account_id);
        Scope::Accounts { own, others }
    }

    fn catalog_of(&self, account_id: &str) -> Catalog {
        self.catalog.of_account(if account_id == self.own_account_id { "" } else { account_id })
    }

    /// All links, each with its source account.
    async fn all(&self) -> Result<Vec<(String, Link)>> {
        let mut found = Vec::new();
        let others = self.catalog.accounts().await?;
        for account_id in others.into_iter().chain([self.own_account_id.clone()]) {
            let links: Vec<Link> = self.catalog_of(&account_id).resources().await?;
            found.extend(links.into_iter().map(|link| (account_id.clone(), link)));
        }
        Ok(found)
    }

    /// Reads anew who sees whom.
    async fn learn(&self) -> Result<()> {
        let mut sources = Sources::new();
        for (source, link) in self.all().await? {
            let of_sink = sources.entry(link.sink_account_id).or_default();
            for kind in link.resource_types {
                of_sink.entry(kind).or_default().insert(source.clone());
            }
        }
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = sources;
        Ok(())
    }

    pub async fn sinks(&self, account_id: &str) -> Result<Vec<Sink>> {
        Ok(self.catalog_of(account_id).resources().await?)
    }

    pub async fn sink(&self, place: &Place) -> Result<Sink> {
        let sink = self.catalog_of(&place.account_id).resource(&place.id).await?;
        sink.ok_or_else(|| Error::NoResource(format!("there is no sink {}", place.id)))
    }

    pub async fn create_sink(&self, account_id: &str, name: &str, tags: BTreeMap<String, String>) -> Result<Sink> {
        let _change = self.change.lock().await;
        check_tags(&tags)?;
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if name.is_empty() || name.len() > 255 || !name.bytes().all(is_known) {
            return Err(Error::Invalid(format!(
                "Name {name:?} must have from 1 to 255 letters, digits, dots, dashes and underscores"
            )));
        }
        if let Some(known) = self.sinks(account_id).await?.first() {
            return Err(Error::Conflict(format!("this account has the sink {} already, and may have one", known.name)));
        }
        let sink = Sink { id: uuid::Uuid::new_v4().to_string(), name: name.to_owned(), policy: None, tags };
        self.catalog_of(account_id).put_resource(&sink).await?;
        Ok(sink)
    }

    pub async fn delete_sink(&self, place: &Place) -> Result<()> {
        let _change = self.change.lock().await;
        self.sink(place).await?;
        if !self.attached(place).await?.is_empty() {
            return Err(Error::Conflict("links are attached to the sink; their accounts have to delete them first".to_owned()));
        }
        self.catalog_of(&place.account_id).delete_resource::<Sink>(&place.id).await?;
        Ok(())
    }

    pub async fn put_sink_policy(&self, place: &Place, policy: &str) -> Result<Sink> {
        let _change = self.change.lock().await;
        statements(policy)?;
        let sink = Sink { policy: Some(policy.to_owned()), ..self.sink(place).await? };
        self.catalog_of(&place.account_id).put_resource(&sink).await?;
        Ok(sink)
    }

    /// The links to a sink, each with its source account.
    pub async fn attached(&self, sink: &Place) -> Result<Vec<(String, Link)>> {
        self.sink(sink).await?;
        let mut links = self.all().await?;
        links.retain(|(_, link)| link.sink_account_id == sink.account_id && link.sink_id == sink.id);
        Ok(links)
    }

    pub async fn links(&self, account_id: &str) -> Result<Vec<Link>> {
        Ok(self.catalog_of(account_id).resources().await?)
    }

    pub async fn link(&self, place: &Place) -> Result<Link> {
        let link = self.catalog_of(&place.account_id).resource(&place.id).await?;
        link.ok_or_else(|| Error::NoResource(format!("there is no link {}", place.id)))
    }

    pub async fn create_link(&self, account_id: &str, new: NewLink) -> Result<Link> {
        let _change = self.change.lock().await;
        check_tags(&new.tags)?;
        let chars = new.label_template.chars().count();
        if !(1..=64).contains(&chars) {
            return Err(Error::Invalid(format!("LabelTemplate has {chars} characters, it must have from 1 to 64")));
        }
        if new.sink.account_id == account_id {
            return Err(Error::Invalid("the sink is this account's own; links go to other accounts".to_owned()));
        }
        let sink = self.sink(&new.sink).await?;
        self.check_types(&sink, account_id, &new.resource_types)?;
        let known = self.links(account_id).await?;
        if known.iter().any(|link| link.sink_id == new.sink.id) {
            return Err(Error::Conflict("there is a link to this sink already".to_owned()));
        }
        if known.len() >= LINKS {
            return Err(Error::QuotaExceeded(format!("there are {LINKS} links, the limit")));
        }
        let link = Link {
            id: uuid::Uuid::new_v4().to_string(),
            label_template: new.label_template,
            resource_types: new.resource_types,
            configuration: new.configuration,
            sink_account_id: new.sink.account_id,
            sink_id: new.sink.id,
            tags: new.tags,
        };
        self.catalog_of(account_id).put_resource(&link).await?;
        self.learn().await?;
        Ok(link)
    }

    pub async fn update_link(&self, place: &Place, resource_types: Vec<String>, configuration: Option<Value>) -> Result<Link> {
        let _change = self.change.lock().await;
        let link = self.link(place).await?;
        let sink = self.sink(&Place { account_id: link.sink_account_id.clone(), id: link.sink_id.clone() }).await?;
        self.check_types(&sink, &place.account_id, &resource_types)?;
        let link = Link { resource_types, configuration: configuration.or(link.configuration), ..link };
        self.catalog_of(&place.account_id).put_resource(&link).await?;
        self.learn().await?;
        Ok(link)
    }

    pub async fn delete_link(&self, place: &Place) -> Result<()> {
        let _change = self.change.lock().await;
        self.link(place).await?;
        self.catalog_of(&place.account_id).delete_resource::<Link>(&place.id).await?;
        self.learn().await
    }

    /// Sets the tags of a sink or a link.
    pub async fn put_tags(&self, place: &Place, is_sink: bool, change: impl FnOnce(&mut BTreeMap<String, String>)) -> Result<()> {
        let _change = self.change.lock().await;
        let catalog = self.catalog_of(&place.account_id);
        if is_sink {
            let mut sink = self.sink(place).await?;
            change(&mut sink.tags);
            check_tags(&sink.tags)?;
            catalog.put_resource(&sink).await?;
        } else {
            let mut link = self.link(place).await?;
            change(&mut link.tags);
            check_tags(&link.tags)?;
            catalog.put_resource(&link).await?;
        }
        Ok(())
    }

    fn check_types(&self, sink: &Sink, account_id: &str, types: &[String]) -> Result<()> {
        if types.is_empty() {
            return Err(Error::Invalid("ResourceTypes is empty".to_owned()));
        }
        if let Some(unknown) = types.iter().find(|kind| !RESOURCE_TYPES.contains(&kind.as_str())) {
            return Err(Error::Invalid(format!("ResourceTypes has {unknown}, which is no type that can be linked")));
        }
        let policy = sink.policy.as_deref().map(statements).transpose()?.unwrap_or_default();
        let matching = |effect: &str| policy.iter().any(|statement| applies(statement, effect, account_id, types));
        if matching("Deny") || !matching("Allow") {
            let message = format!("the policy of the sink does not allow the account {account_id} to link {}", types.join(", "));
            return Err(Error::Denied(message));
        }
        Ok(())
    }
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS {
        return Err(Error::TooManyTags(format!("a resource may have {TAGS} tags")));
    }
    let is_wrong = |(key, value): &(&String, &String)| !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256;
    match tags.iter().find(is_wrong) {
        Some((key, _)) => {
            Err(Error::Invalid(format!("the tag {key:?} has no key, or one longer than 128, or a value longer than 256")))
        }
        None => Ok(()),
    }
}

/// The statements of a policy.
fn statements(policy: &str) -> Result<Vec<Value>> {
    let malformed = |what: &str| Error::Invalid(format!("the policy {what}"));
    let read: Value = serde_json::from_str(policy).map_err(|err| malformed(&format!("is not JSON: {err}")))?;
    match &read["Statement"] {
        Value::Array(statements) if !statements.is_empty() => Ok(statements.clone()),
        statement @ Value::Object(_) => Ok(vec![statement.clone()]),
        _ => Err(malformed("has no Statement")),
    }
}

/// Whether a statement is about this account linking these types. Conditions that are not known here never hold.
fn applies(statement: &Value, effect: &str, account_id: &str, types: &[String]) -> bool {
    let list = |value: &Value| -> Vec<String> {
        match value {
            Value::String(text) => vec![text.clone()],
            Value::Array(texts) => texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        }
    };
    let is_account = |text: &String| text == "*" || text == account_id || *text == format!("arn:aws:iam::{account_id}:root");
    let principal = match &statement["Principal"] {
        Value::String(text) => text == "*",
        principal => list(&principal["AWS"]).iter().any(is_account),
    };
    let action = list(&statement["Action"]).iter().any(|action| matches!(action.as_str(), CREATE_LINK | "oam:*" | "*"));
    let condition = match &statement["Condition"] {
        Value::Null => true,
        Value::Object(operators) => operators.iter().all(|(operator, keys)| {
            let Value::Object(keys) = keys else { return false };
            operator == "ForAllValues:StringEquals"
                && keys
                    .iter()
                    .all(|(key, allowed)| key == "oam:ResourceTypes" && types.iter().all(|kind| list(allowed).contains(kind)))
        }),
        _ => false,
    };
    statement["Effect"] == effect && principal && action && condition
}
