//! The binary: reads the configuration, starts the parts in order, waits, stops them in reverse.

mod access;
mod agent;
mod canaries;
mod collection;
mod config;
mod folder;
mod header_case;
mod listen;
mod logs;
mod notify;
mod query;
mod run;
mod tls;

use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ::query::Query;
use access::{KeyCommand, UserCommand};
use api::{Access, Accounts, App, Guard, Identity, Listeners};
use clap::{Parser, Subcommand};
use collection::Keeper;
use config::{Config, Listen, Overrides};
use control::alarm::{Alarms, Parts, Place};
use control::anomaly_detector::AnomalyDetectors;
use control::canary::CanaryGroups;
use control::cluster::Clusters;
use control::dashboard::Dashboards;
use control::delivery::Deliveries;
use control::export_task::ExportTasks;
use control::group::Groups;
use control::insight::Insights;
use control::key::Keys;
use control::link::Links;
use control::log::{Logs, Policies};
use control::log_query::LogQueries;
use control::lookup_table::LookupTables;
use control::metric_filter::MetricFilters;
use control::mute_rule::MuteRules;
use control::query_definition::QueryDefinitions;
use control::resource_policy::ResourcePolicies;
use control::retrieval::Retrievals;
use control::sampling::Sampling;
use control::setting::Settings;
use control::subscription_filter::SubscriptionFilters;
use control::tag::Tagging;
use control::topic::Topics;
use control::user::Users;
use folder::Folder;
use ingest::emf::agent::Agent;
use ingest::xray::daemon::Daemon;
use ingest::{Ingest, Mapping};
use listen::Door;
use model::{Clock, SystemClock};
use query::Question;
use sql::Sql;
use store::{Resolution, Store, StoreOptions};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{error, info, warn};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Exit codes, as sysexits.h numbers them.
const BAD_CONFIG: u8 = 64;
const CANNOT_START: u8 = 74;
/// Ended by a second signal.
const STOPPED_AT_ONCE: u8 = 130;

