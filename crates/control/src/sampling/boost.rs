//! Adaptive sampling: while anomalies show and few of them are sampled, a rule's rate rises for a while.
//!
//! Clients report how many requests were anomalies and how many of those were sampled. Where fewer than half were, the rate rises to what would sample
//! ten of a minute's anomalies, within the rule's `MaxRate`, for one minute; then it rests for the rule's cooldown.

use std::collections::HashMap;

use model::sampling::{BoostStatistics, SamplingBoost, SamplingRule};

use super::{INTERVAL_SECS, REPORT_AGE_SECS};

/// How long a boost lasts.
const BOOST_US: i64 = 60_000_000;
/// Anomalies a minute that are enough to see what is wrong.
const WANTED_PER_MINUTE: f64 = 10.0;
/// With this share of them sampled, nothing needs to be done.
const ENOUGH_SAMPLED: f64 = 0.5;

/// Reports that were not used: rule, code, message.
type Unprocessed = Vec<(String, &'static str, String)>;

/// Which rules' rates are raised, or were lately.
#[derive(Debug, Default)]
pub(super) struct Boosts {
    by_rule: HashMap<String, SamplingBoost>,
}

impl Boosts {
    /// Takes reports in; gives the boosts that hold now.
    pub(super) fn report(
        &mut self,
        rules: &[SamplingRule],
        reports: &[BoostStatistics],
        now_us: i64,
        lenient: bool,
    ) -> (HashMap<String, SamplingBoost>, Unprocessed) {
        let mut unprocessed = Vec::new();
        let mut sums: HashMap<&str, (u64, u64)> = HashMap::new();
        for report in reports {
            let mut refuse = |code, message: String| unprocessed.push((report.rule_name.clone(), code, message));
            if !rules.iter().any(|rule| rule.name == report.rule_name) {
                refuse("ResourceNotFound", format!("there is no sampling rule named {}", report.rule_name));
            } else if report.anomaly_count > report.total_count || report.sampled_anomaly_count > report.anomaly_count {
                refuse("InvalidStatistics", "more anomalies than requests, or more sampled anomalies than anomalies".to_owned());
            } else if !lenient && now_us.saturating_sub(report.timestamp_us) > REPORT_AGE_SECS * 1_000_000 {
                refuse("InvalidTimestamp", format!("the statistics are more than {REPORT_AGE_SECS} seconds old"));
            } else {
                let (anomalies, sampled) = sums.entry(&report.rule_name).or_default();
                *anomalies = anomalies.saturating_add(report.anomaly_count);
                *sampled = sampled.saturating_add(report.sampled_anomaly_count);
            }
        }
        for rule in rules {
            let Some(limits) = rule.rate_boost else {
                self.by_rule.remove(&rule.name);
                continue;
            };
            let Some(&(anomalies, sampled)) = sums.get(rule.name.as_str()) else { continue };
            let rests = self.by_rule.get(&rule.name).is_some_and(|last| {
                let cooldown_us = limits.cooldown_window_minutes.saturating_mul(60_000_000);
                now_us < last.until_us.saturating_add(cooldown_us)
            });
            if anomalies == 0 || sampled as f64 / anomalies as f64 >= ENOUGH_SAMPLED || rests {
                continue;
            }
            let per_minute = anomalies as f64 * 60.0 / INTERVAL_SECS as f64;
            let rate = (WANTED_PER_MINUTE / per_minute).max(rule.fixed_rate).min(limits.max_rate);
            if rate > rule.fixed_rate {
                self.by_rule.insert(rule.name.clone(), SamplingBoost { rate, until_us: now_us + BOOST_US });
            }
        }
        let holding = self.by_rule.iter().filter(|(_, boost)| now_us < boost.until_us);
        (holding.map(|(rule, boost)| (rule.clone(), *boost)).collect(), unprocessed)
    }

    pub(super) fn forget(&mut self, rule: &str) {
        self.by_rule.remove(rule);
    }
}
