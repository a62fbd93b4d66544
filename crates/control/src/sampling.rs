//! Sampling rules, and the share of each rule's reservoir that every polling client may use.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use model::Clock;
use model::quota::Quotas;
use model::sampling::{
    BoostStatistics, DEFAULT_RULE, SamplingRateBoost, SamplingRule, SamplingStatistics, SamplingTarget, SamplingWindow,
};
use store::Catalog;

use crate::{Error, Result};

mod boost;
#[cfg(test)]
mod tests;

use boost::Boosts;

/// Seconds between a client's reports.
const INTERVAL_SECS: i64 = 10;
/// How long a quota holds. Long enough to survive two lost reports, short enough that a stopped client frees its share soon.
const QUOTA_SECS: i64 = 30;
/// Clients of one rule that are given shares; each report looks at all of them.
const CLIENTS_PER_RULE: usize = 1_000;
/// SDKs make ids of 24 characters.
const CLIENT_ID_BYTES: usize = 128;
/// Reports are added up over this time, and the sums of an hour are kept.
const WINDOW_US: i64 = INTERVAL_SECS * 1_000_000;
const WINDOWS_KEPT: usize = 360;
/// A report older than this says nothing about now.
const REPORT_AGE_SECS: i64 = 600;

/// The rules and who uses them. Cheap to clone.
#[derive(Clone)]
pub struct Sampling {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    quotas: Arc<Quotas>,
    usage: Arc<Mutex<HashMap<String, HashMap<String, ClientUsage>>>>,
    /// By rule, the newest last.
    windows: Arc<Mutex<HashMap<String, VecDeque<SamplingWindow>>>>,
    boosts: Arc<Mutex<Boosts>>,
    /// Rule changes happen one after the other, so that limits and uniqueness hold.
    change: Arc<tokio::sync::Mutex<()>>,
}

/// What one client did with one rule, and what it was last granted.
#[derive(Debug, Clone, Copy)]
struct ClientUsage {
    requests_per_sec: u64,
    quota: i64,
    quota_until_us: i64,
}

/// A change of a rule: what is none stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SamplingRuleUpdate {
    pub priority: Option<i64>,
    pub fixed_rate: Option<f64>,
    pub reservoir_size: Option<i64>,
    pub service_name: Option<String>,
    pub service_type: Option<String>,
    pub host: Option<String>,
    pub http_method: Option<String>,
    pub url_path: Option<String>,
    pub resource_arn: Option<String>,
    pub attributes: Option<BTreeMap<String, String>>,
    pub rate_boost: Option<SamplingRateBoost>,
}

