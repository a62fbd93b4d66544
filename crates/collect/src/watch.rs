//! The watch itself: what engines say, what the kernel counts each second, and what is given on of both.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::container::{CPU_UNITS, Change, Container, Health, Report, StateChange, Status, Task};
use model::metric::{Dimensions, Metric, NO_UNIT, STANDARD_PERIOD};
use model::time::SECOND_US;
use model::{Clock, CompactString};
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::cgroup::{Cgroup, Counters, Network};
use crate::discovery::{Discovered, discover};
use crate::docker::{Event, Inspect, Message, OfTask};
use crate::lines;
use crate::machine::{Load, Machine};
use crate::metadata::{Known, Member};
use crate::process::Processes;
use crate::sidecar::{TASK_METADATA, Told};
use crate::usage::{self, ECS, Metrics, Place, Reading, Set, Sets, gib, mib, share};
use crate::{Options, Sink};

/// What stands for an engine where a process is watched.
pub(crate) const PROCESS: &str = "process";
/// A container that is younger than this when it is first read began from nothing.
const NEW_US: i64 = 5 * SECOND_US;
/// An end for want of memory is told once, though engines may say it twice within this time.
const SAME_OOM_US: i64 = 10 * SECOND_US;
/// What waits for a sink that fails: later metrics replace earlier ones beyond it.
const WAITING_METRICS_MAX: usize = 500_000;
const WAITING_CHANGES_MAX: usize = 100_000;

pub(crate) struct Watch {
    options: Options,
    machine: Machine,
    /// What task metadata told of each container.
    told: Told,
    clock: Arc<dyn Clock>,
    containers: BTreeMap<String, Watched>,
    /// By the number of their name space.
    networks: HashMap<u64, WatchedNetwork>,
    groups: Vec<Group>,
    /// Values of each cluster and of each service in it.
    ecs: HashMap<(CompactString, Option<CompactString>), EcsSets>,
    load: Load,
    /// Tasks that went away since the last report.
    gone: Vec<Task>,
    changes: Vec<StateChange>,
    metrics: Vec<Metric>,
    is_changed: bool,
    /// Of this watch, and how often it reported.
    reporter: u64,
    number: u64,
    /// Told once: without the kernel's files nothing is measured.
    is_blind: bool,
}

/// A container that is watched.
struct Watched {
    engine: PathBuf,
    /// As its engine describes it.
    inspect: Arc<Inspect>,
    discovered: Discovered,
    source: Option<Source>,
    network: Option<u64>,
    before: Option<(i64, Counters)>,
    reading: Option<Reading>,
    sets: Sets,
    /// What the engine had counted when the last run was seen to begin.
    counted: u64,
    /// In this period.
    restarts: u64,
    oom_kills: u64,
    oom_us: i64,
    /// When its last run ended that was told.
    ended_us: i64,
    /// The run, by its begin, whose end was told.
    ended_run_us: Option<i64>,
}

/// Where it stands what a container used.
enum Source {
    Cgroup(Cgroup),
    Processes(Processes),
    Told(Told, String),
}

impl Source {
    /// With the time of it; nothing, where nothing is known yet.
    fn read(&mut self, now_us: i64) -> std::io::Result<Option<(i64, Counters)>> {
        match self {
            Source::Cgroup(cgroup) => cgroup.read().map(|counters| Some((now_us, counters))),
            Source::Processes(processes) => processes.read().map(|counters| Some((now_us, counters))),
            Source::Told(told, id) => Ok(told.of(id)),
        }
    }
}

struct WatchedNetwork {
    network: Network,
    before: Option<(i64, (u64, u64))>,
    /// Bytes a second, received and sent.
    rates: Option<(f64, f64)>,
}

/// The containers of a task.
struct Group {
    cluster: CompactString,
    service: Option<CompactString>,
    family: CompactString,
    revision: CompactString,
    task: CompactString,
    of_task: OfTask,
    members: Vec<String>,
    sets: Sets,
}

#[derive(Default)]
struct EcsSets {
    cpu: Set,
    memory: Set,
    cpu_reservation: Set,
    memory_reservation: Set,
}

