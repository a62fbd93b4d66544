//! What a process and its children use, where no control group counts it: the sum of what the kernel says of each.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cgroup::Counters;

/// A child that left its parent has this in its environment, as all that a run began.
pub const RUN_ID: &str = "MITOSHI_RUN_ID";

/// A process and its children.
#[derive(Debug)]
pub(crate) struct Processes {
    proc_root: PathBuf,
    root: i64,
    /// What stands in the environment of all of them.
    mark: Vec<u8>,
    /// Whether processes without a parent of ours are ours, by their number and when they began.
    known: HashMap<(i64, u64), bool>,
    /// What was used by those that ended and that nobody of ours waited for.
    lost_ticks: u64,
    before_ticks: u64,
    io: (u64, u64),
    tick_ns: u64,
    page_bytes: u64,
}

/// Of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: i64,
    /// Of its own and of the children that it waited for.
    ticks: u64,
    began: u64,
}

impl Processes {
    pub(crate) fn of(proc_root: &Path, root: i64, run_id: &str) -> io::Result<Processes> {
        fs::metadata(proc_root.join(root.to_string()))?;
        Ok(Processes {
            proc_root: proc_root.to_owned(),
            root,
            mark: format!("{RUN_ID}={run_id}").into_bytes(),
            known: HashMap::new(),
            lost_ticks: 0,
            before_ticks: 0,
            io: (0, 0),
            tick_ns: 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1),
            page_bytes: rustix::param::page_size() as u64,
        })
    }

    /// Fails when all of them ended.
    pub(crate) fn read(&mut self) -> io::Result<Counters> {
        let ours = self.ours()?;
        if ours.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the process ended"));
        }
        let ticks: u64 = ours.values().map(|stat| stat.ticks).sum();
        // What the parent of a process that ended is not told, would be missing from now on.
        self.lost_ticks += self.before_ticks.saturating_sub(ticks);
        self.before_ticks = ticks;
        let (mut private, mut shared_max, mut io) = (0, 0, (0, 0));
        for pid in ours.keys() {
            let dir = self.proc_root.join(pid.to_string());
            let (resident, shared) = fs::read_to_string(dir.join("statm")).map(|text| pages(&text)).unwrap_or_default();
            private += resident.saturating_sub(shared);
            shared_max = shared_max.max(shared);
            let (read, written) = fs::read_to_string(dir.join("io")).map(|text| bytes(&text)).unwrap_or_default();
            io = (io.0 + read, io.1 + written);
        }
        self.io = (self.io.0.max(io.0), self.io.1.max(io.1));
        Ok(Counters {
            cpu_ns: (ticks + self.lost_ticks) * self.tick_ns,
            // Pages that several of them share count once, as far as that can be told.
            memory_bytes: (private + shared_max) * self.page_bytes,
            read_bytes: self.io.0,
            written_bytes: self.io.1,
            processes: ours.len() as u64,
            ..Counters::default()
        })
    }

    /// The process, what it began, and what these began.
    fn ours(&mut self) -> io::Result<BTreeMap<i64, Stat>> {
        let mut all: BTreeMap<i64, Stat> = BTreeMap::new();
        for entry in fs::read_dir(&self.proc_root)? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i64>().ok()) else { continue };
            let stat = fs::read_to_string(self.proc_root.join(pid.to_string()).join("stat")).ok().and_then(|text| stat(&text));
            all.extend(stat.map(|stat| (pid, stat)));
        }
        let mut is_ours: HashMap<i64, bool> = HashMap::from([(self.root, true)]);
        for &pid in all.keys() {
            self.decide(pid, &all, &mut is_ours);
        }
        self.known.retain(|(pid, began), _| all.get(pid).is_some_and(|stat| stat.began == *began));
        Ok(all.into_iter().filter(|(pid, _)| is_ours.get(pid) == Some(&true)).collect())
    }

    /// Goes up to the first ancestor of which it is known.
    fn decide(&mut self, pid: i64, all: &BTreeMap<i64, Stat>, is_ours: &mut HashMap<i64, bool>) {
        let mut way = Vec::new();
        let mut at = pid;
        let found = loop {
            if let Some(&found) = is_ours.get(&at) {
                break found;
            }
            way.push(at);
            match all.get(&at) {
                None => break false,
                // Its parent ended, and the first of all processes took it over.
                Some(stat) if stat.parent <= 1 => {
                    let key = (at, stat.began);
                    break match self.known.get(&key) {
                        Some(&known) => known,
                        None => {
                            let environment = fs::read(self.proc_root.join(at.to_string()).join("environ")).unwrap_or_default();
                            let has_mark = environment.split(|byte| *byte == 0).any(|pair| pair == self.mark);
                            self.known.insert(key, has_mark);
                            has_mark
                        }
                    };
                }
                Some(stat) => at = stat.parent,
            }
        };
        is_ours.extend(way.into_iter().map(|pid| (pid, found)));
    }
}

