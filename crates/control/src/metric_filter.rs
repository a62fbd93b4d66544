//! Metric filters: which there are, and the metrics that events make of them as they come in.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::log::{LogEvent, in_group};
use model::metric::{Aggregate, Dimensions, Distribution, Metric, STANDARD_PERIOD, Sums, UNITS};
use model::metric_filter::MetricFilter;
use model::time::SECOND_US;
use model::{Clock, CompactString};
use query::log::pattern::{Pattern, json_value, text_of};
use store::Catalog;
use tokio::sync::OnceCell;
use tracing::debug;

use crate::log::{NAME_MAX, check_pattern};
use crate::{Error, Result};

/// Filters of a group, and dimensions of a filter (AWS).
const FILTERS_MAX: usize = 100;
const DIMENSIONS_MAX: usize = 3;
/// Dimensions that say where a filter is.
const SYSTEM_DIMENSIONS: [&str; 2] = ["@aws.account", "@aws.region"];
/// The period of what filters count.
const MINUTE_US: i64 = STANDARD_PERIOD * SECOND_US;

/// The metric filters of an account. Cheap to clone.
#[derive(Clone)]
pub struct MetricFilters {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    known: OnceCell<RwLock<Known>>,
    change: tokio::sync::Mutex<()>,
    /// Filters with a default, the minute in which events came in last, and whether one of them matched.
    minutes: Mutex<HashMap<String, (i64, bool)>>,
}

/// The filters of each group, by name.
type Known = BTreeMap<String, BTreeMap<String, Arc<Compiled>>>;

struct Compiled {
    filter: MetricFilter,
    pattern: Pattern,
    value: Source,
    dimensions: Vec<(String, Source)>,
}

/// Where a value comes from.
enum Source {
    Number(f64),
    /// `$.a.b`.
    Json(String),
    /// `$name`.
    Field(String),
    /// Bytes of the message.
    Size,
}

impl MetricFilters {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> MetricFilters {
        let (known, change, minutes) = (OnceCell::new(), tokio::sync::Mutex::default(), Mutex::default());
        MetricFilters { inner: Arc::new(Inner { catalog, clock, known, change, minutes }) }
    }

    async fn known(&self) -> Result<&RwLock<Known>> {
        let read = || async {
            let mut known = Known::new();
            for filter in self.inner.catalog.resources::<MetricFilter>().await? {
                let (group, name) = (filter.group().to_owned(), filter.name().to_owned());
                known.entry(group).or_default().insert(name, Arc::new(Compiled::new(filter)?));
            }
            Ok(RwLock::new(known))
        };
        self.inner.known.get_or_try_init(read).await
    }

