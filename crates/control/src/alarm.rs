//! Alarms: kept, looked at when their data is due, and what follows when one changes its state. A change of state, its history and the
//! notifications that it causes are one transaction: none of them is without the others, also when the server is killed.

mod evaluate;
mod look;
mod message;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use model::Clock;
use model::alarm::{
    Alarm, AlarmHistoryItem, AlarmState, AlarmStatus, CompositeAlarm, Contributor, Evaluation, HistoryItemType, MetricAlarm,
    SuppressedBy, Suppression, Suppressor, Watched, Watches, Window,
};
use model::mute_rule::MuteRule;
use model::time::{DAY_US, SECOND_US};
use query::Query;
use query::metric::{Asking, check_expression, check_period, is_insights_query, is_time_zone};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{Catalog, ResourceChanges};
use tokio::sync::{Mutex, OnceCell, watch};
use tracing::{info, warn};

use crate::anomaly_detector::AnomalyDetectors;
use crate::delivery::{self, Deliveries};
use crate::mute_rule::{MuteRules, muted_by};
use crate::topic::{Notification, Topics};
use crate::{Error, Result};
use look::{Look, LookError, Looker, Seen, window_end};
use rule::Rule;

pub use evaluate::{Datapoint, EXTRA_PERIODS, Verdict, evaluate, is_breaching};

/// Of an account.
const ALARMS_MAX: usize = 50_000;
/// AWS's limits.
const ACTIONS_MAX: usize = 5;
const NAME_MAX: usize = 255;
const DESCRIPTION_MAX: usize = 1_024;
const RULE_MAX: usize = 10_240;
const QUERIES_MAX: usize = 20;
/// Of an expression (AWS).
const METRICS_MAX: usize = 10;
const CONTRIBUTORS_MAX: usize = 500;
const CONTRIBUTORS_KEPT: usize = 100;
const HISTORY_BYTES_MAX: usize = 4_095;
/// How long history is kept.
const HISTORY_US: i64 = 30 * DAY_US;
/// How often it is seen whether something is due.
const TICK: Duration = Duration::from_secs(1);
/// Periods of a look at what an alarm would have done.
const PREVIEW_PERIODS_MAX: i64 = 20_160;
/// Alarms that are looked at together.
const BATCH: usize = 200;

/// The alarms of an account. Cheap to clone.
#[derive(Clone)]
pub struct Alarms {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    query: Query,
    detectors: AnomalyDetectors,
    topics: Topics,
    mute_rules: MuteRules,
    deliveries: Deliveries,
    clock: Arc<dyn Clock>,
    place: Place,
    known: OnceCell<RwLock<BTreeMap<String, Arc<Alarm>>>>,
    /// Where the window ended when an alarm was last looked at.
    looked: std::sync::Mutex<HashMap<String, i64>>,
    /// Whether composite alarms are known to be as their children are.
    caught_up: OnceCell<()>,
    /// One change at a time.
    change: Mutex<()>,
}

/// Where alarms are.
#[derive(Debug, Clone)]
pub struct Place {
    pub account_id: String,
    /// The account of this server, whose metrics have no owner.
    pub server_account_id: String,
    pub region: String,
    /// Where people see them.
    pub console: Option<String>,
}

impl Place {
    pub fn arn(&self, name: &str) -> String {
        format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", self.region, self.account_id)
    }

    /// The name of an alarm that is meant by its name or its ARN; an alarm of another account or region stays what it is, and is none here.
    fn name_of<'t>(&self, text: &'t str) -> &'t str {
        let of_arn = |rest: &'t str| {
            let (_partition, rest) = rest.split_once(":cloudwatch:")?;
            let (region, rest) = rest.split_once(':')?;
            let (account_id, name) = rest.split_once(":alarm:")?;
            (region == self.region && account_id == self.account_id).then_some(name)
        };
        text.strip_prefix("arn:").and_then(of_arn).unwrap_or(text)
    }

    /// The names of the alarms that a rule names.
    fn children(&self, rule: &str) -> Vec<String> {
        let Ok(rule) = rule::parse(rule) else { return Vec::new() };
        let mut found = BTreeSet::new();
        rule.children(&mut found);
        found.into_iter().map(|child| self.name_of(child).to_owned()).collect()
    }

    fn is_child(&self, parent: &Alarm, name: &str) -> bool {
        let Watches::Composite(composite) = &parent.watches else { return false };
        self.children(&composite.rule).iter().any(|child| child == name)
    }

    fn parents<'k>(&'k self, name: &'k str, known: &'k BTreeMap<String, Arc<Alarm>>) -> impl Iterator<Item = &'k Alarm> {
        known.values().map(|alarm| &**alarm).filter(move |alarm| self.is_child(alarm, name))
    }

    fn suppressor<'a>(&self, alarm: &'a Alarm) -> Option<&'a str> {
        match &alarm.watches {
            Watches::Composite(CompositeAlarm { suppressor: Some(suppressor), .. }) => Some(self.name_of(&suppressor.alarm)),
            _ => None,
        }
    }
}

/// What alarms need besides their catalog.
#[derive(Clone)]
pub struct Parts {
    pub query: Query,
    pub detectors: AnomalyDetectors,
    pub topics: Topics,
    pub mute_rules: MuteRules,
    pub deliveries: Deliveries,
}

/// What someone wants an alarm to be.
#[derive(Debug, Clone)]
pub struct AlarmConfiguration {
    pub name: String,
    pub description: Option<String>,
    pub actions_enabled: bool,
    pub ok_actions: Vec<String>,
    pub alarm_actions: Vec<String>,
    pub insufficient_data_actions: Vec<String>,
    pub watches: Watches,
}

/// What is asked of histories.
#[derive(Debug, Clone, Default)]
pub struct HistoryFilter {
    pub alarm: Option<String>,
    pub contributor: Option<String>,
    pub kinds: Option<Vec<String>>,
    pub item: Option<HistoryItemType>,
    pub start_us: Option<i64>,
    pub end_us: Option<i64>,
    pub oldest_first: bool,
    /// The id of the last one that is known.
    pub after: Option<String>,
}

/// What an alarm would have done.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    pub period: i64,
    pub series: Vec<(String, Vec<(i64, f64)>)>,
    pub band: Option<Vec<(i64, f64, f64)>>,
    /// Each from then until the next.
    pub states: Vec<(i64, AlarmState, String)>,
}

impl Alarms {
    pub fn new(catalog: Catalog, parts: Parts, clock: Arc<dyn Clock>, place: Place) -> Alarms {
        let Parts { query, detectors, topics, mute_rules, deliveries } = parts;
        let inner = Inner {
            catalog,
            query,
            detectors,
            topics,
            mute_rules,
            deliveries,
            clock,
            place,
            known: OnceCell::new(),
            looked: Default::default(),
            caught_up: OnceCell::new(),
            change: Mutex::new(()),
        };
        Alarms { inner: Arc::new(inner) }
    }