/// Observability for people who run containers: X-Ray compatible traces on your own machine.
#[derive(Parser)]
#[command(
    name = "mitoshi",
    version,
    about = "Observability for people who run containers: X-Ray compatible traces on your own machine",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: AWS APIs, X-Ray daemon, console
    Serve(Overrides),
    /// Read all of a data folder and say what is wrong with it; a server may be using it
    Doctor {
        #[command(flatten)]
        folder: Folder,
        /// Make everything that is derived again, and compare: takes longer
        #[arg(long)]
        deep: bool,
        /// The result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Copy a data folder, which a server may be using; into an earlier backup, only what is new
    Backup {
        /// A new folder, or one with an earlier backup
        to: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Make a data folder of a backup
    Restore {
        /// A folder that `mitoshi backup` wrote
        from: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Make all that is derived from segments anew, and keep what can be read of damaged parts; no server may be using the folder
    Rebuild(Folder),
    /// Ask a running server in SQL; without a query, list what can be asked
    Query {
        #[command(flatten)]
        question: Question,
        /// Configuration file (TOML); `mitoshi print-config` shows every key
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Make, list and revoke keys, with which programs sign their requests; a server may be using the folder
    #[command(subcommand)]
    Keys(KeyCommand),
    /// Add, list and remove people who may sign in to the console; a server may be using the folder
    #[command(subcommand)]
    Users(UserCommand),
    /// Take in traces, metrics and what containers use, and pass it on to a server on another machine
    Agent(Box<agent::AgentArgs>),
    /// Run a command, and tell a server what it and its children use
    Run(Box<run::RunArgs>),
    /// Run a canary that a file describes, once and without a server: for tests before something is deployed
    #[command(subcommand)]
    Canary(canaries::CanaryCommand),
    /// Check the configuration that `serve` would use
    CheckConfig(Overrides),
    /// Print the configuration that `serve` would use; without flags, every key with its default and meaning
    PrintConfig(Overrides),
}

fn main() -> ExitCode {
    let command = match Cli::parse().command {
        // It has no configuration but its flags.
        Command::Agent(args) => return agent::agent(*args),
        Command::Run(args) => return run::run(*args),
        command => command,
    };
    let (overrides, run): (Overrides, Box<dyn FnOnce(Config) -> ExitCode>) = match command {
        Command::Agent(_) | Command::Run(_) => return ExitCode::SUCCESS,
        Command::Doctor { folder, deep, json } => {
            (folder.into(), Box::new(move |config| folder::doctor(&config.data_dir, deep, json)))
        }
        Command::Backup { to, folder } => (folder.into(), Box::new(move |config| folder::backup(&config.data_dir, &to))),
        Command::Restore { from, folder } => (folder.into(), Box::new(move |config| folder::restore(&from, &config.data_dir))),
        Command::Rebuild(folder) => (
            folder.into(),
            Box::new(|config| {
                log_with("warn");
                folder::rebuild(options(&config))
            }),
        ),
        Command::Query { question, config } => {
            let overrides = Overrides { config, ..Overrides::default() };
            (overrides, Box::new(move |config| query::query(question, config.http.address)))
        }
        Command::Keys(command) => (command.folder().into(), Box::new(move |config| access::keys(command, &config))),
        Command::Canary(command) => (command.overrides(), Box::new(move |config| canaries::run_file(command, config))),
        Command::Users(command) => (command.folder().into(), Box::new(move |config| access::users(command, &config))),
        Command::Serve(overrides) => (overrides, Box::new(serve)),
        Command::CheckConfig(overrides) => (
            overrides,
            Box::new(|_| {
                say("the configuration is good");
                ExitCode::SUCCESS
            }),
        ),
        Command::PrintConfig(overrides) if std::env::args().len() == 2 => {
            let _ = overrides;
            say(config::DEFAULT.trim_end());
            return ExitCode::SUCCESS;
        }
        Command::PrintConfig(overrides) => (
            overrides,
            Box::new(|config| {
                say(toml::to_string(&config).unwrap_or_default().trim_end());
                ExitCode::SUCCESS
            }),
        ),
    };
    match Config::load(&overrides) {
        Ok(config) => {
            for (name, near) in config::unknown_variables() {
                complain(&format!("{name} is not a setting and is ignored"), &format!("did you mean {near}?"));
            }
            run(config)
        }
        Err(err) => {
            complain(&err.message, &err.hint);
            ExitCode::from(BAD_CONFIG)
        }
    }
}

/// To standard output, which scripts read.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn complain(message: &str, hint: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "mitoshi: {message}");
    if !hint.is_empty() {
        let _ = writeln!(out, "hint: {hint}");
    }
}

/// Begins the log on standard error. Returns whether the filter could be read.
fn log_with(filter: &str) -> bool {
    match tracing_subscriber::EnvFilter::try_new(filter) {
        Ok(filter) => {
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
            true
        }
        Err(err) => {
            complain(&format!("log {filter:?}: {err}"), "use error, warn, info, debug or trace");
            false
        }
    }
}

fn serve(config: Config) -> ExitCode {
    if !log_with(&config.log) {
        return ExitCode::from(BAD_CONFIG);
    }
    raise_file_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            complain(&format!("cannot start: {err}"), "");
            return ExitCode::from(CANNOT_START);
        }
    };
    let result = runtime.block_on(run(config));
    // Questions under way have nobody left to answer to.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((message, hint)) => {
            complain(&message, &hint);
            ExitCode::from(CANNOT_START)
        }
    }
}

/// Parts stay open, and each connection is a file: takes as many as this process may have.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = limits.maximum;
    if let Err(err) = setrlimit(Resource::Nofile, limits) {
        warn!(error = %err, "cannot raise the limit of open files");
    }
}

type StartError = (String, String);