    async fn edit(&self, edit: impl FnOnce(&mut Known)) -> Result<()> {
        edit(&mut self.known().await?.write().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// By group and name.
    pub async fn list(&self) -> Result<Vec<MetricFilter>> {
        let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
        Ok(known.values().flat_map(|group| group.values()).map(|compiled| compiled.filter.clone()).collect())
    }

    /// How many a group has.
    pub async fn count(&self, group: &str) -> Result<usize> {
        let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
        Ok(known.get(group).map_or(0, BTreeMap::len))
    }

    /// Keeps it, in the place of one of the same name. Whoever calls knows that the group is there.
    pub async fn put(&self, mut filter: MetricFilter) -> Result<()> {
        let _change = self.inner.change.lock().await;
        filter.created_us = self.inner.clock.now_us();
        check(&filter)?;
        let compiled = Compiled::new(filter)?;
        let (group, name) = (compiled.filter.group().to_owned(), compiled.filter.name().to_owned());
        let is_full = {
            let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
            known.get(&group).is_some_and(|known| known.len() >= FILTERS_MAX && !known.contains_key(&name))
        };
        if is_full {
            return Err(Error::LimitExceeded(format!("log group {group} has {FILTERS_MAX} metric filters, the limit")));
        }
        self.inner.catalog.put_resource(&compiled.filter).await?;
        self.edit(|known| {
            known.entry(group).or_default().insert(name, Arc::new(compiled));
        })
        .await
    }

    pub async fn delete(&self, group: &str, name: &str) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let key = in_group::key(group, name);
        if !self.inner.catalog.delete_resource::<MetricFilter>(&key).await? {
            return Err(Error::NoResource("The specified metric filter does not exist.".to_owned()));
        }
        self.inner.minutes.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.edit(|known| {
            if let Some(of_group) = known.get_mut(group) {
                of_group.remove(name);
            }
        })
        .await
    }

    /// A group is no more, and neither are its filters.
    pub async fn delete_group(&self, group: &str) -> Result<()> {
        let names: Vec<String> = {
            let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
            known.get(group).map(|known| known.keys().cloned().collect()).unwrap_or_default()
        };
        for name in names {
            match self.delete(group, &name).await {
                Ok(()) | Err(Error::NoResource(_)) => {}
                Err(err) => return Err(err),
            }
        }
        Ok(())
    }

    /// The metrics of events of one group that came in. Where they are measured is told by `account_id` and `region`.
    pub async fn metrics(&self, events: &[LogEvent], account_id: &str, region: &str) -> Result<Vec<Metric>> {
        let Some(first) = events.first() else { return Ok(Vec::new()) };
        let filters: Vec<Arc<Compiled>> = {
            let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
            match known.get(first.group.as_str()) {
                Some(filters) => filters.values().cloned().collect(),
                None => return Ok(Vec::new()),
            }
        };
        let now_us = self.inner.clock.now_us();
        let mut made = Vec::new();
        for compiled in filters {
            let mut found: BTreeMap<(i64, Dimensions), (Aggregate, Distribution)> = BTreeMap::new();
            let mut is_matched = false;
            for event in events.iter().filter(|event| compiled.pattern.is_match(&event.message)) {
                is_matched = true;
                // What has no number counts as what does not match.
                let Some(value) = compiled.value.number(&compiled.pattern, &event.message) else { continue };
                let Some(dimensions) = compiled.dimensions_of(&event.message, account_id, region) else { continue };
                let minute = event.time_us - event.time_us.rem_euclid(MINUTE_US);
                let (sums, values) =
                    found.entry((minute, dimensions)).or_insert_with(|| (Aggregate::new(true), Distribution::default()));
                sums.add_sums(&Sums { samples: 1.0, sum: value, minimum: value, maximum: value }, || None);
                values.push(value, 1.0);
            }
            if let Some(default) = compiled.filter.metric.default {
                made.extend(self.minute_of(&compiled, now_us, is_matched).map(|minute| compiled.metric(minute, default)));
            }
            for ((minute, dimensions), (sums, values)) in found {
                let Aggregate { samples, sum, minimum, maximum, .. } = sums;
                let metric = Metric {
                    samples,
                    sum,
                    minimum,
                    maximum,
                    distribution: (minimum != maximum).then_some(values),
                    ..compiled.metric(minute, 0.0)
                }
                .of(dimensions);
                match metric.refusal(now_us, true) {
                    None => made.push(metric),
                    Some(why) => debug!(filter = compiled.filter.name(), why, "what a metric filter found cannot be kept"),
                }
            }
        }
        Ok(made)
    }

    /// Notes that events came in. Returns the minute before, where that is over and none of its events matched.
    fn minute_of(&self, compiled: &Compiled, now_us: i64, is_matched: bool) -> Option<i64> {
        let minute = now_us - now_us.rem_euclid(MINUTE_US);
        let mut minutes = self.inner.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = minutes.entry(compiled.filter.key.clone()).or_insert((minute, false));
        let before = std::mem::replace(known, (minute, (known.0 == minute && known.1) || is_matched));
        (before.0 < minute && !before.1).then_some(before.0)
    }

    /// The defaults of minutes that are over, or of all, at the end.
    pub async fn defaults(&self, is_end: bool) -> Result<Vec<Metric>> {
        let now_us = self.inner.clock.now_us();
        let minute = now_us - now_us.rem_euclid(MINUTE_US);
        let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
        let mut minutes = self.inner.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut made = Vec::new();
        minutes.retain(|key, (of, is_matched)| {
            if *of >= minute && !is_end {
                return true;
            }
            let compiled = known.get(in_group::group(key)).and_then(|group| group.get(in_group::name(key)));
            if let Some(compiled) = compiled.filter(|_| !*is_matched)
                && let Some(default) = compiled.filter.metric.default
            {
                made.push(compiled.metric(*of, default));
            }
            false
        });
        Ok(made)
    }
}

impl Compiled {
    fn new(filter: MetricFilter) -> Result<Compiled> {
        let pattern = check_pattern(&filter.pattern)?;
        let value = Source::of(&filter.metric.value).ok_or_else(|| {
            Error::Invalid(format!("metricValue {:?} is neither a number nor a field such as $.size or $size", filter.metric.value))
        })?;
        let dimension = |(name, field): (&String, &String)| match Source::of(field) {
            Some(source @ (Source::Json(_) | Source::Field(_))) => Ok((name.clone(), source)),
            _ => Err(Error::Invalid(format!("dimension {name}: {field:?} is no field such as $.name or $name"))),
        };
        let dimensions = filter.metric.dimensions.iter().map(dimension).collect::<Result<_>>()?;
        Ok(Compiled { pattern, value, dimensions, filter })
    }

