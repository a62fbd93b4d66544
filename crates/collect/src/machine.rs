//! The machine that containers run on.

use std::fs;
use std::path::{Path, PathBuf};

/// What it has.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    proc_root: PathBuf,
    pub(crate) host_name: String,
    pub(crate) cores: f64,
    pub(crate) memory_bytes: u64,
}

/// What is used of it; counters run from its start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Load {
    /// In ticks, of all cores.
    cpu_busy: u64,
    cpu_all: u64,
    pub(crate) memory_bytes: u64,
    network_bytes: u64,
    pub(crate) disk_used: f64,
}

impl Machine {
    pub(crate) fn new(proc_root: &Path) -> Machine {
        let stat = fs::read_to_string(proc_root.join("stat")).unwrap_or_default();
        let is_core = |line: &&str| line.starts_with("cpu") && line.as_bytes().get(3).is_some_and(u8::is_ascii_digit);
        let cores = stat.lines().filter(is_core).count().max(1) as f64;
        let host_name = fs::read_to_string(proc_root.join("sys/kernel/hostname")).unwrap_or_default().trim().to_owned();
        let host_name = if host_name.is_empty() { "localhost".to_owned() } else { host_name };
        let memory_bytes = meminfo(proc_root, "MemTotal:").unwrap_or(0);
        Machine { proc_root: proc_root.to_owned(), host_name, cores, memory_bytes }
    }

    pub(crate) fn load(&self) -> Load {
        let stat = fs::read_to_string(self.proc_root.join("stat")).unwrap_or_default();
        let ticks: Vec<u64> = stat
            .lines()
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace()
            .skip(1)
            .filter_map(|ticks| ticks.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal; what guests use is in user.
        let all: u64 = ticks.iter().take(8).sum();
        let idle: u64 = ticks.iter().skip(3).take(2).sum();
        let available = meminfo(&self.proc_root, "MemAvailable:").unwrap_or(0);
        let network = fs::read(self.proc_root.join("1/net/dev")).or_else(|_| fs::read(self.proc_root.join("net/dev")));
        let (received, sent) = network.map(|text| interfaces(&text)).unwrap_or_default();
        let disk_used = rustix::fs::statvfs("/").ok().filter(|disk| disk.f_blocks > 0);
        Load {
            cpu_busy: all - idle,
            cpu_all: all,
            memory_bytes: self.memory_bytes.saturating_sub(available),
            network_bytes: received + sent,
            disk_used: disk_used.map_or(0.0, |disk| 100.0 - 100.0 * disk.f_bavail as f64 / disk.f_blocks as f64),
        }
    }
}

impl Load {
    /// The share of all cores since then, from 0 to 1.
    pub(crate) fn cpu_since(&self, before: &Load) -> Option<f64> {
        let all = self.cpu_all.checked_sub(before.cpu_all).filter(|all| *all > 0)?;
        Some((self.cpu_busy.saturating_sub(before.cpu_busy) as f64 / all as f64).min(1.0))
    }

    pub(crate) fn network_bytes_since(&self, before: &Load) -> u64 {
        self.network_bytes.saturating_sub(before.network_bytes)
    }
}

fn meminfo(proc_root: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(proc_root.join("meminfo")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1_024)
}

/// Bytes received and sent by all interfaces but loopback, of a `net/dev`.
pub(crate) fn interfaces(text: &[u8]) -> (u64, u64) {
    let text = String::from_utf8_lossy(text);
    let mut sums = (0, 0);
    for line in text.lines() {
        let Some((name, numbers)) = line.split_once(':') else { continue };
        if name.trim() == "lo" {
            continue;
        }
        let mut numbers = numbers.split_ascii_whitespace().map(|number| number.parse::<u64>().unwrap_or(0));
        sums.0 += numbers.next().unwrap_or(0);
        sums.1 += numbers.nth(7).unwrap_or(0);
    }
    sums
}
