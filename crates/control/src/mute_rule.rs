//! Mute rules: when alarms leave their actions alone. What they would have done is done when the rule is over, if they are still in that state.

use std::sync::Arc;

use chrono_tz::Tz;
use croner::Cron;
use model::Clock;
use model::mute_rule::MuteRule;
use model::time::DAY_US;
use store::Catalog;

use crate::schedule::{self, at_us, end_us};
use crate::{Error, Result};

/// Of an account.
const RULES_MAX: usize = 1_000;
const ALARMS_MAX: usize = 100;
const DURATION_US: std::ops::RangeInclusive<i64> = 60_000_000..=15 * DAY_US;

/// Cheap to clone.
#[derive(Clone)]
pub struct MuteRules {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    change: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MuteStatus {
    Scheduled,
    Active,
    Expired,
}

impl MuteStatus {
    pub const WORDS: [&'static str; 3] = ["SCHEDULED", "ACTIVE", "EXPIRED"];

    pub fn as_str(self) -> &'static str {
        MuteStatus::WORDS[self as usize]
    }
}

enum When {
    Cron(Box<Cron>),
    At(i64),
}

impl MuteRules {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> MuteRules {
        MuteRules { catalog, clock, change: Arc::default() }
    }

    pub async fn list(&self) -> Result<Vec<MuteRule>> {
        Ok(self.catalog.resources().await?)
    }

    pub async fn get(&self, name: &str) -> Result<MuteRule> {
        let found = self.catalog.resource(name).await?;
        found.ok_or_else(|| Error::NoResource(format!("Alarm mute rule {name} does not exist")))
    }

    /// Keeps it, in the place of one of the same name.
    pub async fn put(&self, mut rule: MuteRule) -> Result<()> {
        let _change = self.change.lock().await;
        check(&rule)?;
        let known = self.list().await?;
        if known.len() >= RULES_MAX && known.iter().all(|known| known.name != rule.name) {
            return Err(Error::LimitExceeded(format!("there are {RULES_MAX} alarm mute rules, the limit")));
        }
        rule.updated_us = self.clock.now_us();
        Ok(self.catalog.put_resource(&rule).await?)
    }

