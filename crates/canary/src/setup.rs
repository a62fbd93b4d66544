//! What of other programs there is: a browser, Node.js, Python.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Where programs are; what is empty is looked for.
#[derive(Debug, Clone, Default)]
pub struct SetupOptions {
    pub browser: PathBuf,
    pub node: PathBuf,
    pub python: PathBuf,
    /// A folder with further modules of Node.js.
    pub node_modules: PathBuf,
    /// Where the runtimes of scripts are unpacked.
    pub runtimes: PathBuf,
    /// Whether scripts may run; where not, why.
    pub no_scripts: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Setup {
    pub browser: Found,
    pub node: Found,
    pub python: Found,
    pub node_modules: Option<PathBuf>,
    pub runtimes: PathBuf,
    pub no_scripts: Option<String>,
}

/// A program, or what to do to have it.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub path: Option<PathBuf>,
    pub version: Option<String>,
    pub message: Option<String>,
}

const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

impl Setup {
    pub async fn find(options: SetupOptions) -> Setup {
        let (browser, node, python) = tokio::join!(
            found(
                &options.browser,
                &BROWSERS,
                "no Chromium was found: install it (on Debian: apt-get install chromium) or name it in canaries.browser"
            ),
            found(
                &options.node,
                &["node", "nodejs"],
                "no Node.js was found: install version 18.19 or later, or name it in canaries.node"
            ),
            found(
                &options.python,
                &["python3", "python"],
                "no Python was found: install version 3.10 or later, or name it in canaries.python"
            ),
        );
        let node_modules = Some(options.node_modules).filter(|path| !path.as_os_str().is_empty());
        Setup { browser, node, python, node_modules, runtimes: options.runtimes, no_scripts: options.no_scripts }
    }
}

async fn found(named: &Path, names: &[&str], message: &str) -> Found {
    let path = match named.as_os_str().is_empty() {
        false => Some(named.to_owned()).filter(|path| path.is_file()),
        true => names.iter().find_map(|name| in_path(name)),
    };
    let Some(path) = path else {
        let message = match named.as_os_str().is_empty() {
            true => message.to_owned(),
            false => format!("{} is not there", named.display()),
        };
        return Found { message: Some(message), ..Found::default() };
    };
    let version = version(&path).await;
    Found { path: Some(path), version, message: None }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

async fn version(path: &Path) -> Option<String> {
    let mut command = tokio::process::Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(ANSWER_WITHIN, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}
