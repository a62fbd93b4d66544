//! The Engine API of Docker and Podman, over its Unix socket: which containers there are, and what happens to them.
//!
//! What is read is read leniently: Podman leaves out what Docker has, and writes null where Docker writes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{debug, info, warn};

use crate::Process;
use crate::client::{ANSWER_WITHIN, At, Body, Client, Error, Result};
use crate::watch::PROCESS;

/// How often all containers are looked at, whatever events say.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How something ends that the kernel ends, and how long to wait for why.
const KILLED: i64 = 137;
const HEAR_WHY: Duration = Duration::from_millis(300);
/// How long to wait for an engine that does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What matters of events: not the execs of health checks.
const EVENTS: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22create%22%2C%22start%22%2C%22die%22%2C%22oom%22%2C%22health_status%22%2C%22destroy%22%2C%22remove%22%2C%22died%22%2C%22rename%22%2C%22update%22%5D%7D";

/// An engine behind a socket.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    socket: PathBuf,
    client: Client,
}

/// A container, as an engine describes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Inspect {
    pub(crate) id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) created: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) image: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) restart_count: u64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) state: State,
    #[serde(deserialize_with = "or_default")]
    pub(crate) config: Config,
    #[serde(deserialize_with = "or_default")]
    pub(crate) host_config: HostConfig,
    #[serde(deserialize_with = "or_default")]
    pub(crate) network_settings: NetworkSettings,
    #[serde(deserialize_with = "or_default")]
    pub(crate) mounts: Vec<Mount>,
    #[serde(skip)]
    pub(crate) of_task: OfTask,
}

/// What is said of a container's task, where someone says it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct OfTask {
    /// What it may use: CPU units and bytes.
    pub(crate) cpu: Option<f64>,
    pub(crate) memory: Option<u64>,
    /// Bytes of the storage that ends with it: used, and there.
    pub(crate) ephemeral: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Mount {
    #[serde(deserialize_with = "or_default")]
    pub(crate) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) source: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) destination: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct State {
    #[serde(deserialize_with = "or_default")]
    pub(crate) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) running: bool,
    #[serde(rename = "OOMKilled", deserialize_with = "or_default")]
    pub(crate) oom_killed: bool,
    #[serde(deserialize_with = "or_default")]
    pub(crate) pid: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) exit_code: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) error: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) started_at: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) finished_at: String,
    #[serde(alias = "Healthcheck", deserialize_with = "or_default")]
    pub(crate) health: Health,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Health {
    #[serde(deserialize_with = "or_default")]
    pub(crate) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) log: Vec<Check>,
}

