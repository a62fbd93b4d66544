//! The containers of a task on ECS, for an agent beside them: what the endpoint of task metadata (version 4) tells of them, and what they use.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use model::container::{CPU_UNITS, MIB};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use crate::cgroup::Counters;
use crate::client::{At, Client, Error, Result};
use crate::docker::{
    Check, Config, Health, HostConfig, Inspect, LogConfig, Message, Network, NetworkSettings, OfTask, RestartPolicy, State,
};

/// What stands for an engine where task metadata tells of containers.
pub(crate) const TASK_METADATA: &str = "task-metadata";
/// How often it is asked. ECS allows 40 questions a second.
const STATS_EVERY: Duration = Duration::from_secs(1);
const TASK_EVERY: Duration = Duration::from_secs(5);

/// What was last read of each container, and when, by its id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<HashMap<String, (i64, Counters)>>>);

impl Told {
    fn all(&self) -> MutexGuard<'_, HashMap<String, (i64, Counters)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn of(&self, id: &str) -> Option<(i64, Counters)> {
        self.all().get(id).copied()
    }
}

/// The endpoint of a task's metadata.
pub(crate) struct Sidecar {
    client: Client,
    path: String,
    told: Told,
}

impl Sidecar {
    /// Of a URI as ECS gives it: `http://169.254.170.2/v4/…`.
    pub(crate) fn new(uri: &str, told: Told) -> Option<Sidecar> {
        let uri: http::Uri = uri.parse().ok()?;
        if uri.scheme_str() != Some("http") {
            return None;
        }
        let authority = uri.authority()?;
        let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        Some(Sidecar { client: Client::new(At::Address(address)), path: uri.path().trim_end_matches('/').to_owned(), told })
    }

    /// Gives on what is told, for ever.
    pub(crate) async fn follow(self, messages: Sender<Message>) {
        let (mut look, mut is_told, mut tick) = (Instant::now(), false, Instant::now());
        loop {
            let asked = async {
                if look <= Instant::now() {
                    let task: TaskMetadata = self.client.json(&format!("{}/task", self.path)).await?;
                    look = Instant::now() + TASK_EVERY;
                    if messages.send(Message::All(PathBuf::from(TASK_METADATA), task.inspects())).await.is_err() {
                        return Err(Error::Ended);
                    }
                }
                self.read().await
            };
            match asked.await {
                Ok(()) if !is_told => {
                    info!("watching the containers of this task");
                    is_told = true;
                }
                Ok(()) => {}
                Err(Error::Ended) => return,
                Err(err) if !is_told => {
                    warn!(error = %err, "task metadata cannot be read; tried again every few seconds");
                    is_told = true;
                    sleep(TASK_EVERY).await;
                }
                Err(err) => {
                    debug!(error = %err, "task metadata cannot be read");
                    sleep(TASK_EVERY).await;
                }
            }
            tick = (tick + STATS_EVERY).max(Instant::now());
            sleep_until(tick).await;
        }
    }

    async fn read(&self) -> Result<()> {
        let stats: HashMap<String, Value> = self.client.json(&format!("{}/task/stats", self.path)).await?;
        let read = stats.into_iter().filter_map(|(id, stats)| Some((id, counters(&stats)?)));
        *self.told.all() = read.collect();
        Ok(())
    }
}