async fn run(config: Config) -> Result<(), StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // Sockets first: a port that is taken should be known before anything is opened.
    let http = bind(config.http.address, "--http").await?;
    let (daemon, daemon_tcp) = bind_daemon(config.daemon.address).await?;
    let otlp_grpc = bind_otlp(config.otlp.grpc_address, OTLP_GRPC_PORT, "--otlp-grpc").await?;
    let otlp_http = bind_otlp(config.otlp.http_address, OTLP_HTTP_PORT, "--otlp-http").await?;
    let otlp_address = |listener: &Option<TcpListener>| listener.as_ref().map(local).transpose();
    let (otlp_grpc_address, otlp_http_address) = (otlp_address(&otlp_grpc)?, otlp_address(&otlp_http)?);
    let emf = bind_emf(config.metrics.emf_address).await?;
    let metadata = match config.containers.watch {
        true => collection::bind_metadata(config.containers.metadata_address, "containers.metadata_address").await?,
        false => None,
    };
    let metadata_address = metadata.as_ref().map(local).transpose()?;
    let http_address = local(&http)?;
    let daemon_address = daemon.address();

    let tls = match config.tls.is_on() {
        true => Some(
            tls::acceptor(&config.tls)
                .map_err(|why| (format!("cannot serve TLS: {why}"), "see [tls] in the configuration".to_owned()))?,
        ),
        false => None,
    };
    let store = open(&config, &http, tls.clone(), clock.clone()).await?;
    let access = access(&config, &store, clock.clone()).await?;
    let limits = sql::Limits { timeout: Duration::from_secs(config.sql.timeout_secs), memory_mib: config.sql.memory_mib };
    let sql = Sql::new(store.clone(), limits);
    let quotas = Arc::new(config.quotas.clone());
    let ingest = Ingest::new(store.clone(), quotas.clone()).with_mapping(Mapping {
        indexed_attributes: config.otlp.indexed_attributes.iter().cloned().collect(),
        index_all_attributes: config.otlp.index_all_attributes,
        metric_dimensions: config.otlp.metric_dimensions.clone(),
        span_bytes: quotas.span_bytes,
    });
    let catalog = store.catalog().clone();
    let unreadable = |err: control::Error| (format!("cannot read the links of accounts: {err}"), String::new());
    let links = Links::load(catalog.clone(), &config.account_id).await.map_err(unreadable)?;
    let (seen, own) = (links.clone(), config.account_id.clone());
    let query = Query::new(store.clone(), clock.clone()).scoped(Arc::new(move |kind| seen.scope(&own, kind)));
    let sampling = Sampling::new(catalog.clone(), clock.clone(), quotas.clone());
    let groups = Groups::new(catalog.clone(), clock.clone(), quotas.clone());
    let insights = Insights::new(catalog.clone(), query.clone(), groups.clone(), clock.clone(), quotas.clone());
    let logs = Logs::new(store.clone(), catalog.clone(), clock.clone(), None, Policies::default());
    let exports = config.data_dir.join("exports");
    let export_tasks = ExportTasks::new(catalog.clone(), clock.clone(), logs.clone(), query.clone(), exports);
    let (stop, stopping) = watch::channel(false);
    let channels = notify::channels(&config)?;
    let anomaly_detectors = AnomalyDetectors::new(catalog.clone());
    let mute_rules = MuteRules::new(catalog.clone(), clock.clone());
    let topics = Topics::new(catalog.clone(), clock.clone(), &config.region, &config.account_id);
    let deliveries = Deliveries::new(catalog.clone(), clock.clone());
    let console_url = Some(config.notifications.console_url.trim_end_matches('/').to_owned()).filter(|url| !url.is_empty());
    let parts = Parts {
        query: query.clone(),
        detectors: anomaly_detectors.clone(),
        topics: topics.clone(),
        mute_rules: mute_rules.clone(),
        deliveries: deliveries.clone(),
    };
    let place = Place {
        account_id: config.account_id.clone(),
        server_account_id: config.account_id.clone(),
        region: config.region.clone(),
        console: console_url.clone(),
    };
    let app = Arc::new(App {
        alarms: Alarms::new(catalog.clone(), parts, clock.clone(), place),
        canaries: canaries::canaries(&config, catalog.clone(), clock.clone()).await,
        canary_groups: CanaryGroups::new(catalog.clone(), clock.clone()),
        mute_rules,
        topics,
        deliveries,
        notification_setup: Arc::new(notify::setup(&channels)),
        console_url,
        ingest: ingest.clone(),
        query,
        insights,
        sql: sql.clone(),
        tags: Tagging::new(catalog.clone(), groups.clone(), sampling.clone(), quotas.clone()),
        sampling,
        groups,
        policies: ResourcePolicies::new(catalog.clone(), clock.clone(), quotas.clone()),
        settings: Settings::new(catalog.clone(), clock.clone()),
        dashboards: Dashboards::new(catalog.clone(), clock.clone()),
        anomaly_detectors,
        clusters: Clusters::new(catalog.clone(), clock.clone(), config.containers.insights),
        metric_filters: MetricFilters::new(catalog.clone(), clock.clone()),
        subscription_filters: SubscriptionFilters::new(
            store.clone(),
            catalog.clone(),
            clock.clone(),
            logs.clone(),
            &config.account_id,
        ),
        query_definitions: QueryDefinitions::new(catalog.clone(), clock.clone()),
        lookup_tables: LookupTables::new(catalog.clone(), clock.clone()),
        export_tasks,
        logs,
        log_queries: LogQueries::new(clock.clone()),
        retrievals: Retrievals::new(clock.clone()),
        identity: Identity {
            account_id: config.account_id.clone(),
            region: config.region.clone(),
            retention_days: if config.quotas.lenient { 0 } else { config.store.retention_days },
        },
        listeners: Listeners {
            http: http_address.to_string(),
            daemon: daemon_address.to_string(),
            otlp_grpc: otlp_grpc_address.map(|address| address.to_string()),
            otlp_http: otlp_http_address.map(|address| address.to_string()),
            emf: emf.as_ref().map(|agent| agent.address().to_string()),
            task_metadata: metadata_address.map(|address| address.to_string()),
        },
        guard: Guard { allowed_hosts: config.http.allowed_hosts.clone() },
        access: Arc::new(access),
        links,
        accounts: Accounts::default(),
        store: store.clone(),
        started_us: clock.now_us(),
        clock,
        quotas,
        limits: Arc::default(),
        stopping: stopping.clone(),
    });

    let stopped = || {
        let mut stopping = stopping.clone();
        async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        }
    };
    let networks = config.daemon.allow.clone();
    let daemon_allow: listen::Allow =
        Arc::new(move |ip| networks.is_empty() || networks.iter().any(|network| network.contains(&ip)));
    let connections_max = config.http.connections_max;
    let mut doors = JoinSet::new();
    doors.spawn(daemon.run(ingest, daemon_allow.clone(), stopped()));
    let door =
        |listener: TcpListener| Door { listener, allow: Arc::new(|_| true), connections_max, with_http2: true, tls: tls.clone() };
    // Clients of a daemon know no TLS.
    let daemon_door = Door { allow: daemon_allow, with_http2: false, tls: None, ..door(daemon_tcp) };
    doors.spawn(listen::serve(daemon_door, api::daemon_router(app.clone()), stopped()));
    doors.spawn(listen::serve(door(http), api::router(app.clone()), stopped()));
    for listener in [otlp_grpc, otlp_http].into_iter().flatten() {
        doors.spawn(listen::serve(door(listener), api::otlp_router(app.clone()), stopped()));
    }
    let emf = emf.map(|agent| tokio::spawn(agent.run(app.ingest.clone(), app.clock.clone(), stopping.clone())));
    let every = Duration::from_secs(config.metrics.own_every_secs);
    let own_metrics = tokio::spawn(ingest::own_metrics::run(app.ingest.clone(), app.clock.clone(), every, stopping.clone()));
    let told = metadata.map(|listener| {
        let told = collect::Metadata::new(&config.region, &config.account_id, &config.containers.proc_root);
        doors.spawn(collection::tell(told.clone(), listener, config.containers.metadata_allow.clone(), stopped()));
        told
    });
    let containers = config.containers.watch.then(|| {
        let options = collection::options(&config.containers, told);
        tokio::spawn(collect::run(options, Keeper(app.clone()), app.clock.clone(), stopping.clone()))
    });
    let every = Duration::from_secs(config.containers.every_secs);
    let counting = tokio::spawn(collection::count(app.clone(), every, stopping.clone()));
    for account_id in store.catalog().accounts().await.unwrap_or_default() {
        app.of_account(&account_id);
    }
    for app in app.all_accounts() {
        app.logs.load().await.map_err(|err| (format!("cannot read the log groups: {err}"), String::new()))?;
    }
    let keeping_logs = tokio::spawn(logs::keep(app.clone(), stopping.clone()));
    let forwarding = tokio::spawn(logs::forward(app.clone(), stopping.clone()));
    let of_all = {
        let app = app.clone();
        move || app.all_accounts().iter().map(|app| app.insights.clone()).collect()
    };
    let watching = tokio::spawn(control::insight::run(of_all, stopping.clone()));
    let of_all = {
        let app = app.clone();
        move || app.all_accounts().iter().map(|app| app.alarms.clone()).collect()
    };
    let alarms = tokio::spawn(control::alarm::run(of_all, stopping.clone()));
    let of_all = {
        let app = app.clone();
        move || app.all_accounts().iter().map(|app| app.deliveries.clone()).collect()
    };
    canaries::apply_folder(&app, &config.canaries.folder).await;
    let canaries = tokio::spawn(canaries::run(app.clone(), stopping.clone()));
    let delivering = tokio::spawn(control::delivery::run(of_all, channels, stopping.clone()));
    let (end_upkeep, upkeep_ended) = watch::channel(false);
    let upkeep = tokio::spawn(control::upkeep::run(store.clone(), upkeep_ended));

    let or_off = |address: Option<SocketAddr>| address.map_or("off".to_owned(), |address| address.to_string());
    let (otlp_grpc, otlp_http) = (or_off(otlp_grpc_address), or_off(otlp_http_address));
    say(&format!("mitoshi ready http={http_address} daemon={daemon_address} otlp-grpc={otlp_grpc} otlp-http={otlp_http}"));
    let mut result = Ok(());
    tokio::select! {
        () = wait_for_signal() => {}
        Some(ended) = doors.join_next() => {
            // Half a server is worse than one that is started again.
            let why = ended.err().map(|err| err.to_string()).unwrap_or_default();
            error!(error = %why, "a listener ended");
            result = Err(("a listener ended unexpectedly; everything acknowledged is kept".to_owned(), "start it again".to_owned()));
        }
    }
    info!("stopping; a second signal ends at once, without losing what was acknowledged");
    tokio::spawn(async {
        wait_for_signal().await;
        std::process::exit(i32::from(STOPPED_AT_ONCE));
    });
    let _ = stop.send(true);
    sql.stop();
    while doors.join_next().await.is_some() {}
    let _ = own_metrics.await;
    if let Some(containers) = containers {
        let _ = containers.await;
    }
    let _ = counting.await;
    if let Some(emf) = emf {
        let _ = emf.await;
    }
    let _ = watching.await;
    let _ = alarms.await;
    let _ = canaries.await;
    let _ = delivering.await;
    let _ = forwarding.await;
    let _ = keeping_logs.await;
    let _ = end_upkeep.send(true);
    let _ = upkeep.await;
    if let Err(err) = store.close().await {
        // Nothing is lost: it is in the log, which the next start reads.
        error!(error = %err, "could not write everything to parts");
    }
    info!("stopped");
    result
}