impl Group {
    fn place(&self) -> Place<'_> {
        Place { cluster: &self.cluster, service: self.service.as_deref(), family: &self.family, task: &self.task }
    }
}

impl Watched {
    fn container(&self) -> &Container {
        &self.discovered.container
    }

    fn is_running(&self) -> bool {
        self.container().status == Status::Running
    }
}

impl Watch {
    pub(crate) fn new(options: Options, told: Told, clock: Arc<dyn Clock>) -> Watch {
        let machine = Machine::new(&options.proc_root);
        let load = machine.load();
        // No two watches begin in the same microsecond with the same process id.
        let reporter = (clock.now_us() as u64) ^ (u64::from(std::process::id()) << 52);
        Watch {
            options,
            machine,
            told,
            clock,
            containers: BTreeMap::new(),
            networks: HashMap::new(),
            groups: Vec::new(),
            ecs: HashMap::new(),
            load,
            gone: Vec::new(),
            changes: Vec::new(),
            metrics: Vec::new(),
            is_changed: false,
            reporter,
            number: 1,
            is_blind: false,
        }
    }

    pub(crate) async fn run(mut self, mut messages: Receiver<Message>, sink: impl Sink) {
        loop {
            let now_us = self.clock.now_us();
            let next_us = (now_us.div_euclid(SECOND_US) + 1) * SECOND_US;
            let tick = sleep(Duration::from_micros((next_us - now_us).unsigned_abs()));
            tokio::pin!(tick);
            loop {
                tokio::select! {
                    () = &mut tick => break,
                    message = messages.recv() => match message {
                        Some(message) => self.apply(message),
                        // Nothing more will be said: what is left is told.
                        None => {
                            let now_us = self.clock.now_us();
                            self.second(now_us);
                            self.end_period(now_us - now_us.rem_euclid(STANDARD_PERIOD * SECOND_US));
                            self.report(&sink).await;
                            return;
                        }
                    },
                }
            }
            // Reading files blocks.
            let read = tokio::task::spawn_blocking(move || {
                self.second(next_us);
                self
            });
            match read.await {
                Ok(watch) => self = watch,
                Err(err) => {
                    warn!(error = %err, "containers are no longer watched");
                    return;
                }
            }
            let every_us = self.options.every.as_micros() as i64;
            let is_end = next_us.rem_euclid(every_us) == 0;
            if is_end {
                let begin_us = next_us - every_us;
                self.end_period(begin_us - begin_us.rem_euclid(STANDARD_PERIOD * SECOND_US));
            }
            if is_end || self.is_changed {
                self.report(&sink).await;
            }
        }
    }

    async fn report(&mut self, sink: &impl Sink) {
        let report = Report {
            instance: self.instance().to_owned(),
            source: self.options.source.clone(),
            reporter: self.reporter,
            number: self.number,
            time_us: self.clock.now_us(),
            tasks: self.tasks(),
            gone: self.gone.clone(),
            changes: std::mem::take(&mut self.changes),
            metrics: std::mem::take(&mut self.metrics),
        };
        match sink.take(&report).await {
            Ok(()) => {
                self.number += 1;
                self.gone.clear();
                self.is_changed = false;
            }
            Err(err) => {
                warn!(error = %err, "what containers used cannot be kept now; it is tried again");
                (self.changes, self.metrics) = (report.changes, report.metrics);
                self.changes.drain(..self.changes.len().saturating_sub(WAITING_CHANGES_MAX));
                self.metrics.drain(..self.metrics.len().saturating_sub(WAITING_METRICS_MAX));
            }
        }
    }

    fn instance(&self) -> &str {
        if self.options.instance.is_empty() { &self.machine.host_name } else { &self.options.instance }
    }

