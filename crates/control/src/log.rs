//! Groups and streams of log events: which there are, for how long their events are kept, and which events they take.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::log::{EventNumber, LogEvent, LogGroup, LogGroupClass, LogStream, StreamSeen};
use model::metric::{Dimensions, Metric, NO_UNIT, STANDARD_PERIOD};
use model::owner::Owner;
use model::time::{DAY_US, SECOND_US};
use model::{Clock, CompactString};
use query::log::pattern::{Pattern, PatternError};
use store::{GroupPolicy, LogGroupScan, LogPolicy, LogScan, Store};
use tokio::sync::OnceCell;

use crate::{Error, Result};

/// Days for which events can be kept (AWS).
pub const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// Groups of an account, and streams of a group.
const GROUPS_MAX: usize = 100_000;
const STREAMS_MAX: usize = 1_000_000;
pub const NAME_MAX: usize = 512;
/// How far behind and ahead of the clock events may be (AWS).
const PAST_US: i64 = 14 * DAY_US;
const FUTURE_US: i64 = 2 * 3_600 * 1_000_000;

/// The logs of an account. Cheap to clone.
#[derive(Clone)]
pub struct Logs {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    catalog: store::Catalog,
    clock: Arc<dyn Clock>,
    owner: Option<Owner>,
    policies: Policies,
    known: OnceCell<RwLock<Known>>,
    change: tokio::sync::Mutex<()>,
}

/// What is kept of the groups of all accounts.
#[derive(Clone, Default)]
pub struct Policies(Arc<Mutex<HashMap<Option<Owner>, OfGroups>>>);

type OfGroups = HashMap<CompactString, GroupPolicy>;

#[derive(Default)]
struct Known {
    groups: BTreeMap<CompactString, Group>,
    /// Groups that are no more, for what came to them.
    deleted: BTreeMap<CompactString, LogGroup>,
    /// Streams of which more is known than the catalog has.
    unsaved: HashSet<(CompactString, CompactString)>,
    /// Events that came into groups since that was asked last, and their bytes.
    incoming: BTreeMap<CompactString, (u64, u64)>,
}

struct Group {
    group: LogGroup,
    streams: BTreeMap<CompactString, LogStream>,
    deleted_streams: HashMap<CompactString, EventNumber>,
}

/// Events that a stream takes, and which of those that came it does not.
#[derive(Debug, Default)]
pub struct Accepted {
    pub events: Vec<LogEvent>,
    /// Places among those that came, all of which from there on are too new.
    pub too_new_from: Option<usize>,
    /// Places before which all are too old, and before which all are past the group's retention.
    pub too_old_until: Option<usize>,
    pub expired_until: Option<usize>,
}

impl Logs {
    pub fn new(store: Store, catalog: store::Catalog, clock: Arc<dyn Clock>, owner: Option<Owner>, policies: Policies) -> Logs {
        let (known, change) = (OnceCell::new(), tokio::sync::Mutex::default());
        Logs { inner: Arc::new(Inner { store, catalog, clock, owner, policies, known, change }) }
    }

    /// The same for another account.
    pub fn of(&self, catalog: store::Catalog, owner: Option<Owner>) -> Logs {
        let Inner { store, clock, policies, .. } = &*self.inner;
        Logs::new(store.clone(), catalog, clock.clone(), owner, policies.clone())
    }

    /// Reads what the catalog knows, so that what is no longer kept can go.
    pub async fn load(&self) -> Result<()> {
        self.known().await.map(drop)
    }

    async fn known(&self) -> Result<&RwLock<Known>> {
        self.inner
            .known
            .get_or_try_init(|| async {
                let mut known = Known::default();
                for group in self.inner.catalog.resources::<LogGroup>().await? {
                    let name = group.name.clone();
                    if group.is_deleted {
                        known.deleted.insert(name, group);
                    } else {
                        known.groups.insert(name, Group { group, streams: BTreeMap::new(), deleted_streams: HashMap::new() });
                    }
                }
                for stream in self.inner.catalog.resources::<LogStream>().await? {
                    let Some(group) = known.groups.get_mut(stream.group()) else { continue };
                    if stream.is_deleted {
                        group.deleted_streams.insert(stream.name().into(), stream.since);
                    } else {
                        group.streams.insert(stream.name().into(), stream);
                    }
                }
                self.see_recent(&mut known)?;
                self.tell_policy(&known);
                Ok(RwLock::new(known))
            })
            .await
    }