    fn metric(&self, minute: i64, value: f64) -> Metric {
        let metric = &self.filter.metric;
        let unit: Option<CompactString> = metric.unit.as_deref().filter(|unit| *unit != "None").map(Into::into);
        Metric { unit, ..Metric::value(minute, &metric.namespace, &metric.name, "None", value) }
    }

    /// None where one has no value: such an event is not counted.
    fn dimensions_of(&self, message: &str, account_id: &str, region: &str) -> Option<Dimensions> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, source) in &self.dimensions {
            pairs.push((name.clone(), source.text(&self.pattern, message).filter(|value| !value.is_empty())?));
        }
        for name in &self.filter.system_dimensions {
            pairs.push((name.clone(), if name == "@aws.account" { account_id } else { region }.to_owned()));
        }
        Some(Dimensions::new(pairs))
    }
}

impl Source {
    fn of(text: &str) -> Option<Source> {
        if let Ok(number) = text.trim().parse::<f64>() {
            return number.is_finite().then_some(Source::Number(number));
        }
        match text {
            "$size" => Some(Source::Size),
            text if text.starts_with("$.") || text.starts_with("$[") => Some(Source::Json(text.to_owned())),
            text if text.len() > 1 && text.starts_with('$') => Some(Source::Field(text.to_owned())),
            _ => None,
        }
    }

    fn text(&self, pattern: &Pattern, message: &str) -> Option<String> {
        match self {
            Source::Number(number) => Some(number.to_string()),
            Source::Size => Some(message.len().to_string()),
            Source::Json(selector) => json_value(message, selector).map(|value| text_of(&value)),
            Source::Field(name) => pattern.extracted(message).remove(name),
        }
    }

    fn number(&self, pattern: &Pattern, message: &str) -> Option<f64> {
        match self {
            Source::Number(number) => Some(*number),
            Source::Size => Some(message.len() as f64),
            other => other.text(pattern, message)?.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }
}

fn check(filter: &MetricFilter) -> Result<()> {
    let invalid = |message: String| Err(Error::Invalid(message));
    let name = filter.name();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.contains([':', '*']) {
        return invalid(format!("filterName {name:?} must have from 1 to {NAME_MAX} characters, without : and *"));
    }
    let metric = &filter.metric;
    let is_name = |text: &str, longest: usize| !text.is_empty() && text.len() <= longest && !text.contains([':', '*', '$']);
    if !is_name(&metric.name, 255) {
        return invalid(format!("metricName {:?} must have from 1 to 255 characters, without :, * and $", metric.name));
    }
    // Names of namespaces may have a colon.
    if !is_name(&metric.namespace.replace(':', ""), 255) {
        return invalid(format!("metricNamespace {:?} must have from 1 to 255 characters, without * and $", metric.namespace));
    }
    if metric.value.len() > 100 {
        return invalid("metricValue must have at most 100 characters".to_owned());
    }
    if metric.dimensions.len() > DIMENSIONS_MAX {
        return invalid(format!("a metric filter has at most {DIMENSIONS_MAX} dimensions"));
    }
    if metric.default.is_some() && !metric.dimensions.is_empty() {
        return invalid("a metric filter has either dimensions or a default value, not both".to_owned());
    }
    if metric.default.is_some_and(|number| !number.is_finite()) {
        return invalid("defaultValue must be a number".to_owned());
    }
    if let Some(unit) = metric.unit.as_deref().filter(|unit| !UNITS.contains(unit)) {
        return invalid(format!("{unit:?} is no unit"));
    }
    match filter.system_dimensions.iter().find(|name| !SYSTEM_DIMENSIONS.contains(&name.as_str())) {
        Some(other) => invalid(format!("emitSystemFieldDimensions {other:?} is none of {}", SYSTEM_DIMENSIONS.join(", "))),
        None => Ok(()),
    }
}