    pub(crate) fn apply(&mut self, message: Message) {
        match message {
            Message::All(engine, all) => {
                let there: BTreeSet<&str> = all.iter().map(|inspect| inspect.id.as_str()).collect();
                let is_gone = |(id, watched): (&String, &Watched)| {
                    (watched.engine == engine && !there.contains(id.as_str())).then(|| id.clone())
                };
                let gone: Vec<String> = self.containers.iter().filter_map(is_gone).collect();
                gone.iter().for_each(|id| self.remove(id));
                for inspect in &all {
                    self.see(&engine, inspect, None);
                }
            }
            Message::Happened(engine, event, Some(inspect)) => self.see(&engine, &inspect, Some(&event)),
            Message::Happened(_, event, None) => {
                self.end(event.id(), event.time_us(), event.exit_code(), None);
                self.remove(event.id());
            }
        }
        self.regroup();
        if let Some(metadata) = &self.options.metadata {
            metadata.learn(self.known());
        }
    }

    /// What is told to those that ask about themselves.
    fn known(&self) -> Vec<Known> {
        let member = |id: &String| {
            let watched = self.containers.get(id)?;
            Some(Member { engine: watched.engine.clone(), inspect: watched.inspect.clone() })
        };
        let tasks = self.tasks().into_iter().zip(&self.groups);
        tasks.map(|(task, group)| Known { task, members: group.members.iter().filter_map(member).collect() }).collect()
    }

    /// Learns how a container is now, and tells what of it changed.
    fn see(&mut self, engine: &Path, inspect: &Inspect, event: Option<&Event>) {
        let mut discovered = discover(inspect, &self.options.cluster);
        if self.options.with_lines && lines::is_read(inspect) {
            // As the awslogs driver says where its lines are.
            let group = lines::group(&discovered, inspect);
            discovered.container.log_options.entry("awslogs-group".to_owned()).or_insert(group);
        }
        let (id, time_us) = (discovered.container.id.clone(), event.map_or_else(|| self.clock.now_us(), Event::time_us));
        let action = event.map(|event| event.action.split(':').next().unwrap_or_default()).unwrap_or_default();
        // What ended may run again by now.
        if matches!(action, "die" | "died") {
            if discovered.oom_killed {
                self.out_of_memory(&id, time_us);
            }
            let reason = discovered.container.reason.clone();
            self.end(&id, time_us, event.and_then(Event::exit_code), reason);
        } else if action == "oom" {
            self.out_of_memory(&id, time_us);
        }
        let is_deployed = self.is_deployed(&discovered);
        let Some(known) = self.containers.get_mut(&id) else {
            // One that ran before anybody watched did not start now.
            let began = matches!(action, "start" | "create") && discovered.container.started_us.is_some();
            let watched = Watched {
                engine: engine.to_owned(),
                inspect: Arc::new(inspect.clone()),
                ended_run_us: (discovered.container.status == Status::Stopped).then_some(discovered.container.started_us).flatten(),
                discovered,
                source: None,
                network: None,
                before: None,
                reading: None,
                sets: Sets::default(),
                counted: inspect.restart_count,
                restarts: 0,
                oom_kills: 0,
                oom_us: i64::MIN / 2,
                ended_us: i64::MIN / 2,
            };
            self.containers.insert(id.clone(), watched);
            self.open(&id);
            if began {
                self.began(&id, is_deployed, false);
            }
            self.is_changed = true;
            return;
        };
        known.inspect = Arc::new(inspect.clone());
        let before = std::mem::replace(&mut known.discovered, discovered);
        let (was, is) = (&before.container, &known.discovered.container);
        let is_new_run = is.started_us.is_some() && is.started_us != was.started_us;
        let (was_run_us, is_again) = (was.started_us, was.started_us.is_some());
        if is_new_run {
            // Beginnings that nobody saw count too.
            known.restarts += is.restarts.saturating_sub(known.counted).max(u64::from(is_again));
            known.counted = is.restarts;
        }
        let (was_health, health, status) = (was.health, is.health, is.status);
        self.is_changed |= was != is;
        if is_new_run {
            if is_again && known.ended_run_us != was_run_us {
                let stopped_us = known.container().started_us.unwrap_or(time_us);
                known.ended_run_us = was_run_us;
                self.tell(&id, Change::Stopped, stopped_us, None, None);
            }
            self.open(&id);
            self.began(&id, is_deployed && !is_again, is_again);
        }
        if status == Status::Stopped {
            let container = &self.containers[&id].discovered.container;
            let (stopped_us, exit_code, reason) =
                (container.stopped_us.unwrap_or(time_us), container.exit_code, container.reason.clone());
            self.end(&id, stopped_us, exit_code, reason);
        } else if was_health != health || is_new_run {
            match health {
                Health::Healthy => self.tell(&id, Change::Healthy, time_us, None, None),
                Health::Unhealthy => self.tell(&id, Change::Unhealthy, time_us, None, None),
                Health::Unknown => {}
            }
        }
    }

