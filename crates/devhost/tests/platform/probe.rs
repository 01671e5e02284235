//! An application that is made of the probe, on a host of its own, and what a test asks of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use e2e::Host;
use futures::stream;
use reqwest::{Body, Client, Response, Result};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

/// Longer than anything that is waited for here takes on a machine that is busy with other things.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The application's manifest and environment. It has one component, `probe` at `/probe/...`, unless routes are given.
#[derive(Default)]
pub(crate) struct Application {
    routes: Vec<(String, String)>,
    allowed_hosts: Vec<String>,
    variables: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

impl Application {
    /// Leads a route to a component.
    pub(crate) fn route(mut self, route: &str, component: &str) -> Self {
        self.routes.push((route.to_owned(), component.to_owned()));
        self
    }

    /// Adds an entry to the components' `allowed_outbound_hosts`.
    pub(crate) fn allow(mut self, entry: impl Into<String>) -> Self {
        self.allowed_hosts.push(entry.into());
        self
    }

    /// Adds a variable, whose default is empty.
    pub(crate) fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a variable of the host's own environment.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn manifest(&self) -> String {
        let wasm = std::env::var("FRONTDESK_TEST_PROBE").expect("FRONTDESK_TEST_PROBE: run this by cargo xtask test");
        let mut manifest = "spin_manifest_version = 2\n[application]\nname = \"platform\"\n[variables]\n".to_owned();
        for name in self.variables.keys() {
            writeln!(manifest, "{name} = {{ default = \"\" }}").unwrap();
        }
        for (route, component) in &self.routes {
            writeln!(manifest, "[[trigger.http]]\nroute = {route:?}\ncomponent = {component:?}").unwrap();
        }
        for component in self.routes.iter().map(|(_, component)| component).collect::<BTreeSet<_>>() {
            writeln!(manifest, "[component.{component}]\nsource = {wasm:?}").unwrap();
            writeln!(manifest, "environment = {{ PROBE = {component:?} }}").unwrap();
            writeln!(manifest, "allowed_outbound_hosts = {:?}", self.allowed_hosts).unwrap();
        }
        manifest
    }

    /// Starts it.
    pub(crate) async fn start(mut self) -> Probe {
        if self.routes.is_empty() {
            self = self.route("/probe/...", "probe");
        }
        let folder = TempDir::new().unwrap();
        let manifest = folder.path().join("spin.toml");
        std::fs::write(&manifest, self.manifest()).unwrap();
        // The probe is compiled once for all tests.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("platform");
        let mut host = Host::builder().manifest(manifest).argument("--cache-dir").argument(cache);
        for (name, value) in &self.variables {
            host = host.variable(name, value);
        }
        for (name, value) in &self.environment {
            host = host.environment(name, value);
        }
        let host = spawn_blocking(|| host.start()).await.unwrap().unwrap();
        Probe { host: Arc::new(host), http: Client::builder().timeout(TIMEOUT).build().unwrap(), _folder: folder }
    }
}

/// A host that runs the probe.
pub(crate) struct Probe {
    host: Arc<Host>,
    http: Client,
    _folder: TempDir,
}

impl Probe {
    /// With nothing special.
    pub(crate) async fn start() -> Self {
        Application::default().start().await
    }

    /// `HOST:PORT`.
    pub(crate) fn authority(&self) -> &str {
        self.host.url().strip_prefix("http://").unwrap()
    }

    /// Gets a path; the answer comes later, whatever becomes of this.
    pub(crate) fn send(&self, path: &str) -> JoinHandle<Result<Response>> {
        tokio::spawn(self.http.get(format!("{}{path}", self.host.url())).send())
    }

    /// Gets a path.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(path).await.unwrap().unwrap()
    }

    /// What the probe answers.
    pub(crate) async fn ask(&self, question: &[(&str, &str)]) -> Value {
        let mut query = String::new();
        for (name, value) in question {
            write!(query, "&{name}={}", encoded(value)).unwrap();
        }
        let answer = self.get(&format!("/probe?{}", &query[1..])).await;
        assert_eq!(answer.status(), 200, "{question:?}: {:#?}", self.host.log());
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Which instance takes the next request, and how many it has had with it.
    pub(crate) async fn instance(&self) -> (String, u64) {
        let answer = self.ask(&[("do", "instance")]).await;
        (answer["instance"].as_str().unwrap().to_owned(), answer["requests"].as_u64().unwrap())
    }

    /// Keeps a request in an instance until it is released: its body does not end before.
    pub(crate) async fn hold(&self) -> Held {
        let id = Uuid::new_v4();
        let (release, released) = oneshot::channel();
        let body = Body::wrap_stream(stream::once(async move {
            let _ = released.await;
            Ok::<_, std::io::Error>("released")
        }));
        let request = self.http.post(format!("{}/probe?do=hold&id={id}", self.host.url())).body(body);
        let answer = tokio::spawn(request.send());
        let line = self.logged(&format!("holding {id} ")).await;
        Held { instance: line.rsplit(' ').next().unwrap().to_owned(), release, answer }
    }

    /// The first line of the log that contains this, once it is there.
    pub(crate) async fn logged(&self, text: &str) -> String {
        let (host, wanted) = (Arc::clone(&self.host), text.to_owned());
        let line = spawn_blocking(move || host.wait_for_log(&wanted)).await.unwrap();
        line.unwrap_or_else(|| panic!("no {text:?} in {:#?}", self.host.log()))
    }

    /// Ends the host, and returns when it has ended.
    pub(crate) async fn stop(self) {
        let host = Arc::into_inner(self.host).expect("nobody reads the log");
        spawn_blocking(|| drop(host)).await.unwrap();
    }
}

/// A request that an instance works on.
pub(crate) struct Held {
    /// Which one.
    pub(crate) instance: String,
    release: oneshot::Sender<()>,
    answer: JoinHandle<Result<Response>>,
}

impl Held {
    /// Lets it be answered: with which status.
    pub(crate) async fn release(self) -> u16 {
        let _ = self.release.send(());
        self.answer.await.unwrap().unwrap().status().as_u16()
    }

    /// What becomes of it without an end of its body.
    pub(crate) async fn answer(self) -> Result<Response> {
        self.answer.await.unwrap()
    }
}

fn encoded(value: &str) -> String {
    let unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    value.bytes().fold(String::new(), |mut text, byte| {
        if unreserved(&byte) {
            text.push(byte.into())
        } else {
            write!(text, "%{byte:02X}").unwrap()
        }
        text
    })
}