/// The answer to a client's report.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingTargets {
    pub targets: Vec<SamplingTarget>,
    /// Reports that were not used: rule, code, message.
    pub unprocessed: Vec<(String, &'static str, String)>,
    /// So of those about anomalies.
    pub unprocessed_boosts: Vec<(String, &'static str, String)>,
    pub rules_modified_us: i64,
}

impl Sampling {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>, quotas: Arc<Quotas>) -> Sampling {
        Sampling {
            catalog,
            clock,
            quotas,
            usage: Arc::default(),
            windows: Arc::default(),
            boosts: Arc::default(),
            change: Arc::default(),
        }
    }

    /// All rules by priority, the default one among them.
    pub async fn rules(&self) -> Result<Vec<SamplingRule>> {
        let mut rules = self.catalog.sampling_rules().await?;
        if !rules.iter().any(SamplingRule::is_default) {
            rules.push(SamplingRule::default_rule());
        }
        Ok(rules)
    }

    pub async fn create(&self, mut rule: SamplingRule) -> Result<SamplingRule> {
        let _change = self.change.lock().await;
        check_rule(&rule)?;
        if rule.is_default() {
            return Err(Error::Invalid("a rule named Default exists already and can only be updated".to_owned()));
        }
        let rules = self.rules().await?;
        if rules.iter().any(|known| known.name == rule.name) {
            return Err(Error::Invalid(format!("a sampling rule named {} exists already", rule.name)));
        }
        if rules.len() > self.quotas.sampling_rules {
            return Err(Error::LimitExceeded(format!("there are {} sampling rules, the limit", self.quotas.sampling_rules)));
        }
        let now_us = self.clock.now_us();
        rule.created_us = now_us;
        rule.modified_us = now_us;
        self.catalog.put_sampling_rule(&rule, now_us).await?;
        Ok(rule)
    }

    pub async fn update(&self, name: &str, update: SamplingRuleUpdate) -> Result<SamplingRule> {
        let _change = self.change.lock().await;
        let mut rule = self.rule(name).await?;
        if rule.is_default() {
            let only_rates = SamplingRuleUpdate {
                fixed_rate: update.fixed_rate,
                reservoir_size: update.reservoir_size,
                ..SamplingRuleUpdate::default()
            };
            // A client may send back what it read: the same value is no change.
            let mut changed = rule.clone();
            apply(&mut changed, update);
            apply(&mut rule, only_rates);
            if changed != rule {
                return Err(Error::Invalid("of the rule Default only FixedRate and ReservoirSize can be changed".to_owned()));
            }
            check_rates(&rule)?;
        } else {
            apply(&mut rule, update);
            check_rule(&rule)?;
        }
        let now_us = self.clock.now_us();
        rule.modified_us = now_us;
        self.catalog.put_sampling_rule(&rule, now_us).await?;
        Ok(rule)
    }

    pub async fn delete(&self, name: &str) -> Result<SamplingRule> {
        let _change = self.change.lock().await;
        if name == DEFAULT_RULE {
            return Err(Error::Invalid("the rule Default cannot be deleted".to_owned()));
        }
        let rule = self.rule(name).await?;
        self.catalog.delete_sampling_rule(name, self.clock.now_us()).await?;
        lock(&self.usage).remove(name);
        lock(&self.windows).remove(name);
        lock(&self.boosts).forget(name);
        Ok(rule)
    }

    pub async fn rule(&self, name: &str) -> Result<SamplingRule> {
        let rules = self.rules().await?;
        rules
            .into_iter()
            .find(|rule| rule.name == name)
            .ok_or_else(|| Error::NotFound(format!("there is no sampling rule named {name}")))
    }

    /// Takes one client's report and grants it its share of each reported rule's reservoir. The quotas that hold at one moment
    /// never add up to more than the reservoir: what others still hold is not granted twice.
    pub async fn targets(&self, reports: &[SamplingStatistics], anomalies: &[BoostStatistics]) -> Result<SamplingTargets> {
        let rules = self.rules().await?;
        let rules_modified_us = self.catalog.sampling_modified_us().await?;
        let now_us = self.clock.now_us();
        let (boosts, unprocessed_boosts) = lock(&self.boosts).report(&rules, anomalies, now_us, self.quotas.lenient);
        let mut targets = Vec::new();
        let mut unprocessed = Vec::new();
        for report in reports {
            let Some(rule) = rules.iter().find(|rule| rule.name == report.rule_name) else {
                let message = format!("there is no sampling rule named {}", report.rule_name);
                unprocessed.push((report.rule_name.clone(), "ResourceNotFound", message));
                continue;
            };
            if report.client_id.len() > CLIENT_ID_BYTES {
                let message = format!("ClientID has {} bytes, the limit is {CLIENT_ID_BYTES}", report.client_id.len());
                unprocessed.push((report.rule_name.clone(), "InvalidClientId", message));
                continue;
            }
            if !self.quotas.lenient && now_us.saturating_sub(report.timestamp_us) > REPORT_AGE_SECS * 1_000_000 {
                let message = format!("the statistics are more than {REPORT_AGE_SECS} seconds old");
                unprocessed.push((report.rule_name.clone(), "InvalidTimestamp", message));
                continue;
            }
            self.count(report, now_us);
            let reservoir_quota = self.grant(rule, report, now_us);
            targets.push(SamplingTarget {
                rule_name: rule.name.clone(),
                fixed_rate: rule.fixed_rate,
                reservoir_quota,
                quota_until_us: now_us + QUOTA_SECS * 1_000_000,
                interval_secs: INTERVAL_SECS,
                boost: boosts.get(&rule.name).copied(),
            });
        }
        Ok(SamplingTargets { targets, unprocessed, unprocessed_boosts, rules_modified_us })
    }

    /// What clients did with each rule in the last minutes, the newest first.
    pub fn windows(&self) -> Vec<SamplingWindow> {
        let oldest_us = self.clock.now_us() - WINDOWS_KEPT as i64 * WINDOW_US;
        let windows = lock(&self.windows);
        let mut all: Vec<_> = windows.values().flatten().filter(|window| window.start_us >= oldest_us).cloned().collect();
        all.sort_by(|a, b| b.start_us.cmp(&a.start_us).then_with(|| a.rule_name.cmp(&b.rule_name)));
        all
    }

    fn count(&self, report: &SamplingStatistics, now_us: i64) {
        let start_us = report.timestamp_us.min(now_us).div_euclid(WINDOW_US) * WINDOW_US;
        let mut windows = lock(&self.windows);
        let windows = windows.entry(report.rule_name.clone()).or_default();
        let place = windows.partition_point(|window| window.start_us < start_us);
        if windows.get(place).is_none_or(|window| window.start_us != start_us) {
            let rule_name = report.rule_name.clone();
            windows.insert(place, SamplingWindow { rule_name, start_us, request_count: 0, sampled_count: 0, borrow_count: 0 });
        }
        let window = &mut windows[place];
        window.request_count = window.request_count.saturating_add(report.request_count);
        window.sampled_count = window.sampled_count.saturating_add(report.sampled_count);
        window.borrow_count = window.borrow_count.saturating_add(report.borrow_count);
        while windows.len() > WINDOWS_KEPT {
            windows.pop_front();
        }
    }

    fn grant(&self, rule: &SamplingRule, report: &SamplingStatistics, now_us: i64) -> i64 {
        let mut usage = lock(&self.usage);
        let clients = usage.entry(rule.name.clone()).or_default();
        clients.retain(|_, client| client.quota_until_us > now_us);
        let until_us = now_us + QUOTA_SECS * 1_000_000;
        if clients.len() >= CLIENTS_PER_RULE && !clients.contains_key(&report.client_id) {
            // The others hold all there is to share; the fixed rate is for everyone.
            return 0;
        }
        let client =
            clients.entry(report.client_id.clone()).or_insert(ClientUsage { requests_per_sec: 0, quota: 0, quota_until_us: 0 });
        client.requests_per_sec = report.request_count.div_ceil(INTERVAL_SECS as u64);
        client.quota_until_us = until_us;
        let fair = shares(rule.reservoir_size, clients).get(&report.client_id).copied().unwrap_or(0);
        let held: i64 = clients.iter().filter(|(id, _)| **id != report.client_id).map(|(_, client)| client.quota).sum();
        let granted = fair.min(rule.reservoir_size - held).max(0);
        if let Some(client) = clients.get_mut(&report.client_id) {
            client.quota = granted;
        }
        granted
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How a reservoir is shared: nobody gets more than it can use while others can use it too; what is left goes to the busiest.
fn shares(reservoir: i64, clients: &HashMap<String, ClientUsage>) -> HashMap<String, i64> {
    let mut order: Vec<(&String, i64)> =
        clients.iter().map(|(id, client)| (id, i64::try_from(client.requests_per_sec).unwrap_or(i64::MAX).max(1))).collect();
    order.sort_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(b.0)));
    let mut left = reservoir;
    let mut shares = HashMap::new();
    let count = order.len();
    for (place, (id, demand)) in order.iter().enumerate() {
        let equal = left / (count - place) as i64;
        let share = equal.min(*demand);
        left -= share;
        shares.insert((*id).clone(), share);
    }
    if let Some((busiest, _)) = order.last() {
        *shares.entry((*busiest).clone()).or_default() += left;
    }
    shares
}