    pub fn arn(&self, name: &str) -> String {
        self.inner.place.arn(name)
    }

    /// The names of the alarms that a rule names.
    pub fn children(&self, rule: &str) -> Vec<String> {
        self.inner.place.children(rule)
    }

    /// Whether a composite alarm's rule names another alarm.
    pub fn is_child(&self, parent: &Alarm, name: &str) -> bool {
        self.inner.place.is_child(parent, name)
    }

    /// By name.
    pub async fn list(&self) -> Result<Vec<Arc<Alarm>>> {
        let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
        Ok(known.values().cloned().collect())
    }

    pub async fn get(&self, name: &str) -> Result<Arc<Alarm>> {
        let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
        known.get(name).cloned().ok_or_else(|| Error::NoResource(format!("Alarm {name} does not exist")))
    }

    /// Keeps it, in the place of one of the same name, whose state it goes on from; it is looked at at once. Returns whether it is new.
    pub async fn put(&self, wanted: AlarmConfiguration) -> Result<bool> {
        let name = wanted.name.clone();
        check(&wanted)?;
        if let Watches::Metric(metric) = &wanted.watches {
            self.check_look(metric).await?;
        }
        let (is_new, is_composite) = {
            let _change = self.inner.change.lock().await;
            let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner).clone();
            if let Watches::Composite(composite) = &wanted.watches {
                self.check_children(&wanted.name, composite, &known)?;
            }
            let before = known.get(&name).cloned();
            if before.is_none() && known.len() >= ALARMS_MAX {
                return Err(Error::LimitExceeded(format!("there are {ALARMS_MAX} alarms, the limit")));
            }
            if let Some(before) = &before
                && std::mem::discriminant(&before.watches) != std::mem::discriminant(&wanted.watches)
            {
                return Err(Error::Invalid(format!("Alarm {name} is there already and of another type; delete it first")));
            }
            let now_us = self.inner.clock.now_us();
            let alarm = configured(wanted, before.as_deref(), now_us);
            let place = &self.inner.place;
            let summary = format!("Alarm \"{name}\" {}", if before.is_some() { "updated" } else { "created" });
            let data = match &before {
                None => json!({"version": "1.0", "type": "Create", "createdAlarm": message::configuration(&alarm, place)}),
                Some(before) => json!({
                    "version": "1.0", "type": "Update",
                    "updatedAlarm": message::configuration(&alarm, place),
                    "previousAlarm": message::configuration(before, place),
                }),
            };
            let mut changes = ResourceChanges::default();
            changes.put(&alarm)?;
            changes.put(&history(&alarm, HistoryItemType::ConfigurationUpdate, summary, &data, now_us))?;
            let is_composite = matches!(alarm.watches, Watches::Composite(_));
            self.keep(vec![alarm], &changes).await?;
            if is_composite {
                self.propagate(BTreeSet::from([name.clone()]), None).await?;
            }
            (before.is_none(), is_composite)
        };
        if !is_composite {
            self.look_at(vec![self.get(&name).await?], true).await?;
        }
        Ok(is_new)
    }

    /// Whether what it watches can be computed, and is one series, or several that a query tells apart.
    async fn check_look(&self, metric: &MetricAlarm) -> Result<()> {
        let Watched::Queries(queries) = &metric.watched else { return Ok(()) };
        let is_query = queries
            .iter()
            .any(|query| query.is_returned.unwrap_or(true) && query.expression.as_deref().is_some_and(is_insights_query));
        let looker = self.looker().await?;
        let (query, rule, end) = (self.inner.query.clone(), metric.clone(), window_end(metric, self.inner.clock.now_us(), true));
        let looked = tokio::task::spawn_blocking(move || looker.of(&query).look(&[(&rule, end)]).pop());
        match looked.await.map_err(|err| Error::Unexpected(err.to_string()))? {
            Some(Ok(look)) if look.is_grouped && !is_query => Err(Error::Invalid(
                "The expression of Metrics that returns data must give one time series: of several, a query of Metrics Insights with GROUP BY".to_owned(),
            )),
            Some(Err(LookError::Invalid(why))) => Err(Error::Invalid(why)),
            _ => Ok(()),
        }
    }

    /// Those that are there; what other composite alarms are of cannot be deleted before these.
    pub async fn delete(&self, names: &[String]) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner).clone();
        let meant: BTreeMap<&String, &Arc<Alarm>> = names.iter().filter_map(|name| Some((name, known.get(name)?))).collect();
        let composites = meant.values().filter(|alarm| matches!(alarm.watches, Watches::Composite(_))).count();
        if composites > 1 {
            return Err(Error::Invalid("At most one composite alarm can be deleted at a time".to_owned()));
        }
        for name in meant.keys() {
            let parents: Vec<&str> = self
                .inner
                .place
                .parents(name, &known)
                .filter(|parent| !meant.contains_key(&parent.name))
                .map(|parent| parent.name.as_str())
                .collect();
            if !parents.is_empty() {
                let parents = parents.join(", ");
                return Err(Error::Invalid(format!(
                    "Alarms [{name}] cannot be deleted, there are composite alarm(s) [{parents}] depending on it/them"
                )));
            }
        }
        let now_us = self.inner.clock.now_us();
        let mut changes = ResourceChanges::default();
        for (name, alarm) in &meant {
            let data =
                json!({"version": "1.0", "type": "Delete", "deletedAlarm": message::configuration(alarm, &self.inner.place)});
            changes.put(&history(
                alarm,
                HistoryItemType::ConfigurationUpdate,
                format!("Alarm \"{name}\" deleted"),
                &data,
                now_us,
            ))?;
            changes.delete::<Alarm>(name);
            changes.delete::<model::setting::Tags>(&crate::tag::alarm_key(name));
        }
        if !changes.is_empty() {
            self.inner.catalog.change_resources(&changes).await?;
        }
        let mut known = self.known().await?.write().unwrap_or_else(PoisonError::into_inner);
        meant.keys().for_each(|name| drop(known.remove(*name)));
        Ok(())
    }

    /// Puts it into a state, whatever its data says; the next look may put it back.
    pub async fn set_state(&self, name: &str, state: AlarmState, reason: String, data: Option<String>) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let alarm = self.get(name).await?;
        if alarm.status.state == state {
            let now_us = self.inner.clock.now_us();
            let mut alarm = (*alarm).clone();
            alarm.status = AlarmStatus { reason, reason_data: data, updated_us: now_us, ..alarm.status };
            let mut changes = ResourceChanges::default();
            changes.put(&alarm)?;
            return self.keep(vec![alarm], &changes).await;
        }
        self.transition(&alarm, state, reason, data, None).await?;
        self.propagate(self.parents_of(name).await?, Some(name)).await
    }

    pub async fn enable_actions(&self, names: &[String], is_enabled: bool) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let now_us = self.inner.clock.now_us();
        let (mut changes, mut changed) = (ResourceChanges::default(), Vec::new());
        for name in names {
            let Ok(alarm) = self.get(name).await else { continue };
            if alarm.actions_enabled == is_enabled {
                continue;
            }
            let before = (*alarm).clone();
            let alarm = Alarm { actions_enabled: is_enabled, configured_us: now_us, ..before.clone() };
            let data = json!({
                "version": "1.0", "type": "Update",
                "updatedAlarm": message::configuration(&alarm, &self.inner.place),
                "previousAlarm": message::configuration(&before, &self.inner.place),
            });
            changes.put(&alarm)?;
            changes.put(&history(
                &alarm,
                HistoryItemType::ConfigurationUpdate,
                format!("Alarm \"{name}\" updated"),
                &data,
                now_us,
            ))?;
            changed.push(alarm);
        }
        if changed.is_empty() { Ok(()) } else { self.keep(changed, &changes).await }
    }

    /// What happened, of deleted alarms too; at most so many.
    pub async fn history(&self, filter: &HistoryFilter, most: usize) -> Result<Vec<AlarmHistoryItem>> {
        let edge = |us: i64| format!("{:016x}", us.max(0));
        let (mut from, mut to) =
            (filter.start_us.map(edge).unwrap_or_default(), filter.end_us.map_or("~".to_owned(), |end| edge(end + 1)));
        if let Some(after) = &filter.after {
            // What comes after a key, in the order that is asked for.
            if filter.oldest_first { from = format!("{after} ") } else { to.clone_from(after) }
        }
        let is_wanted = |item: &AlarmHistoryItem| {
            filter.alarm.as_ref().is_none_or(|alarm| item.alarm == *alarm)
                && filter.kinds.as_ref().is_none_or(|kinds| kinds.contains(&item.alarm_kind))
                && filter.item.is_none_or(|wanted| item.item == wanted)
                && filter.contributor.as_ref().is_none_or(|id| item.contributor.as_ref().is_some_and(|(known, _)| known == id))
        };
        let mut found = Vec::new();
        while found.len() < most {
            let page: Vec<AlarmHistoryItem> = self.inner.catalog.resources_within(&from, &to, !filter.oldest_first, 500).await?;
            let Some(last) = page.last() else { break };
            if filter.oldest_first {
                from = format!("{} ", last.id)
            } else {
                to.clone_from(&last.id)
            }
            found.extend(page.into_iter().filter(|item| is_wanted(item)));
        }
        found.truncate(most);
        Ok(found)
    }

    /// What an alarm like this would have done.
    pub async fn preview(&self, alarm: MetricAlarm, start_us: i64, end_us: i64) -> Result<Preview> {
        check_metric(&alarm)?;
        let period = alarm.period();
        let n = i64::from(alarm.evaluation_periods + EXTRA_PERIODS);
        if (end_us - start_us) / SECOND_US / period > PREVIEW_PERIODS_MAX {
            return Err(Error::Invalid(format!("the range has more than {PREVIEW_PERIODS_MAX} periods of {period} seconds")));
        }
        let (start, end) = (start_us.div_euclid(SECOND_US), end_us.div_euclid(SECOND_US));
        let looker = self.looker().await?;
        let (query, rule) = (self.inner.query.clone(), alarm.clone());
        let looked = tokio::task::spawn_blocking(move || looker.of(&query).past(&rule, start - n * period, end)).await;
        let (look, times) = looked.map_err(|err| Error::Unexpected(err.to_string()))?.map_err(|err| match err {
            LookError::Invalid(why) => Error::Invalid(why),
            LookError::Failed(why) => Error::Unexpected(why),
        })?;
        let mut states: Vec<(i64, AlarmState, String)> = Vec::new();
        let mut current: Vec<AlarmState> = vec![AlarmState::InsufficientData; look.series.len()];
        for last in usize::try_from(n).unwrap_or(1)..=times.len() {
            let Some(time) = times.get(last - 1).map(|time| time + period) else { break };
            let window = last - usize::try_from(n).unwrap_or(1)..last;
            let verdicts: Vec<Verdict> = look
                .series
                .iter()
                .zip(&current)
                .map(|(seen, current)| evaluate(&alarm, &seen.points[window.clone()], *current, time * SECOND_US))
                .collect();
            current = verdicts.iter().map(|verdict| verdict.state).collect();
            let Some(worst) = verdicts.into_iter().max_by_key(|verdict| severity(verdict.state)) else { continue };
            if states.last().is_none_or(|(_, state, _)| *state != worst.state) && (start..=end).contains(&time) {
                states.push((time, worst.state, worst.reason));
            }
        }
        let within = |time: &i64| *time >= start;
        let values = |seen: &Seen| {
            seen.points.iter().flatten().filter(|point| within(&point.time)).map(|point| (point.time, point.value)).collect()
        };
        let label = |seen: &Seen| seen.attributes.values().cloned().collect::<Vec<_>>().join(" ");
        let first = look.series.first().filter(|_| alarm.comparison.is_of_band());
        let band = first.map(|seen| {
            let ends = |point: &Datapoint| {
                point
                    .band
                    .filter(|(lower, upper)| lower.is_finite() && upper.is_finite())
                    .map(|(lower, upper)| (point.time, lower, upper))
            };
            seen.points.iter().flatten().filter(|point| within(&point.time)).filter_map(ends).collect()
        });
        Ok(Preview { period, series: look.series.iter().map(|seen| (label(seen), values(seen))).collect(), band, states })
    }

    /// Looks at what is due, and does what was waited for.
    pub async fn tick(&self) -> Result<()> {
        let now_us = self.inner.clock.now_us();
        self.inner.caught_up.get_or_try_init(|| self.catch_up()).await?;
        let all = self.list().await?;
        let mut due = Vec::new();
        {
            let mut looked = self.inner.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.len() > all.len() {
                let names: BTreeSet<&str> = all.iter().map(|alarm| alarm.name.as_str()).collect();
                looked.retain(|name, _| names.contains(name.as_str()));
            }
            for alarm in &all {
                if let Watches::Metric(metric) = &alarm.watches
                    && looked.get(&alarm.name).is_none_or(|last| *last < window_end(metric, now_us, false))
                {
                    due.push(alarm.clone());
                }
            }
        }
        for some in due.chunks(BATCH) {
            self.look_at(some.to_vec(), false).await?;
        }
        self.end_waits(&all, now_us).await
    }

    /// A child's change and what its parents make of it are written one after the other: brings those in line whose child changed last before the
    /// server ended.
    async fn catch_up(&self) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let composites: Vec<Arc<Alarm>> =
            self.list().await?.into_iter().filter(|alarm| matches!(alarm.watches, Watches::Composite(_))).collect();
        // As often as they can be in each other.
        for _ in 0..composites.len() {
            let mut is_changed = false;
            for alarm in &composites {
                let Ok(alarm) = self.get(&alarm.name).await else { continue };
                let Watches::Composite(composite) = &alarm.watches else { continue };
                if let Some(suppressor) = &composite.suppressor {
                    let is_suppressed =
                        self.state_of(self.inner.place.name_of(&suppressor.alarm)).await? == Some(AlarmState::Alarm);
                    let is_told = alarm.status.suppression.as_ref().is_some_and(|known| known.by == SuppressedBy::Alarm);
                    if is_suppressed != is_told {
                        self.suppress(&alarm, suppressor).await?;
                    }
                }
                let Ok(alarm) = self.get(&alarm.name).await else { continue };
                // Whichever of its children changed last.
                let mut newest: Option<(i64, String)> = None;
                for child in self.inner.place.children(&composite.rule) {
                    if let Ok(known) = self.get(&child).await {
                        newest = newest.max(Some((known.status.transitioned_us, child)));
                    }
                }
                is_changed |= self.evaluate_composite(&alarm, newest.as_ref().map(|(_, child)| child.as_str())).await?;
            }
            if !is_changed {
                break;
            }
        }
        Ok(())
    }

    async fn looker(&self) -> Result<OwnedLooker> {
        let detectors = self.inner.detectors.list().await?.into();
        let Place { server_account_id, region, .. } = &self.inner.place;
        Ok(OwnedLooker { detectors, asking: Asking { server_account_id: server_account_id.clone(), region: region.clone() } })
    }

    /// `at_once`, where nobody waits for data to settle.
    async fn look_at(&self, alarms: Vec<Arc<Alarm>>, at_once: bool) -> Result<()> {
        let now_us = self.inner.clock.now_us();
        let looker = self.looker().await?;
        let (query, all) = (self.inner.query.clone(), alarms.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let metric = |alarm: &'_ Arc<Alarm>| match &alarm.watches {
                Watches::Metric(metric) => Some((metric.clone(), window_end(metric, now_us, at_once))),
                Watches::Composite(_) => None,
            };
            let metrics: Vec<(MetricAlarm, i64)> = all.iter().filter_map(metric).collect();
            let borrowed: Vec<(&MetricAlarm, i64)> = metrics.iter().map(|(metric, end)| (metric, *end)).collect();
            let looks = looker.of(&query).look(&borrowed);
            metrics.iter().map(|(_, end)| *end).zip(looks).collect::<Vec<_>>()
        });
        let looks = looked.await.map_err(|err| Error::Unexpected(err.to_string()))?;
        for (alarm, (end, look)) in alarms.iter().zip(looks) {
            self.settle(alarm, look).await?;
            self.inner.looked.lock().unwrap_or_else(PoisonError::into_inner).insert(alarm.name.clone(), end);
        }
        Ok(())
    }

    /// Brings an alarm into the state that what was seen asks for.
    async fn settle(&self, seen_of: &Alarm, look: Result<Look, LookError>) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let now_us = self.inner.clock.now_us();
        let Ok(alarm) = self.get(&seen_of.name).await else { return Ok(()) };
        // It was changed meanwhile, and is looked at again.
        if alarm.configured_us != seen_of.configured_us {
            return Ok(());
        }
        let Watches::Metric(metric) = &alarm.watches else { return Ok(()) };
        if let Some(warm_up) = metric.warm_up
            && warm_up.evaluate_after == Some(true)
            && now_us < alarm.configured_us + warm_up.minutes * 60 * SECOND_US
        {
            return Ok(());
        }
        let look = match look {
            Ok(look) => look,
            Err(err) => {
                let (evaluation, why) = match err {
                    LookError::Invalid(why) => (Evaluation::Error, why),
                    LookError::Failed(why) => (Evaluation::Failure, why),
                };
                if alarm.status.evaluation != Some(evaluation) {
                    warn!(alarm = alarm.name, why, "an alarm cannot be evaluated");
                    let mut failed = (*alarm).clone();
                    failed.status.evaluation = Some(evaluation);
                    failed.status.updated_us = now_us;
                    let mut changes = ResourceChanges::default();
                    changes.put(&failed)?;
                    self.keep(vec![failed], &changes).await?;
                }
                return Ok(());
            }
        };
        let (verdict, contributors) = match look.is_grouped {
            false => {
                let points = look.series.first().map(|seen| &seen.points[..]).unwrap_or_default();
                (evaluate(metric, points, alarm.status.state, now_us), BTreeMap::new())
            }
            true => of_contributors(metric, &alarm.status, &look.series, now_us),
        };
        let data = verdict.data.as_ref().map(Value::to_string);
        if verdict.state != alarm.status.state {
            self.transition(&alarm, verdict.state, verdict.reason, data, Some(contributors)).await?;
            return self.propagate(self.parents_of(&alarm.name).await?, Some(&alarm.name)).await;
        }
        // Nothing changed: what is newest is told, and not written down.
        let mut same = (*alarm).clone();
        let is_written = same.status.evaluation.is_some() || same.status.contributors != contributors;
        if data.is_some() {
            same.status.reason = verdict.reason;
            same.status.reason_data = data;
            same.status.updated_us = now_us;
        }
        same.status.evaluation = None;
        let before = std::mem::replace(&mut same.status.contributors, contributors);
        let mut changes = ResourceChanges::default();
        self.contribute(&same, &before, &mut changes, now_us).await?;
        if is_written {
            changes.put(&same)?;
        }
        self.keep(vec![same], &changes).await
    }

    /// Changes the state, with all that follows. Whoever calls holds `change`, and sees to the parents.
    async fn transition(
        &self,
        before: &Alarm,
        state: AlarmState,
        reason: String,
        data: Option<String>,
        contributors: Option<BTreeMap<String, Contributor>>,
    ) -> Result<()> {
        let now_us = self.inner.clock.now_us();
        let old = &before.status;
        let mut alarm = before.clone();
        alarm.status = AlarmStatus {
            state,
            reason,
            reason_data: data,
            updated_us: now_us,
            transitioned_us: now_us,
            evaluation: None,
            contributors: contributors.unwrap_or_else(|| old.contributors.clone()),
            suppression: old.suppression.clone(),
            muted: None,
        };
        let told = |status: &AlarmStatus| {
            let data = status.reason_data.as_deref().and_then(|data| serde_json::from_str::<Value>(data).ok());
            json!({"stateValue": status.state.as_str(), "stateReason": status.reason, "stateReasonData": data})
        };
        let mut data = json!({"version": "1.0", "oldState": told(old), "newState": told(&alarm.status)});
        // There is an end to how long it may be (AWS); the newest is told last to go.
        for which in ["oldState", "newState"] {
            if data.to_string().len() > HISTORY_BYTES_MAX {
                data[which]["stateReasonData"] = Value::Null;
            }
        }
        let summary = format!("Alarm updated from {} to {state}", old.state);
        let mut changes = ResourceChanges::default();
        changes.put(&history(&alarm, HistoryItemType::StateUpdate, summary, &data, now_us))?;
        info!(alarm = alarm.name, from = %old.state, to = %state, "alarm changed its state");
        match (&alarm.status.contributors, old.contributors.is_empty()) {
            (now, true) if now.is_empty() => self.act(&mut alarm, old.state, &mut changes, now_us).await?,
            // Each tells of itself.
            _ => self.contribute(&alarm, &old.contributors, &mut changes, now_us).await?,
        }
        changes.put(&alarm)?;
        self.keep(vec![alarm], &changes).await
    }

    /// What follows from changes of contributors: history, and what is to be done for each.
    async fn contribute(
        &self,
        alarm: &Alarm,
        before: &BTreeMap<String, Contributor>,
        changes: &mut ResourceChanges,
        now_us: i64,
    ) -> Result<()> {
        let ids: BTreeSet<&String> = before.keys().chain(alarm.status.contributors.keys()).collect();
        for id in ids {
            let was = before.get(id).map_or(AlarmState::Ok, |before| before.state);
            let gone;
            let now = match (alarm.status.contributors.get(id), before.get(id)) {
                (Some(now), _) => now,
                // What is not there any more is not bad any more.
                (None, Some(known)) => {
                    let reason = "No data was returned for this contributor".to_owned();
                    gone = Contributor { state: AlarmState::Ok, reason, transitioned_us: now_us, ..known.clone() };
                    &gone
                }
                (None, None) => continue,
            };
            if now.state == was {
                continue;
            }
            let of = Some((id.clone(), now.attributes.clone()));
            let summary = format!("Alarm contributor updated from {was} to {}", now.state);
            let data = json!({"version": "1.0", "newState": {"stateValue": now.state.as_str(), "stateReason": now.reason}});
            let item = history(alarm, HistoryItemType::ContributorStateUpdate, summary, &data, now_us);
            changes.put(&AlarmHistoryItem { contributor: of.clone(), ..item })?;
            let mut own = alarm.clone();
            own.status.state = now.state;
            own.status.reason.clone_from(&now.reason);
            own.status.transitioned_us = now.transitioned_us;
            if own.actions_enabled {
                self.perform(&mut own, was, of.as_ref(), changes, now_us).await?;
            }
        }
        Ok(())
    }

    /// Does, or puts off, what is to be done in the state that an alarm came to.
    async fn act(&self, alarm: &mut Alarm, old: AlarmState, changes: &mut ResourceChanges, now_us: i64) -> Result<()> {
        if !alarm.actions_enabled {
            return Ok(());
        }
        if let Watches::Composite(CompositeAlarm { suppressor: Some(suppressor), .. }) = &alarm.watches {
            let is_suppressed = self.state_of(self.inner.place.name_of(&suppressor.alarm)).await? == Some(AlarmState::Alarm);
            let (by, until_us) = match (is_suppressed, suppressor.wait_secs) {
                (true, _) => (SuppressedBy::Alarm, None),
                (false, 0) => return self.perform(alarm, old, None, changes, now_us).await,
                (false, secs) => (SuppressedBy::WaitPeriod, Some(now_us + secs * SECOND_US)),
            };
            alarm.status.suppression = Some(Suppression { by, until_us, is_pending: true });
            return Ok(());
        }
        self.perform(alarm, old, None, changes, now_us).await
    }

    /// Does it, unless it is muted.
    async fn perform(
        &self,
        alarm: &mut Alarm,
        old: AlarmState,
        contributor: Option<&(String, BTreeMap<String, String>)>,
        changes: &mut ResourceChanges,
        now_us: i64,
    ) -> Result<()> {
        alarm.status.suppression = None;
        if let Watches::Metric(MetricAlarm { warm_up: Some(warm_up), .. }) = &alarm.watches
            && now_us < alarm.configured_us + warm_up.minutes * 60 * SECOND_US
        {
            return Ok(());
        }
        let state = alarm.status.state;
        let actions = alarm.actions_of(state).to_vec();
        if actions.is_empty() {
            return Ok(());
        }
        let rules = self.inner.mute_rules.list().await?;
        if let Some(rule) = muted_by(&rules, &alarm.name, now_us) {
            alarm.status.muted = Some(state);
            let summary = format!("Actions of {state} are muted by the rule \"{}\"", rule.name);
            let data = json!({"actionState": "Muted", "muteRule": rule.name, "stateUpdateTimestamp": now_us / 1_000});
            changes.put(&history(alarm, HistoryItemType::Action, summary, &data, now_us))?;
            return Ok(());
        }
        let place = &self.inner.place;
        let text = message::text(alarm, old, place);
        let notification = Notification {
            alarm: Some(alarm.name.clone()),
            subject: Some(message::subject(alarm, place)),
            message: message::notification(alarm, old, contributor, place),
            by_protocol: ["email", "slack", "teams"].into_iter().map(|protocol| (protocol.to_owned(), text.clone())).collect(),
        };
        for arn in actions {
            let (summary, error) = match self.inner.topics.deliveries(&arn, &notification).await {
                Ok((deliveries, _)) => {
                    self.inner.deliveries.add(&deliveries, changes)?;
                    (format!("Successfully executed action {arn}"), None)
                }
                Err(Error::NoResource(_)) => {
                    let why = no_action(&arn);
                    (format!("Failed to execute action {arn}. Received error: \"{why}\""), Some(why))
                }
                Err(err) => return Err(err),
            };
            let data = json!({
                "actionState": if error.is_some() { "Failed" } else { "Succeeded" },
                "stateUpdateTimestamp": now_us / 1_000,
                "notificationResource": arn,
                "publishedMessage": serde_json::from_str::<Value>(&notification.message).unwrap_or_default(),
                "error": error,
            });
            let kind = if contributor.is_some() { HistoryItemType::ContributorAction } else { HistoryItemType::Action };
            let item = history(alarm, kind, summary, &data, now_us);
            changes.put(&AlarmHistoryItem { contributor: contributor.cloned(), ..item })?;
        }
        Ok(())
    }

    /// What mute rules and suppressors kept back, and need not any more.
    async fn end_waits(&self, all: &[Arc<Alarm>], now_us: i64) -> Result<()> {
        let is_over = |suppression: &Suppression| suppression.until_us.is_some_and(|until| until <= now_us);
        let waits = |alarm: &&Arc<Alarm>| alarm.status.muted.is_some() || alarm.status.suppression.as_ref().is_some_and(is_over);
        let waiting: Vec<&Arc<Alarm>> = all.iter().filter(waits).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let _change = self.inner.change.lock().await;
        let rules: Vec<MuteRule> = self.inner.mute_rules.list().await?;
        for alarm in waiting {
            let Ok(alarm) = self.get(&alarm.name).await else { continue };
            let mut alarm = (*alarm).clone();
            let mut changes = ResourceChanges::default();
            let old = alarm.status.state;
            if let Some(muted) = alarm.status.muted {
                if muted_by(&rules, &alarm.name, now_us).is_some() {
                    continue;
                }
                alarm.status.muted = None;
                if muted == alarm.status.state && alarm.actions_enabled {
                    self.perform(&mut alarm, old, None, &mut changes, now_us).await?;
                }
            } else if let Some(suppression) = alarm.status.suppression.clone().filter(is_over) {
                alarm.status.suppression = None;
                if suppression.is_pending && alarm.actions_enabled {
                    self.perform(&mut alarm, old, None, &mut changes, now_us).await?;
                }
            }
            changes.put(&alarm)?;
            self.keep(vec![alarm], &changes).await?;
        }
        Ok(())
    }

    /// Evaluates composite alarms, and those that these are in, each once. `cause` is the alarm that changed, none where the composite did itself.
    async fn propagate(&self, first: BTreeSet<String>, cause: Option<&str>) -> Result<()> {
        let mut cause = cause.map(str::to_owned);
        let mut seen = BTreeSet::new();
        let mut next: Vec<(String, Option<String>)> = first.into_iter().map(|name| (name, cause.take().or(None))).collect();
        // All of the first ones have the same cause.
        if let Some((_, of)) = next.first().cloned() {
            next.iter_mut().for_each(|(_, cause)| cause.clone_from(&of));
        }
        while let Some((name, cause)) = next.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let Ok(alarm) = self.get(&name).await else { continue };
            let Watches::Composite(composite) = &alarm.watches else { continue };
            if let (Some(suppressor), Some(cause)) = (&composite.suppressor, &cause)
                && self.inner.place.name_of(&suppressor.alarm) == cause
            {
                self.suppress(&alarm, suppressor).await?;
            }
            let Ok(alarm) = self.get(&name).await else { continue };
            if self.evaluate_composite(&alarm, cause.as_deref()).await? {
                next.extend(self.parents_of(&name).await?.into_iter().map(|parent| (parent, Some(name.clone()))));
            }
        }
        Ok(())
    }

    /// The alarm's suppressor went to another state.
    async fn suppress(&self, alarm: &Alarm, suppressor: &Suppressor) -> Result<()> {
        let now_us = self.inner.clock.now_us();
        let is_suppressed = self.state_of(self.inner.place.name_of(&suppressor.alarm)).await? == Some(AlarmState::Alarm);
        let before = alarm.status.suppression.clone();
        let is_pending = before.as_ref().is_some_and(|before| before.is_pending);
        let mut alarm = alarm.clone();
        let mut changes = ResourceChanges::default();
        match (is_suppressed, &before) {
            (true, _) => alarm.status.suppression = Some(Suppression { by: SuppressedBy::Alarm, until_us: None, is_pending }),
            (false, Some(Suppression { by: SuppressedBy::Alarm, .. })) if suppressor.extension_secs > 0 => {
                let until_us = Some(now_us + suppressor.extension_secs * SECOND_US);
                alarm.status.suppression = Some(Suppression { by: SuppressedBy::ExtensionPeriod, until_us, is_pending });
            }
            (false, Some(Suppression { by: SuppressedBy::Alarm, .. })) => {
                alarm.status.suppression = None;
                let state = alarm.status.state;
                if is_pending && alarm.actions_enabled {
                    self.perform(&mut alarm, state, None, &mut changes, now_us).await?;
                }
            }
            (false, _) => return Ok(()),
        }
        changes.put(&alarm)?;
        self.keep(vec![alarm], &changes).await
    }

    /// Returns whether its state changed.
    async fn evaluate_composite(&self, alarm: &Alarm, cause: Option<&str>) -> Result<bool> {
        let Watches::Composite(composite) = &alarm.watches else { return Ok(false) };
        let rule = rule::parse(&composite.rule).map_err(Error::Invalid)?;
        let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner).clone();
        let state = |name: &str| known.get(self.inner.place.name_of(name)).map(|alarm| alarm.status.state);
        let state = if rule.holds(&state) { AlarmState::Alarm } else { AlarmState::Ok };
        if state == alarm.status.state {
            return Ok(false);
        }
        let place = &self.inner.place;
        let (reason, data) = match cause.and_then(|cause| known.get(cause)) {
            Some(child) => {
                let (arn, time) = (place.arn(&child.name), child.status.transitioned_us);
                let reason = format!("{arn} transitioned to {} at {}", child.status.state, message::day_time(time));
                let of_child =
                    json!({"arn": arn, "state": {"value": child.status.state.as_str(), "timestamp": evaluate::stamp(time)}});
                (reason, Some(json!({"triggeringAlarms": [of_child]}).to_string()))
            }
            None => {
                let change = if alarm.status.reason_data.is_none() && alarm.status.state == AlarmState::InsufficientData {
                    "created"
                } else {
                    "updated"
                };
                (format!("{} was {change} and its alarm rule evaluates to {state}", place.arn(&alarm.name)), None)
            }
        };
        self.transition(alarm, state, reason, data, None).await?;
        Ok(true)
    }

    /// All that a composite alarm names is there, and not itself.
    fn check_children(&self, name: &str, composite: &CompositeAlarm, known: &BTreeMap<String, Arc<Alarm>>) -> Result<()> {
        let children = self.inner.place.children(&composite.rule);
        let missing: Vec<&str> =
            children.iter().map(String::as_str).filter(|child| *child != name && !known.contains_key(*child)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(Error::Invalid(format!(
                "Could not save the composite alarm as alarms [{missing}] in the alarm rule do not exist"
            )));
        }
        if children.iter().any(|child| child == name) {
            return Err(Error::Invalid("Could not save the composite alarm as its alarm rule names itself".to_owned()));
        }
        let Some(suppressor) = &composite.suppressor else { return Ok(()) };
        let meant = self.inner.place.name_of(&suppressor.alarm);
        if !known.contains_key(meant) {
            return Err(Error::Invalid(format!(
                "Could not save the composite alarm as ActionsSuppressor [{meant}] does not exist"
            )));
        }
        Ok(())
    }

    async fn state_of(&self, name: &str) -> Result<Option<AlarmState>> {
        let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
        Ok(known.get(name).map(|alarm| alarm.status.state))
    }

    /// Composite alarms that are of it, or that it suppresses.
    async fn parents_of(&self, name: &str) -> Result<BTreeSet<String>> {
        let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
        let suppressed = known.values().filter(|alarm| self.inner.place.suppressor(alarm) == Some(name));
        Ok(self.inner.place.parents(name, &known).chain(suppressed.map(|alarm| &**alarm)).map(|alarm| alarm.name.clone()).collect())
    }

    /// Writes changes down, and then knows them.
    async fn keep(&self, alarms: Vec<Alarm>, changes: &ResourceChanges) -> Result<()> {
        if !changes.is_empty() {
            self.inner.catalog.change_resources(changes).await?;
        }
        {
            let mut known = self.known().await?.write().unwrap_or_else(PoisonError::into_inner);
            for alarm in alarms {
                known.insert(alarm.name.clone(), Arc::new(alarm));
            }
        }
        self.inner.deliveries.wake();
        Ok(())
    }

    async fn known(&self) -> Result<&RwLock<BTreeMap<String, Arc<Alarm>>>> {
        let load = async {
            let all: Vec<Alarm> = self.inner.catalog.resources().await?;
            Ok::<_, Error>(RwLock::new(all.into_iter().map(|alarm| (alarm.name.clone(), Arc::new(alarm))).collect()))
        };
        self.inner.known.get_or_try_init(|| load).await
    }

    async fn forget_old(&self) -> Result<()> {
        let oldest = format!("{:016x}", (self.inner.clock.now_us() - HISTORY_US).max(0));
        Ok(self.inner.catalog.delete_resources_before::<AlarmHistoryItem>(&oldest).await?)
    }
}

