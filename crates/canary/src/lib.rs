//! Runs of canaries: each is done once, and what came of it is told. Nothing here knows when a canary is due, nor where its results are kept.

mod browser;
mod check;
mod har;
mod heartbeat;
mod journal;
mod links;
mod net;
mod page;
mod recorder;
mod script;
mod secret;
mod setup;
mod visual;
mod workflow;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::canary::{Report, Step, VisualReference};
use recorder::Recorder;
use serde_json::Value;
use tokio::sync::Semaphore;

pub use journal::Journal;
pub use script::{kill_left, look_into, pack};
pub use setup::{Found, Setup, SetupOptions};
pub use visual::ignored_box;

/// Programs of this crate, each with what it is.
pub const BLUEPRINTS: [(&str, &str); 5] = [
    ("heartbeat", "loads pages in a browser, or asks for them where there is none"),
    ("multi-checks", "HTTP, DNS, SSL and TCP checks"),
    ("broken-links", "follows the links of a page"),
    ("visual", "compares pages with how they looked"),
    ("workflow", "clicks and types in a page, and looks what comes of it"),
];

/// One run that is to be done.
#[derive(Debug, Clone)]
pub struct Job {
    pub canary: String,
    pub run_id: String,
    pub arn: String,
    pub region: String,
    pub program: Program,
    pub timeout: Duration,
    pub memory_mb: i64,
    pub environment: BTreeMap<String, String>,
    /// Whether requests carry a trace header.
    pub is_traced: bool,
    /// An empty folder, for files.
    pub artifacts: PathBuf,
    /// What screenshots are compared with: a folder of files of the same names, and what of them is left out.
    pub visual: Option<(PathBuf, VisualReference)>,
}

#[derive(Debug, Clone)]
pub enum Program {
    Blueprint {
        name: String,
        config: Value,
    },
    /// A zip, and which function of it.
    Script {
        zip: Vec<u8>,
        handler: String,
        runtime: String,
    },
    /// There is nothing to run, and why.
    None(String),
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub report: Report,
    /// Segment documents that say what was requested, when, and what of.
    pub segments: Vec<Value>,
}

/// Does runs. Cheap to clone.
#[derive(Clone)]
pub struct Runner {
    setup: Arc<Setup>,
    /// Browsers and scripts are heavy: few at a time.
    heavy: Arc<Semaphore>,
    light: Arc<Semaphore>,
}

impl Runner {
    pub fn new(setup: Setup, concurrency: usize) -> Runner {
        // Whoever was first: all of this program use the same.
        let _ = rustls::crypto::CryptoProvider::install_default(rustls::crypto::ring::default_provider());
        Runner {
            setup: Arc::new(setup),
            heavy: Arc::new(Semaphore::new(concurrency.max(1))),
            light: Arc::new(Semaphore::new(concurrency.max(1) * 8)),
        }
    }

    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Why a program cannot be what it says, if it cannot.
    pub fn check(name: &str, config: &Value) -> Result<(), String> {
        match name {
            "heartbeat" | "visual" => heartbeat::Config::read(config).map(drop),
            "multi-checks" => check::Config::read(config).map(drop),
            "broken-links" => links::Config::read(config).map(drop),
            "workflow" => workflow::Config::read(config).map(drop),
            other => {
                let names: Vec<&str> = BLUEPRINTS.iter().map(|(name, _)| *name).collect();
                Err(format!("{other:?} is no blueprint of this server: {}", names.join(", ")))
            }
        }
    }

    /// Does it, within its time. What it says meanwhile is in the journal.
    pub async fn run(&self, job: &Job, journal: &Journal) -> Outcome {
        let is_heavy = match &job.program {
            Program::Blueprint { name, .. } => name != "multi-checks" && self.setup.browser.path.is_some(),
            Program::Script { .. } => true,
            Program::None(_) => false,
        };
        let room = if is_heavy { &self.heavy } else { &self.light };
        // It is never closed.
        let _room = room.acquire().await;
        let mut recorder = Recorder::new(job, journal.clone());
        journal.info(format!("run {} of canary {} begins", job.run_id, job.canary));
        if let Program::Script { .. } = job.program {
            script::run(job, &self.setup, &mut recorder).await;
        } else {
            let done = tokio::time::timeout(job.timeout, self.blueprint(job, &mut recorder)).await;
            if done.is_err() {
                let secs = job.timeout.as_secs();
                recorder.cannot(format!("the run took longer than its timeout of {secs} seconds"));
            }
        }
        recorder.end().await
    }

    async fn blueprint(&self, job: &Job, recorder: &mut Recorder<'_>) {
        let (name, config) = match &job.program {
            Program::Blueprint { name, config } => (name.as_str(), config),
            Program::None(why) => return recorder.cannot(why.clone()),
            Program::Script { .. } => return,
        };
        let ran = match name {
            "heartbeat" | "visual" => match heartbeat::Config::read(config) {
                Ok(config) => heartbeat::run(&config, &self.setup, recorder).await,
                Err(why) => Err(why),
            },
            "multi-checks" => match check::Config::read(config) {
                Ok(config) => check::run(&config, recorder).await,
                Err(why) => Err(why),
            },
            "broken-links" => match links::Config::read(config) {
                Ok(config) => links::run(&config, recorder).await,
                Err(why) => Err(why),
            },
            "workflow" => match workflow::Config::read(config) {
                Ok(config) => workflow::run(&config, &self.setup, recorder).await,
                Err(why) => Err(why),
            },
            other => Err(format!("{other:?} is no blueprint of this server")),
        };
        if let Err(why) = ran {
            recorder.cannot(why);
        }
    }
}

/// What a failed step says of the whole.
fn failure_of(steps: &[Step]) -> Option<String> {
    let failed: Vec<&Step> = steps.iter().filter(|step| step.is_failed()).collect();
    let first = failed.first()?;
    let error = first.error.as_deref().unwrap_or("failed");
    Some(match failed.len() {
        1 => format!("step {}: {error}", first.step_name),
        many => format!("{many} of {} steps failed; step {}: {error}", steps.len(), first.step_name),
    })
}