    /// What is not there is no error (AWS).
    pub async fn delete(&self, name: &str) -> Result<()> {
        let _change = self.change.lock().await;
        self.catalog.delete_resource::<MuteRule>(name).await?;
        Ok(())
    }
}

fn zone(rule: &MuteRule) -> Result<Tz, String> {
    let name = rule.time_zone.as_deref().unwrap_or("UTC");
    name.parse().map_err(|_| format!("Timezone {name:?} is no time zone, such as UTC or Asia/Tokyo"))
}

fn when(rule: &MuteRule) -> Result<When, String> {
    let text = rule.expression.trim();
    let within = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(at) = within("at") {
        return at_us(at.trim(), zone(rule)?).map(When::At);
    }
    match within("cron") {
        Some(pattern) => schedule::cron(pattern.trim()).map(|cron| When::Cron(Box::new(cron))),
        None => Err(format!("Expression {text:?} is neither cron(0 2 * * *) nor at(2026-11-28T18:05)")),
    }
}

fn check(rule: &MuteRule) -> Result<()> {
    let invalid = |message: String| Err(Error::Invalid(message));
    if rule.name.is_empty() || rule.name.chars().count() > 255 {
        return invalid("Name must have from 1 to 255 characters".to_owned());
    }
    if rule.alarms.len() > ALARMS_MAX {
        return invalid(format!("MuteTargets.AlarmNames can have at most {ALARMS_MAX} names"));
    }
    when(rule).map_err(Error::Invalid)?;
    zone(rule).map_err(Error::Invalid)?;
    match end_us(0, &rule.duration) {
        Some(length) if DURATION_US.contains(&length) => {}
        _ => return invalid(format!("Duration {:?} must be from PT1M to P15D, as ISO 8601 writes it", rule.duration)),
    }
    if rule.start_us.zip(rule.expire_us).is_some_and(|(start, expire)| start >= expire) {
        return invalid("StartDate must be before ExpireDate".to_owned());
    }
    Ok(())
}

/// How it stands with a rule, and until when where it is active.
pub fn status(rule: &MuteRule, now_us: i64) -> (MuteStatus, Option<i64>) {
    let (Ok(when), Ok(zone)) = (when(rule), zone(rule)) else { return (MuteStatus::Expired, None) };
    if rule.expire_us.is_some_and(|expire| expire <= now_us) {
        return (MuteStatus::Expired, None);
    }
    let begin = match &when {
        When::At(at) => (*at <= now_us).then_some(*at),
        When::Cron(cron) => schedule::last_us(cron, zone, now_us),
    };
    // One that began before the rule was to be used does not count.
    let begin = begin.filter(|begin| rule.start_us.is_none_or(|start| start <= *begin));
    let until = begin.and_then(|begin| end_us(begin, &rule.duration)).filter(|until| now_us < *until);
    match (until, when) {
        (Some(until), _) => (MuteStatus::Active, Some(until.min(rule.expire_us.unwrap_or(i64::MAX)))),
        (None, When::At(at)) if at <= now_us => (MuteStatus::Expired, None),
        _ => (MuteStatus::Scheduled, None),
    }
}

/// The rule that mutes an alarm now.
pub fn muted_by<'r>(rules: &'r [MuteRule], alarm: &str, now_us: i64) -> Option<&'r MuteRule> {
    rules.iter().find(|rule| rule.alarms.iter().any(|name| name == alarm) && status(rule, now_us).0 == MuteStatus::Active)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_US: i64 = 60_000_000;

    fn rule(expression: &str) -> MuteRule {
        MuteRule {
            name: "nightly".to_owned(),
            description: None,
            expression: expression.to_owned(),
            duration: "PT1H".to_owned(),
            time_zone: None,
            alarms: vec!["a".to_owned()],
            start_us: None,
            expire_us: None,
            updated_us: 0,
        }
    }

    #[test]
    fn rules_are_active_for_their_duration() {
        let begin = 1_764_381_600_000_000; // 2025-11-29T02:00:00Z
        let nightly = rule("cron(0 2 * * *)");
        for (now, expected) in [
            (begin - 1, MuteStatus::Scheduled),
            (begin, MuteStatus::Active),
            (begin + 59 * MINUTE_US, MuteStatus::Active),
            (begin + 60 * MINUTE_US, MuteStatus::Scheduled),
        ] {
            assert_eq!(status(&nightly, now).0, expected, "{}", now - begin);
        }
        let once = rule("at(2025-11-29T02:00)");
        for (now, expected) in
            [(begin - 1, MuteStatus::Scheduled), (begin, MuteStatus::Active), (begin + 60 * MINUTE_US, MuteStatus::Expired)]
        {
            assert_eq!(status(&once, now).0, expected, "{}", now - begin);
        }
        let late = MuteRule { start_us: Some(begin + 1), ..nightly.clone() };
        assert_eq!(status(&late, begin + MINUTE_US).0, MuteStatus::Scheduled);
        let over = MuteRule { expire_us: Some(begin + MINUTE_US), ..nightly };
        assert_eq!(status(&over, begin).1, Some(begin + MINUTE_US));
        assert_eq!(status(&over, begin + MINUTE_US).0, MuteStatus::Expired);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        assert!(check(&rule("cron(0 2 * * *)")).is_ok());
        for wrong in [
            rule("daily"),
            rule("at(tomorrow)"),
            MuteRule { duration: "PT1S".to_owned(), ..rule("cron(0 2 * * *)") },
            MuteRule { duration: "P16D".to_owned(), ..rule("cron(0 2 * * *)") },
            MuteRule { time_zone: Some("Mars".to_owned()), ..rule("cron(0 2 * * *)") },
        ] {
            assert!(check(&wrong).is_err(), "{wrong:?}");
        }
    }
}