/// Looks at all alarms of all accounts that there are by then, until told to stop.
pub async fn run(of_all: impl Fn() -> Vec<Alarms>, mut stop: watch::Receiver<bool>) {
    let (mut failed, mut ticks) = (false, 0_u32);
    loop {
        let mut failure = None;
        for alarms in of_all() {
            failure = alarms.tick().await.err().or(failure);
            if ticks.is_multiple_of(3_600) {
                failure = alarms.forget_old().await.err().or(failure);
            }
        }
        // Once, not every second.
        if let Some(err) = failure.as_ref().filter(|_| !failed) {
            warn!(error = %err, "alarms cannot be looked at");
        }
        failed = failure.is_some();
        ticks = ticks.wrapping_add(1);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

struct OwnedLooker {
    asking: Asking,
    detectors: Arc<[model::anomaly_detector::AnomalyDetector]>,
}

impl OwnedLooker {
    fn of<'q>(&self, query: &'q Query) -> Looker<'q> {
        Looker { query, asking: self.asking.clone(), detectors: self.detectors.clone() }
    }
}

/// The states of several series, and the alarm's: the worst of them.
fn of_contributors(
    alarm: &MetricAlarm,
    before: &AlarmStatus,
    series: &[Seen],
    now_us: i64,
) -> (Verdict, BTreeMap<String, Contributor>) {
    let mut contributors = BTreeMap::new();
    let mut verdicts: Vec<(Verdict, String)> = Vec::new();
    for seen in series.iter().take(CONTRIBUTORS_MAX) {
        let id = contributor_id(&seen.attributes);
        let known = before.contributors.get(&id);
        let current = known.map_or(AlarmState::Ok, |known| known.state);
        let mut verdict = evaluate(alarm, &seen.points, current, now_us);
        // A contributor is either bad or not (AWS).
        if verdict.state == AlarmState::InsufficientData {
            verdict.state = AlarmState::Ok;
        }
        let is_same = known.is_some_and(|known| known.state == verdict.state);
        let contributor = Contributor {
            attributes: seen.attributes.clone(),
            state: verdict.state,
            reason: if is_same { known.map(|known| known.reason.clone()).unwrap_or_default() } else { verdict.reason.clone() },
            transitioned_us: known.filter(|_| is_same).map_or(now_us, |known| known.transitioned_us),
        };
        verdicts.push((verdict, id.clone()));
        if contributors.len() < CONTRIBUTORS_KEPT || contributor.state == AlarmState::Alarm {
            contributors.insert(id, contributor);
        }
    }
    let worst = verdicts.iter().map(|(verdict, _)| verdict).max_by_key(|verdict| severity(verdict.state));
    let verdict = match worst {
        Some(worst) => {
            let bad = verdicts.iter().filter(|(verdict, _)| verdict.state == AlarmState::Alarm).count();
            let reason = match worst.state {
                AlarmState::Alarm => format!("{bad} of {} contributors are in ALARM. {}", verdicts.len(), worst.reason),
                _ => worst.reason.clone(),
            };
            Verdict { reason, ..worst.clone() }
        }
        None => Verdict {
            state: AlarmState::InsufficientData,
            reason: "Insufficient Data: the query returned no series.".to_owned(),
            data: Some(json!({"version": "1.0", "queryDate": evaluate::stamp(now_us)})),
        },
    };
    (verdict, contributors)
}