    /// Whether it is of another image or definition than those that do the same work now.
    fn is_deployed(&self, discovered: &Discovered) -> bool {
        let is_same_work = |watched: &&Watched| {
            let other = &watched.discovered;
            other.service.is_some()
                && (&other.cluster, &other.service, &other.container.name)
                    == (&discovered.cluster, &discovered.service, &discovered.container.name)
                && other.container.id != discovered.container.id
        };
        let newest = self.containers.values().filter(is_same_work).max_by_key(|watched| watched.container().created_us);
        newest.is_some_and(|watched| {
            let other = &watched.discovered;
            other.container.image_id != discovered.container.image_id || other.revision != discovered.revision
        })
    }

    fn began(&mut self, id: &str, is_deployed: bool, is_again: bool) {
        let Some(started_us) = self.containers.get(id).and_then(|watched| watched.container().started_us) else { return };
        if is_deployed {
            let image = self.containers[id].container().image.clone();
            self.tell(id, Change::Deployed, started_us, None, Some(image));
        }
        self.tell(id, if is_again { Change::Restarted } else { Change::Started }, started_us, None, None);
    }

    /// Tells the end of the run that is under way, once.
    fn end(&mut self, id: &str, time_us: i64, exit_code: Option<i64>, reason: Option<String>) {
        let Some(watched) = self.containers.get_mut(id) else { return };
        let run_us = watched.container().started_us;
        if run_us.is_none() || watched.ended_run_us == run_us {
            return;
        }
        (watched.ended_run_us, watched.ended_us) = (run_us, time_us);
        (watched.source, watched.network, watched.before) = (None, None, None);
        self.tell(id, Change::Stopped, time_us, exit_code, reason);
    }

    fn out_of_memory(&mut self, id: &str, time_us: i64) {
        let Some(watched) = self.containers.get_mut(id) else { return };
        if time_us - watched.oom_us < SAME_OOM_US {
            return;
        }
        watched.oom_us = time_us;
        watched.oom_kills += 1;
        // Some engines tell the reason after the end.
        let is_late = watched.ended_us <= time_us && time_us - watched.ended_us < SAME_OOM_US;
        let time_us = if is_late { watched.ended_us - 1 } else { time_us };
        self.tell(id, Change::OutOfMemory, time_us, None, None);
    }

    fn tell(&mut self, id: &str, change: Change, time_us: i64, exit_code: Option<i64>, reason: Option<String>) {
        let Some(watched) = self.containers.get(id).filter(|watched| !watched.container().is_pause) else { return };
        let discovered = &watched.discovered;
        self.changes.push(StateChange {
            time_us,
            owner: None,
            cluster: discovered.cluster.clone(),
            service: discovered.service.clone(),
            family: discovered.family.clone(),
            task: discovered.task.clone(),
            container: discovered.container.name.clone(),
            container_id: id.to_owned(),
            change,
            exit_code,
            reason,
        });
        self.is_changed = true;
    }

