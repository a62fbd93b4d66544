//! Subscription filters: which there are, and that what they match goes on to where they say.
//!
//! The events themselves are the queue: of each filter it is known up to which event everything went on, and what comes after it is read
//! again, also after a restart. So each event goes on at least once, and twice where the server ended between the two.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use deliver::{Deliver, Delivery};
use model::Clock;
use model::log::{EventNumber, LogEvent, in_group};
use model::metric::{Dimensions, Metric, NO_UNIT, STANDARD_PERIOD};
use model::subscription_filter::{SubscriptionFilter, SubscriptionProgress};
use model::time::SECOND_US;
use query::log::LogPosition;
use query::log::pattern::Pattern;
use serde_json::json;
use store::{Catalog, LogScan, Store};
use tokio::sync::{Notify, OnceCell, watch};
use tokio::task::{AbortHandle, JoinSet};
use tracing::{info, warn};

use crate::log::{LOGS_NAMESPACE, Logs, NAME_MAX, check_pattern};
use crate::{Error, Result};

/// Filters of a group (AWS has 2).
const FILTERS_MAX: usize = 10;
/// Events that are read at a time, and bytes of one request.
const EVENTS_MAX: usize = 5_000;
const REQUEST_BYTES: usize = 1024 * 1024;
/// How long to wait before it is tried again: longer each time. And for how long it is tried (AWS).
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
const RETRY_FOR_US: i64 = 24 * 3_600 * SECOND_US;
/// How often it is looked whether there is something new, where nobody says so.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The subscription filters of an account. Cheap to clone.
#[derive(Clone)]
pub struct SubscriptionFilters {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    logs: Logs,
    account_id: String,
    known: OnceCell<RwLock<Known>>,
    change: tokio::sync::Mutex<()>,
    changed: Notify,
    counts: Mutex<HashMap<String, Counts>>,
}

/// By key.
type Known = BTreeMap<String, Arc<SubscriptionFilter>>;

/// What became of a filter's events since that was asked last.
#[derive(Debug, Default)]
struct Counts {
    events: u64,
    bytes: u64,
    errors: u64,
}

/// Where events go on to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Destination {
    /// Another group of the same account.
    Group(String),
    Webhook(String),
    Otlp(String),
}

/// Keeps events of a stream of a group, for filters whose destination that is.
pub type KeepEvents =
    Arc<dyn Fn(String, String, Vec<(i64, String)>) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

impl SubscriptionFilters {
    pub fn new(store: Store, catalog: Catalog, clock: Arc<dyn Clock>, logs: Logs, account_id: &str) -> SubscriptionFilters {
        let inner = Inner {
            store,
            catalog,
            clock,
            logs,
            account_id: account_id.to_owned(),
            known: OnceCell::new(),
            change: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            counts: Mutex::default(),
        };
        SubscriptionFilters { inner: Arc::new(inner) }
    }

    async fn known(&self) -> Result<&RwLock<Known>> {
        let read = || async {
            let all = self.inner.catalog.resources::<SubscriptionFilter>().await?;
            Ok(RwLock::new(all.into_iter().map(|filter| (filter.key.clone(), Arc::new(filter))).collect()))
        };
        self.inner.known.get_or_try_init(read).await
    }

    async fn edit(&self, edit: impl FnOnce(&mut Known)) -> Result<()> {
        edit(&mut self.known().await?.write().unwrap_or_else(PoisonError::into_inner));
        self.inner.changed.notify_waiters();
        Ok(())
    }

    async fn all(&self) -> Result<Vec<Arc<SubscriptionFilter>>> {
        Ok(self.known().await?.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect())
    }

    /// By group and name.
    pub async fn list(&self) -> Result<Vec<SubscriptionFilter>> {
        Ok(self.all().await?.iter().map(|filter| (**filter).clone()).collect())
    }

