//! `mitoshi agent`: stands in for the server on another machine, or beside a task.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use agent::{Agent, Options, Server};
use axum::Router;
use clap::Args;
use collect::URI_VARIABLE;
use ipnet::IpNet;
use model::{Clock, SystemClock};
use sigv4::Signer;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::collection;
use crate::config::Listen;
use crate::listen::{self, Door};
use crate::{
    BAD_CONFIG, CANNOT_START, OTLP_GRPC_PORT, OTLP_HTTP_PORT, StartError, bind_otlp, complain, local, say, wait_for_signal,
};

const CONNECTIONS_MAX: usize = 256;

#[derive(Args)]
pub(crate) struct AgentArgs {
    /// The server to pass everything on to, such as http://10.0.0.5:2001
    #[arg(long, env = "MITOSHI_AGENT_SERVER", value_name = "URL")]
    server: String,
    /// The id of a key that `mitoshi keys create --role write` made on the server; nothing where nobody has to sign there
    #[arg(long, env = "AWS_ACCESS_KEY_ID", value_name = "ID")]
    key_id: Option<String>,
    /// Its secret
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", value_name = "SECRET", hide_env_values = true, requires = "key_id")]
    secret: Option<String>,
    /// Certificates to trust, in PEM: needed for https
    #[arg(long, env = "MITOSHI_AGENT_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Folder for what is not passed on yet
    #[arg(long, env = "MITOSHI_AGENT_DATA_DIR", value_name = "DIR", default_value = "mitoshi-agent")]
    data_dir: PathBuf,
    /// How much may wait there, in MiB
    #[arg(long, env = "MITOSHI_AGENT_BUFFER_MIB", value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..))]
    buffer_mib: u64,
    /// Address of the X-Ray daemon, UDP and TCP; `off` listens nowhere
    #[arg(long, env = "MITOSHI_AGENT_DAEMON", value_name = "ADDR", default_value = "127.0.0.1:2000")]
    daemon: Listen,
    /// Networks that may send there, when that is not loopback
    #[arg(long, env = "MITOSHI_AGENT_DAEMON_ALLOW", value_name = "CIDR", value_delimiter = ',')]
    daemon_allow: Vec<IpNet>,
    /// Address of OpenTelemetry's protocol over gRPC; `auto` is port 4317 of 127.0.0.1 where it is free
    #[arg(long, env = "MITOSHI_AGENT_OTLP_GRPC", value_name = "ADDR", default_value = "auto")]
    otlp_grpc: Listen,
    /// The same over HTTP; `auto` is port 4318
    #[arg(long, env = "MITOSHI_AGENT_OTLP_HTTP", value_name = "ADDR", default_value = "auto")]
    otlp_http: Listen,
    /// Sockets of Docker and Podman whose containers are watched
    #[arg(
        long,
        env = "MITOSHI_AGENT_ENGINES",
        value_name = "SOCKET",
        value_delimiter = ',',
        default_value = "/var/run/docker.sock,/run/podman/podman.sock"
    )]
    engines: Vec<PathBuf>,
    /// The cluster of containers whose labels name none
    #[arg(long, env = "MITOSHI_AGENT_CLUSTER", value_name = "NAME", default_value = "default")]
    cluster: String,
    /// The endpoint of task metadata of the ECS task that this runs in: its containers are watched, where no engine can be asked
    #[arg(long, env = URI_VARIABLE, value_name = "URL")]
    task: Option<String>,
    /// Address where containers are told about themselves, as ECS does; `auto` is port 51679 of 127.0.0.1 where it is free
    #[arg(long, env = "MITOSHI_AGENT_METADATA", value_name = "ADDR", default_value = "auto")]
    metadata: Listen,
    /// Networks that may ask there, when that is not loopback
    #[arg(long, env = "MITOSHI_AGENT_METADATA_ALLOW", value_name = "CIDR", value_delimiter = ',')]
    metadata_allow: Vec<IpNet>,
    /// What containers are told of the region and the account, as the server has them
    #[arg(long, env = "AWS_REGION", value_name = "NAME", default_value = "us-east-1")]
    region: String,
    #[arg(long, env = "MITOSHI_AGENT_ACCOUNT_ID", value_name = "ID", default_value = "000000000000")]
    account_id: String,
    /// What this machine is called; its host name, if nothing is given
    #[arg(long, env = "MITOSHI_AGENT_INSTANCE", value_name = "NAME", default_value = "")]
    instance: String,
    /// Does not read what containers write
    #[arg(long, env = "MITOSHI_AGENT_NO_LOGS")]
    no_logs: bool,
    /// How often what containers use is passed on, in seconds: 5, 10, 15, 20, 30 or 60
    #[arg(long, env = "MITOSHI_AGENT_EVERY_SECS", value_name = "SECS", default_value_t = 20)]
    every_secs: u64,
    /// Where the kernel's files are; in a container, where those of the machine are mounted
    #[arg(long, env = "MITOSHI_AGENT_CGROUP_ROOT", value_name = "DIR", default_value = "/sys/fs/cgroup")]
    cgroup_root: PathBuf,
    #[arg(long, env = "MITOSHI_AGENT_PROC_ROOT", value_name = "DIR", default_value = "/proc")]
    proc_root: PathBuf,
    /// error, warn, info, debug or trace
    #[arg(long, env = "MITOSHI_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
}