    /// What came before a crash and was not written down is known from the events themselves.
    fn see_recent(&self, known: &mut Known) -> Result<()> {
        let group = |group: &Group| LogGroupScan {
            owner: self.inner.owner.clone(),
            name: group.group.name.clone(),
            since: group.group.since,
            ..LogGroupScan::default()
        };
        let groups = known.groups.values().map(group).collect();
        let scan = LogScan {
            groups,
            from_us: i64::MIN,
            to_us: i64::MAX,
            with_numbers: true,
            with_streams: true,
            with_messages: true,
            ..LogScan::default()
        };
        let reader = self.inner.store.reader();
        for chunk in reader.log_chunks(&scan)?.iter().filter(|chunk| chunk.is_in_memory()) {
            let rows = reader.log_rows(&scan, chunk)?;
            for row in 0..rows.len() {
                let stream = known.groups.get_mut(rows.group(row)).and_then(|group| group.streams.get_mut(rows.streams.value(row)));
                let (time_us, number) = (rows.times.value(row), EventNumber(rows.numbers.value(row)));
                if let Some(stream) = stream.filter(|stream| number > stream.seen.last_number && number >= stream.since) {
                    stream.seen.add(time_us, time_us, number, rows.messages.value_length(row) as u64 + EVENT_BYTES as u64);
                }
            }
        }
        Ok(())
    }

    /// Tells the store what is kept of this account's groups.
    fn tell_policy(&self, known: &Known) {
        let of_group = |(name, group): (&CompactString, &Group)| {
            let mut streams = group.deleted_streams.clone();
            let later = group.streams.iter().filter(|(_, stream)| stream.since > group.group.since);
            streams.extend(later.map(|(name, stream)| (name.clone(), stream.since)));
            (name.clone(), GroupPolicy { since: group.group.since, days: group.group.retention_days, streams })
        };
        let mut mine: HashMap<CompactString, GroupPolicy> = known.groups.iter().map(of_group).collect();
        for (name, group) in &known.deleted {
            mine.entry(name.clone()).or_insert(GroupPolicy { since: group.since, ..GroupPolicy::default() });
        }
        let mut all = self.inner.policies.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(self.inner.owner.clone(), mine);
        let flat = all
            .iter()
            .flat_map(|(owner, groups)| groups.iter().map(|(name, policy)| ((owner.clone(), name.clone()), policy.clone())));
        self.inner.store.set_log_policy(LogPolicy(flat.collect()));
    }