    /// Keeps it, in the place of one of the same name. Whoever calls knows that the group is there.
    pub async fn put(&self, mut filter: SubscriptionFilter) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let name = filter.name();
        if name.is_empty() || name.chars().count() > NAME_MAX || name.contains([':', '*']) {
            return Err(Error::Invalid(format!("filterName {name:?} must have from 1 to {NAME_MAX} characters, without : and *")));
        }
        check_pattern(&filter.pattern)?;
        let destination = Destination::of(&filter.destination, &self.inner.account_id)?;
        let all = self.all().await?;
        let of_group = all.iter().filter(|known| known.group() == filter.group());
        let known = all.iter().find(|known| known.key == filter.key);
        if known.is_none() && of_group.count() >= FILTERS_MAX {
            let message = format!("log group {} has {FILTERS_MAX} subscription filters, the limit", filter.group());
            return Err(Error::LimitExceeded(message));
        }
        if let Destination::Group(to) = &destination {
            self.inner.logs.group(to).await?;
            self.check_circle(&all, &filter, to)?;
        }
        // One that is only changed goes on where it was.
        (filter.created_us, filter.since) = match known {
            Some(known) => (known.created_us, known.since),
            None => (self.inner.clock.now_us(), self.inner.store.event_numbers(1)),
        };
        self.inner.catalog.put_resource(&filter).await?;
        self.edit(|known| {
            known.insert(filter.key.clone(), Arc::new(filter));
        })
        .await
    }

    /// Events that came back to where they were would never end.
    fn check_circle(&self, all: &[Arc<SubscriptionFilter>], filter: &SubscriptionFilter, to: &str) -> Result<()> {
        let mut seen = vec![to.to_owned()];
        let mut next = 0;
        while let Some(group) = seen.get(next).cloned() {
            if group == filter.group() {
                return Err(Error::Invalid(format!(
                    "events of log group {group} would come back to it: a subscription filter cannot lead to its own group, over others either"
                )));
            }
            for other in all.iter().filter(|other| other.group() == group && other.key != filter.key) {
                if let Ok(Destination::Group(further)) = Destination::of(&other.destination, &self.inner.account_id)
                    && !seen.contains(&further)
                {
                    seen.push(further);
                }
            }
            next += 1;
        }
        Ok(())
    }

    pub async fn delete(&self, group: &str, name: &str) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let key = in_group::key(group, name);
        if !self.inner.catalog.delete_resource::<SubscriptionFilter>(&key).await? {
            return Err(Error::NoResource("The specified subscription filter does not exist.".to_owned()));
        }
        self.inner.catalog.delete_resource::<SubscriptionProgress>(&key).await?;
        self.edit(|known| {
            known.remove(&key);
        })
        .await
    }

    /// A group is no more, and neither are its filters.
    pub async fn delete_group(&self, group: &str) -> Result<()> {
        for filter in self.all().await?.iter().filter(|filter| filter.group() == group) {
            match self.delete(group, filter.name()).await {
                Ok(()) | Err(Error::NoResource(_)) => {}
                Err(err) => return Err(err),
            }
        }
        Ok(())
    }

    /// What went on since that was asked last, as metrics of filters.
    pub async fn forwarded(&self) -> Result<Vec<Metric>> {
        let now_us = self.inner.clock.now_us();
        let minute = now_us - now_us.rem_euclid(STANDARD_PERIOD * SECOND_US);
        let counts = std::mem::take(&mut *self.inner.counts.lock().unwrap_or_else(PoisonError::into_inner));
        let known = self.known().await?.read().unwrap_or_else(PoisonError::into_inner);
        let mut made = Vec::new();
        for (key, counts) in counts {
            let Some(filter) = known.get(&key) else { continue };
            let kind = Destination::of(&filter.destination, &self.inner.account_id).map_or("", |destination| destination.kind());
            let dimensions =
                Dimensions::new([("LogGroupName", filter.group()), ("DestinationType", kind), ("FilterName", filter.name())]);
            let mut add = |name: &str, unit: &str, value: u64| {
                made.push(Metric::value(minute, LOGS_NAMESPACE, name, unit, value as f64).of(dimensions.clone()));
            };
            add("ForwardedLogEvents", NO_UNIT, counts.events);
            add("ForwardedBytes", "Bytes", counts.bytes);
            add("DeliveryErrors", NO_UNIT, counts.errors);
        }
        Ok(made)
    }

    fn count(&self, filter: &SubscriptionFilter, edit: impl FnOnce(&mut Counts)) {
        edit(self.inner.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(filter.key.clone()).or_default());
    }

    async fn is_current(&self, filter: &Arc<SubscriptionFilter>) -> bool {
        let Ok(known) = self.known().await else { return true };
        known.read().unwrap_or_else(PoisonError::into_inner).get(&filter.key).is_some_and(|known| Arc::ptr_eq(known, filter))
    }

    async fn progress(&self, filter: &SubscriptionFilter) -> Result<EventNumber> {
        let known: Option<SubscriptionProgress> = self.inner.catalog.resource(&filter.key).await?;
        Ok(known.filter(|known| known.created_us == filter.created_us).map_or(filter.since, |known| known.next))
    }

    /// Events behind a place, and where they end.
    async fn next(
        &self,
        filter: &SubscriptionFilter,
        from: EventNumber,
        pattern: &Pattern,
    ) -> Result<(Vec<LogEvent>, EventNumber)> {
        let mut group = self.inner.logs.scan(filter.group(), None).await?;
        group.since = group.since.max(from);
        let until = self.inner.store.settled_events();
        let scan = LogScan {
            groups: vec![group],
            from_us: i64::MIN,
            to_us: i64::MAX,
            until: Some(until),
            with_numbers: true,
            ..LogScan::default()
        };
        let (reader, pattern) = (self.inner.store.reader(), pattern.clone());
        let read = move || -> Result<(Vec<LogEvent>, EventNumber)> {
            let mut scan = scan;
            let mut numbers = Vec::new();
            for chunk in reader.log_chunks(&scan)? {
                numbers.extend_from_slice(reader.log_rows(&scan, &chunk)?.numbers.values());
            }
            let mut until = until;
            if numbers.len() > EVENTS_MAX {
                let (_, end, _) = numbers.select_nth_unstable(EVENTS_MAX);
                until = EventNumber(*end);
            }
            if numbers.is_empty() {
                return Ok((Vec::new(), until));
            }
            scan = LogScan { until: Some(until), needles: pattern.needles(), with_streams: true, with_messages: true, ..scan };
            let mut events = Vec::new();
            for chunk in reader.log_chunks(&scan)? {
                let rows = reader.log_rows(&scan, &chunk)?;
                let matched = (0..rows.len()).filter(|row| pattern.is_match(rows.messages.value(*row)));
                events.extend(matched.map(|row| rows.event(row)));
            }
            events.sort_by_key(|event| event.number);
            Ok((events, until))
        };
        tokio::task::spawn_blocking(read).await.map_err(|err| Error::Unexpected(err.to_string()))?
    }

    /// Sends on what a filter matches, until it is changed or deleted, or it is time to stop.
    async fn forward(self, filter: Arc<SubscriptionFilter>, deliver: Deliver, keep: KeepEvents, mut stop: watch::Receiver<bool>) {
        let (Ok(pattern), Ok(destination)) =
            (check_pattern(&filter.pattern), Destination::of(&filter.destination, &self.inner.account_id))
        else {
            return;
        };
        let mut from = match self.progress(&filter).await {
            Ok(from) => from,
            Err(err) => {
                warn!(filter = filter.name(), error = %err, "a subscription filter cannot be read");
                return;
            }
        };
        let mut wait = RETRY_FIRST;
        while !*stop.borrow() && self.is_current(&filter).await {
            let step = self.next(&filter, from, &pattern);
            match step.await {
                Ok((events, until)) => {
                    wait = RETRY_FIRST;
                    let is_sent = events.is_empty() || self.send(&filter, &destination, &events, &deliver, &keep, &mut stop).await;
                    if !is_sent {
                        // It is sent again by whoever comes next.
                        return;
                    }
                    let had_events = !events.is_empty();
                    from = until;
                    if had_events {
                        let progress = SubscriptionProgress { key: filter.key.clone(), created_us: filter.created_us, next: until };
                        if self.is_current(&filter).await
                            && let Err(err) = self.inner.catalog.put_resource(&progress).await
                        {
                            warn!(filter = filter.name(), error = %err, "how far a subscription filter is cannot be written down");
                        }
                        continue;
                    }
                }
                Err(err) => {
                    warn!(group = filter.group(), filter = filter.name(), error = %err, "events of a subscription filter cannot be read");
                    wait = (wait * 2).min(RETRY_MAX);
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.inner.changed.notified() => {}
                () = tokio::time::sleep(wait.max(LOOK_EVERY)) => {}
            }
        }
    }

    /// Sends events on, as often as it takes. Returns whether that is done.
    async fn send(
        &self,
        filter: &Arc<SubscriptionFilter>,
        destination: &Destination,
        events: &[LogEvent],
        deliver: &Deliver,
        keep: &KeepEvents,
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        for part in parts(events) {
            let (mut wait, began_us) = (RETRY_FIRST, self.inner.clock.now_us());
            loop {
                let sent = self.try_send(filter, destination, &part, deliver, keep).await;
                let Err(why) = sent else { break };
                self.count(filter, |counts| counts.errors += 1);
                let (group, name) = (filter.group(), filter.name());
                if self.inner.clock.now_us() - began_us > RETRY_FOR_US {
                    warn!(group, filter = name, events = part.len(), error = %why, "events of a subscription filter were tried to send for a day, and are given up");
                    break;
                }
                if wait == RETRY_FIRST {
                    warn!(group, filter = name, error = %why, "events of a subscription filter cannot be sent, and are tried again");
                }
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return false,
                    () = tokio::time::sleep(wait) => {}
                }
                if !self.is_current(filter).await {
                    return false;
                }
                wait = (wait * 2).min(RETRY_MAX);
            }
            if part.is_empty() {
                continue;
            }
            let bytes = part.iter().map(|event| event.message.len() as u64).sum::<u64>();
            self.count(filter, |counts| {
                counts.events += part.len() as u64;
                counts.bytes += bytes;
            });
        }
        true
    }

    async fn try_send(
        &self,
        filter: &SubscriptionFilter,
        destination: &Destination,
        events: &[&LogEvent],
        deliver: &Deliver,
        keep: &KeepEvents,
    ) -> Result<(), String> {
        let Some(first) = events.first() else { return Ok(()) };
        let (url, kind, body) = match destination {
            Destination::Group(to) => {
                let lines = events.iter().map(|event| (event.time_us, event.message.clone())).collect();
                return keep(to.clone(), first.stream.to_string(), lines).await;
            }
            Destination::Webhook(url) => {
                let told = |event: &&LogEvent| json!({"id": LogPosition::from(*event).to_string(), "timestamp": event.time_us / 1_000, "message": event.message});
                let body = json!({
                    "messageType": "DATA_MESSAGE",
                    "owner": self.inner.account_id,
                    "logGroup": filter.group(),
                    "logStream": first.stream,
                    "subscriptionFilters": [filter.name()],
                    "logEvents": events.iter().map(told).collect::<Vec<_>>(),
                });
                (url, "application/json", body.to_string().into_bytes())
            }
            Destination::Otlp(url) => (url, "application/x-protobuf", otlp::log::encode(filter.group(), &first.stream, events)),
        };
        let delivery = Delivery {
            method: "POST",
            url: url.clone(),
            headers: vec![("content-type".to_owned(), kind.to_owned())],
            body: Bytes::from(body),
        };
        deliver.send(&delivery).await.map_err(|err| format!("{} {err}", deliver::told(url)))
    }
}

