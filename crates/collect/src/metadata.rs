//! What ECS tells a task about itself (task metadata, version 4), told to the containers and processes of this machine, so that programs
//! that know ECS find what they look for.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Path as UrlPath, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, SecondsFormat};
use model::container::{Container, MIB, Status, Task};
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::cgroup::Counters;
use crate::docker::{Engine, Inspect};
use crate::process::Processes;
use crate::watch::PROCESS;

/// The environment variable that says where this is; what it says ends with who asks.
pub const URI_VARIABLE: &str = "ECS_CONTAINER_METADATA_URI_V4";

/// Programs ask as soon as they start, and their engine may not have told of them yet.
const WAIT_FOR_START: Duration = Duration::from_secs(3);
/// What was read is told again for this long, to whoever asks.
const FRESH: Duration = Duration::from_secs(1);
/// How many containers are read at a time.
const READS_MAX: usize = 16;
/// The shortest beginning of an id that stands for it.
const SHORT_ID: usize = 12;
/// Whoever asks, by the address it asks from.
const SELF: &str = "self";

/// A task, and what engines say of its containers, in the same order.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) task: Task,
    pub(crate) members: Vec<Member>,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) engine: PathBuf,
    pub(crate) inspect: Arc<Inspect>,
}

/// Answers about the containers that a watch knows. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metadata(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    region: String,
    account_id: String,
    proc_root: PathBuf,
    known: watch::Sender<Arc<Vec<Known>>>,
    /// By the id of a container.
    stats: Mutex<HashMap<String, Arc<Mutex<LastStats>>>>,
    reads: Semaphore,
}

/// What was read of a container, and when.
type LastStats = Option<(Instant, Value)>;

/// A container of a task.
#[derive(Clone)]
struct Found {
    all: Arc<Vec<Known>>,
    task: usize,
    member: usize,
}

impl Found {
    fn known(&self) -> &Known {
        &self.all[self.task]
    }

    fn task(&self) -> &Task {
        &self.known().task
    }
}

impl Metadata {
    /// Of tasks whose names begin with this region and account.
    pub fn new(region: &str, account_id: &str, proc_root: &Path) -> Metadata {
        Metadata(Arc::new(Inner {
            region: region.to_owned(),
            account_id: account_id.to_owned(),
            proc_root: proc_root.to_owned(),
            known: watch::Sender::default(),
            stats: Mutex::default(),
            reads: Semaphore::new(READS_MAX),
        }))
    }

