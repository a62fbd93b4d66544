//! Takes log lines in and asks for them, inside one process: everything but HTTP.
//!
//! `cargo run --release -p benches --bin logs` prints CPU seconds as the kernel accounts them for the whole process, bytes on disk, and
//! the times of answers; docs/performance.md keeps them.

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

/// As an application behind a proxy writes them: half lines of access, a third JSON with the id of the request, the rest words.
fn line(chance: &mut StdRng, time_ms: i64) -> String {
    const PATHS: [&str; 6] = ["/api/orders", "/api/cart", "/api/users", "/api/stock", "/health", "/static/app.js"];
    const AGENTS: [&str; 3] = [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        "curl/8.5.0",
    ];
    let path = PATHS[chance.random_range(0..PATHS.len())];
    let status = [200, 200, 200, 200, 200, 200, 304, 404, 500][chance.random_range(0..9)];
    let id = chance.random_range(0..100_000u32);
    match chance.random_range(0..100) {
        0..50 => format!(
            "10.{}.{}.{} - - [{time_ms}] \"GET {path}/{id} HTTP/1.1\" {status} {} \"-\" \"{}\" {:.3}",
            chance.random_range(0..4),
            chance.random_range(0..256),
            chance.random_range(0..256),
            chance.random_range(100..60_000),
            AGENTS[chance.random_range(0..AGENTS.len())],
            f64::from(chance.random_range(1..2_000)) / 1_000.0,
        ),
        50..84 => format!(
            "{{\"time\":{time_ms},\"level\":\"{}\",\"logger\":\"shop.orders\",\"message\":\"handled request\",\"request_id\":\"{}\",\"path\":\"{path}\",\"status\":{status},\"duration_ms\":{},\"user\":{{\"id\":{id}}}}}",
            ["INFO", "INFO", "INFO", "WARN", "ERROR"][chance.random_range(0..5)],
            hex(chance, 32),
            chance.random_range(1..3_000),
        ),
        84..94 => format!(
            "INFO  [worker-{}] shop.stock: reserved {} of item {id} for order {} in {} ms",
            chance.random_range(0..16),
            chance.random_range(1..9),
            chance.random_range(1_000_000..9_000_000),
            chance.random_range(1..400)
        ),
        94..98 => format!("DEBUG [worker-{}] shop.cache: miss for key user:{id}, loading", chance.random_range(0..16)),
        _ => format!(
            "ERROR [worker-{}] shop.orders: cannot write order {id}: connection to 10.0.0.7:5432 timed out",
            chance.random_range(0..16)
        ),
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
    println!("on disk: {:.1} MB in parts", bytes_of(&args.dir.join("parts")) as f64 / 1e6);
    println!("on disk: {:.1} MB in the folder", bytes_of(&args.dir) as f64 / 1e6);

    let query = Query::new(store.clone(), Arc::new(SystemClock));
    for (what, text) in [
        ("a needle", format!("filter @message like \"{needle}\"")),
        ("a needle that is nowhere", format!("filter @message like \"{}\"", "0123456789abcdef".repeat(2))),
        ("a text that few have", "filter @message like \"user:99999,\"".to_owned()),
        ("a text that many have, counted", "filter @message like \"timed out\" | stats count(*)".to_owned()),
        ("a regular expression, counted", "filter @message like /order \\d+5: conn/ | stats count(*)".to_owned()),
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
    let mut chance = StdRng::seed_from_u64(args.seed);
    let end_ms = model::Clock::now_us(&SystemClock) / 1_000;
    let begin_ms = end_ms - (HOURS * 3_600 * 1_000) as i64;
    let (mut raw, mut cpu, mut needle) = (0u64, 0.0, String::new());
    let mut sent = 0;
    while sent < args.lines {
        let count = args.batch.min(args.lines - sent);
        let events: Vec<serde_json::Value> = (0..count)
            .map(|n| {
                let time_ms = begin_ms + ((sent + n) * HOURS * 3_600 * 1_000 / args.lines) as i64;
                let message = line(&mut chance, time_ms);
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
        // About when memory would be full.
        if (sent + count) / FLUSH_EVERY > sent / FLUSH_EVERY {
            store.flush().await.expect("a flush");
            store.compact().await.expect("a compaction");
        }
        cpu += cpu_secs() - began;
        sent += count;
    }
    println!("{} lines, {:.1} MB: {:.1} CPU-s, {:.1} MB a CPU-second", sent, raw as f64 / 1e6, cpu, raw as f64 / 1e6 / cpu);
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
        let asked =
            Ask { query: &parsed, scan: &scan, limit: 10_000, account_id: "", lookups: &lookups, stop: &stop, progress: &|_| () };
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
