//! What the kernel says that a container used: its control groups, of version 1 or 2, and its processes.
//!
//! Files stay open: most of what a reading costs is finding them.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::machine::interfaces;

/// Counters run from the start of the container.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Counters {
    pub(crate) cpu_ns: u64,
    pub(crate) periods: u64,
    pub(crate) throttled_periods: u64,
    /// Without what the kernel can drop at any time.
    pub(crate) memory_bytes: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    pub(crate) processes: u64,
    pub(crate) oom_kills: u64,
    /// For how long something waited for CPU, memory and disk, in microseconds; version 2 alone knows.
    pub(crate) pressure_us: Option<[u64; 3]>,
    /// Bytes received and sent, where that is told with the rest.
    pub(crate) network: Option<(u64, u64)>,
}

/// The control groups of a container.
#[derive(Debug)]
pub(crate) struct Cgroup {
    proc_root: PathBuf,
    files: Files,
    /// Where processes are listed.
    processes: Option<File>,
    /// What was last seen of the processes' own counters.
    io: (u64, u64),
    /// Whether the groups count what is read and written. Kernels of version 1 may not.
    counts_io: bool,
}

#[derive(Debug)]
enum Files {
    One {
        cpu_usage: Option<File>,
        cpu: Option<File>,
        memory: Option<File>,
        memory_stat: Option<File>,
        oom: Option<File>,
        io: Option<File>,
        pids: Option<File>,
    },
    Two {
        cpu: Option<File>,
        memory: Option<File>,
        memory_stat: Option<File>,
        oom: Option<File>,
        io: Option<File>,
        pids: Option<File>,
        pressure: [Option<File>; 3],
    },
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

/// Reads a small file again, and what of it matters.
fn read<T>(file: Option<&File>, of: impl FnOnce(&str) -> T) -> io::Result<Option<T>> {
    let Some(file) = file else { return Ok(None) };
    BUFFER.with_borrow_mut(|buffer| {
        let mut length = 0;
        loop {
            let more = file.read_at(&mut buffer[length..], length as u64)?;
            length += more;
            if more == 0 || length == buffer.len() {
                break;
            }
        }
        let text = std::str::from_utf8(&buffer[..length]).unwrap_or_default();
        Ok(Some(of(text)))
    })
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or(0)
}

/// The number of a line that begins with a name.
fn field(text: &str, name: &str) -> u64 {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ').map(number);
    text.lines().find_map(value).unwrap_or(0)
}

impl Cgroup {
    /// Those of a process.
    pub(crate) fn of_process(cgroup_root: &Path, proc_root: &Path, pid: i64) -> io::Result<Cgroup> {
        let text = fs::read_to_string(proc_root.join(pid.to_string()).join("cgroup"))?;
        let mut unified = None;
        let mut controllers: Vec<(&str, &str)> = Vec::new();
        for line in text.lines() {
            let mut parts = line.splitn(3, ':');
            let (Some(_), Some(names), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
            match names {
                "" => unified = Some(path),
                names => controllers.extend(names.split(',').map(|name| (name, path))),
            }
        }
        let beneath = |dir: &str, path: &str| cgroup_root.join(dir).join(path.trim_start_matches('/'));
        let open = |path: PathBuf| File::open(path).ok();
        let dir = unified
            .map(|path| beneath("", path))
            .filter(|dir| dir.join("cgroup.controllers").exists() && dir.join("memory.stat").exists());
        let (files, processes) = if let Some(dir) = dir {
            let open = |name: &str| open(dir.join(name));
            let files = Files::Two {
                cpu: open("cpu.stat"),
                memory: open("memory.current"),
                memory_stat: open("memory.stat"),
                oom: open("memory.events"),
                io: open("io.stat"),
                pids: open("pids.current"),
                pressure: ["cpu.pressure", "memory.pressure", "io.pressure"].map(open),
            };
            (files, open("cgroup.procs"))
        } else {
            let dir_of = |name: &str| {
                let (_, path) = controllers.iter().find(|(known, _)| *known == name)?;
                Some(beneath(name, path)).filter(|dir| dir.exists())
            };
            let of = |controller: &str, file: &str| open(dir_of(controller)?.join(file));
            let io = || {
                of("blkio", "blkio.throttle.io_service_bytes_recursive").or_else(|| of("blkio", "blkio.throttle.io_service_bytes"))
            };
            let files = Files::One {
                cpu_usage: of("cpuacct", "cpuacct.usage"),
                cpu: of("cpu", "cpu.stat"),
                memory: of("memory", "memory.usage_in_bytes"),
                memory_stat: of("memory", "memory.stat"),
                oom: of("memory", "memory.oom_control"),
                io: io(),
                pids: of("pids", "pids.current"),
            };
            (files, of("cpuacct", "cgroup.procs"))
        };
        let knows_cpu = match &files {
            Files::One { cpu_usage, .. } => cpu_usage.is_some(),
            Files::Two { cpu, .. } => cpu.is_some(),
        };
        if !knows_cpu {
            let message = format!("no control group of process {pid} below {}", cgroup_root.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        Ok(Cgroup { proc_root: proc_root.to_owned(), files, processes, io: (0, 0), counts_io: false })
    }

    /// Fails when the container is gone.
    pub(crate) fn read(&mut self) -> io::Result<Counters> {
        let mut counters = Counters::default();
        match &self.files {
            Files::One { cpu_usage, cpu, memory, memory_stat, oom, io, pids } => {
                counters.cpu_ns = read(cpu_usage.as_ref(), number)?.unwrap_or(0);
                let throttling = |text: &str| (field(text, "nr_periods"), field(text, "nr_throttled"));
                (counters.periods, counters.throttled_periods) = read(cpu.as_ref(), throttling)?.unwrap_or_default();
                let used = read(memory.as_ref(), number)?.unwrap_or(0);
                let droppable = read(memory_stat.as_ref(), |text| field(text, "total_inactive_file"))?.unwrap_or(0);
                counters.memory_bytes = used.saturating_sub(droppable);
                counters.oom_kills = read(oom.as_ref(), |text| field(text, "oom_kill"))?.unwrap_or(0);
                (counters.read_bytes, counters.written_bytes) = read(io.as_ref(), io_one)?.unwrap_or_default();
                counters.processes = read(pids.as_ref(), number)?.unwrap_or(0);
            }
            Files::Two { cpu, memory, memory_stat, oom, io, pids, pressure } => {
                let times =
                    |text: &str| (field(text, "usage_usec") * 1_000, field(text, "nr_periods"), field(text, "nr_throttled"));
                (counters.cpu_ns, counters.periods, counters.throttled_periods) = read(cpu.as_ref(), times)?.unwrap_or_default();
                let used = read(memory.as_ref(), number)?.unwrap_or(0);
                let droppable = read(memory_stat.as_ref(), |text| field(text, "inactive_file"))?.unwrap_or(0);
                counters.memory_bytes = used.saturating_sub(droppable);
                counters.oom_kills = read(oom.as_ref(), |text| field(text, "oom_kill"))?.unwrap_or(0);
                (counters.read_bytes, counters.written_bytes) = read(io.as_ref(), io_two)?.unwrap_or_default();
                counters.processes = read(pids.as_ref(), number)?.unwrap_or(0);
                let mut waited = [0; 3];
                let mut is_known = true;
                for (waited, file) in waited.iter_mut().zip(pressure) {
                    match read(file.as_ref(), stalled) {
                        Ok(Some(stalled)) => *waited = stalled,
                        // Kernels may have it switched off, and say so on reading.
                        _ => is_known = false,
                    }
                }
                counters.pressure_us = is_known.then_some(waited);
            }
        }
        self.counts_io |= counters.read_bytes > 0 || counters.written_bytes > 0;
        if !self.counts_io {
            // What a process read and wrote goes to its parent when it ends, so the sum of the living does not shrink by much.
            let (read_bytes, written_bytes) = self.processes_io()?;
            self.io = (self.io.0.max(read_bytes), self.io.1.max(written_bytes));
            (counters.read_bytes, counters.written_bytes) = self.io;
        }
        Ok(counters)
    }

    /// Of the disk, as far as processes may be looked at.
    fn processes_io(&self) -> io::Result<(u64, u64)> {
        let of_all = read(self.processes.as_ref(), |text| text.lines().map(number).collect::<Vec<u64>>())?.unwrap_or_default();
        let mut sums = (0, 0);
        for pid in of_all {
            let Ok(file) = File::open(self.proc_root.join(pid.to_string()).join("io")) else { continue };
            let of = |text: &str| (field(text, "read_bytes:"), field(text, "write_bytes:"));
            if let Ok(Some((read_bytes, written_bytes))) = read(Some(&file), of) {
                sums = (sums.0 + read_bytes, sums.1 + written_bytes);
            }
        }
        Ok(sums)
    }
}

/// Of all devices: lines such as `8:0 Read 4096`.
fn io_one(text: &str) -> (u64, u64) {
    let mut sums = (0, 0);
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(_), Some(what), Some(bytes)) = (words.next(), words.next(), words.next()) else { continue };
        match what {
            "Read" => sums.0 += number(bytes),
            "Write" => sums.1 += number(bytes),
            _ => {}
        }
    }
    sums
}

/// Of all devices: lines such as `8:0 rbytes=4096 wbytes=0 rios=1`.
fn io_two(text: &str) -> (u64, u64) {
    let mut sums = (0, 0);
    for word in text.split_ascii_whitespace() {
        if let Some(bytes) = word.strip_prefix("rbytes=") {
            sums.0 += number(bytes);
        } else if let Some(bytes) = word.strip_prefix("wbytes=") {
            sums.1 += number(bytes);
        }
    }
    sums
}

/// For how long some waited: the `total` of the line `some`.
fn stalled(text: &str) -> u64 {
    let some = text.lines().find(|line| line.starts_with("some ")).unwrap_or_default();
    some.split_ascii_whitespace().find_map(|word| word.strip_prefix("total=")).map_or(0, number)
}

/// A network that processes share.
#[derive(Debug)]
pub(crate) struct Network {
    /// Of its name space: two containers with one number share it.
    pub(crate) inode: u64,
    file: File,
}

impl Network {
    /// That of a process; none where it is the machine's own.
    pub(crate) fn of_process(proc_root: &Path, pid: i64) -> Option<Network> {
        use std::os::unix::fs::MetadataExt;
        let inode = |pid: &str| Some(fs::metadata(proc_root.join(pid).join("ns/net")).ok()?.ino());
        let of_process = inode(&pid.to_string())?;
        if inode("1") == Some(of_process) {
            return None;
        }
        Some(Network { inode: of_process, file: File::open(proc_root.join(pid.to_string()).join("net/dev")).ok()? })
    }

    /// Bytes received and sent.
    pub(crate) fn read(&self) -> io::Result<(u64, u64)> {
        Ok(read(Some(&self.file), |text| interfaces(text.as_bytes()))?.unwrap_or_default())
    }
}
