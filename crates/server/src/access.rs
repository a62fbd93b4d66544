//! Commands about who may ask: keys and users. A server may be running; it notices within a second.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use control::key::{Keys, NewKey};
use control::user::Users;
use model::key::AccessKey;
use model::principal::Role;
use model::{Clock, SystemClock};
use serde_json::json;
use store::Catalog;

use crate::config::Config;
use crate::folder::{self, Folder};
use crate::{CANNOT_START, complain, say};

/// The command could not do what it was told.
const FAILED: u8 = 1;
/// What a password read from standard input may take.
const PASSWORD_BYTES: u64 = 4_096;

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; its secret is shown this once
    Create(KeyArgs),
    /// List keys, without their secrets
    List {
        #[command(flatten)]
        folder: Folder,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// End a key at once
    Revoke {
        /// The id of the key
        id: String,
        #[command(flatten)]
        folder: Folder,
    },
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    /// admin may do everything, read sees all and changes nothing, write sends and sees nothing
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// What it is for
    #[arg(long, default_value = "key")]
    name: String,
    /// The account it belongs to, 12 digits; that of the configuration if left out
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Make a temporary key with a session token, which ends after so long: 90m, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    expires_in: Option<i64>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Let someone sign in to the console, or give them another password or role
    Add {
        name: String,
        /// admin, read or write
        #[arg(long, value_name = "ROLE", default_value = "read")]
        role: Role,
        /// The account, 12 digits; that of the configuration if left out
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        folder: Folder,
    },
    /// List users
    List {
        #[command(flatten)]
        folder: Folder,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// End someone's access, sessions included
    Remove {
        name: String,
        #[command(flatten)]
        folder: Folder,
    },
}

impl KeyCommand {
    pub(crate) fn folder(&self) -> Folder {
        match self {
            KeyCommand::Create(KeyArgs { folder, .. }) | KeyCommand::List { folder, .. } | KeyCommand::Revoke { folder, .. } => {
                folder.clone()
            }
        }
    }
}

impl UserCommand {
    pub(crate) fn folder(&self) -> Folder {
        match self {
            UserCommand::Add { folder, .. } | UserCommand::List { folder, .. } | UserCommand::Remove { folder, .. } => {
                folder.clone()
            }
        }
    }
}

/// A time such as `12h`, in seconds.
fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no time such as 90m, 12h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    number
        .checked_mul(each)
        .filter(|secs| (1..=366 * 86_400).contains(secs))
        .ok_or_else(|| format!("{text} is not from 1s to 366d"))
}

pub(crate) fn keys(command: KeyCommand, config: &Config) -> ExitCode {
    run(config, async |catalog| {
        let keys = Keys::new(catalog, Arc::new(SystemClock));
        match command {
            KeyCommand::Create(KeyArgs { role, name, account, expires_in, json, .. }) => {
                let account_id = account.unwrap_or_else(|| config.account_id.clone());
                let key = keys.create(NewKey { name, account_id, role, expires_in_secs: expires_in }).await?;
                show(&key, json);
            }
            KeyCommand::List { json, .. } => list(&keys.list().await?, json),
            KeyCommand::Revoke { id, .. } => {
                keys.revoke(&id).await?;
                say(&format!("revoked {id}"));
            }
        }
        Ok(())
    })
}

/// A new key, in the words of the AWS CLI's configuration.
fn show(key: &AccessKey, as_json: bool) {
    if as_json {
        let expires = key.expires_us.map(|us| us / 1_000_000);
        say(&json!({
            "AccessKeyId": key.id, "SecretAccessKey": key.secret, "SessionToken": key.session_token, "Expiration": expires,
            "Token": key.token(), "AccountId": key.account_id, "Role": key.role, "Name": key.name,
        })
        .to_string());
        return;
    }
    say(&format!("aws_access_key_id = {}", key.id));
    say(&format!("aws_secret_access_key = {}", key.secret));
    if let Some(token) = &key.session_token {
        say(&format!("aws_session_token = {token}"));
    }
    say(&format!("# for OpenTelemetry: OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer {}\"", key.token()));
    say(&format!("# role {}, account {}; the secret is not shown again", key.role.name(), key.account_id));
}

