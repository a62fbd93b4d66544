//! Which task, service and cluster a container is of: what its labels say. Mitoshi's own come first, then those of ECS, of Compose, of
//! Swarm; what none of them says is the container's name and what is configured.

use chrono::DateTime;
use model::CompactString;
use model::container::{CPU_UNITS, Container, Health, Status};

use crate::docker::Inspect;

/// Hexadecimal digits of a task's id, as ECS makes them.
const TASK_ID_DIGITS: usize = 32;

/// A container, and where it belongs.
#[derive(Debug, Clone)]
pub(crate) struct Discovered {
    pub(crate) container: Container,
    pub(crate) cluster: CompactString,
    pub(crate) service: Option<CompactString>,
    pub(crate) family: CompactString,
    pub(crate) revision: CompactString,
    pub(crate) task: CompactString,
    pub(crate) pid: Option<i64>,
    pub(crate) oom_killed: bool,
}

pub(crate) fn discover(inspect: &Inspect, default_cluster: &str) -> Discovered {
    let label = |name: &str| inspect.config.labels.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let ecs = |name: &str| label(&format!("com.amazonaws.ecs.{name}"));
    let compose = |name: &str| label(&format!("com.docker.compose.{name}"));
    // Short names of ARNs.
    let last = |arn: &'_ str| -> CompactString { arn.rsplit('/').next().unwrap_or(arn).into() };

    let engine_name = inspect.name.trim_start_matches('/').to_owned();
    let network_owner = inspect.host_config.network_mode.strip_prefix("container:");
    let name: CompactString = label("mitoshi.container")
        .or_else(|| ecs("container-name"))
        .or_else(|| compose("service"))
        .or_else(|| label("com.docker.swarm.service.name"))
        .or_else(|| label("io.kubernetes.container.name"))
        .unwrap_or(&engine_name)
        .into();
    let of_task_arn = ecs("task-arn").and_then(|arn| arn.split(":task/").nth(1)).and_then(|path| path.split_once('/'));
    let cluster = label("mitoshi.cluster")
        .or_else(|| ecs("cluster"))
        .map(last)
        .or_else(|| of_task_arn.map(|(cluster, _)| cluster.into()))
        .or_else(|| compose("project").map(Into::into))
        .or_else(|| label("com.docker.stack.namespace").map(Into::into))
        .unwrap_or_else(|| default_cluster.into());
    let family: CompactString = label("mitoshi.family")
        .or_else(|| ecs("task-definition-family"))
        .or_else(|| compose("service"))
        .or_else(|| label("com.docker.swarm.service.name"))
        .unwrap_or(&engine_name)
        .into();
    let service = label("mitoshi.service")
        .or_else(|| ecs("service-name"))
        .or_else(|| compose("service").filter(|_| compose("oneoff") != Some("True")))
        .or_else(|| label("com.docker.swarm.service.name"))
        .map(last);
    let task = label("mitoshi.task")
        .or_else(|| ecs("task-arn"))
        .map(last)
        // Containers that share a network are a task: ECS makes one container for that alone.
        .unwrap_or_else(|| network_owner.unwrap_or(&inspect.id).chars().take(TASK_ID_DIGITS).collect());

    let state = &inspect.state;
    let status = match state.status.as_str() {
        "running" | "paused" => Status::Running,
        "created" | "configured" | "initialized" => Status::Pending,
        // One that is started again by its engine in a moment has not ended for good, and does not run.
        "restarting" => Status::Pending,
        "" if state.running => Status::Running,
        _ => Status::Stopped,
    };
    let (started_us, finished_us) = (time_us(&state.started_at), time_us(&state.finished_at));
    let stopped_us = (status == Status::Stopped).then_some(finished_us).flatten();
    let networks = inspect.network_settings.networks.values();
    let addresses = networks.flat_map(|network| [&network.ip_address, &network.global_ipv6_address]);
    let container = Container {
        id: inspect.id.clone(),
        is_pause: is_pause(&name, &engine_name, &inspect.config.image),
        name,
        engine_name,
        image: inspect.config.image.clone(),
        image_id: inspect.image.clone(),
        status,
        health: match state.health.status.as_str() {
            "healthy" => Health::Healthy,
            "unhealthy" => Health::Unhealthy,
            _ => Health::Unknown,
        },
        created_us: time_us(&inspect.created).or(started_us).unwrap_or(0),
        started_us,
        stopped_us,
        exit_code: (status == Status::Stopped).then_some(state.exit_code),
        reason: reason(inspect, status),
        restarts: inspect.restart_count,
        has_restart_policy: !matches!(inspect.host_config.restart_policy.name.as_str(), "" | "no"),
        cpu: cpu(inspect),
        memory: memory(inspect),
        host_name: inspect.config.hostname.clone(),
        addresses: addresses.filter(|address| !address.is_empty()).cloned().collect(),
        network_mode: inspect.host_config.network_mode.clone(),
        log_driver: inspect.host_config.log_config.kind.clone(),
        log_options: inspect.host_config.log_config.config.clone(),
    };
    let pid = Some(state.pid).filter(|pid| *pid > 0 && status == Status::Running);
    let revision = ecs("task-definition-version").unwrap_or("1").into();
    Discovered { container, cluster, service, family, revision, task, pid, oom_killed: state.oom_killed }
}

/// Whether a container does nothing but hold the network of its task.
fn is_pause(name: &str, engine_name: &str, image: &str) -> bool {
    let image = image.rsplit('/').next().unwrap_or(image);
    let image = image.split([':', '@']).next().unwrap_or(image);
    // Compose appends a number.
    let engine_name = engine_name.trim_end_matches(|last: char| last.is_ascii_digit()).trim_end_matches(['-', '_']);
    name == "~internal~ecs~pause"
        || matches!(image, "pause" | "amazon-ecs-pause" | "podman-pause")
        || [name, engine_name].iter().any(|name| name.ends_with("-pause") || name.ends_with("_pause"))
}

fn reason(inspect: &Inspect, status: Status) -> Option<String> {
    if status != Status::Stopped {
        return None;
    }
    let state = &inspect.state;
    match (state.oom_killed, state.exit_code) {
        (true, _) => Some("OutOfMemoryError: Container killed due to memory usage".to_owned()),
        _ if !state.error.is_empty() => Some(state.error.clone()),
        (_, 0) => None,
        (_, code) => Some(format!("Exited with code {code}")),
    }
}

/// What it may use of CPUs, in CPU units.
fn cpu(inspect: &Inspect) -> Option<f64> {
    let host = &inspect.host_config;
    if host.nano_cpus > 0 {
        Some(host.nano_cpus as f64 / 1e9 * CPU_UNITS)
    } else if host.cpu_quota > 0 {
        let period = if host.cpu_period > 0 { host.cpu_period } else { 100_000 };
        Some(host.cpu_quota as f64 / period as f64 * CPU_UNITS)
    } else {
        // As ECS writes a container's CPU units; 2 stands for none.
        (host.cpu_shares > 2).then_some(host.cpu_shares as f64)
    }
}

fn memory(inspect: &Inspect) -> Option<u64> {
    let host = &inspect.host_config;
    [host.memory, host.memory_reservation].into_iter().find(|bytes| *bytes > 0).map(|bytes| bytes as u64)
}

/// None where it did not happen yet: engines write the year 1 then.
fn time_us(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros()).filter(|time_us| *time_us > 0)
}
