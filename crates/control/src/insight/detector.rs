//! Which services fail more than they used to, minute by minute, and which insights that begins, changes and ends. Pure: no clock, no store.
//! `docs/insights.md` says the same in words.

use std::collections::{BTreeMap, VecDeque};

use model::insight::{Impact, Insight, InsightEvent, percent};
use model::minute::MINUTE_US;
use model::service::ServiceId;
use query::forecast::Baseline;
use query::insight::FaultMinute;
use serde::{Deserialize, Serialize};

/// Minutes that are looked at together.
pub(super) const WINDOW: usize = 5;
/// How unlikely a number of faults must be to be too many: of one minute, and of all of the window.
const CHANCE: f64 = 1e-5;
const WINDOW_CHANCE: f64 = 1e-6;
/// Fewer faults are nobody's insight.
const FAULTS_MIN: u64 = 3;
/// What is known to fail goes on doing so on less evidence.
const GOING_CHANCE: f64 = 1e-3;
const GOING_FAULTS_MIN: u64 = 2;
/// The rate must be this much above the usual one: a multiple of it, or a difference.
const RATE_FACTOR: f64 = 2.0;
const RATE_DIFFERENCE: f64 = 0.1;
/// So many of the last minutes must have too many faults for an insight to begin.
const BEGIN: usize = 2;
const BEGIN_WITHIN: usize = 3;
/// Minutes without too many faults that end one.
const QUIET_MINUTES: i64 = 5;
/// Minutes with requests after which it is known what is usual in a group.
const LEARNING_MINUTES: usize = 10;
/// What goes on for longer than this is the new usual.
const LONGEST_MINUTES: i64 = 24 * 60;
/// Services that are watched in one group.
const SERVICES_MAX: usize = 2_000;
/// Events that an insight keeps; of more, the first and the last ones.
const EVENTS_MAX: usize = 200;

/// What is known of a group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Detector {
    /// The minute that is to be looked at next.
    pub(super) next: Option<i64>,
    /// Minutes with requests so far, up to as many as matter.
    learned: usize,
    baselines: Vec<(ServiceId, Baseline)>,
    window: VecDeque<Watched>,
    /// The going insights, with what their last minutes without too many faults would add to them.
    going: Vec<Going>,
}

/// A minute that was looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Watched {
    minute: FaultMinute,
    /// Services with too many faults.
    high: Vec<ServiceId>,
    /// Services of which nothing is to be learned from this minute.
    unusual: Vec<ServiceId>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Going {
    id: String,
    quiet_minutes: i64,
    quiet_clients: Impact,
    quiet_root_cause: Impact,
}

impl Detector {
    /// The last minute again, as more of it has arrived since.
    pub(super) fn correct(&mut self, minute: FaultMinute) {
        if let Some(known) = self.window.iter_mut().find(|known| known.minute.minute == minute.minute) {
            known.minute = minute;
        }
    }

    /// Takes the next minute in. `going` are the group's active insights; those that are new or changed come back, `begin` makes them.
    pub(super) fn take(&mut self, minute: FaultMinute, mut active: Vec<Insight>, begin: impl Fn() -> Insight) -> Vec<Insight> {
        let now = minute.minute;
        self.next = Some(now + 1);
        if !minute.services.is_empty() {
            self.learned = (self.learned + 1).min(LEARNING_MINUTES);
        }
        self.window.push_back(Watched { minute, high: Vec::new(), unusual: Vec::new() });
        if self.window.len() > WINDOW
            && let Some(old) = self.window.pop_front()
        {
            self.learn(&old);
        }
        let high = self.high(&active);
        if let Some(last) = self.window.back_mut() {
            last.high = high;
        }
        self.going.retain(|going| active.iter().any(|insight| insight.id == going.id));
        let before: BTreeMap<String, Insight> = active.iter().map(|insight| (insight.id.clone(), insight.clone())).collect();
        let causes = self.causes(&active);
        let mut continued: Vec<String> = Vec::new();
        for (cause, services) in causes {
            match self.continues(&active, &cause, &services, &continued) {
                Some(place) => {
                    continued.push(active[place].id.clone());
                    self.go_on(&mut active[place], cause, services, now);
                }
                None if self.learned >= LEARNING_MINUTES => {
                    let insight = self.begin(begin(), cause, services, now);
                    continued.push(insight.id.clone());
                    active.push(insight);
                }
                None => {}
            }
        }
        for insight in &mut active {
            if !continued.contains(&insight.id) {
                self.rest(insight, now);
            }
            if insight.is_active() && now + 1 - insight.start_us.div_euclid(MINUTE_US) > LONGEST_MINUTES {
                self.accept(insight, now);
            }
        }
        self.note_unusual(&active);
        active.retain(|insight| before.get(&insight.id) != Some(insight));
        active
    }