    /// `/v4/{id}` and what is beneath it. The id is a container's, a beginning of it, its name, or `self`, which is told by the address
    /// that asks: an [`IpAddr`] among the request's extensions.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v4/{id}", get(container))
            .route("/v4/{id}/task", get(task))
            .route("/v4/{id}/taskWithTags", get(task_with_tags))
            .route("/v4/{id}/stats", get(stats))
            .route("/v4/{id}/task/stats", get(task_stats))
            .fallback(|| async {
                refuse(
                    StatusCode::NOT_FOUND,
                    "there are /v4/ID, /v4/ID/task, /v4/ID/taskWithTags, /v4/ID/stats and /v4/ID/task/stats",
                )
            })
            .with_state(self.clone())
    }

    pub(crate) fn learn(&self, known: Vec<Known>) {
        self.0.known.send_replace(Arc::new(known));
    }

    /// The container that is meant, once it is known.
    async fn find(&self, id: &str, peer: Option<IpAddr>) -> Result<Found, Response> {
        let mut known = self.0.known.subscribe();
        let found = async {
            loop {
                let all = known.borrow_and_update().clone();
                if let Some((task, member)) = place(&all, id, peer) {
                    return Some(Found { all, task, member });
                }
                known.changed().await.ok()?;
            }
        };
        timeout(WAIT_FOR_START, found).await.ok().flatten().ok_or_else(|| {
            let who = match (id, peer) {
                (SELF, Some(peer)) => {
                    format!("no container has the address {peer}: end {URI_VARIABLE} with the name of the container")
                }
                _ => format!("no container has the id or the name {id:?}"),
            };
            refuse(StatusCode::NOT_FOUND, &who)
        })
    }

    fn arn(&self, what: &str) -> String {
        format!("arn:aws:ecs:{}:{}:{what}", self.0.region, self.0.account_id)
    }

    fn container(&self, task: &Task, container: &Container, inspect: &Inspect) -> Value {
        let mut labels = inspect.config.labels.clone();
        let of_ecs = [
            ("cluster", task.cluster.to_string()),
            ("container-name", container.name.to_string()),
            ("task-arn", self.arn(&format!("task/{}/{}", task.cluster, task.id))),
            ("task-definition-family", task.family.to_string()),
            ("task-definition-version", task.revision.to_string()),
        ];
        for (name, value) in of_ecs {
            labels.entry(format!("com.amazonaws.ecs.{name}")).or_insert(value);
        }
        let mut told = json!({
            "DockerId": container.id,
            "Name": container.name,
            "DockerName": container.engine_name,
            "Image": container.image,
            "ImageID": container.image_id,
            "Labels": labels,
            "DesiredStatus": if container.status == Status::Stopped { "STOPPED" } else { "RUNNING" },
            "KnownStatus": container.status.as_str(),
            "Limits": {"CPU": container.cpu.unwrap_or(0.0).round() as i64, "Memory": container.memory.map_or(0, |bytes| (bytes as f64 / MIB).round() as i64)},
            "Type": if container.is_pause { "CNI_PAUSE" } else { "NORMAL" },
            "ContainerARN": self.arn(&format!("container/{}/{}/{}", task.cluster, task.id, container.id)),
            "RestartCount": container.restarts,
        });
        let mut more = |name: &str, value: Option<Value>| {
            if let (Some(told), Some(value)) = (told.as_object_mut(), value) {
                told.insert(name.to_owned(), value);
            }
        };
        more("CreatedAt", time(Some(container.created_us)));
        more("StartedAt", time(container.started_us));
        more("FinishedAt", time(container.stopped_us));
        more("ExitCode", container.exit_code.map(Value::from));
        more("LogDriver", (!container.log_driver.is_empty()).then(|| container.log_driver.clone().into()));
        // Where its lines are read to is no option of its driver.
        let is_of_driver = |name: &str| container.log_driver == "awslogs" || !name.starts_with("awslogs-");
        let options: BTreeMap<_, _> = container.log_options.iter().filter(|(name, _)| is_of_driver(name)).collect();
        more("LogOptions", (!options.is_empty()).then(|| json!(options)));
        more("Health", health(inspect));
        more("Ports", ports(inspect));
        more("Volumes", volumes(inspect));
        more("Networks", networks(&container.network_mode, inspect));
        told
    }

    fn task(&self, known: &Known) -> Value {
        let task = &known.task;
        let containers = task.containers.iter().zip(&known.members);
        let mut told = json!({
            "Cluster": self.arn(&format!("cluster/{}", task.cluster)),
            "TaskARN": self.arn(&format!("task/{}/{}", task.cluster, task.id)),
            "Family": task.family,
            "Revision": task.revision,
            "DesiredStatus": if task.status() == Status::Stopped { "STOPPED" } else { "RUNNING" },
            "KnownStatus": task.status().as_str(),
            "Containers": containers.map(|(container, member)| self.container(task, container, &member.inspect)).collect::<Vec<_>>(),
            "LaunchType": "EXTERNAL",
        });
        let cpu: f64 = task.working().filter_map(|container| container.cpu).sum();
        let memory: u64 = task.working().filter_map(|container| container.memory).sum();
        let mut limits = Map::new();
        if cpu > 0.0 {
            limits.insert("CPU".to_owned(), json!(cpu / model::container::CPU_UNITS));
        }
        if memory > 0 {
            limits.insert("Memory".to_owned(), json!((memory as f64 / MIB).round() as i64));
        }
        let mut more = |name: &str, value: Option<Value>| {
            if let (Some(told), Some(value)) = (told.as_object_mut(), value) {
                told.insert(name.to_owned(), value);
            }
        };
        more("ServiceName", task.service.as_ref().map(|service| json!(service)));
        more("Limits", (!limits.is_empty()).then(|| limits.into()));
        more("ExecutionStoppedAt", time(task.stopped_us()));
        told
    }

    /// What a container uses, as Docker says it; nothing of one that does not run.
    async fn stats(&self, container: &Container, member: &Member) -> Value {
        if container.status != Status::Running {
            return Value::Null;
        }
        let slot = {
            let mut stats = self.0.stats.lock().await;
            let all = self.0.known.borrow().clone();
            let is_there = |id: &String| all.iter().flat_map(|known| &known.task.containers).any(|container| container.id == *id);
            // Seldom more than there are.
            if stats.len() > 2 * all.iter().map(|known| known.members.len()).sum::<usize>() {
                stats.retain(|id, _| is_there(id));
            }
            stats.entry(container.id.clone()).or_default().clone()
        };
        // Whoever else asks waits for the same answer.
        let mut slot = slot.lock().await;
        if let Some((read, told)) = slot.as_ref()
            && read.elapsed() < FRESH
        {
            return told.clone();
        }
        let Ok(_place) = self.0.reads.acquire().await else { return Value::Null };
        let read = match member.engine == Path::new(PROCESS) {
            true => process_stats(&self.0.proc_root, &member.inspect).await,
            false => {
                Engine::new(member.engine.clone()).stats(&container.id).await.ok().map(|(before, now)| with_rates(&before, now))
            }
        };
        let told = read.unwrap_or(Value::Null);
        *slot = (!told.is_null()).then(|| (Instant::now(), told.clone()));
        told
    }
}

