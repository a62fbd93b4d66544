//! Containers: what runs, of which task, service and cluster, and what happened to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::CompactString;
use crate::metric::Metric;
use crate::owner::Owner;

/// CPU units of a core (ECS).
pub const CPU_UNITS: f64 = 1_024.0;
pub const MIB: f64 = 1_048_576.0;

/// Containers that are placed, and end, together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Of the last part of its ARN: 32 hexadecimal digits, mostly.
    pub id: CompactString,
    pub cluster: CompactString,
    pub service: Option<CompactString>,
    /// Of its definition.
    pub family: CompactString,
    pub revision: CompactString,
    /// The machine it is on.
    pub instance: CompactString,
    pub containers: Vec<Container>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// As the engine calls it: 64 hexadecimal digits.
    pub id: String,
    /// As its task's definition calls it.
    pub name: CompactString,
    /// As the engine's users call it.
    pub engine_name: String,
    pub image: String,
    pub image_id: String,
    pub status: Status,
    pub health: Health,
    pub created_us: i64,
    pub started_us: Option<i64>,
    pub stopped_us: Option<i64>,
    pub exit_code: Option<i64>,
    /// Why it ended, where that is known.
    pub reason: Option<String>,
    /// How often it was started again.
    pub restarts: u64,
    pub has_restart_policy: bool,
    /// What it may use, where someone said so: CPU units, bytes.
    pub cpu: Option<f64>,
    pub memory: Option<u64>,
    /// Holds the network of its task and does nothing else.
    pub is_pause: bool,
    pub host_name: String,
    pub addresses: Vec<String>,
    pub network_mode: String,
    pub log_driver: String,
    pub log_options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    Pending,
    Running,
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// Nobody checks, or the first check is not over.
    Unknown,
    Healthy,
    Unhealthy,
}

impl Status {
    /// As ECS says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "PENDING",
            Status::Running => "RUNNING",
            Status::Stopped => "STOPPED",
        }
    }
}

impl Health {
    /// As ECS says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Unknown => "UNKNOWN",
            Health::Healthy => "HEALTHY",
            Health::Unhealthy => "UNHEALTHY",
        }
    }
}

impl Task {
    /// Those that do the work.
    pub fn working(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(|container| !container.is_pause)
    }

    /// Running while one of its containers is.
    pub fn status(&self) -> Status {
        let of = |status| self.working().any(|container| container.status == status);
        if of(Status::Running) {
            Status::Running
        } else if of(Status::Pending) {
            Status::Pending
        } else {
            Status::Stopped
        }
    }

    /// The worst of its containers' that have one.
    pub fn health(&self) -> Health {
        let of = |health| self.working().any(|container| container.status == Status::Running && container.health == health);
        if of(Health::Unhealthy) {
            Health::Unhealthy
        } else if of(Health::Healthy) {
            Health::Healthy
        } else {
            Health::Unknown
        }
    }

    pub fn created_us(&self) -> Option<i64> {
        self.containers.iter().map(|container| container.created_us).min()
    }

    pub fn started_us(&self) -> Option<i64> {
        self.working().filter_map(|container| container.started_us).min()
    }

    /// When the last of its containers ended.
    pub fn stopped_us(&self) -> Option<i64> {
        (self.status() == Status::Stopped).then(|| self.working().filter_map(|container| container.stopped_us).max()).flatten()
    }

    /// Whether it ended as nobody wished: with an exit code that is no success and no answer to being told to stop.
    pub fn failed(&self) -> bool {
        self.status() == Status::Stopped && self.working().any(|container| !matches!(container.exit_code, None | Some(0 | 143)))
    }
}

/// What a cluster measures of what runs in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Insights {
    #[default]
    Disabled,
    /// Clusters, services and families of tasks.
    Enabled,
    /// Tasks and containers too.
    Enhanced,
}

impl Insights {
    pub fn as_str(self) -> &'static str {
        match self {
            Insights::Disabled => "disabled",
            Insights::Enabled => "enabled",
            Insights::Enhanced => "enhanced",
        }
    }
}

impl std::str::FromStr for Insights {
    type Err = String;

    fn from_str(text: &str) -> Result<Insights, String> {
        [Insights::Disabled, Insights::Enabled, Insights::Enhanced]
            .into_iter()
            .find(|insights| insights.as_str() == text)
            .ok_or_else(|| format!("{text:?} is none of disabled, enabled and enhanced"))
    }
}

/// Something that happened to a container or to its task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateChange {
    pub time_us: i64,
    /// Whose it is, where that is not the account of this server.
    pub owner: Option<Owner>,
    pub cluster: CompactString,
    pub service: Option<CompactString>,
    pub family: CompactString,
    pub task: CompactString,
    pub container: CompactString,
    pub container_id: String,
    pub change: Change,
    pub exit_code: Option<i64>,
    /// In words, where there is more to say.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Change {
    /// A container of a newer image or definition takes over.
    Deployed,
    Started,
    Restarted,
    Stopped,
    OutOfMemory,
    Healthy,
    Unhealthy,
}

impl Change {
    const ALL: [Change; 7] = [
        Change::Deployed,
        Change::Started,
        Change::Restarted,
        Change::Stopped,
        Change::OutOfMemory,
        Change::Healthy,
        Change::Unhealthy,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Change::Deployed => "DEPLOYED",
            Change::Started => "STARTED",
            Change::Restarted => "RESTARTED",
            Change::Stopped => "STOPPED",
            Change::OutOfMemory => "OUT_OF_MEMORY",
            Change::Healthy => "HEALTHY",
            Change::Unhealthy => "UNHEALTHY",
        }
    }

    /// Reads what `as_str` wrote.
    pub fn of_text(text: &str) -> Option<Change> {
        Change::ALL.into_iter().find(|change| change.as_str() == text)
    }
}

/// What a machine has to say of its containers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// The machine.
    pub instance: String,
    /// What of it is reported, where several report.
    pub source: String,
    /// Of the process that reports, and counted up by it: a report that comes again is known by these.
    pub reporter: u64,
    pub number: u64,
    pub time_us: i64,
    /// All there are.
    pub tasks: Vec<Task>,
    /// Those that there are no more since the last report, as they ended.
    pub gone: Vec<Task>,
    pub changes: Vec<StateChange>,
    /// Of all levels of detail; empty where nothing but the state of containers changed.
    pub metrics: Vec<Metric>,
}
