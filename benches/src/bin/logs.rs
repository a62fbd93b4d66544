//! Takes log lines in and asks for them, inside one process: everything but HTTP.
//!
//! `cargo run --release -p benches --bin logs` prints CPU seconds as the kernel accounts them for the whole process, bytes on disk, and
//! the times of answers; docs/performance.md keeps them.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use ingest::Ingest;
use model::SystemClock;
use model::log::LogEvent;
use query::Query;
use query::log::insights::{self, Ask, Lookups, Stop};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use store::{LogGroupScan, LogScan, Store, StoreOptions};

#[derive(Parser)]
struct Args {
    /// Folder for the data; emptied first
    #[arg(long, default_value = "target/bench-logs")]
    dir: PathBuf,
    /// Lines to take in
    #[arg(long, default_value_t = 5_000_000)]
    lines: u64,
    /// Lines of a request
    #[arg(long, default_value_t = 2_000)]
    batch: u64,
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

const GROUP: &str = "/shop/backend";
/// All lines are of the last hours before now.
const HOURS: u64 = 6;
const ROUNDS: usize = 5;
const FLUSH_EVERY: u64 = 250_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutLogEvents {
    log_events: Vec<InputLogEvent>,
}

#[derive(Deserialize)]
struct InputLogEvent {
    timestamp: i64,
    message: String,
}

fn hex(chance: &mut StdRng, digits: usize) -> String {
    (0..digits).map(|_| char::from_digit(chance.random_range(0..16), 16).unwrap_or('0')).collect()
}

/// The lines of an application behind a proxy: each request has some three to six of them, with its id; some clients and users come
/// more often than others.
struct Application {
    chance: StdRng,
    clients: Vec<(String, usize)>,
    waiting: VecDeque<Line>,
}

/// How a line is made once its time is known.
type Line = Box<dyn FnOnce(i64) -> String + Send>;

const CLIENTS: usize = 20_000;
const PATHS: [&str; 8] =
    ["/api/orders", "/api/cart", "/api/users", "/api/stock", "/api/search", "/login", "/static/app.js", "/static/app.css"];
const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "curl/8.5.0",
];