    /// A minute that left the window says what is usual.
    fn learn(&mut self, old: &Watched) {
        for (service, impact) in old.minute.services.iter().filter(|(service, _)| !old.unusual.contains(service)) {
            if let Some(baseline) = self.baseline_mut(service) {
                baseline.observe(*impact);
            }
        }
    }

    /// That of the service, a new one where there is room.
    fn baseline_mut(&mut self, service: &ServiceId) -> Option<&mut Baseline> {
        let known = self.baselines.iter().position(|(known, _)| known == service);
        if known.is_none() && self.baselines.len() < SERVICES_MAX {
            self.baselines.push((service.clone(), Baseline::default()));
        }
        let place = known.unwrap_or(self.baselines.len().saturating_sub(1));
        self.baselines.get_mut(place).filter(|(known, _)| known == service).map(|(_, baseline)| baseline)
    }

    fn baseline(&self, service: &ServiceId) -> Baseline {
        self.baselines.iter().find(|(known, _)| known == service).map(|(_, baseline)| baseline.clone()).unwrap_or_default()
    }

    fn window_of(&self, service: &ServiceId) -> impl DoubleEndedIterator<Item = Impact> {
        self.window.iter().map(|watched| watched.minute.of(service))
    }

    /// The services that had too many faults in the last minute.
    fn high(&self, active: &[Insight]) -> Vec<ServiceId> {
        let Some(last) = self.window.back() else { return Vec::new() };
        let failing = last.minute.services.iter().filter(|(_, impact)| impact.faults > 0);
        let is_high = |(service, impact): &&(ServiceId, Impact)| {
            let baseline = self.baseline(service);
            let mut together = Impact::default();
            self.window_of(service).for_each(|impact| together += impact);
            if active.iter().any(|insight| insight.services.contains(service)) {
                let goes_on = |impact| is_too_many(&baseline, impact, GOING_FAULTS_MIN, GOING_CHANCE);
                return goes_on(*impact) || goes_on(together);
            }
            is_too_many(&baseline, *impact, FAULTS_MIN, CHANCE) || is_too_many(&baseline, together, FAULTS_MIN, WINDOW_CHANCE)
        };
        failing.filter(is_high).map(|(service, _)| service.clone()).collect()
    }

    /// The services to blame, with all that fail because of them: of the services that go on having too many faults, those that
    /// call none of the others.
    fn causes(&self, active: &[Insight]) -> Vec<(ServiceId, Vec<ServiceId>)> {
        let Some(last) = self.window.back() else { return Vec::new() };
        let recent = self.window.iter().rev().take(BEGIN_WITHIN);
        let lasts = |service: &&ServiceId| {
            active.iter().any(|insight| insight.services.contains(service))
                || recent.clone().filter(|watched| watched.high.contains(service)).count() >= BEGIN
        };
        let failing: Vec<&ServiceId> = last.high.iter().filter(lasts).collect();
        let reaches: Vec<Vec<bool>> = failing.iter().map(|from| self.reached(from, &failing)).collect();
        let mut causes: Vec<(ServiceId, Vec<ServiceId>)> = Vec::new();
        let mut in_circle = vec![false; failing.len()];
        for place in 0..failing.len() {
            // One whose failing callees all lead back to it is to blame too, once for the whole circle.
            let is_last = (0..failing.len()).all(|other| !reaches[place][other] || reaches[other][place]);
            if !is_last || in_circle[place] {
                continue;
            }
            (0..failing.len()).filter(|&other| reaches[place][other]).for_each(|other| in_circle[other] = true);
            let mut services: Vec<ServiceId> = (0..failing.len())
                .filter(|&other| other == place || reaches[other][place])
                .map(|other| failing[other].clone())
                .collect();
            let culprit = failing[place];
            services
                .sort_by_key(|service| (service != culprit, std::cmp::Reverse(last.minute.of(service).faults), service.clone()));
            causes.push((failing[place].clone(), services));
        }
        causes
    }