type Peer = Option<Extension<IpAddr>>;

async fn container(State(metadata): State<Metadata>, UrlPath(id): UrlPath<String>, peer: Peer) -> Result<Response, Response> {
    let found = metadata.find(&id, peer.map(|peer| peer.0)).await?;
    let (task, member) = (found.task(), &found.known().members[found.member]);
    Ok(answer(&metadata.container(task, &task.containers[found.member], &member.inspect)))
}

async fn task(State(metadata): State<Metadata>, UrlPath(id): UrlPath<String>, peer: Peer) -> Result<Response, Response> {
    let found = metadata.find(&id, peer.map(|peer| peer.0)).await?;
    Ok(answer(&metadata.task(found.known())))
}

/// Nothing here has tags, which is as if none were set.
async fn task_with_tags(State(metadata): State<Metadata>, UrlPath(id): UrlPath<String>, peer: Peer) -> Result<Response, Response> {
    let found = metadata.find(&id, peer.map(|peer| peer.0)).await?;
    let mut told = metadata.task(found.known());
    if let Some(told) = told.as_object_mut() {
        told.insert("TaskTags".to_owned(), json!({}));
        told.insert("ContainerInstanceTags".to_owned(), json!({}));
    }
    Ok(answer(&told))
}

async fn stats(State(metadata): State<Metadata>, UrlPath(id): UrlPath<String>, peer: Peer) -> Result<Response, Response> {
    let found = metadata.find(&id, peer.map(|peer| peer.0)).await?;
    let container = &found.task().containers[found.member];
    match metadata.stats(container, &found.known().members[found.member]).await {
        Value::Null => Err(refuse(StatusCode::NOT_FOUND, &format!("nothing is measured of container {} now", container.name))),
        told => Ok(answer(&told)),
    }
}

async fn task_stats(State(metadata): State<Metadata>, UrlPath(id): UrlPath<String>, peer: Peer) -> Result<Response, Response> {
    let found = metadata.find(&id, peer.map(|peer| peer.0)).await?;
    let mut reads = JoinSet::new();
    for member in 0..found.task().containers.len() {
        let (metadata, found) = (metadata.clone(), found.clone());
        reads.spawn(async move {
            let container = &found.task().containers[member];
            (container.id.clone(), metadata.stats(container, &found.known().members[member]).await)
        });
    }
    let told: Map<String, Value> = reads.join_all().await.into_iter().collect();
    Ok(answer(&told.into()))
}