    /// Finds the files in which the kernel counts for a container.
    fn open(&mut self, id: &str) {
        let Some(watched) = self.containers.get_mut(id) else { return };
        (watched.source, watched.network, watched.before) = (None, None, None);
        if watched.engine == Path::new(TASK_METADATA) {
            if watched.is_running() {
                watched.source = Some(Source::Told(self.told.clone(), id.to_owned()));
                // All containers of a task on ECS have one network, if it is theirs.
                let network = if watched.container().network_mode == "awsvpc" { watched.discovered.task.as_str() } else { id };
                let mut hasher = DefaultHasher::new();
                network.hash(&mut hasher);
                watched.network = Some(hasher.finish());
            }
            return;
        }
        let Some(pid) = watched.discovered.pid else { return };
        let (cgroup_root, proc_root) = (&self.options.cgroup_root, &self.options.proc_root);
        let source = match watched.engine == Path::new(PROCESS) {
            true => Processes::of(proc_root, pid, id).map(Source::Processes),
            false => Cgroup::of_process(cgroup_root, proc_root, pid).map(Source::Cgroup),
        };
        match source {
            Ok(source) => watched.source = Some(source),
            // It may have ended again.
            Err(err) if !proc_root.join(pid.to_string()).exists() && proc_root.join("1").exists() && !self.is_blind => {
                debug!(error = %err, "a container has no process any more");
            }
            Err(err) if !self.is_blind => {
                self.is_blind = true;
                warn!(error = %err, "what containers use cannot be measured: see containers.cgroup_root and containers.proc_root in the configuration");
            }
            Err(_) => {}
        }
        let started_us = watched.container().started_us.unwrap_or(i64::MIN / 2);
        if self.clock.now_us() - started_us < NEW_US {
            watched.before = Some((started_us, Counters::default()));
        }
        if watched.container().network_mode != "none"
            && let Some(network) = Network::of_process(proc_root, pid)
        {
            let inode = network.inode;
            watched.network = Some(inode);
            self.networks.entry(inode).or_insert(WatchedNetwork { network, before: None, rates: None });
        }
    }

    fn remove(&mut self, id: &str) {
        if self.containers.contains_key(id) {
            let now_us = self.clock.now_us();
            self.end(id, now_us, None, None);
            if let Some(watched) = self.containers.get_mut(id) {
                let container = &mut watched.discovered.container;
                container.stopped_us = container.stopped_us.or(Some(now_us));
                container.status = Status::Stopped;
            }
            // A task is gone with the last of its containers.
            let task = self.containers[id].discovered.task.clone();
            let of_task = |watched: &&Watched| watched.discovered.task == task;
            if self.containers.values().filter(of_task).count() == 1 {
                self.regroup();
                self.gone.extend(self.tasks().into_iter().filter(|known| known.id == task));
            }
            self.containers.remove(id);
            self.is_changed = true;
        }
    }

    /// Puts containers together that are a task.
    fn regroup(&mut self) {
        let mut of_task: BTreeMap<&CompactString, Vec<&Watched>> = BTreeMap::new();
        for watched in self.containers.values() {
            of_task.entry(&watched.discovered.task).or_default().push(watched);
        }
        let mut sets: HashMap<CompactString, Sets> = self.groups.drain(..).map(|group| (group.task, group.sets)).collect();
        self.groups = of_task
            .into_iter()
            .filter_map(|(task, mut members)| {
                members.sort_by_key(|watched| (watched.container().is_pause, watched.container().created_us));
                let leader = &members.first()?.discovered;
                Some(Group {
                    cluster: leader.cluster.clone(),
                    service: leader.service.clone(),
                    family: leader.family.clone(),
                    revision: leader.revision.clone(),
                    task: task.clone(),
                    of_task: members.first()?.inspect.of_task,
                    sets: sets.remove(task).unwrap_or_default(),
                    members: members.iter().map(|watched| watched.container().id.clone()).collect(),
                })
            })
            .collect();
        let used: BTreeSet<u64> = self.containers.values().filter_map(|watched| watched.network).collect();
        self.networks.retain(|inode, _| used.contains(inode));
    }

    pub(crate) fn tasks(&self) -> Vec<Task> {
        let container = |id: &String| self.containers.get(id).map(|watched| watched.container().clone());
        let task = |group: &Group| Task {
            id: group.task.clone(),
            cluster: group.cluster.clone(),
            service: group.service.clone(),
            family: group.family.clone(),
            revision: group.revision.clone(),
            instance: self.instance().into(),
            containers: group.members.iter().filter_map(container).collect(),
        };
        self.groups.iter().map(task).collect()
    }