/// Who signs: nobody, where nothing says who.
pub(crate) fn signer(key_id: Option<String>, secret: Option<String>) -> Option<Signer> {
    Some(Signer { access_key_id: key_id?, secret: secret?, region: "us-east-1".to_owned(), service: "xray".to_owned() })
}

pub(crate) fn agent(args: AgentArgs) -> ExitCode {
    if !crate::log_with(&args.log) {
        return ExitCode::from(BAD_CONFIG);
    }
    if !crate::config::PERIODS.contains(&args.every_secs) {
        complain(&format!("--every-secs {} is none of {:?}", args.every_secs, crate::config::PERIODS), "the default is 20");
        return ExitCode::from(BAD_CONFIG);
    }
    let is_open = matches!(args.daemon, Listen::At(address) if !address.ip().is_loopback());
    if is_open && args.daemon_allow.is_empty() {
        complain(
            "--daemon is not a loopback address, and nothing says who may send",
            "name the networks, as in --daemon-allow 172.16.0.0/12",
        );
        return ExitCode::from(BAD_CONFIG);
    }
    let is_open = matches!(args.metadata, Listen::At(address) if !address.ip().is_loopback());
    if is_open && args.metadata_allow.is_empty() {
        complain(
            "--metadata is not a loopback address, and nothing says who may ask",
            "name the networks, as in --metadata-allow 172.16.0.0/12",
        );
        return ExitCode::from(BAD_CONFIG);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            complain(&format!("cannot start: {err}"), "");
            return ExitCode::from(CANNOT_START);
        }
    };
    match runtime.block_on(run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err((message, hint)) => {
            complain(&message, &hint);
            ExitCode::from(CANNOT_START)
        }
    }
}

