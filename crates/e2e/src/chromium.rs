//! Chromium without a window, driven over WebDriver.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use thirtyfour::{ChromiumLikeCapabilities as _, DesiredCapabilities, WebDriver, WindowHandle};

use crate::database::variable;
use crate::host::UNTIL_STDIN_ENDS;

/// What `chromedriver` prints before the port that it has chosen.
const STARTED: &str = "ChromeDriver was started successfully on port ";

/// A browser with a profile of its own, and one tab. It ends when this is dropped, and is gone sooner after [`Self::quit`].
pub struct Chromium {
    // Before the driver, which would wait for a minute to say good-bye when a test fails.
    _chromedriver: Chromedriver,
    driver: WebDriver,
}

/// A tab.
pub struct Tab(WindowHandle);

impl Chromium {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start, and when the tests were not started by `cargo xtask test`.
    pub async fn start() -> Result<Self> {
        let (chromedriver, port) = Chromedriver::start()?;
        let mut wanted = DesiredCapabilities::chrome();
        // Chromium refuses to be sandboxed as root, and containers have a small /dev/shm.
        for argument in ["headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu"] {
            wanted.add_arg(&format!("--{argument}"))?;
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await?;
        Ok(Self { _chromedriver: chromedriver, driver })
    }

    /// Its current tab.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn tab(&self) -> Result<Tab> {
        Ok(Tab(self.driver.window().await?))
    }

    /// Opens another tab, which does not become the current one.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn new_tab(&self) -> Result<Tab> {
        Ok(Tab(self.driver.new_tab().await?))
    }

    /// Makes a tab the current one.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn switch_to(&self, tab: &Tab) -> Result<()> {
        Ok(self.driver.switch_to_window(tab.0.clone()).await?)
    }

    /// Has the current tab load an address.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn goto(&self, url: &str) -> Result<()> {
        Ok(self.driver.goto(url).await?)
    }

    /// Has the current tab load its page again.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn reload(&self) -> Result<()> {
        Ok(self.driver.refresh().await?)
    }

    /// The back button.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn back(&self) -> Result<()> {
        Ok(self.driver.back().await?)
    }

    /// Runs a script in the page of the current tab. What it returns is waited for, if it is a promise.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        Ok(self.driver.execute(script, arguments).await.with_context(|| script.to_owned())?.json().clone())
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it is gone already.
    pub async fn quit(self) -> Result<()> {
        Ok(self.driver.quit().await?)
    }
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