fn answer(told: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], told.to_string()).into_response()
}

/// As ECS's agent refuses: a text.
fn refuse(status: StatusCode, message: &str) -> Response {
    let mut refusal = answer(&format!("V4 task metadata: {message}").into());
    *refusal.status_mut() = status;
    refusal
}

fn place(all: &[Known], id: &str, peer: Option<IpAddr>) -> Option<(usize, usize)> {
    let is_meant = |container: &Container| match id {
        SELF => peer.is_some_and(|peer| container.addresses.iter().any(|address| address.parse() == Ok(peer))),
        id => container.id == id || container.engine_name == id || (id.len() >= SHORT_ID && container.id.starts_with(id)),
    };
    let containers = |(task, known): (usize, &Known)| {
        // Whoever shares an address with others is one of those that work.
        let members = known.task.containers.iter().enumerate().filter(|(_, container)| is_meant(container));
        members
            .min_by_key(|(_, container)| (container.status == Status::Stopped, id == SELF && container.is_pause))
            .map(|(member, _)| (task, member))
    };
    let of_status = |(task, member): &(usize, usize)| all[*task].task.containers[*member].status == Status::Stopped;
    all.iter().enumerate().filter_map(containers).min_by_key(of_status).map(|(task, member)| {
        // A pause container has the address of all its task's containers.
        let working =
            || all[task].task.containers.iter().position(|container| !container.is_pause && container.status == Status::Running);
        match id == SELF && all[task].task.containers[member].is_pause {
            true => (task, working().unwrap_or(member)),
            false => (task, member),
        }
    })
}

fn time(time_us: Option<i64>) -> Option<Value> {
    let time = DateTime::from_timestamp_micros(time_us.filter(|time_us| *time_us > 0)?)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Micros, true).into())
}

fn health(inspect: &Inspect) -> Option<Value> {
    let health = &inspect.state.health;
    if health.status.is_empty() || health.status == "none" {
        return None;
    }
    let status = match health.status.as_str() {
        "healthy" => "HEALTHY",
        "unhealthy" => "UNHEALTHY",
        _ => "UNKNOWN",
    };
    let mut told = json!({"status": status});
    if let (Some(last), Some(told)) = (health.log.last(), told.as_object_mut()) {
        // The first of the checks since which it has not changed.
        let since =
            health.log.iter().rev().take_while(|check| (check.exit_code == 0) == (last.exit_code == 0)).last().unwrap_or(last);
        told.insert("statusSince".to_owned(), since.end.clone().into());
        told.insert("exitCode".to_owned(), last.exit_code.into());
        told.insert("output".to_owned(), last.output.clone().into());
    }
    Some(told)
}

fn ports(inspect: &Inspect) -> Option<Value> {
    let mut told = Vec::new();
    for (port, bindings) in &inspect.network_settings.ports {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        let Ok(number) = number.parse::<u16>() else { continue };
        let bindings = bindings.as_deref().unwrap_or_default();
        if bindings.is_empty() {
            told.push(json!({"ContainerPort": number, "Protocol": protocol}));
        }
        for binding in bindings {
            let host_port = binding.host_port.parse::<u16>().unwrap_or(0);
            told.push(json!({"ContainerPort": number, "Protocol": protocol, "HostPort": host_port, "HostIp": binding.host_ip}));
        }
    }
    (!told.is_empty()).then(|| told.into())
}

fn volumes(inspect: &Inspect) -> Option<Value> {
    let mounts = inspect.mounts.iter();
    let told: Vec<Value> = mounts
        .map(|mount| match mount.name.is_empty() {
            true => json!({"Source": mount.source, "Destination": mount.destination}),
            false => json!({"DockerName": mount.name, "Source": mount.source, "Destination": mount.destination}),
        })
        .collect();
    (!told.is_empty()).then(|| told.into())
}