fn options(config: &Config) -> StoreOptions {
    StoreOptions {
        retention_days: if config.quotas.lenient { 0 } else { config.store.retention_days },
        metric_retention_days: config.store.metric_retention_days,
        metric_resolution: Resolution {
            second_hours: config.store.metric_second_hours,
            minute_days: config.store.metric_minute_days,
            five_minutes_days: config.store.metric_five_minutes_days,
        },
        memtable_bytes: config.store.memtable_mib * 1024 * 1024,
        memtable_bytes_max: config.store.memtable_max_mib * 1024 * 1024,
        ..StoreOptions::new(&config.data_dir)
    }
}

/// How often the log says how far a long start is.
const START_WORD: Duration = Duration::from_secs(5);

/// Opens the store. While that takes its time, the address answers that the server is starting, and the log says how far it is.
async fn open(config: &Config, http: &TcpListener, tls: Option<TlsAcceptor>, clock: Arc<dyn Clock>) -> Result<Store, StartError> {
    let options = options(config);
    let progress = options.progress.clone();
    let (opened, is_open) = watch::channel(false);
    let waiting = http.as_fd().try_clone_to_owned().map(std::net::TcpListener::from).and_then(TcpListener::from_std);
    let waiting = waiting.map_err(|err| (format!("cannot listen: {err}"), String::new()))?;
    let until_open = || {
        let mut is_open = is_open.clone();
        async move {
            let _ = is_open.wait_for(|is_open| *is_open).await;
        }
    };
    let router = api::starting_router(progress.clone());
    let connections_max = config.http.connections_max;
    let door = Door { listener: waiting, allow: Arc::new(|_| true), connections_max, with_http2: false, tls };
    let answering = tokio::spawn(listen::serve(door, router, until_open()));
    let telling = tokio::spawn(async move {
        loop {
            tokio::time::sleep(START_WORD).await;
            progress.current().iter().for_each(|work| info!("starting: {}", folder::line(work)));
        }
    });
    let store = Store::open(options, clock).await;
    telling.abort();
    let _ = opened.send(true);
    let _ = answering.await;
    store.map_err(|err| (format!("cannot open the data folder: {err}"), folder::hint(&err, &config.data_dir)))
}