    /// Which of the failing services a failing one leads to, through failing ones.
    fn reached(&self, from: &ServiceId, failing: &[&ServiceId]) -> Vec<bool> {
        let mut reached = vec![false; failing.len()];
        let mut open = vec![from];
        while let Some(caller) = open.pop() {
            for watched in &self.window {
                let services = &watched.minute.services;
                for callee in
                    watched.minute.calls.iter().filter(|(from, _)| services[*from].0 == *caller).map(|(_, to)| &services[*to].0)
                {
                    if let Some(place) = failing.iter().position(|known| *known == callee)
                        && !std::mem::replace(&mut reached[place], true)
                    {
                        open.push(failing[place]);
                    }
                }
            }
        }
        reached
    }

    /// The active insight that a cause is the same story as.
    fn continues(&self, active: &[Insight], cause: &ServiceId, services: &[ServiceId], taken: &[String]) -> Option<usize> {
        let free = |insight: &&(usize, &Insight)| !taken.contains(&insight.1.id) && insight.1.is_active();
        let insights: Vec<(usize, &Insight)> = active.iter().enumerate().collect();
        let mut free = insights.iter().filter(free).collect::<Vec<_>>().into_iter();
        // The same culprit; or one farther away, seen only now; or what remains of it among its callers.
        free.clone()
            .find(|(_, insight)| insight.root_cause == *cause)
            .or_else(|| free.clone().find(|(_, insight)| services.contains(&insight.root_cause)))
            .or_else(|| {
                let failed_lately = |cause: &ServiceId| self.window.iter().any(|watched| watched.high.contains(cause));
                free.find(|(_, insight)| insight.services.contains(cause) && failed_lately(&insight.root_cause))
            })
            .map(|(place, _)| *place)
    }

    fn begin(&mut self, mut insight: Insight, cause: ServiceId, services: Vec<ServiceId>, now: i64) -> Insight {
        let first = self.window.iter().find(|watched| watched.high.contains(&cause)).map_or(now, |watched| watched.minute.minute);
        insight.usual_rate = self.baseline(&cause).rate();
        insight.start_us = first * MINUTE_US;
        insight.root_cause = cause;
        insight.services = services;
        for watched in self.window.iter().filter(|watched| watched.minute.minute >= first) {
            insight.clients += watched.minute.clients;
            insight.root_cause_impact += watched.minute.of(&insight.root_cause);
        }
        insight.updated_us = (now + 1) * MINUTE_US;
        let rate = insight.root_cause_impact.rate();
        let summary = format!(
            "{} began to fail: {} of its requests, where {} are usual.",
            insight.root_cause.label(),
            percent(rate),
            percent(insight.usual_rate)
        );
        tell(&mut insight, summary);
        self.going.push(Going { id: insight.id.clone(), ..Going::default() });
        insight
    }