fn contributor_id(attributes: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (name, value) in attributes {
        hash.update(name);
        hash.update([0]);
        hash.update(value);
        hash.update([0]);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn severity(state: AlarmState) -> u8 {
    match state {
        AlarmState::Alarm => 2,
        AlarmState::Ok => 1,
        AlarmState::InsufficientData => 0,
    }
}

/// Why an action that is no topic of this account is not done.
fn no_action(arn: &str) -> String {
    match arn.split(':').nth(2) {
        Some("sns") => "Topic does not exist".to_owned(),
        Some(service) if arn.starts_with("arn:") => {
            format!("this server cannot do actions of {service}; it notifies topics of SNS")
        }
        _ => "it is no ARN of a topic".to_owned(),
    }
}

fn history(alarm: &Alarm, item: HistoryItemType, summary: String, data: &Value, now_us: i64) -> AlarmHistoryItem {
    AlarmHistoryItem {
        id: delivery::id(now_us),
        alarm: alarm.name.clone(),
        alarm_kind: alarm.kind().to_owned(),
        time_us: now_us,
        item,
        summary: summary.chars().take(255).collect(),
        data: data.to_string(),
        contributor: None,
    }
}

/// A new alarm, or one that goes on in the state that it had.
fn configured(wanted: AlarmConfiguration, before: Option<&Alarm>, now_us: i64) -> Alarm {
    let AlarmConfiguration { name, description, actions_enabled, ok_actions, alarm_actions, insufficient_data_actions, watches } =
        wanted;
    let mut status = match before {
        Some(before) => before.status.clone(),
        None => AlarmStatus {
            state: AlarmState::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            reason_data: None,
            updated_us: now_us,
            transitioned_us: now_us,
            evaluation: None,
            contributors: BTreeMap::new(),
            suppression: None,
            muted: None,
        },
    };
    // Another suppressor knows nothing of what the one before waited for.
    let suppressor_of = |watches: &Watches| match watches {
        Watches::Composite(composite) => composite.suppressor.clone(),
        Watches::Metric(_) => None,
    };
    if before.is_some_and(|before| suppressor_of(&before.watches) != suppressor_of(&watches)) {
        status.suppression = None;
    }
    // Later than before, so that what was seen of the one before is told from what is seen of this one.
    let configured_us = before.map_or(now_us, |before| now_us.max(before.configured_us + 1));
    Alarm {
        name,
        description,
        actions_enabled,
        ok_actions,
        alarm_actions,
        insufficient_data_actions,
        watches,
        configured_us,
        status,
    }
}

fn check(wanted: &AlarmConfiguration) -> Result<()> {
    let invalid = |message: String| Err(Error::Invalid(message));
    if wanted.name.is_empty() || wanted.name.chars().count() > NAME_MAX {
        return invalid(format!("AlarmName must have from 1 to {NAME_MAX} characters"));
    }
    if wanted.name.chars().any(char::is_control) {
        return invalid("AlarmName must not have control characters".to_owned());
    }
    if wanted.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_MAX) {
        return invalid(format!("AlarmDescription must have at most {DESCRIPTION_MAX} characters"));
    }
    let lists = [
        ("OKActions", &wanted.ok_actions),
        ("AlarmActions", &wanted.alarm_actions),
        ("InsufficientDataActions", &wanted.insufficient_data_actions),
    ];
    for (name, actions) in lists {
        if actions.len() > ACTIONS_MAX {
            return invalid(format!("The collection {name} must not have a size greater than {ACTIONS_MAX}"));
        }
        if let Some(wrong) = actions.iter().find(|action| !action.starts_with("arn:") || action.len() > 1_024) {
            return invalid(format!(
                "Invalid arn syntax: {wrong} in {name}; it must begin with arn: and have at most 1024 characters"
            ));
        }
    }
    match &wanted.watches {
        Watches::Metric(metric) => check_metric(metric),
        Watches::Composite(composite) => {
            if composite.rule.chars().count() > RULE_MAX {
                return invalid(format!("AlarmRule must have at most {RULE_MAX} characters"));
            }
            parse_rule(&composite.rule).map(drop)
        }
    }
}

fn parse_rule(text: &str) -> Result<Rule> {
    rule::parse(text).map_err(|why| Error::Invalid(format!("AlarmRule must not contain any invalid syntax: {why}")))
}

fn check_metric(alarm: &MetricAlarm) -> Result<()> {
    let invalid = |message: String| Err(Error::Invalid(message));
    let n = i64::from(alarm.evaluation_periods);
    if n < 1 {
        return invalid("EvaluationPeriods must be at least 1".to_owned());
    }
    if alarm.datapoints_to_alarm.is_some_and(|m| m < 1 || i64::from(m) > n) {
        return invalid("DatapointsToAlarm must be from 1 to EvaluationPeriods".to_owned());
    }
    let period = alarm.period();
    if !(matches!(period, 10 | 20 | 30) || (period >= 60 && period % 60 == 0)) {
        return invalid(format!("Period {period} is neither 10, 20 or 30 nor a multiple of 60"));
    }
    let (longest, days) = if period >= 3_600 { (7 * 86_400, "7 days") } else { (86_400, "1 day") };
    if period.saturating_mul(n) > longest {
        return invalid(format!("Metrics cannot be checked across more than {days}: Period times EvaluationPeriods is longer"));
    }
    match (alarm.comparison.is_of_band(), alarm.threshold, &alarm.threshold_metric_id) {
        (_, None, Some(_)) | (false, Some(_), None) => {}
        (true, ..) => return invalid(format!("{} needs ThresholdMetricId, and no Threshold", alarm.comparison)),
        (false, None, _) => return invalid(format!("{} needs a Threshold", alarm.comparison)),
        (false, Some(_), Some(_)) => return invalid("an alarm has either a Threshold or a ThresholdMetricId".to_owned()),
    }
    if alarm.threshold.is_some_and(|threshold| !threshold.is_finite()) {
        return invalid("Threshold must be a number".to_owned());
    }
    if let Some(Window::WallClock { time_zone: Some(name) }) = &alarm.window
        && !is_time_zone(name)
    {
        return invalid(format!("Timezone {name:?} is no time zone, such as UTC or Asia/Tokyo"));
    }
    if alarm.warm_up.is_some_and(|warm_up| !(1..=2_880).contains(&warm_up.minutes)) {
        return invalid("WarmUpPeriodDurationInMinutes must be from 1 to 2880".to_owned());
    }
    let Watched::Queries(queries) = &alarm.watched else {
        return match alarm.threshold_metric_id {
            Some(_) => invalid("ThresholdMetricId needs Metrics".to_owned()),
            None => Ok(()),
        };
    };
    if queries.len() > QUERIES_MAX {
        return invalid(format!("Metrics must not have more than {QUERIES_MAX} queries"));
    }
    if queries.iter().filter(|query| query.metric.is_some()).count() > METRICS_MAX {
        return invalid(format!("Metrics must not have more than {METRICS_MAX} metrics"));
    }
    for query in queries {
        if let Some(expression) = &query.expression {
            check_expression(expression)?;
            if expression.to_ascii_uppercase().contains("SEARCH(") {
                return invalid(
                    "SEARCH cannot be used in an alarm: what it finds changes; a query of Metrics Insights can".to_owned(),
                );
            }
            if is_insights_query(expression) && query.period.is_none() {
                return invalid(format!("Metrics {} is a query and needs a Period", query.id));
            }
        }
        if let Some(period) = query.period {
            check_period(period)?;
        }
    }
    let band = alarm.threshold_metric_id.as_deref();
    if let Some(band) = band {
        let found = queries.iter().find(|query| query.id == band).and_then(|query| query.expression.as_deref());
        if !found.is_some_and(|text| text.to_ascii_uppercase().contains("ANOMALY_DETECTION_BAND")) {
            return invalid(format!("ThresholdMetricId {band} must be the id of an ANOMALY_DETECTION_BAND among Metrics"));
        }
    }
    let returned = queries.iter().filter(|query| query.is_returned.unwrap_or(true) && Some(query.id.as_str()) != band).count();
    if returned != 1 {
        let besides = if band.is_some() { " besides the band" } else { "" };
        return invalid(format!("Exactly one element of the metrics list should return data{besides}; {returned} do"));
    }
    Ok(())
}