/// Who may ask. Where everyone has to say who they are, someone has to be known.
async fn access(config: &Config, store: &Store, clock: Arc<dyn Clock>) -> Result<Access, StartError> {
    let keys = Keys::new(store.catalog().clone(), clock.clone());
    let users = Users::new(store.catalog().clone(), clock);
    if let Some(why) = config.why_access_is_required() {
        let unreadable = |err: control::Error| (format!("cannot read keys and users: {err}"), String::new());
        let (no_key, no_user) =
            (keys.list().await.map_err(unreadable)?.is_empty(), users.list().await.map_err(unreadable)?.is_empty());
        if no_key && no_user {
            let dir = config.data_dir.display();
            return Err((
                format!("{why}, so everyone has to sign in, and there is neither a key nor a user yet"),
                format!(
                    "first run `mitoshi users add NAME --role admin --data-dir {dir}` for the console, \
                     `mitoshi keys create --role write --data-dir {dir}` for programs that send"
                ),
            ));
        }
        if !config.tls.is_on() {
            warn!("without TLS: passwords, tokens and data can be read on the way; see [tls] in the configuration");
        }
    }
    Ok(Access { keys, users, required: config.access_required(), with_tls: config.tls.is_on() })
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|err| {
        (format!("cannot listen on {address}: {err}"), format!("choose another address with {flag}, or end what uses it"))
    })
}