fn list(keys: &[AccessKey], as_json: bool) {
    for key in keys {
        if as_json {
            let expires = key.expires_us.map(|us| us / 1_000_000);
            let value = json!({
                "AccessKeyId": key.id, "AccountId": key.account_id, "Role": key.role, "Name": key.name,
                "Created": key.created_us / 1_000_000, "Expiration": expires,
            });
            say(&value.to_string());
        } else {
            let over = key.expires_us.is_some_and(|us| us <= SystemClock.now_us());
            let end = if over { "  ended" } else { "" };
            say(&format!("{}  {:5}  {}  {}{end}", key.id, key.role.name(), key.account_id, key.name));
        }
    }
    if keys.is_empty() && !as_json {
        say("there is no key; `mitoshi keys create --role write` makes one");
    }
}

pub(crate) fn users(command: UserCommand, config: &Config) -> ExitCode {
    let command = match command {
        UserCommand::Add { name, role, account, password_stdin, .. } => {
            let password = match password(&name, password_stdin) {
                Ok(password) => password,
                Err(why) => {
                    complain(&why, "--password-stdin reads it from standard input");
                    return ExitCode::from(FAILED);
                }
            };
            return run(config, async |catalog| {
                let account_id = account.as_deref().unwrap_or(&config.account_id);
                let users = Users::new(catalog, Arc::new(SystemClock));
                let user = users.put(&name, &password, account_id, role).await?;
                say(&format!("{} may sign in, with the role {}", user.name, user.role.name()));
                Ok(())
            });
        }
        command => command,
    };
    run(config, async |catalog| {
        let users = Users::new(catalog, Arc::new(SystemClock));
        match command {
            UserCommand::List { json, .. } => {
                let found = users.list().await?;
                for user in &found {
                    if json {
                        say(&json!({"Name": user.name, "AccountId": user.account_id, "Role": user.role}).to_string());
                    } else {
                        say(&format!("{:5}  {}  {}", user.role.name(), user.account_id, user.name));
                    }
                }
                if found.is_empty() && !json {
                    say("there is no user; `mitoshi users add NAME` adds one");
                }
            }
            UserCommand::Remove { name, .. } => {
                users.remove(&name).await?;
                say(&format!("removed {name}"));
            }
            UserCommand::Add { .. } => {}
        }
        Ok(())
    })
}

fn password(name: &str, from_stdin: bool) -> Result<String, String> {
    if from_stdin {
        let mut text = String::new();
        let read = std::io::stdin().lock().take(PASSWORD_BYTES).read_to_string(&mut text);
        read.map_err(|err| format!("cannot read the password: {err}"))?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    if !std::io::stdin().is_terminal() {
        return Err("there is no terminal to ask for the password at".to_owned());
    }
    let ask = |what: String| rpassword::prompt_password(what).map_err(|err| format!("cannot read the password: {err}"));
    let password = ask(format!("password for {name}: "))?;
    if ask("again: ".to_owned())? != password {
        return Err("the two are not the same".to_owned());
    }
    Ok(password)
}

/// Runs a command on the catalog of the folder, which is made where there is none.
fn run(config: &Config, command: impl AsyncFnOnce(Catalog) -> control::Result<()>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            complain(&format!("cannot start: {err}"), "");
            return ExitCode::from(CANNOT_START);
        }
    };
    let dir = &config.data_dir;
    let code = runtime.block_on(async {
        let catalog = match store::catalog(dir, Arc::new(SystemClock)).await {
            Ok(catalog) => catalog,
            Err(err) => {
                complain(&format!("cannot open the data folder: {err}"), &folder::hint(&err, dir));
                return ExitCode::from(CANNOT_START);
            }
        };
        match command(catalog).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(err) => {
                complain(&err.to_string(), "");
                ExitCode::from(FAILED)
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}