fn apply(rule: &mut SamplingRule, update: SamplingRuleUpdate) {
    fn set<T>(slot: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *slot = value;
        }
    }
    set(&mut rule.priority, update.priority);
    set(&mut rule.fixed_rate, update.fixed_rate);
    set(&mut rule.reservoir_size, update.reservoir_size);
    set(&mut rule.service_name, update.service_name);
    set(&mut rule.service_type, update.service_type);
    set(&mut rule.host, update.host);
    set(&mut rule.http_method, update.http_method);
    set(&mut rule.url_path, update.url_path);
    set(&mut rule.resource_arn, update.resource_arn);
    set(&mut rule.attributes, update.attributes);
    if update.rate_boost.is_some() {
        rule.rate_boost = update.rate_boost;
    }
}

fn check_rule(rule: &SamplingRule) -> Result<()> {
    let invalid = |message: String| Err(Error::Invalid(message));
    check_rates(rule)?;
    if !(1..=9_999).contains(&rule.priority) {
        return invalid(format!("Priority is {}, it must be from 1 to 9999", rule.priority));
    }
    let texts = [
        ("RuleName", &rule.name, 1, 32),
        ("ResourceARN", &rule.resource_arn, 0, 500),
        ("ServiceName", &rule.service_name, 0, 64),
        ("ServiceType", &rule.service_type, 0, 64),
        ("Host", &rule.host, 0, 64),
        ("HTTPMethod", &rule.http_method, 0, 10),
        ("URLPath", &rule.url_path, 0, 128),
    ];
    for (member, text, min, max) in texts {
        let chars = text.chars().count();
        if chars < min || chars > max {
            return invalid(format!("{member} has {chars} characters, it must have from {min} to {max}"));
        }
    }
    if let Some(boost) = &rule.rate_boost {
        if !(0.0..=1.0).contains(&boost.max_rate) {
            return invalid(format!("MaxRate is {}, it must be from 0 to 1", boost.max_rate));
        }
        if boost.cooldown_window_minutes < 0 {
            return invalid(format!("CooldownWindowMinutes is {}, it must not be negative", boost.cooldown_window_minutes));
        }
    }
    if rule.attributes.len() > 5 {
        return invalid(format!("Attributes has {} members, the limit is 5", rule.attributes.len()));
    }
    for (key, value) in &rule.attributes {
        for text in [key, value] {
            let chars = text.chars().count();
            if chars == 0 || chars > 32 {
                return invalid(format!("a key or value in Attributes has {chars} characters, it must have from 1 to 32"));
            }
        }
    }
    Ok(())
}

fn check_rates(rule: &SamplingRule) -> Result<()> {
    if !(0.0..=1.0).contains(&rule.fixed_rate) {
        return Err(Error::Invalid(format!("FixedRate is {}, it must be from 0 to 1", rule.fixed_rate)));
    }
    if rule.reservoir_size < 0 {
        return Err(Error::Invalid(format!("ReservoirSize is {}, it must not be negative", rule.reservoir_size)));
    }
    Ok(())
}