/// What Docker says that a container used, and when it was read.
fn counters(stats: &Value) -> Option<(i64, Counters)> {
    let read_us = DateTime::parse_from_rfc3339(stats.get("read")?.as_str()?).ok()?.timestamp_micros();
    let number = |path: &str| stats.pointer(path).and_then(Value::as_u64);
    // The version of control groups is told by the names of their statistics, and so is what can be dropped at any time.
    let droppable =
        number("/memory_stats/stats/total_inactive_file").or_else(|| number("/memory_stats/stats/inactive_file")).unwrap_or(0);
    let blocks = stats.pointer("/blkio_stats/io_service_bytes_recursive").and_then(Value::as_array);
    let bytes = |op: &str| {
        let of_op = |block: &&Value| block.get("op").and_then(Value::as_str).is_some_and(|known| known.eq_ignore_ascii_case(op));
        blocks.into_iter().flatten().filter(of_op).filter_map(|block| block.get("value")?.as_u64()).sum()
    };
    let networks = stats.get("networks").and_then(Value::as_object);
    let network =
        |name: &str| networks.map(|networks| networks.values().filter_map(|network| network.get(name)?.as_u64()).sum::<u64>());
    let counters = Counters {
        cpu_ns: number("/cpu_stats/cpu_usage/total_usage")?,
        periods: number("/cpu_stats/throttling_data/periods").unwrap_or(0),
        throttled_periods: number("/cpu_stats/throttling_data/throttled_periods").unwrap_or(0),
        memory_bytes: number("/memory_stats/usage").unwrap_or(0).saturating_sub(droppable),
        read_bytes: bytes("read"),
        written_bytes: bytes("write"),
        processes: number("/pids_stats/current").unwrap_or(0),
        network: network("rx_bytes").zip(network("tx_bytes")),
        ..Counters::default()
    };
    Some((read_us, counters))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TaskMetadata {
    cluster: String,
    #[serde(rename = "TaskARN")]
    task_arn: String,
    family: String,
    revision: String,
    service_name: Option<String>,
    limits: Limits,
    ephemeral_storage_metrics: Option<EphemeralStorage>,
    containers: Vec<ContainerMetadata>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Limits {
    /// Of a task in cores, of a container in CPU units.
    #[serde(rename = "CPU")]
    cpu: Option<f64>,
    /// MiB.
    memory: Option<f64>,
}

/// MiB.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EphemeralStorage {
    utilized: f64,
    reserved: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerMetadata {
    docker_id: String,
    name: String,
    docker_name: String,
    image: String,
    #[serde(rename = "ImageID")]
    image_id: String,
    labels: Option<BTreeMap<String, String>>,
    known_status: String,
    exit_code: Option<i64>,
    limits: Limits,
    created_at: String,
    started_at: String,
    finished_at: String,
    health: Option<HealthMetadata>,
    log_driver: String,
    log_options: Option<BTreeMap<String, String>>,
    networks: Option<Vec<NetworkMetadata>>,
    restart_count: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HealthMetadata {
    status: String,
    status_since: String,
    exit_code: i64,
    output: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkMetadata {
    network_mode: String,
    #[serde(rename = "IPv4Addresses")]
    ipv4_addresses: Vec<String>,
}

impl TaskMetadata {
    /// As an engine would describe these containers.
    fn inspects(self) -> Vec<Inspect> {
        let bytes = |mib: f64| (mib * MIB) as u64;
        let of_task = OfTask {
            cpu: self.limits.cpu.filter(|cpu| *cpu > 0.0).map(|cores| cores * CPU_UNITS),
            memory: self.limits.memory.filter(|mib| *mib > 0.0).map(bytes),
            ephemeral: self.ephemeral_storage_metrics.map(|storage| (bytes(storage.utilized), bytes(storage.reserved))),
        };
        let labels = [
            ("cluster", Some(self.cluster)),
            ("task-arn", Some(self.task_arn)),
            ("task-definition-family", Some(self.family)),
            ("task-definition-version", Some(self.revision)),
            ("service-name", self.service_name),
        ];
        let inspect = |container: ContainerMetadata| {
            let mut all = container.labels.unwrap_or_default();
            for (name, value) in &labels {
                if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
                    all.entry(format!("com.amazonaws.ecs.{name}")).or_insert_with(|| value.clone());
                }
            }
            all.entry("com.amazonaws.ecs.container-name".to_owned()).or_insert(container.name);
            let status = match container.known_status.as_str() {
                "RUNNING" | "RESOURCES_PROVISIONED" => "running",
                "STOPPED" => "exited",
                _ => "created",
            };
            let health = container.health.unwrap_or_default();
            let networks = container.networks.unwrap_or_default();
            Inspect {
                id: container.docker_id,
                name: container.docker_name,
                created: container.created_at,
                image: container.image_id,
                restart_count: container.restart_count.unwrap_or(0),
                state: State {
                    status: status.to_owned(),
                    running: status == "running",
                    exit_code: container.exit_code.unwrap_or(0),
                    started_at: container.started_at,
                    finished_at: container.finished_at,
                    health: Health {
                        status: health.status.to_ascii_lowercase(),
                        log: vec![Check { end: health.status_since, exit_code: health.exit_code, output: health.output }],
                    },
                    ..State::default()
                },
                config: Config { hostname: String::new(), image: container.image, labels: all, tty: false },
                host_config: HostConfig {
                    network_mode: networks.first().map(|network| network.network_mode.clone()).unwrap_or_default(),
                    cpu_shares: container.limits.cpu.map_or(0, |units| units as i64),
                    memory: container.limits.memory.map_or(0, |mib| bytes(mib) as i64),
                    restart_policy: RestartPolicy {
                        name: if container.restart_count.is_some() { "always" } else { "no" }.to_owned(),
                    },
                    log_config: LogConfig { kind: container.log_driver, config: container.log_options.unwrap_or_default() },
                    ..HostConfig::default()
                },
                network_settings: NetworkSettings {
                    networks: networks
                        .into_iter()
                        .filter_map(|network| {
                            let address = network.ipv4_addresses.into_iter().next()?;
                            Some((network.network_mode, Network { ip_address: address, ..Network::default() }))
                        })
                        .collect(),
                    ..NetworkSettings::default()
                },
                of_task,
                ..Inspect::default()
            }
        };
        self.containers.into_iter().map(inspect).collect()
    }
}