    /// Reads of what is known.
    async fn with<T>(&self, read: impl FnOnce(&Known) -> Result<T>) -> Result<T> {
        read(&self.known().await?.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn edit<T>(&self, edit: impl FnOnce(&mut Known) -> T) -> Result<T> {
        Ok(edit(&mut self.known().await?.write().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Edits what says which events are kept.
    async fn edit_policy(&self, edit: impl FnOnce(&mut Known)) -> Result<()> {
        self.edit(|known| {
            edit(known);
            self.tell_policy(known);
        })
        .await
    }

    /// By name.
    pub async fn groups(&self) -> Result<Vec<LogGroup>> {
        self.with(|known| Ok(known.groups.values().map(|group| group.group.clone()).collect())).await
    }

    /// With the bytes of their events, as far as that is known.
    pub async fn groups_with_bytes(&self) -> Result<Vec<(LogGroup, u64)>> {
        let of = |group: &Group| (group.group.clone(), group.streams.values().map(|stream| stream.seen.bytes).sum());
        self.with(|known| Ok(known.groups.values().map(of).collect())).await
    }

    pub async fn group(&self, name: &str) -> Result<LogGroup> {
        self.with(|known| Ok(known.group(name)?.group.clone())).await
    }

    /// By name.
    pub async fn streams(&self, group: &str) -> Result<Vec<LogStream>> {
        self.with(|known| Ok(known.group(group)?.streams.values().cloned().collect())).await
    }

    pub async fn stream(&self, group: &str, name: &str) -> Result<LogStream> {
        self.with(|known| Ok(known.stream(group, name)?.clone())).await
    }

    /// What is to be read of a group: of some streams, or of all.
    pub async fn scan(&self, group: &str, streams: Option<&(dyn Fn(&str) -> bool + Sync)>) -> Result<LogGroupScan> {
        self.with(|known| {
            let known = known.group(group)?;
            let later = known.streams.iter().filter(|(_, stream)| stream.since > known.group.since);
            let mut stream_since: HashMap<CompactString, EventNumber> =
                later.map(|(name, stream)| (name.clone(), stream.since)).collect();
            stream_since.extend(known.deleted_streams.keys().map(|name| (name.clone(), EventNumber(i64::MAX))));
            let wanted =
                |is_wanted: &(dyn Fn(&str) -> bool + Sync)| known.streams.keys().filter(|name| is_wanted(name)).cloned().collect();
            Ok(LogGroupScan {
                owner: self.inner.owner.clone(),
                name: known.group.name.clone(),
                since: known.group.since,
                stream_since,
                streams: streams.map(wanted),
            })
        })
        .await
    }

    pub async fn create_group(&self, group: NewGroup) -> Result<()> {
        let _change = self.inner.change.lock().await;
        check_group_name(&group.name)?;
        let count = self.with(|known| match known.groups.contains_key(group.name.as_str()) {
            true => Err(Error::Conflict("The specified log group already exists".to_owned())),
            false => Ok(known.groups.len()),
        });
        if count.await? >= GROUPS_MAX {
            return Err(Error::LimitExceeded(format!("there are {GROUPS_MAX} log groups, the limit")));
        }
        let made = LogGroup {
            name: group.name.as_str().into(),
            created_us: self.inner.clock.now_us(),
            since: self.inner.store.event_numbers(1),
            is_deleted: false,
            class: group.class,
            retention_days: 0,
            is_protected: group.is_protected,
            kms_key: group.kms_key,
            tags: group.tags,
        };
        self.inner.catalog.put_resource(&made).await?;
        self.edit_policy(|known| {
            known.deleted.remove(&made.name);
            known
                .groups
                .insert(made.name.clone(), Group { group: made, streams: BTreeMap::new(), deleted_streams: HashMap::new() });
        })
        .await
    }

    /// Changes a group.
    pub async fn change_group(&self, name: &str, change: impl FnOnce(&mut LogGroup)) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let mut group = self.group(name).await?;
        change(&mut group);
        self.inner.catalog.put_resource(&group).await?;
        self.edit_policy(|known| {
            if let Some(known) = known.groups.get_mut(name) {
                known.group = group;
            }
        })
        .await
    }

    pub async fn set_retention(&self, name: &str, days: u32) -> Result<()> {
        if days != 0 && !RETENTION_DAYS.contains(&days) {
            let all: Vec<String> = RETENTION_DAYS.iter().map(u32::to_string).collect();
            return Err(Error::Invalid(format!("retentionInDays {days} is none of {}", all.join(", "))));
        }
        self.change_group(name, |group| group.retention_days = days).await
    }

    pub async fn delete_group(&self, name: &str) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let mut group = self.group(name).await?;
        if group.is_protected {
            return Err(Error::Protected(format!("log group {name} is protected from being deleted")));
        }
        let streams = self.streams(name).await?;
        // What comes from now on has a higher number, and belongs to another group of the same name.
        (group.is_deleted, group.since) = (true, self.inner.store.event_numbers(1));
        self.inner.catalog.put_resource(&group).await?;
        for stream in &streams {
            self.inner.catalog.delete_resource::<LogStream>(&stream.key).await?;
        }
        self.edit_policy(|known| {
            known.unsaved.retain(|(group, _)| group != name);
            known.groups.remove(name);
            known.deleted.insert(group.name.clone(), group);
        })
        .await
    }

    pub async fn create_stream(&self, group: &str, name: &str) -> Result<()> {
        let _change = self.inner.change.lock().await;
        check_stream_name(name)?;
        let known = self.with(|known| {
            let known = known.group(group)?;
            match known.streams.contains_key(name) {
                true => Err(Error::Conflict("The specified log stream already exists".to_owned())),
                false => Ok((known.streams.len(), known.group.since, known.deleted_streams.contains_key(name))),
            }
        });
        let (count, since, was_there) = known.await?;
        if count >= STREAMS_MAX {
            return Err(Error::LimitExceeded(format!("log group {group} has {STREAMS_MAX} streams, the limit")));
        }
        let made = LogStream {
            key: LogStream::key_of(group, name),
            created_us: self.inner.clock.now_us(),
            // Of one that nobody deleted there is nothing to leave out.
            since: if was_there { self.inner.store.event_numbers(1) } else { since },
            is_deleted: false,
            seen: StreamSeen::default(),
        };
        self.inner.catalog.put_resource(&made).await?;
        let add = |known: &mut Known| {
            if let Some(known) = known.groups.get_mut(group) {
                known.deleted_streams.remove(name);
                known.streams.insert(name.into(), made);
            }
        };
        // Most streams are new, and change nothing of what is kept.
        if was_there { self.edit_policy(add).await } else { self.edit(add).await }
    }

    pub async fn delete_stream(&self, group: &str, name: &str) -> Result<()> {
        let _change = self.inner.change.lock().await;
        let mut stream = self.with(|known| known.stream(group, name).cloned()).await?;
        (stream.is_deleted, stream.since) = (true, self.inner.store.event_numbers(1));
        self.inner.catalog.put_resource(&stream).await?;
        self.edit_policy(|known| {
            known.unsaved.remove(&(group.into(), name.into()));
            if let Some(known) = known.groups.get_mut(group) {
                known.streams.remove(name);
                known.deleted_streams.insert(name.into(), stream.since);
            }
        })
        .await
    }

    /// Makes the group and the stream, where they are not there yet. Events of a group that is made are kept for so many days, or for
    /// ever, where that is 0.
    pub async fn ensure_stream(&self, group: &str, stream: &str, days: u32) -> Result<()> {
        let is_there = |known: &Known| Ok((known.groups.contains_key(group), known.stream(group, stream).is_ok()));
        let (has_group, has_stream) = self.with(is_there).await?;
        let or_there = |made: Result<()>| match made {
            // Someone else made it at the same time.
            Err(Error::Conflict(_)) => Ok(()),
            made => made,
        };
        if !has_group {
            or_there(self.create_group(NewGroup { name: group.to_owned(), ..NewGroup::default() }).await)?;
            if days > 0 {
                self.set_retention(group, days).await?;
            }
        }
        if !has_stream {
            or_there(self.create_stream(group, stream).await)?;
        }
        Ok(())
    }

    /// The events that a stream takes, of those that came: times in microseconds, in their order. Old ones are taken, where that is
    /// lenient.
    pub async fn accept(&self, group: &str, stream: &str, events: Vec<(i64, String)>, is_lenient: bool) -> Result<Accepted> {
        let retention_days = self.with(|known| {
            known.stream(group, stream)?;
            Ok(known.group(group)?.group.retention_days)
        });
        let retention_days = retention_days.await?;
        let now_us = self.inner.clock.now_us();
        let expired_us = if retention_days == 0 { i64::MIN } else { now_us - i64::from(retention_days) * DAY_US };
        let mut accepted = Accepted { events: Vec::with_capacity(events.len()), ..Accepted::default() };
        let (group, stream) = (CompactString::from(group), CompactString::from(stream));
        for (place, (time_us, message)) in events.into_iter().enumerate() {
            if time_us > now_us + FUTURE_US {
                accepted.too_new_from = accepted.too_new_from.or(Some(place));
            } else if !is_lenient && time_us < now_us - PAST_US {
                accepted.too_old_until = Some(place + 1);
            } else if time_us < expired_us {
                accepted.expired_until = Some(place + 1);
            } else {
                let (owner, group, stream) = (self.inner.owner.clone(), group.clone(), stream.clone());
                accepted.events.push(LogEvent { time_us, owner, group, stream, number: EventNumber::default(), message });
            }
        }
        Ok(accepted)
    }

    /// Remembers that events of one stream were kept.
    pub async fn kept(&self, events: &[LogEvent]) -> Result<()> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let times = events.iter().map(|event| event.time_us);
        let (first_us, last_us) = times.fold((i64::MAX, i64::MIN), |(min, max), time| (min.min(time), max.max(time)));
        let bytes: u64 = events.iter().map(|event| (event.message.len() + EVENT_BYTES) as u64).sum();
        let known = self.known().await?;
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = known.groups.get_mut(&first.group).and_then(|group| group.streams.get_mut(&first.stream)) {
            stream.seen.add(first_us, last_us, last.number, bytes);
            known.unsaved.insert((first.group.clone(), first.stream.clone()));
        }
        let (count, of_bytes) = known.incoming.entry(first.group.clone()).or_default();
        *count += events.len() as u64;
        *of_bytes += bytes;
        Ok(())
    }

    /// What came in since that was asked last, as metrics of groups.
    pub async fn incoming(&self) -> Result<Vec<Metric>> {
        let now_us = self.inner.clock.now_us();
        let minute = now_us - now_us.rem_euclid(STANDARD_PERIOD * SECOND_US);
        let known = self.known().await?;
        let incoming = std::mem::take(&mut known.write().unwrap_or_else(PoisonError::into_inner).incoming);
        let of = |(group, (events, bytes)): (CompactString, (u64, u64))| {
            let dimensions = Dimensions::new([("LogGroupName", group)]);
            let metric = |name: &str, unit: &str, value: u64| {
                Metric::value(minute, LOGS_NAMESPACE, name, unit, value as f64).of(dimensions.clone())
            };
            [metric("IncomingLogEvents", NO_UNIT, events), metric("IncomingBytes", "Bytes", bytes)]
        };
        Ok(incoming.into_iter().flat_map(of).collect())
    }

    /// Writes down what is known of streams, so that it is known after a start.
    pub async fn save(&self) -> Result<()> {
        let Some(known) = self.inner.known.get() else { return Ok(()) };
        let _change = self.inner.change.lock().await;
        let unsaved: Vec<LogStream> = {
            let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
            let names = std::mem::take(&mut known.unsaved);
            names.iter().filter_map(|(group, stream)| known.stream(group, stream).ok().cloned()).collect()
        };
        for (place, stream) in unsaved.iter().enumerate() {
            if let Err(err) = self.inner.catalog.put_resource(stream).await {
                // What was not written down is the next time.
                let left = unsaved[place..].iter().map(|stream| (stream.group().into(), stream.name().into()));
                known.write().unwrap_or_else(PoisonError::into_inner).unsaved.extend(left);
                return Err(err.into());
            }
        }
        Ok(())
    }
}

/// What these services say of themselves (AWS).
pub(crate) const LOGS_NAMESPACE: &str = "AWS/Logs";
/// What an event counts beside its message (AWS).
pub const EVENT_BYTES: usize = 26;

/// A group to be made.
#[derive(Debug, Clone, Default)]
pub struct NewGroup {
    pub name: String,
    pub class: LogGroupClass,
    pub is_protected: bool,
    pub kms_key: Option<String>,
    pub tags: BTreeMap<String, String>,
}

impl Known {
    fn group(&self, name: &str) -> Result<&Group> {
        self.groups.get(name).ok_or_else(|| Error::NoResource("The specified log group does not exist.".to_owned()))
    }

    fn stream(&self, group: &str, name: &str) -> Result<&LogStream> {
        let stream = self.group(group)?.streams.get(name);
        stream.ok_or_else(|| Error::NoResource("The specified log stream does not exist.".to_owned()))
    }
}

/// A filter pattern, or what is wrong with it.
pub fn check_pattern(text: &str) -> Result<Pattern> {
    Pattern::parse(text).map_err(|PatternError { position, message }| {
        Error::Invalid(format!("Invalid filter pattern: {message}, at character {position} of {text:?}"))
    })
}

/// Whether the name of a group may have it.
pub fn is_of_group_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | '/' | '#')
}

fn check_group_name(name: &str) -> Result<()> {
    match !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(is_of_group_name) {
        true => Ok(()),
        false => Err(Error::Invalid(format!(
            "logGroupName {name:?} must have from 1 to {NAME_MAX} letters, digits and characters of .-_/#"
        ))),
    }
}

fn check_stream_name(name: &str) -> Result<()> {
    match !name.is_empty() && name.chars().count() <= NAME_MAX && !name.contains([':', '*', '\0']) {
        true => Ok(()),
        false => Err(Error::Invalid(format!("logStreamName {name:?} must have from 1 to {NAME_MAX} characters, without : and *"))),
    }
}