    fn go_on(&mut self, insight: &mut Insight, cause: ServiceId, services: Vec<ServiceId>, now: i64) {
        let last = self.window.back().map(|watched| watched.minute.clone()).unwrap_or_default();
        let going = self.going_of(&insight.id);
        insight.clients += std::mem::take(&mut going.quiet_clients);
        insight.root_cause_impact += std::mem::take(&mut going.quiet_root_cause);
        going.quiet_minutes = 0;
        // A caller that fails a little longer than the culprit does not become one.
        let moved = cause != insight.root_cause && services.contains(&insight.root_cause);
        let mut changes = Vec::new();
        if moved {
            changes.push(format!("{} is to blame rather than {}", cause.label(), insight.root_cause.label()));
            insight.usual_rate = self.baseline(&cause).rate();
            insight.root_cause_impact = Impact::default();
            for watched in self.window.iter().filter(|watched| watched.minute.minute < now && watched.high.contains(&cause)) {
                insight.root_cause_impact += watched.minute.of(&cause);
            }
            insight.root_cause = cause;
        }
        let new: Vec<String> =
            services.iter().filter(|service| !insight.services.contains(service)).map(ServiceId::label).collect();
        if !new.is_empty() {
            changes.push(format!("{} fails too", new.join(", ")));
        }
        insight.clients += last.clients;
        insight.root_cause_impact += last.of(&insight.root_cause);
        insight.updated_us = (now + 1) * MINUTE_US;
        // Those that do not fail any more stay on the list: they were part of it.
        let earlier = std::mem::replace(&mut insight.services, services);
        let gone: Vec<ServiceId> = earlier.into_iter().filter(|service| !insight.services.contains(service)).collect();
        insight.services.extend(gone);
        if !changes.is_empty() {
            tell(insight, format!("{}.", changes.join("; ")));
        }
    }

    /// A minute without too many faults.
    fn rest(&mut self, insight: &mut Insight, now: i64) {
        let last = self.window.back().map(|watched| watched.minute.clone()).unwrap_or_default();
        let root_cause = last.of(&insight.root_cause);
        let going = self.going_of(&insight.id);
        going.quiet_minutes += 1;
        going.quiet_clients += last.clients;
        going.quiet_root_cause += root_cause;
        if going.quiet_minutes < QUIET_MINUTES {
            return;
        }
        let end_us = (now + 1 - going.quiet_minutes) * MINUTE_US;
        self.end(insight, end_us, now, "fails no more than usual");
    }

    /// After so long, it is what is usual.
    fn accept(&mut self, insight: &mut Insight, now: i64) {
        for service in insight.services.clone() {
            let periods: Vec<Impact> = self.window_of(&service).collect();
            if let Some(baseline) = self.baseline_mut(&service) {
                baseline.adopt(periods.into_iter());
            }
        }
        self.end(insight, (now + 1) * MINUTE_US, now, "has failed like this for a day, which is taken for the usual from now on");
    }

    fn end(&mut self, insight: &mut Insight, end_us: i64, now: i64, why: &str) {
        self.going.retain(|going| going.id != insight.id);
        insight.end_us = Some(end_us);
        insight.updated_us = (now + 1) * MINUTE_US;
        let summary = format!(
            "{} {why}. {} of its requests failed meanwhile.",
            insight.root_cause.label(),
            percent(insight.root_cause_impact.rate())
        );
        tell(insight, summary);
    }

    fn going_of(&mut self, id: &str) -> &mut Going {
        let place = self.going.iter().position(|going| going.id == id).unwrap_or_else(|| {
            self.going.push(Going { id: id.to_owned(), ..Going::default() });
            self.going.len() - 1
        });
        &mut self.going[place]
    }

    /// Minutes of an insight do not say what is usual.
    fn note_unusual(&mut self, insights: &[Insight]) {
        for watched in &mut self.window {
            let (from_us, to_us) = (watched.minute.minute * MINUTE_US, (watched.minute.minute + 1) * MINUTE_US);
            for insight in insights.iter().filter(|insight| insight.overlaps(from_us, to_us)) {
                let new = insight.services.iter().filter(|service| !watched.unusual.contains(service)).cloned();
                let new: Vec<ServiceId> = new.collect();
                watched.unusual.extend(new);
            }
        }
    }
}

fn is_too_many(baseline: &Baseline, impact: Impact, faults_min: u64, chance: f64) -> bool {
    let usual = baseline.rate();
    impact.faults >= faults_min
        && (impact.rate() >= usual * RATE_FACTOR || impact.rate() >= usual + RATE_DIFFERENCE)
        && impact.faults > baseline.band(impact.total, chance).high
}

fn tell(insight: &mut Insight, summary: String) {
    if insight.events.len() >= EVENTS_MAX {
        insight.events.remove(1);
    }
    insight.events.push(InsightEvent {
        time_us: insight.updated_us,
        summary,
        services: insight.services.clone(),
        clients: insight.clients,
        root_cause_impact: insight.root_cause_impact,
    });
}

#[cfg(test)]
mod tests;