fn iso(time_ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(time_ms).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl Application {
    fn new(seed: u64) -> Application {
        let mut chance = StdRng::seed_from_u64(seed);
        let client = |chance: &mut StdRng| {
            let part = |chance: &mut StdRng| chance.random_range(1..255u8);
            (format!("{}.{}.{}.{}", part(chance), part(chance), part(chance), part(chance)), chance.random_range(0..AGENTS.len()))
        };
        let clients = (0..CLIENTS).map(|_| client(&mut chance)).collect();
        Application { chance, clients, waiting: VecDeque::new() }
    }

    fn line(&mut self, time_ms: i64) -> String {
        if self.waiting.is_empty() {
            self.request();
        }
        // Requests run beside each other.
        let place = self.chance.random_range(0..self.waiting.len().min(3));
        self.waiting.remove(place).map(|line| line(time_ms)).unwrap_or_default()
    }

    fn request(&mut self) {
        let chance = &mut self.chance;
        let frequent = |most: f64, chance: &mut StdRng| (most * chance.random::<f64>().powi(3)) as usize;
        let (client, agent) = self.clients[frequent(CLIENTS as f64, chance)].clone();
        let path = PATHS[frequent(PATHS.len() as f64, chance)];
        let (user, item) = (frequent(50_000.0, chance), frequent(5_000.0, chance));
        let id = hex(chance, 32);
        let took = 2 + frequent(1_500.0, chance);
        let status = [200, 200, 200, 200, 200, 200, 200, 304, 404, 500][chance.random_range(0..10)];
        let worker = chance.random_range(0..16);
        let bytes = 200 + frequent(60_000.0, chance);
        let mut add = |line: Line| self.waiting.push_back(line);
        let (of, n) = (id.clone(), item);
        add(Box::new(move |at| format!("{} INFO  [worker-{worker}] [{of}] shop.web: {path}/{n} for user {user}", iso(at))));
        if status != 304 {
            let of = id.clone();
            add(Box::new(move |at| format!("{} DEBUG [worker-{worker}] [{of}] shop.cache: get item:{item} hit", iso(at))));
            let of = id.clone();
            add(Box::new(move |at| {
                format!(
                    "{} INFO  [worker-{worker}] [{of}] shop.store: SELECT * FROM items WHERE id = {item} took {} ms",
                    iso(at),
                    took / 3
                )
            }));
        }
        if status == 500 {
            let of = id.clone();
            add(Box::new(move |at| {
                format!(
                    "{} ERROR [worker-{worker}] [{of}] shop.orders: cannot write order of user {user}: connection to 10.0.0.7:5432 timed out",
                    iso(at)
                )
            }));
        }
        let of = id.clone();
        add(Box::new(move |at| {
            let level = if status == 500 { "ERROR" } else { "INFO" };
            format!(
                "{{\"time\":\"{}\",\"level\":\"{level}\",\"logger\":\"shop.access\",\"message\":\"handled request\",\"request_id\":\"{of}\",\"path\":\"{path}/{item}\",\"status\":{status},\"duration_ms\":{took},\"user\":{{\"id\":{user}}}}}",
                iso(at)
            )
        }));
        add(Box::new(move |at| {
            let time = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default().format("%d/%b/%Y:%H:%M:%S +0000");
            let secs = took as f64 / 1_000.0;
            format!(
                "{client} - - [{time}] \"GET {path}/{item} HTTP/1.1\" {status} {bytes} \"https://shop.example/\" \"{}\" {secs:.3}",
                AGENTS[agent]
            )
        }));
    }
}

/// CPU seconds of this process.
fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn bytes_of(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_of(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let _ = std::fs::remove_dir_all(&args.dir);
    let store = Store::open(StoreOptions::new(&args.dir), Arc::new(SystemClock)).await.expect("the store opens");
    let ingest = Ingest::new(store.clone(), Arc::default());
    let needle = take_in(&args, &store, &ingest).await;
    let started = cpu_secs();
    store.flush().await.expect("a flush");
    while store.compact().await.expect("a compaction") {}
    println!("flush of the rest and compaction: {:.1} CPU-s", cpu_secs() - started);
    println!("on disk: {:.1} MB in parts", bytes_of(&args.dir.join("log_event")) as f64 / 1e6);
    println!("on disk: {:.1} MB in the folder, with the write-ahead log", bytes_of(&args.dir) as f64 / 1e6);

    let query = Query::new(store.clone(), Arc::new(SystemClock));
    for (what, text) in [
        ("a needle", format!("filter @message like \"{needle}\"")),
        ("a needle that is nowhere", format!("filter @message like \"{}\"", "0123456789abcdef".repeat(2))),
        ("a text that few have", "filter @message like \"user 49999:\"".to_owned()),
        ("a text that many have, counted", "filter @message like \"timed out\" | stats count(*)".to_owned()),
        ("a regular expression, counted", "filter @message like /user \\d+5: conn/ | stats count(*)".to_owned()),
        ("count by minute", "stats count(*) by bin(1m)".to_owned()),
        ("errors by minute", "filter @message like \"ERROR\" | stats count(*) by bin(1m)".to_owned()),
        ("a JSON field", "filter level = \"ERROR\" | stats avg(duration_ms) by bin(5m)".to_owned()),
        ("the newest 1,000", "fields @timestamp, @message | limit 1000".to_owned()),
        ("patterns", "pattern @message | limit 20".to_owned()),
    ] {
        ask(&query, what, &text);
    }
    store.close().await.expect("the store closes");
}

/// Returns an id that one line has.
async fn take_in(args: &Args, store: &Store, ingest: &Ingest) -> String {
    let mut application = Application::new(args.seed);
    let end_ms = model::Clock::now_us(&SystemClock) / 1_000;
    let begin_ms = end_ms - (HOURS * 3_600 * 1_000) as i64;
    let (mut raw, mut needle) = (0u64, String::new());
    // Until they are acknowledged, until they are in parts, until these are merged.
    let mut cpu = [0.0; 3];
    let mut sent = 0;
    while sent < args.lines {
        let count = args.batch.min(args.lines - sent);
        let events: Vec<serde_json::Value> = (0..count)
            .map(|n| {
                let time_ms = begin_ms + ((sent + n) * HOURS * 3_600 * 1_000 / args.lines) as i64;
                let message = application.line(time_ms);
                if sent + n > args.lines / 3 && needle.is_empty() && message.contains("request_id") {
                    let at = message.find("request_id").unwrap_or(0) + 13;
                    needle = message[at..at + 32].to_owned();
                }
                raw += message.len() as u64;
                serde_json::json!({"timestamp": time_ms, "message": message})
            })
            .collect();
        let body = serde_json::json!({ "logEvents": events }).to_string();
        let stream = format!("task-{}", sent / args.batch % 4);
        let began = cpu_secs();
        // As the server does from the body of a request on.
        let put: PutLogEvents = serde_json::from_str(&body).expect("a body");
        let mut events: Vec<LogEvent> = put
            .log_events
            .into_iter()
            .map(|event| LogEvent {
                time_us: event.timestamp * 1_000,
                owner: None,
                group: GROUP.into(),
                stream: stream.as_str().into(),
                number: Default::default(),
                message: event.message,
            })
            .collect();
        ingest.log_events(&mut events).await.expect("events are kept");
        let kept = cpu_secs();
        cpu[0] += kept - began;
        // About when memory would be full.
        if (sent + count) / FLUSH_EVERY > sent / FLUSH_EVERY {
            store.flush().await.expect("a flush");
            let flushed = cpu_secs();
            cpu[1] += flushed - kept;
            store.compact().await.expect("a compaction");
            cpu[2] += cpu_secs() - flushed;
        }
        sent += count;
    }
    let megabytes = raw as f64 / 1e6;
    let until = |steps: usize| megabytes / cpu[..steps].iter().sum::<f64>();
    println!("{sent} lines, {megabytes:.1} MB: {:.1} + {:.1} + {:.1} CPU-s", cpu[0], cpu[1], cpu[2]);
    println!("MB a CPU-second: {:.1} until acknowledged, {:.1} until in parts, {:.1} until merged", until(1), until(2), until(3));
    needle
}

fn ask(query: &Query, what: &str, text: &str) {
    let parsed = insights::parse(text).expect("a query");
    let groups = vec![LogGroupScan { name: GROUP.into(), ..LogGroupScan::default() }];
    let scan = LogScan { groups, from_us: 0, to_us: i64::MAX, ..LogScan::default() };
    let (lookups, stop) = (Lookups::default(), Stop::default());
    let mut times = Vec::new();
    let cpu = cpu_secs();
    let mut found = Default::default();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let asked = Ask {
            query: &parsed,
            scan: &scan,
            with_spans: false,
            limit: 10_000,
            account_id: "",
            lookups: &lookups,
            stop: &stop,
            progress: &|_| (),
        };
        found = query.log_insights(&asked).expect("an answer");
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let cpu = (cpu_secs() - cpu) / ROUNDS as f64;
    println!(
        "{what}: median {:.0} ms (best {:.0}), {:.2} CPU-s each, {} rows, {} lines and {:.1} MB read{}",
        times[ROUNDS / 2],
        times[0],
        cpu,
        found.rows.len(),
        found.statistics.scanned,
        found.statistics.bytes as f64 / 1e6,
        if cpu > 0.0 { format!(", {:.0} MB a CPU-second", found.statistics.bytes as f64 / 1e6 / cpu) } else { String::new() }
    );
}
