//! What the user wrote: defaults, then the file, then the environment, then flags. `config/default.toml` is embedded, complete, and
//! the reference of every key.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use model::container::Insights;
use model::quota::Quotas;
use serde::{Deserialize, Serialize};

pub(crate) const DEFAULT: &str = include_str!("../../../config/default.toml");

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) account_id: String,
    pub(crate) region: String,
    pub(crate) log: String,
    pub(crate) http: Http,
    pub(crate) access: Access,
    pub(crate) tls: Tls,
    pub(crate) daemon: Daemon,
    pub(crate) otlp: Otlp,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) containers: Containers,
    pub(crate) canaries: Canaries,
    pub(crate) notifications: Notifications,
    pub(crate) smtp: Smtp,
    pub(crate) sql: Sql,
    pub(crate) quotas: Quotas,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) address: SocketAddr,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) connections_max: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Access {
    pub(crate) required: Required,
}

/// Who has to say who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Required {
    /// Everyone, where other machines can reach the server.
    Auto,
    Always,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Tls {
    pub(crate) fn is_on(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Daemon {
    pub(crate) address: SocketAddr,
    pub(crate) allow: Vec<IpNet>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Otlp {
    pub(crate) grpc_address: Listen,
    pub(crate) http_address: Listen,
    pub(crate) indexed_attributes: Vec<String>,
    pub(crate) index_all_attributes: bool,
    pub(crate) metric_dimensions: Vec<String>,
}

/// Where to listen, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Listen {
    /// The usual port, and nowhere if another program has it.
    Auto,
    Off,
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Listen, String> {
        match text {
            "auto" => Ok(Listen::Auto),
            "off" => Ok(Listen::Off),
            text => text.parse().map(Listen::At).map_err(|_| format!("{text:?} is no address, and neither \"auto\" nor \"off\"")),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Listen, String> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> String {
        match listen {
            Listen::Auto => "auto".to_owned(),
            Listen::Off => "off".to_owned(),
            Listen::At(address) => address.to_string(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    pub(crate) retention_days: u32,
    pub(crate) metric_retention_days: u32,
    pub(crate) metric_second_hours: u32,
    pub(crate) metric_minute_days: u32,
    pub(crate) metric_five_minutes_days: u32,
    pub(crate) memtable_mib: usize,
    pub(crate) memtable_max_mib: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    pub(crate) own_every_secs: u64,
    pub(crate) emf_address: Listen,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Containers {
    pub(crate) watch: bool,
    pub(crate) logs: bool,
    pub(crate) engines: Vec<PathBuf>,
    pub(crate) insights: Insights,
    pub(crate) cluster: String,
    pub(crate) instance: String,
    pub(crate) every_secs: u64,
    pub(crate) cgroup_root: PathBuf,
    pub(crate) proc_root: PathBuf,
    pub(crate) metadata_address: Listen,
    pub(crate) metadata_allow: Vec<IpNet>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Canaries {
    pub(crate) browser: PathBuf,
    pub(crate) node: PathBuf,
    pub(crate) python: PathBuf,
    pub(crate) node_modules: PathBuf,
    pub(crate) scripts: Scripts,
    pub(crate) concurrency: usize,
    pub(crate) folder: PathBuf,
}

/// Whether canaries may be programs that someone wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scripts {
    /// Where this machine alone can reach the server.
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notifications {
    pub(crate) console_url: String,
    pub(crate) commands: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Smtp {
    pub(crate) url: String,
    pub(crate) password_file: PathBuf,
    pub(crate) from: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sql {
    pub(crate) timeout_secs: u64,
    pub(crate) memory_mib: usize,
}

/// The section whose keys are names that people chose.
const FREE_SECTION: &str = "notifications.commands";
/// A hundred years.
const RETENTION_DAYS_MAX: u32 = 36_500;
const MIB_MAX: usize = 1024 * 1024;
const CONNECTIONS_MAX: usize = 100_000;
const CONCURRENCY_MAX: usize = 64;
const QUERY_SECS_MAX: u64 = 24 * 3_600;
const OWN_SECS_MAX: u64 = 24 * 3_600;
/// Divisors of a minute.
pub(crate) const PERIODS: [u64; 6] = [5, 10, 15, 20, 30, 60];

/// Flags that stand over file and environment.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Overrides {
    /// Configuration file (TOML); `mitoshi print-config` shows every key
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder for everything that is kept
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address of the AWS APIs and the console; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Address of the X-Ray daemon, UDP and TCP; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) daemon: Option<SocketAddr>,
    /// Address of OpenTelemetry's protocol over gRPC; port 0 takes a free one, `off` listens nowhere
    #[arg(long, value_name = "ADDR")]
    pub(crate) otlp_grpc: Option<Listen>,
    /// The same over HTTP
    #[arg(long, value_name = "ADDR")]
    pub(crate) otlp_http: Option<Listen>,
    /// Networks that may send to the daemon's address, when that is not loopback
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub(crate) daemon_allow: Vec<IpNet>,
}

impl From<crate::folder::Folder> for Overrides {
    fn from(folder: crate::folder::Folder) -> Overrides {
        Overrides { config: folder.config, data_dir: folder.data_dir, ..Overrides::default() }
    }
}

/// A configuration that cannot be used: what is wrong, and what to do.
#[derive(Debug)]
pub(crate) struct ConfigError {
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl ConfigError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> ConfigError {
        ConfigError { message: message.into(), hint: hint.into() }
    }
}

impl Config {
    pub(crate) fn load(overrides: &Overrides) -> Result<Config, ConfigError> {
        let mut table: toml::Table =
            DEFAULT.parse().map_err(|err| ConfigError::new(format!("the built-in configuration does not parse: {err}"), ""))?;
        if let Some(path) = &overrides.config {
            merge(&mut table, read_file(path)?, &path.display().to_string(), "")?;
        }
        merge_environment(&mut table)?;
        let mut config: Config = toml::Value::Table(table).try_into().map_err(|err: toml::de::Error| {
            ConfigError::new(format!("configuration: {}", err.message()), "see `mitoshi print-config`")
        })?;
        if let Some(dir) = &overrides.data_dir {
            config.data_dir.clone_from(dir);
        }
        if let Some(address) = overrides.http {
            config.http.address = address;
        }
        if let Some(address) = overrides.daemon {
            config.daemon.address = address;
        }
        if let Some(listen) = overrides.otlp_grpc {
            config.otlp.grpc_address = listen;
        }
        if let Some(listen) = overrides.otlp_http {
            config.otlp.http_address = listen;
        }
        if !overrides.daemon_allow.is_empty() {
            config.daemon.allow.clone_from(&overrides.daemon_allow);
        }
        config.check()?;
        Ok(config)
    }

    /// Whether everyone has to say who they are.
    pub(crate) fn access_required(&self) -> bool {
        self.why_access_is_required().is_some()
    }

    /// What makes everyone say who they are, if anything does.
    pub(crate) fn why_access_is_required(&self) -> Option<String> {
        if self.access.required == Required::Always {
            return Some("access.required is \"always\"".to_owned());
        }
        let otlp = [("grpc_address", self.otlp.grpc_address), ("http_address", self.otlp.http_address)];
        let otlp = otlp.into_iter().filter_map(|(key, listen)| match listen {
            Listen::At(address) => Some((format!("otlp.{key}"), address)),
            Listen::Auto | Listen::Off => None,
        });
        let mut addresses = std::iter::once(("http.address".to_owned(), self.http.address)).chain(otlp);
        let (key, address) = addresses.find(|(_, address)| !address.ip().is_loopback())?;
        Some(format!("{key} {address} is not a loopback address"))
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.tls.is_on() == self.tls.key.as_os_str().is_empty() {
            return Err(ConfigError::new(
                "tls.certificate and tls.key belong together, and one of them is empty",
                "name both, or neither",
            ));
        }
        if !self.daemon.address.ip().is_loopback() && self.daemon.allow.is_empty() {
            return Err(ConfigError::new(
                format!("daemon.address {} is not a loopback address, and nothing says who may send", self.daemon.address),
                "name the networks, as in --daemon-allow 172.16.0.0/12 for Docker containers",
            ));
        }
        if self.account_id.len() != 12 || !self.account_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ConfigError::new(format!("account_id {:?} is not 12 digits", self.account_id), "any 12 digits will do"));
        }
        if self.region.is_empty() {
            return Err(ConfigError::new("region is empty", "any name will do, such as us-east-1"));
        }
        if self.store.memtable_mib == 0 || self.store.memtable_max_mib < self.store.memtable_mib {
            return Err(ConfigError::new(
                "store.memtable_max_mib is below store.memtable_mib, or that is 0",
                "the defaults are 48 and 128",
            ));
        }
        if self.store.memtable_max_mib > MIB_MAX {
            return Err(ConfigError::new(
                format!("store.memtable_max_mib {} is above {MIB_MAX}", self.store.memtable_max_mib),
                "the default is 128",
            ));
        }
        for (key, days) in [
            ("retention_days", self.store.retention_days),
            ("metric_retention_days", self.store.metric_retention_days),
            ("metric_second_hours", self.store.metric_second_hours),
            ("metric_minute_days", self.store.metric_minute_days),
            ("metric_five_minutes_days", self.store.metric_five_minutes_days),
        ] {
            if days > RETENTION_DAYS_MAX {
                return Err(ConfigError::new(format!("store.{key} {days} is above {RETENTION_DAYS_MAX}"), "0 keeps them for ever"));
            }
        }
        if self.metrics.own_every_secs > OWN_SECS_MAX {
            return Err(ConfigError::new(
                format!("metrics.own_every_secs {} is above {OWN_SECS_MAX}", self.metrics.own_every_secs),
                "the default is 60; 0 never writes them",
            ));
        }
        if !PERIODS.contains(&self.containers.every_secs) {
            return Err(ConfigError::new(
                format!("containers.every_secs {} is none of {PERIODS:?}", self.containers.every_secs),
                "the default is 20",
            ));
        }
        if let Listen::At(address) = self.metrics.emf_address
            && !address.ip().is_loopback()
        {
            return Err(ConfigError::new(
                format!("metrics.emf_address {address} is not a loopback address"),
                "senders of this format cannot say who they are: listen at 127.0.0.1, or send to PutMetricData or OTLP",
            ));
        }
        if let Listen::At(address) = self.containers.metadata_address
            && !address.ip().is_loopback()
            && self.containers.metadata_allow.is_empty()
        {
            return Err(ConfigError::new(
                format!("containers.metadata_address {address} is not a loopback address, and nothing says who may ask"),
                "name the networks in containers.metadata_allow, such as 172.16.0.0/12 for Docker containers",
            ));
        }
        if self.containers.cluster.is_empty() {
            return Err(ConfigError::new("containers.cluster is empty", "any name will do, such as default"));
        }
        if !(1..=CONCURRENCY_MAX).contains(&self.canaries.concurrency) {
            return Err(ConfigError::new(
                format!("canaries.concurrency {} is not from 1 to {CONCURRENCY_MAX}", self.canaries.concurrency),
                "the default is 2",
            ));
        }
        if let Some((name, _)) = self.notifications.commands.iter().find(|(_, command)| command.is_empty()) {
            return Err(ConfigError::new(
                format!("notifications.commands.{name} names no program"),
                "write it as [\"/path/to/program\", \"argument\"]",
            ));
        }
        if !(1..=QUERY_SECS_MAX).contains(&self.sql.timeout_secs) {
            return Err(ConfigError::new(
                format!("sql.timeout_secs {} is not from 1 to {QUERY_SECS_MAX}", self.sql.timeout_secs),
                "the default is 60",
            ));
        }
        if !(1..=MIB_MAX).contains(&self.sql.memory_mib) {
            return Err(ConfigError::new(
                format!("sql.memory_mib {} is not from 1 to {MIB_MAX}", self.sql.memory_mib),
                "the default is 256",
            ));
        }
        if !(1..=CONNECTIONS_MAX).contains(&self.http.connections_max) {
            return Err(ConfigError::new(
                format!("http.connections_max {} is not from 1 to {CONNECTIONS_MAX}", self.http.connections_max),
                "the default is 1024",
            ));
        }
        Ok(())
    }
}

fn read_file(path: &Path) -> Result<toml::Table, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|err| ConfigError::new(format!("cannot read {}: {err}", path.display()), "check the path given to --config"))?;
    text.parse().map_err(|err: toml::de::Error| {
        ConfigError::new(format!("{}: {err}", path.display()), "see `mitoshi print-config` for an example")
    })
}

/// Lays `over` on top of `under`. A key that the defaults do not have is a mistake.
fn merge(under: &mut toml::Table, over: toml::Table, source: &str, path: &str) -> Result<(), ConfigError> {
    for (key, value) in over {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => merge(under, over, source, &full)?,
            (Some(toml::Value::Table(_)), _) => {
                return Err(ConfigError::new(format!("{source}: {full} is a section, not a value"), format!("write [{full}]")));
            }
            (Some(slot), value) => {
                check_number(&full, slot, &value)?;
                *slot = value;
            }
            (None, value) if path == FREE_SECTION => drop(under.insert(key, value)),
            (None, _) => {
                let near = nearest(&key, under.keys().map(String::as_str));
                return Err(ConfigError::new(format!("{source}: unknown key {full}"), format!("did you mean {near}?")));
            }
        }
    }
    Ok(())
}

/// `MITOSHI_HTTP_ADDRESS` is `http.address`.
fn merge_environment(table: &mut toml::Table) -> Result<(), ConfigError> {
    fn visit(table: &mut toml::Table, prefix: &str) -> Result<(), ConfigError> {
        for (key, slot) in table.iter_mut() {
            let name = format!("{prefix}_{}", key.to_ascii_uppercase());
            if let toml::Value::Table(inner) = slot {
                visit(inner, &name)?;
            } else if let Ok(text) = std::env::var(&name) {
                *slot = match slot {
                    toml::Value::String(_) => toml::Value::String(text),
                    toml::Value::Array(_) => toml::Value::Array(
                        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.to_owned().into()).collect(),
                    ),
                    toml::Value::Boolean(_) => match text.as_str() {
                        "true" => toml::Value::Boolean(true),
                        "false" => toml::Value::Boolean(false),
                        _ => return Err(ConfigError::new(format!("{name} is {text}, neither true nor false"), "")),
                    },
                    _ => {
                        let number = text.parse().ok().filter(|number: &i64| *number >= 0);
                        let number = number.ok_or_else(|| not_a_number(&name, &text))?;
                        toml::Value::Integer(number)
                    }
                };
            }
        }
        Ok(())
    }
    visit(table, "MITOSHI")
}

/// Variables that look like settings and are none, each with the setting it resembles.
pub(crate) fn unknown_variables() -> Vec<(String, String)> {
    fn names(table: &toml::Table, prefix: &str, known: &mut Vec<String>) {
        for (key, value) in table {
            let name = format!("{prefix}_{}", key.to_ascii_uppercase());
            match value {
                toml::Value::Table(inner) => names(inner, &name, known),
                _ => known.push(name),
            }
        }
    }
    let mut known = Vec::new();
    names(&DEFAULT.parse().unwrap_or_default(), "MITOSHI", &mut known);
    let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = set.filter(|name| name.starts_with("MITOSHI_") && !known.contains(name));
    unknown.map(|name| (name.clone(), nearest(&name, known.iter().map(String::as_str)).to_owned())).collect()
}

/// All numbers here are counts. Saying so here names the key, which the general reader does not.
fn check_number(key: &str, slot: &toml::Value, value: &toml::Value) -> Result<(), ConfigError> {
    match (slot, value) {
        (toml::Value::Integer(_), toml::Value::Integer(number)) if *number >= 0 => Ok(()),
        (toml::Value::Integer(_), value) => Err(not_a_number(key, &value.to_string())),
        _ => Ok(()),
    }
}

fn not_a_number(key: &str, text: &str) -> ConfigError {
    ConfigError::new(format!("{key} is {text}, not a whole number from 0"), "see `mitoshi print-config`")
}

/// The known key that differs least.
fn nearest<'k>(key: &str, known: impl Iterator<Item = &'k str>) -> &'k str {
    known.min_by_key(|known| edit_distance(key, known)).unwrap_or("")
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