    /// Reads what was used since the last second.
    pub(crate) fn second(&mut self, now_us: i64) {
        for watched in self.networks.values_mut() {
            let Ok(bytes) = watched.network.read() else {
                watched.rates = None;
                continue;
            };
            let before = watched.before.replace((now_us, bytes));
            watched.rates = before.filter(|(time_us, _)| *time_us < now_us).map(|(time_us, before)| {
                let per_second =
                    |now: u64, before: u64| now.saturating_sub(before) as f64 / ((now_us - time_us) as f64 / SECOND_US as f64);
                (per_second(bytes.0, before.0), per_second(bytes.1, before.1))
            });
        }
        for watched in self.containers.values_mut() {
            watched.reading = None;
            let Some(source) = &mut watched.source else { continue };
            let Ok(read) = source.read(now_us) else {
                // It has ended; its engine will say so.
                watched.source = None;
                continue;
            };
            let Some((read_us, counters)) = read else { continue };
            if watched.before.is_some_and(|(time_us, _)| read_us <= time_us) {
                continue;
            }
            let Some((time_us, before)) = watched.before.replace((read_us, counters)) else { continue };
            let us = read_us - time_us;
            let per_second = |now: u64, before: u64| now.saturating_sub(before) as f64 / (us as f64 / SECOND_US as f64);
            let told = counters.network.zip(before.network);
            let told = told.map(|(now, before)| (per_second(now.0, before.0), per_second(now.1, before.1)));
            let rates = told.or_else(|| watched.network.and_then(|inode| self.networks.get(&inode)?.rates));
            watched.reading = Some(reading(&counters, &before, us, rates));
        }
        self.add_up();
    }

    /// Adds the readings of this second to those of the period.
    fn add_up(&mut self) {
        let (all_cpu, all_memory) = (self.machine.cores * CPU_UNITS, mib(self.machine.memory_bytes));
        let mut sums: HashMap<(CompactString, Option<CompactString>), [f64; 6]> = HashMap::new();
        for group in &mut self.groups {
            let members: Vec<&Watched> = group.members.iter().filter_map(|id| self.containers.get(id)).collect();
            let working = || members.iter().filter(|watched| !watched.container().is_pause && watched.is_running());
            // As long as there is nothing but the network of a task, nobody knows what it may use.
            if working().next().is_none() {
                continue;
            }
            let asked_cpu = working().filter_map(|watched| watched.container().cpu).sum();
            let asked_cpu: f64 = group.of_task.cpu.unwrap_or(asked_cpu);
            let asked_memory = working().filter_map(|watched| watched.container().memory).sum();
            let asked_memory = mib(group.of_task.memory.unwrap_or(asked_memory));
            let mut of_task = Reading {
                cpu_reserved: if asked_cpu > 0.0 { asked_cpu } else { all_cpu },
                memory_reserved: if asked_memory > 0.0 { asked_memory } else { all_memory },
                ephemeral: group.of_task.ephemeral.map(|(used, there)| (gib(used), gib(there))),
                ..Reading::default()
            };
            let mut is_read = false;
            let mut networks = BTreeSet::new();
            for watched in &members {
                let Some(reading) = watched.reading else { continue };
                is_read = true;
                of_task.cpu += reading.cpu;
                of_task.memory += reading.memory;
                of_task.read += reading.read;
                of_task.written += reading.written;
                // Containers of one task mostly share a network.
                if watched.network.is_some_and(|inode| networks.insert(inode)) {
                    of_task.received = Some(of_task.received.unwrap_or(0.0) + reading.received.unwrap_or(0.0));
                    of_task.sent = Some(of_task.sent.unwrap_or(0.0) + reading.sent.unwrap_or(0.0));
                }
            }
            if !is_read {
                continue;
            }
            usage::add(&mut group.sets, &of_task);
            for service in [None, group.service.clone()].into_iter().take(1 + usize::from(group.service.is_some())) {
                let sums = sums.entry((group.cluster.clone(), service)).or_default();
                let more = [of_task.cpu, of_task.cpu_reserved, of_task.memory, of_task.memory_reserved, asked_cpu, asked_memory];
                sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            }
            for id in &group.members {
                let Some(watched) = self.containers.get_mut(id).filter(|watched| !watched.container().is_pause) else { continue };
                let Some(mut reading) = watched.reading else { continue };
                reading.cpu_reserved = watched.container().cpu.unwrap_or(of_task.cpu_reserved);
                reading.memory_reserved = watched.container().memory.map_or(of_task.memory_reserved, mib);
                usage::add(&mut watched.sets, &reading);
            }
        }
        for (key, [cpu, cpu_reserved, memory, memory_reserved, asked_cpu, asked_memory]) in sums {
            let sets = self.ecs.entry(key).or_default();
            let mut add =
                |set: fn(&mut EcsSets) -> &mut Set, value: Option<f64>| value.into_iter().for_each(|value| set(sets).add(value));
            add(|sets| &mut sets.cpu, share(cpu, cpu_reserved));
            add(|sets| &mut sets.memory, share(memory, memory_reserved));
            add(|sets| &mut sets.cpu_reservation, share(asked_cpu, all_cpu));
            add(|sets| &mut sets.memory_reservation, share(asked_memory, all_memory));
        }
    }