/// Events of one stream that go together, in their order.
fn parts(events: &[LogEvent]) -> Vec<Vec<&LogEvent>> {
    let mut streams: BTreeMap<&str, Vec<Vec<&LogEvent>>> = BTreeMap::new();
    let mut bytes: HashMap<&str, usize> = HashMap::new();
    for event in events {
        let of_stream = streams.entry(&event.stream).or_default();
        let size = bytes.entry(&event.stream).or_default();
        if of_stream.is_empty() || *size + event.message.len() > REQUEST_BYTES {
            of_stream.push(Vec::new());
            *size = 0;
        }
        *size += event.message.len();
        if let Some(part) = of_stream.last_mut() {
            part.push(event);
        }
    }
    streams.into_values().flatten().collect()
}

impl Destination {
    fn of(text: &str, account_id: &str) -> Result<Destination> {
        let address = |url: &str| deliver::check(url).map_err(|err| Error::Invalid(format!("destinationArn: {err}")));
        if let Some(url) = text.strip_prefix("otlp+") {
            address(url)?;
            return Ok(Destination::Otlp(url.to_owned()));
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            address(text)?;
            return Ok(Destination::Webhook(text.to_owned()));
        }
        let parts: Vec<&str> = text.splitn(7, ':').collect();
        match parts[..] {
            ["arn", _, "logs", _, account, "log-group", name] if account == account_id => {
                Ok(Destination::Group(name.strip_suffix(":*").unwrap_or(name).to_owned()))
            }
            ["arn", _, "logs", _, _, "log-group", _] => {
                Err(Error::Invalid(format!("destinationArn {text} is not of account {account_id}")))
            }
            _ => Err(Error::Invalid(format!(
                "destinationArn {text} is not supported by this server: it takes the ARN of a log group, https://… of a webhook, or otlp+https://…/v1/logs"
            ))),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Destination::Group(_) => "LogGroup",
            Destination::Webhook(_) => "Webhook",
            Destination::Otlp(_) => "OTLP",
        }
    }
}

/// Sends on what the filters of all accounts match.
pub async fn run(all: impl Fn() -> Vec<(SubscriptionFilters, KeepEvents)>, deliver: Deliver, mut stop: watch::Receiver<bool>) {
    let mut working: JoinSet<()> = JoinSet::new();
    let mut begun: HashMap<(String, String), AbortHandle> = HashMap::new();
    loop {
        // One that was changed ends on its own, once it has sent what it was about to, and then begins again.
        begun.retain(|_, handle| !handle.is_finished());
        for (filters, keep) in all() {
            let Ok(known) = filters.all().await else { continue };
            for filter in known {
                let key = (filters.inner.account_id.clone(), filter.key.clone());
                begun.entry(key).or_insert_with(|| {
                    info!(group = filter.group(), filter = filter.name(), "events go on by a subscription filter");
                    working.spawn(filters.clone().forward(filter, deliver.clone(), keep.clone(), stop.clone()))
                });
            }
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = working.join_next(), if !working.is_empty() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    while working.join_next().await.is_some() {}
}