fn networks(mode: &str, inspect: &Inspect) -> Option<Value> {
    let of_one = |(name, network): (&String, &crate::docker::Network)| {
        let mut told = json!({"NetworkMode": name});
        let told_of = told.as_object_mut()?;
        if !network.ip_address.is_empty() {
            told_of.insert("IPv4Addresses".to_owned(), json!([network.ip_address]));
        }
        if !network.global_ipv6_address.is_empty() {
            told_of.insert("IPv6Addresses".to_owned(), json!([network.global_ipv6_address]));
        }
        if !network.mac_address.is_empty() {
            told_of.insert("MACAddress".to_owned(), json!(network.mac_address));
        }
        Some(told)
    };
    let told: Vec<Value> = inspect.network_settings.networks.iter().filter_map(of_one).collect();
    match told.is_empty() {
        // Of one that uses another's network, or the machine's.
        true => (!mode.is_empty()).then(|| json!([{"NetworkMode": mode.split(':').next().unwrap_or(mode)}])),
        false => Some(told.into()),
    }
}

/// Adds how fast it receives and sends.
fn with_rates(before: &Value, mut now: Value) -> Value {
    let bytes = |stats: &Value, name: &str| -> Option<u64> {
        Some(stats.get("networks")?.as_object()?.values().filter_map(|network| network.get(name)?.as_u64()).sum())
    };
    let read_us = |stats: &Value| Some(DateTime::parse_from_rfc3339(stats.get("read")?.as_str()?).ok()?.timestamp_micros());
    let rate = |name: &str| {
        let seconds = (read_us(&now)? - read_us(before)?) as f64 / 1e6;
        let more = bytes(&now, name)?.saturating_sub(bytes(before, name)?);
        (seconds > 0.0).then(|| more as f64 / seconds)
    };
    let rates = rate("rx_bytes").zip(rate("tx_bytes"));
    if let (Some((received, sent)), Some(now)) = (rates, now.as_object_mut()) {
        now.insert("network_rate_stats".to_owned(), json!({"rx_bytes_per_sec": received, "tx_bytes_per_sec": sent}));
    }
    now
}

/// What a process and its children use, in Docker's words.
async fn process_stats(proc_root: &Path, inspect: &Inspect) -> Option<Value> {
    let (proc_root, pid, run_id) = (proc_root.to_owned(), inspect.state.pid, inspect.id.clone());
    let read = |mut processes: Processes| {
        tokio::task::spawn_blocking(move || {
            let counters = processes.read().ok()?;
            Some((processes, counters, chrono::Utc::now()))
        })
    };
    let processes = Processes::of(&proc_root, pid, &run_id).ok()?;
    let (processes, before, before_at) = read(processes).await.ok()??;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (_, now, now_at) = read(processes).await.ok()??;
    let machine = crate::machine::Machine::new(&proc_root);
    let cpu = |counters: &Counters| json!({"cpu_usage": {"total_usage": counters.cpu_ns}, "online_cpus": machine.cores, "throttling_data": {}});
    let text = |time: DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Nanos, true);
    Some(json!({
        "read": text(now_at),
        "preread": text(before_at),
        "pids_stats": {"current": now.processes},
        "num_procs": 0,
        "blkio_stats": {"io_service_bytes_recursive": [
            {"major": 0, "minor": 0, "op": "read", "value": now.read_bytes},
            {"major": 0, "minor": 0, "op": "write", "value": now.written_bytes},
        ]},
        "storage_stats": {},
        "cpu_stats": cpu(&now),
        "precpu_stats": cpu(&before),
        "memory_stats": {"usage": now.memory_bytes, "limit": machine.memory_bytes, "stats": {"inactive_file": 0}},
        "name": format!("/{}", inspect.name),
        "id": inspect.id,
    }))
}