    /// Makes metrics of what was read.
    pub(crate) fn end_period(&mut self, time_us: i64) {
        let mut metrics = Metrics::default();
        let mut running: BTreeMap<CompactString, (u64, f64, f64)> = BTreeMap::new();
        for group in &mut self.groups {
            let sets = std::mem::take(&mut group.sets);
            let place = group.place();
            metrics.task(&place, &sets);
            let mut is_running = false;
            for id in &group.members {
                let Some(watched) = self.containers.get_mut(id).filter(|watched| !watched.container().is_pause) else { continue };
                let container = &watched.discovered.container;
                metrics.container(&place, &container.name, &watched.sets);
                let is_watched = watched.is_running() || !watched.sets[0].is_empty();
                let count = |metrics: &mut Metrics, name: &str, dimensions: Vec<Dimensions>, value: f64| {
                    dimensions.into_iter().for_each(|dimensions| metrics.value(name, "Count", dimensions, value));
                };
                let of_container = place.of_container(&container.name);
                if watched.restarts > 0 || (container.has_restart_policy && is_watched) {
                    // The cluster's set is among both.
                    let dimensions = place.of_task().into_iter().chain(of_container.iter().skip(1).cloned()).collect();
                    count(&mut metrics, "RestartCount", dimensions, watched.restarts as f64);
                }
                if watched.oom_kills > 0 || is_watched {
                    count(&mut metrics, "ContainerOomKillCount", of_container.clone(), watched.oom_kills as f64);
                }
                if watched.is_running() && container.health != Health::Unknown {
                    let unhealthy = f64::from(u8::from(container.health == Health::Unhealthy));
                    count(&mut metrics, "UnHealthyContainerHealthStatus", of_container, unhealthy);
                }
                is_running |= watched.is_running();
                (watched.sets, watched.restarts, watched.oom_kills) = (Sets::default(), 0, 0);
            }
            if is_running {
                let working = group.members.iter().filter_map(|id| self.containers.get(id)).filter(|watched| watched.is_running());
                let of_cluster = running.entry(group.cluster.clone()).or_default();
                of_cluster.0 += 1;
                for watched in working {
                    of_cluster.1 += watched.container().cpu.unwrap_or(0.0);
                    of_cluster.2 += watched.container().memory.map_or(0.0, mib);
                }
            }
        }
        for ((cluster, service), sets) in self.ecs.drain() {
            let is_cluster = service.is_none();
            let service = service.as_deref().map(|service| ("ServiceName", service));
            let dimensions = Dimensions::new([("ClusterName", cluster.as_str())].into_iter().chain(service));
            let mut set = |name: &str, set: &Set| metrics.set(ECS, name, "Percent", dimensions.clone(), set);
            set("CPUUtilization", &sets.cpu);
            set("MemoryUtilization", &sets.memory);
            if is_cluster {
                set("CPUReservation", &sets.cpu_reservation);
                set("MemoryReservation", &sets.memory_reservation);
            }
        }
        // A task on ECS does not say what its machine does.
        if self.options.task.is_none() {
            self.end_period_of_machine(&mut metrics, &running);
        }
        self.metrics.extend(metrics.finish(time_us));
    }