/// A check of a container's health that is over.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Check {
    #[serde(deserialize_with = "or_default")]
    pub(crate) end: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) exit_code: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) output: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Config {
    #[serde(deserialize_with = "or_default")]
    pub(crate) hostname: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) image: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) labels: BTreeMap<String, String>,
    /// What it writes is one stream.
    #[serde(deserialize_with = "or_default")]
    pub(crate) tty: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct HostConfig {
    #[serde(deserialize_with = "or_default")]
    pub(crate) network_mode: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) nano_cpus: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) cpu_shares: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) cpu_quota: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) cpu_period: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) memory: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) memory_reservation: i64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) restart_policy: RestartPolicy,
    #[serde(deserialize_with = "or_default")]
    pub(crate) log_config: LogConfig,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct RestartPolicy {
    #[serde(deserialize_with = "or_default")]
    pub(crate) name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct LogConfig {
    #[serde(rename = "Type", deserialize_with = "or_default")]
    pub(crate) kind: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) config: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct NetworkSettings {
    #[serde(deserialize_with = "or_default")]
    pub(crate) networks: BTreeMap<String, Network>,
    /// By a port and its protocol, such as `80/tcp`.
    #[serde(deserialize_with = "or_default")]
    pub(crate) ports: BTreeMap<String, Option<Vec<PortBinding>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct PortBinding {
    #[serde(deserialize_with = "or_default")]
    pub(crate) host_ip: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) host_port: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Network {
    #[serde(rename = "IPAddress", deserialize_with = "or_default")]
    pub(crate) ip_address: String,
    #[serde(rename = "GlobalIPv6Address", deserialize_with = "or_default")]
    pub(crate) global_ipv6_address: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) mac_address: String,
}

/// Null is what was left out.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    #[serde(rename = "Action", deserialize_with = "or_default")]
    pub(crate) action: String,
    #[serde(rename = "Actor", deserialize_with = "or_default")]
    actor: Actor,
    /// Seconds.
    time: i64,
    #[serde(rename = "timeNano")]
    time_nanos: i64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Actor {
    #[serde(rename = "ID", deserialize_with = "or_default")]
    id: String,
    #[serde(rename = "Attributes", deserialize_with = "or_default")]
    attributes: BTreeMap<String, String>,
}

impl Event {
    pub(crate) fn id(&self) -> &str {
        &self.actor.id
    }

    pub(crate) fn time_us(&self) -> i64 {
        if self.time_nanos > 0 { self.time_nanos / 1_000 } else { self.time * 1_000_000 }
    }

    pub(crate) fn exit_code(&self) -> Option<i64> {
        let attribute = |name| self.actor.attributes.get(name);
        attribute("exitCode").or_else(|| attribute("containerExitCode"))?.parse().ok()
    }
}

/// What an engine has to say.
#[derive(Debug)]
pub(crate) enum Message {
    /// All containers there are.
    All(PathBuf, Vec<Inspect>),
    /// Something happened to a container; how it is now, unless it is gone.
    Happened(PathBuf, Event, Option<Box<Inspect>>),
}

impl Message {
    /// What an engine would say of a process, if it were a container.
    pub(crate) fn process(process: &Process, action: &str, began_us: i64, time_us: i64, exit_code: Option<i64>) -> Message {
        let time =
            |time_us: i64| chrono::DateTime::from_timestamp_micros(time_us).map(|time| time.to_rfc3339()).unwrap_or_default();
        let attributes = exit_code.map(|code| ("exitCode".to_owned(), code.to_string()));
        let actor = Actor { id: process.run_id.clone(), attributes: attributes.into_iter().collect() };
        let event = Event { action: action.to_owned(), actor, time: time_us / 1_000_000, time_nanos: time_us * 1_000 };
        let has_ended = exit_code.is_some();
        let inspect = Inspect {
            id: process.run_id.clone(),
            name: process.service.clone(),
            created: time(began_us),
            image: String::new(),
            restart_count: 0,
            state: State {
                status: if has_ended { "exited" } else { "running" }.to_owned(),
                running: !has_ended,
                pid: if has_ended { 0 } else { i64::from(process.pid) },
                exit_code: exit_code.unwrap_or(0),
                started_at: time(began_us),
                finished_at: if has_ended { time(time_us) } else { String::new() },
                ..State::default()
            },
            config: Config {
                image: process.command.clone(),
                labels: BTreeMap::from([
                    ("mitoshi.service".to_owned(), process.service.clone()),
                    ("mitoshi.family".to_owned(), process.service.clone()),
                ]),
                ..Config::default()
            },
            host_config: HostConfig { network_mode: "host".to_owned(), ..HostConfig::default() },
            ..Inspect::default()
        };
        Message::Happened(PathBuf::from(PROCESS), event, (action != "destroy").then(|| Box::new(inspect)))
    }
}

impl Engine {
    pub(crate) fn new(socket: PathBuf) -> Engine {
        let client = Client::new(At::Socket(socket.clone()));
        Engine { socket, client }
    }

    /// An answer that goes on.
    pub(crate) async fn body(&self, path: &str) -> Result<Body> {
        self.client.body(path).await
    }

    /// None where there is no such container any more.
    async fn inspect(&self, id: &str) -> Result<Option<Inspect>> {
        match self.client.json(&format!("/containers/{id}/json")).await {
            Ok(inspect) => Ok(Some(inspect)),
            Err(Error::Refused(StatusCode::NOT_FOUND, _)) => Ok(None),
            Err(err) => Err(err),
        }
    }

    async fn all(&self) -> Result<Vec<Inspect>> {
        #[derive(Deserialize)]
        struct Listed {
            #[serde(rename = "Id", alias = "ID")]
            id: String,
        }
        let listed: Vec<Listed> = self.client.json("/containers/json?all=1").await?;
        let mut all = Vec::with_capacity(listed.len());
        for Listed { id } in listed {
            all.extend(self.inspect(&id).await?);
        }
        Ok(all)
    }

    /// What a container uses now, as the engine says it, with what it had used a second before.
    pub(crate) async fn stats(&self, id: &str) -> Result<(Value, Value)> {
        // Of a stream, as one answer alone has nothing to compare it with.
        let mut stream = self.client.lines(&format!("/containers/{id}/stats?stream=true")).await?;
        let both = async { Ok((stream.next().await?, stream.next().await?)) };
        timeout(ANSWER_WITHIN, both).await.map_err(|_| Error::Slow)?
    }

    /// Gives on what there is and what happens, until that fails.
    async fn follow_once(&self, told: &Sender<Message>) -> Result<()> {
        // Events first, so that none is missed while the list is made.
        let mut events = self.client.lines(EVENTS).await?;
        loop {
            let all = self.all().await?;
            if told.send(Message::All(self.socket.clone(), all)).await.is_err() {
                return Ok(());
            }
            let look_again = Instant::now() + LOOK_EVERY;
            while let Ok(event) = timeout_at(look_again, events.next()).await {
                let event: Event = event?;
                let is_id = !event.id().is_empty() && event.id().bytes().all(|byte| byte.is_ascii_alphanumeric());
                let mut inspect = if is_id { self.inspect(event.id()).await?.map(Box::new) } else { None };
                // An engine hears of the end before it hears that memory was the reason.
                if event.exit_code() == Some(KILLED) && inspect.as_ref().is_some_and(|inspect| !inspect.state.oom_killed) {
                    sleep(HEAR_WHY).await;
                    inspect = self.inspect(event.id()).await?.map(Box::new);
                }
                if told.send(Message::Happened(self.socket.clone(), event, inspect)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// Gives on what an engine says, for ever: one that goes away may come back.
pub(crate) async fn follow(engine: Engine, told: Sender<Message>) {
    let mut is_told = false;
    loop {
        let path: &Path = &engine.socket;
        if path.exists() {
            if !is_told {
                info!(socket = %path.display(), "watching the containers of an engine");
            }
            match engine.follow_once(&told).await {
                Ok(()) => return,
                // Said once: an engine that is away for a day is no reason for a log full of it.
                Err(err) if !is_told => {
                    warn!(socket = %path.display(), error = %err, "containers cannot be watched; tried again every few seconds")
                }
                Err(err) => debug!(socket = %path.display(), error = %err, "containers cannot be watched"),
            }
            is_told = true;
        }
        sleep(RETRY_AFTER).await;
    }
}