async fn run(args: AgentArgs) -> Result<(), StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let server = Server::new(&args.server, signer(args.key_id, args.secret), args.ca.as_deref())
        .map_err(|err| (err.to_string(), "see `mitoshi agent --help`".to_owned()))?;
    let daemon = match args.daemon {
        Listen::Off => None,
        Listen::At(address) => Some(bind_daemon(address).await?),
        Listen::Auto => Some(bind_daemon(SocketAddr::from(([127, 0, 0, 1], 2000))).await?),
    };
    let otlp_grpc = bind_otlp(args.otlp_grpc, OTLP_GRPC_PORT, "--otlp-grpc").await?;
    let otlp_http = bind_otlp(args.otlp_http, OTLP_HTTP_PORT, "--otlp-http").await?;
    // Beside a task there is no engine; where there is one, it knows more.
    let task = args.task.filter(|_| !args.engines.iter().any(|socket| socket.exists()));
    let metadata = match task {
        Some(_) => None,
        None => collection::bind_metadata(args.metadata, "--metadata").await?,
    };
    let text = |listener: Option<&TcpListener>| match listener {
        Some(listener) => local(listener).map(|address| address.to_string()),
        None => Ok("off".to_owned()),
    };
    let daemon_address = text(daemon.as_ref().map(|(tcp, _)| tcp))?;
    let (grpc_address, http_address) = (text(otlp_grpc.as_ref())?, text(otlp_http.as_ref())?);
    let options = Options { server: server.clone(), dir: args.data_dir.clone(), buffer_bytes: args.buffer_mib * 1024 * 1024 };
    let agent = Agent::open(options, clock.clone())
        .map_err(|err| (format!("cannot use the buffer: {err}"), "see --data-dir".to_owned()))?;
    let (stop, stopping) = watch::channel(false);
    let stopped = || {
        let mut stopping = stopping.clone();
        async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        }
    };
    let mut doors = JoinSet::new();
    let networks = args.daemon_allow;
    let allow: listen::Allow = Arc::new(move |ip| networks.is_empty() || networks.iter().any(|network| network.contains(&ip)));
    let door = |listener: TcpListener, allow: listen::Allow, with_http2| Door {
        listener,
        allow,
        connections_max: CONNECTIONS_MAX,
        with_http2,
        tls: None,
    };
    if let Some((tcp, udp)) = daemon {
        doors.spawn(listen::serve(door(tcp, allow, false), agent.daemon_router(), stopped()));
        let (agent, stopping) = (agent.clone(), stopping.clone());
        doors.spawn(async move { agent.take_datagrams(udp, stopping).await });
    }
    for listener in [otlp_grpc, otlp_http].into_iter().flatten() {
        let router: Router = agent.otlp_router();
        doors.spawn(listen::serve(door(listener, Arc::new(|_| true), true), router, stopped()));
    }
    let metadata_address = text(metadata.as_ref())?;
    let metadata = metadata.map(|listener| {
        let metadata = collect::Metadata::new(&args.region, &args.account_id, &args.proc_root);
        doors.spawn(collection::tell(metadata.clone(), listener, args.metadata_allow, stopped()));
        metadata
    });
    let collected = collect::Options {
        engines: args.engines,
        task,
        cluster: args.cluster,
        instance: args.instance,
        source: String::new(),
        every: Duration::from_secs(args.every_secs),
        cgroup_root: args.cgroup_root,
        proc_root: args.proc_root,
        metadata,
        with_lines: !args.no_logs,
    };
    let collecting = tokio::spawn(collect::run(collected, agent.clone(), clock, stopping.clone()));
    let (end_passing, passing_ended) = watch::channel(false);
    let passing = {
        let agent = agent.clone();
        tokio::spawn(async move { agent.pass_on(passing_ended).await })
    };
    say(&format!(
        "mitoshi agent ready server={server} daemon={daemon_address} otlp-grpc={grpc_address} otlp-http={http_address} \
         task-metadata={metadata_address}"
    ));
    wait_for_signal().await;
    info!("stopping; what is not passed on yet stays on disk");
    tokio::spawn(async {
        wait_for_signal().await;
        std::process::exit(i32::from(crate::STOPPED_AT_ONCE));
    });
    let _ = stop.send(true);
    while doors.join_next().await.is_some() {}
    let _ = collecting.await;
    let _ = end_passing.send(true);
    let _ = passing.await;
    if agent.waiting_bytes() > 0 {
        warn!(bytes = agent.waiting_bytes(), "some of what was taken in is not passed on yet; it is with the next start");
    }
    Ok(())
}

/// UDP and TCP on one port.
async fn bind_daemon(address: SocketAddr) -> Result<(TcpListener, UdpSocket), StartError> {
    let mut tries = if address.port() == 0 { 20 } else { 1 };
    loop {
        let tcp = crate::bind(address, "--daemon").await?;
        match UdpSocket::bind(local(&tcp)?).await {
            Ok(udp) => return Ok((tcp, udp)),
            Err(err) if tries <= 1 => {
                return Err((format!("cannot listen on {address}: {err}"), "choose another address with --daemon".to_owned()));
            }
            Err(_) => tries -= 1,
        }
    }
}