    /// What of the machine is used, told to every cluster that has something running on it.
    fn end_period_of_machine(&mut self, metrics: &mut Metrics, running: &BTreeMap<CompactString, (u64, f64, f64)>) {
        let load = self.machine.load();
        let before = std::mem::replace(&mut self.load, load);
        let Some(cpu) = load.cpu_since(&before) else { return };
        let (cores, memory) = (self.machine.cores, self.machine.memory_bytes as f64);
        let network = load.network_bytes_since(&before) as f64 / self.options.every.as_secs_f64();
        for (cluster, (tasks, cpu_reserved, memory_reserved)) in running {
            let of_cluster = Dimensions::new([("ClusterName", cluster.as_str())]);
            let instance = self.instance();
            let of_instance =
                Dimensions::new([("ClusterName", cluster.as_str()), ("InstanceId", instance), ("ContainerInstanceId", instance)]);
            let units = [
                ("instance_cpu_limit", NO_UNIT, Some(cores * CPU_UNITS)),
                ("instance_cpu_usage_total", NO_UNIT, Some(cpu * cores * CPU_UNITS)),
                ("instance_memory_limit", "Bytes", Some(memory)),
                ("instance_memory_working_set", "Bytes", Some(load.memory_bytes as f64)),
                ("instance_network_total_bytes", "Bytes/Second", Some(network)),
                ("instance_number_of_running_tasks", "Count", Some(*tasks as f64)),
            ];
            let shares = [
                ("instance_cpu_utilization", "Percent", Some(cpu * 100.0)),
                ("instance_cpu_reserved_capacity", "Percent", share(*cpu_reserved, cores * CPU_UNITS)),
                ("instance_memory_utilization", "Percent", share(load.memory_bytes as f64, memory)),
                ("instance_memory_reserved_capacity", "Percent", share(*memory_reserved, mib(self.machine.memory_bytes))),
                ("instance_filesystem_utilization", "Percent", Some(load.disk_used)),
            ];
            for (place, (name, unit, value)) in units.into_iter().chain(shares).enumerate() {
                let Some(value) = value else { continue };
                metrics.value(name, unit, of_cluster.clone(), value);
                if place >= units.len() {
                    metrics.value(name, unit, of_instance.clone(), value);
                }
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn taken(&mut self) -> (Vec<StateChange>, Vec<Metric>) {
        (std::mem::take(&mut self.changes), std::mem::take(&mut self.metrics))
    }
}

fn reading(now: &Counters, before: &Counters, us: i64, rates: Option<(f64, f64)>) -> Reading {
    let since = |now: u64, before: u64| now.saturating_sub(before) as f64;
    let periods = since(now.periods, before.periods);
    let pressure = now.pressure_us.map(|now| {
        let before = before.pressure_us.unwrap_or(now);
        std::array::from_fn(|place| since(now[place], before[place]) / us as f64 * 100.0)
    });
    Reading {
        cpu: since(now.cpu_ns, before.cpu_ns) / (us as f64 * 1_000.0) * CPU_UNITS,
        memory: mib(now.memory_bytes),
        received: rates.map(|rates| rates.0),
        sent: rates.map(|rates| rates.1),
        read: now.read_bytes as f64,
        written: now.written_bytes as f64,
        processes: now.processes as f64,
        throttled: (now.periods > 0).then(|| share(since(now.throttled_periods, before.throttled_periods), periods).unwrap_or(0.0)),
        pressure,
        ..Reading::default()
    }
}