/// The port that OpenTelemetry's SDKs and collectors send to by default.
const OTLP_GRPC_PORT: u16 = 4317;
const OTLP_HTTP_PORT: u16 = 4318;

async fn bind_otlp(listen: Listen, port: u16, flag: &str) -> Result<Option<TcpListener>, StartError> {
    match listen {
        Listen::Off => Ok(None),
        Listen::At(address) => bind(address, flag).await.map(Some),
        Listen::Auto => match TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => Ok(Some(listener)),
            // Most likely a collector of the user's own, which should not keep everything else from being served.
            Err(err) => {
                warn!(error = %err, "not listening for OpenTelemetry on 127.0.0.1:{port}; {flag} names another address");
                Ok(None)
            }
        },
    }
}

/// The port that libraries for the embedded metric format send to by default.
const EMF_PORT: u16 = 25_888;

async fn bind_emf(listen: Listen) -> Result<Option<Agent>, StartError> {
    let key = "metrics.emf_address";
    match listen {
        Listen::Off => Ok(None),
        Listen::At(address) => match Agent::bind(address).await {
            Ok(agent) => Ok(Some(agent)),
            Err(err) => Err((format!("{key}: {err}"), "choose another port, or \"off\"".to_owned())),
        },
        Listen::Auto => match Agent::bind((std::net::Ipv4Addr::LOCALHOST, EMF_PORT).into()).await {
            Ok(agent) => Ok(Some(agent)),
            // Most likely a CloudWatch agent.
            Err(err) => {
                warn!(error = %err, "not listening for the embedded metric format on 127.0.0.1:{EMF_PORT}; {key} names another address");
                Ok(None)
            }
        },
    }
}

/// UDP and TCP on one port. A free port for the one may be taken for the other, so some are tried.
async fn bind_daemon(address: SocketAddr) -> Result<(Daemon, TcpListener), StartError> {
    let mut tries = if address.port() == 0 { 20 } else { 1 };
    loop {
        let tcp = bind(address, "--daemon").await?;
        match Daemon::bind(local(&tcp)?) {
            Ok(daemon) => return Ok((daemon, tcp)),
            Err(err) => {
                tries -= 1;
                if tries == 0 {
                    return Err((
                        err.to_string(),
                        "choose another address with --daemon, or end the X-Ray daemon that uses it".to_owned(),
                    ));
                }
            }
        }
    }
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|err| (format!("cannot listen: {err}"), String::new()))
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
