//! Chromium without a window, driven over WebDriver.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::database::variable;
use crate::host::UNTIL_STDIN_ENDS;

/// What `chromedriver` prints before the port that it has chosen.
const STARTED: &str = "ChromeDriver was started successfully on port ";

/// A browser with a profile of its own, and one tab. It ends when this is dropped.
///
/// WebDriver is spoken here by hand: `thirtyfour`, which speaks all of it, has `serde_json` keep the order of keys in every crate
/// that is built with it.
pub struct Chromium {
    http: reqwest::Client,
    /// The session's.
    url: String,
    _chromedriver: Chromedriver,
}

/// A tab.
pub struct Tab(Value);

impl Chromium {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start, and when the tests were not started by `cargo xtask test`.
    pub async fn start() -> Result<Self> {
        Self::start_with_hosts(&[]).await
    }

    /// Starts it where hosts of these names are this machine.
    ///
    /// # Errors
    /// As [`Chromium::start`].
    pub async fn start_with_hosts(hosts: &[&str]) -> Result<Self> {
        let (chromedriver, port) = Chromedriver::start()?;
        let url = format!("http://127.0.0.1:{port}/session");
        let mut chromium = Self { http: reqwest::Client::new(), url, _chromedriver: chromedriver };
        // Chromium refuses to be sandboxed as root, and containers have a small /dev/shm.
        let mut arguments =
            ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"].map(str::to_owned).to_vec();
        if !hosts.is_empty() {
            let rules: Vec<_> = hosts.iter().map(|host| format!("MAP {host} 127.0.0.1")).collect();
            arguments.push(format!("--host-resolver-rules={}", rules.join(",")));
            // A proxy of the machine's would be asked for these hosts before the rules are.
            arguments.push("--no-proxy-server".to_owned());
        }
        let wanted = json!({"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}});
        let session = chromium.command("", &json!({"capabilities": wanted})).await?;
        let id = session.get("sessionId").and_then(Value::as_str).context("chromedriver begins no session")?;
        chromium.url = format!("{}/{id}", chromium.url);
        Ok(chromium)
    }

    /// Its current tab.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn tab(&self) -> Result<Tab> {
        Ok(Tab(value(self.http.get(format!("{}/window", self.url))).await?))
    }

    /// Opens another tab, which does not become the current one.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn new_tab(&self) -> Result<Tab> {
        let mut made = self.command("/window/new", &json!({"type": "tab"})).await?;
        Ok(Tab(made.get_mut("handle").context("there is no new tab")?.take()))
    }

    /// Makes a tab the current one.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn switch_to(&self, tab: &Tab) -> Result<()> {
        self.command("/window", &json!({"handle": tab.0})).await.map(drop)
    }

    /// Has the current tab load an address.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn goto(&self, url: &str) -> Result<()> {
        self.command("/url", &json!({"url": url})).await.map(drop)
    }

    /// Has the current tab load its page again.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn reload(&self) -> Result<()> {
        self.command("/refresh", &json!({})).await.map(drop)
    }

    /// The back button.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn back(&self) -> Result<()> {
        self.command("/back", &json!({})).await.map(drop)
    }

    /// Runs a script in the page of the current tab. What it returns is waited for, if it is a promise.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        let body = json!({"script": script, "args": arguments});
        self.command("/execute/sync", &body).await.with_context(|| script.to_owned())
    }

    async fn command(&self, path: &str, body: &Value) -> Result<Value> {
        value(self.http.post(format!("{}{path}", self.url)).json(body)).await
    }
}

/// What `chromedriver` answers with.
async fn value(request: reqwest::RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let status = answer.status();
    let mut body: Value = answer.json().await?;
    let value = body.get_mut("value").map(Value::take).unwrap_or_default();
    ensure!(status.is_success(), "{value}");
    Ok(value)
}

/// The program that drives a browser. The browser is of its process group, all of which ends when this is dropped.
struct Chromedriver {
    shell: Child,
}

impl Chromedriver {
    /// Starts it; also the port that it has chosen.
    fn start() -> Result<(Self, u16)> {
        let mut command = Command::new("sh");
        command.args(["-c", UNTIL_STDIN_ENDS, "chromedriver"]).arg(variable("FRONTDESK_TEST_CHROMEDRIVER")?);
        command.arg("--port=0").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut shell = command.spawn().context("starting chromedriver")?;
        let output = BufReader::new(shell.stdout.take().context("chromedriver has no output")?);
        let chromedriver = Self { shell };
        let port = |line: String| line.strip_prefix(STARTED)?.trim_end_matches('.').parse().ok();
        let port = output.lines().map_while(Result::ok).find_map(port).context("chromedriver does not start")?;
        Ok((chromedriver, port))
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.shell.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.shell.wait();
    }
}