fn stat(text: &str) -> Option<Stat> {
    // Behind the command's name, which may have anything in it.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<i64>().ok();
    let ticks: i64 = (11..15).map(|place| number(place).unwrap_or(0)).sum();
    Some(Stat { parent: number(1)?, ticks: ticks.max(0) as u64, began: number(19)?.max(0) as u64 })
}

/// Resident, and shared of these.
fn pages(text: &str) -> (u64, u64) {
    let mut numbers = text.split_ascii_whitespace().skip(1).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Read from disk, and written to it.
fn bytes(text: &str) -> (u64, u64) {
    let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0);
    (of("read_bytes:"), of("write_bytes:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Proc(tempfile::TempDir);

    impl Proc {
        fn process(&self, pid: i64, parent: i64, ticks: [u64; 4], resident: u64, environ: &str) {
            let dir = self.0.path().join(pid.to_string());
            fs::create_dir_all(&dir).unwrap();
            let [a, b, c, d] = ticks;
            let stat = format!("{pid} (a (b) c) S {parent} 1 1 0 -1 0 0 0 0 0 {a} {b} {c} {d} 20 0 1 0 {} 0 0\n", pid * 10);
            fs::write(dir.join("stat"), stat).unwrap();
            fs::write(dir.join("statm"), format!("1000 {resident} 10 0 0 0 0\n")).unwrap();
            fs::write(dir.join("io"), format!("rchar: 1\nread_bytes: {}\nwrite_bytes: {}\n", pid, pid * 2)).unwrap();
            fs::write(dir.join("environ"), environ).unwrap();
        }

        fn end(&self, pid: i64) {
            fs::remove_dir_all(self.0.path().join(pid.to_string())).unwrap();
        }
    }

    #[test]
    fn children_count_wherever_they_went() {
        let proc = Proc(tempfile::tempdir().unwrap());
        proc.process(1, 0, [900, 0, 0, 0], 500, "");
        proc.process(10, 5, [100, 0, 0, 0], 110, "");
        proc.process(11, 10, [10, 5, 0, 0], 60, "");
        proc.process(12, 11, [1, 0, 0, 0], 20, "");
        // One that left its parent, and one of another run.
        proc.process(20, 1, [50, 0, 0, 0], 30, "A=1\0MITOSHI_RUN_ID=r1\0");
        proc.process(30, 1, [70, 0, 0, 0], 30, "MITOSHI_RUN_ID=r2\0");
        let mut processes = Processes::of(proc.0.path(), 10, "r1").unwrap();
        let (tick, page) = (processes.tick_ns, processes.page_bytes);
        let read = processes.read().unwrap();
        assert_eq!((read.cpu_ns, read.processes), (166 * tick, 4));
        assert_eq!(read.memory_bytes, (100 + 50 + 10 + 20 + 10) * page);
        assert_eq!((read.read_bytes, read.written_bytes), (53, 106));
        // A child that ended: its parent has waited for it.
        proc.end(12);
        proc.process(11, 10, [10, 5, 1, 0], 60, "");
        assert_eq!(processes.read().unwrap().cpu_ns, 166 * tick);
        // Nobody of ours waited for this one.
        proc.end(20);
        proc.process(10, 5, [110, 0, 0, 0], 110, "");
        let after = processes.read().unwrap().cpu_ns;
        proc.process(10, 5, [120, 0, 0, 0], 110, "");
        assert_eq!(processes.read().unwrap().cpu_ns - after, 10 * tick);
        proc.end(10);
        proc.end(11);
        assert!(processes.read().is_err());
    }
}
