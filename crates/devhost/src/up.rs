//! `devhost up`: from a manifest to an application that runs.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use croner::Cron;
use tokio::net::{TcpListener, TcpSocket};
use wasmtime::component::{Component as Code, Linker};
use wasmtime_wasi_http::handler::ProxyHandler;

use crate::chaining::Chaining;
use crate::client::Client;
use crate::cron::{self, Schedule};
use crate::instance::{self, Component, State};
use crate::logs::Sink;
use crate::manifest::{self, Manifest, Route};
use crate::postgres::Pools;
use crate::routes::{Router, WELL_KNOWN};
use crate::server::{AppInfo, Server};
use crate::variables::{Sources, VariableSource, Variables};
use crate::worker::{Handler, Handlers};
use crate::{allowed_hosts, console, engine};

/// Connections that wait to be accepted, as many as Spin's.
const BACKLOG: u32 = 1024;

/// What `devhost up` is asked to do.
pub(crate) struct Up {
    /// The manifest, or the folder that it is in.
    pub(crate) manifest: PathBuf,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Whether guests are kept off standard error.
    pub(crate) quiet: bool,
    /// Where their logs go; empty is nowhere, none is below the state folder.
    pub(crate) log_dir: Option<PathBuf>,
    /// `--variable`.
    pub(crate) variables: Vec<VariableSource>,
    /// The components to run; empty is all.
    pub(crate) components: Vec<String>,
    /// Where devhost keeps what it keeps; empty is nowhere, none is `.spin` beside the manifest.
    pub(crate) state_dir: Option<PathBuf>,
    /// Where compiled components are kept; none is `.spin/cache` beside the manifest.
    pub(crate) cache_dir: Option<PathBuf>,
}

impl Up {
    /// Runs the application until the process ends.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let path = if self.manifest.is_dir() { self.manifest.join("spin.toml") } else { self.manifest.clone() };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut manifest = Manifest::read(&path)?;
        let variables = self.variables(&manifest, &path)?;
        manifest.retain(&self.components)?;
        let expressions = expressions(&manifest, &path)?;
        let router = router(&manifest, &path)?;
        let logs = self.log_folder(&folder)?;
        // Taken before the time is spent on compiling; no client gets through before it listens.
        let socket = if manifest.triggers.http.is_empty() { None } else { Some(bind(self.listen)?) };

        let cache = self.cache_dir.clone().unwrap_or_else(|| folder.join(".spin").join("cache"));
        let engine = engine::create(&cache)?;
        let sources = manifest.components.iter().map(|(id, component)| (id.clone(), folder.join(&component.source)));
        let code = engine::compile(&engine, &sources.collect(), self.quiet)?;
        let chaining = Chaining::default();
        let components = components(&manifest, &Arc::new(variables), &chaining, logs.as_deref(), self.quiet)?;

        let handlers = Arc::new(handlers(&manifest, &instance::http_linker(&engine)?, &code, &components)?);
        chaining.complete(handlers.clone());
        let schedules = schedules(expressions, &instance::cron_linker(&engine)?, &code, &components)?;
        let listener = socket.map(|socket| listen(socket, self.listen)).transpose()?;
        for schedule in schedules {
            tokio::spawn(Arc::new(schedule).run());
        }
        let Some(listener) = listener else { return std::future::pending().await };
        let info = AppInfo { name: manifest.application.name.clone(), version: manifest.application.version.clone() };
        announce(&router, &manifest, listener.local_addr()?);
        Arc::new(Server { router, handlers, info }).run(listener).await
    }

    fn variables(&self, manifest: &Manifest, path: &Path) -> anyhow::Result<Variables> {
        let mut command_line = HashMap::new();
        for source in &self.variables {
            command_line.extend(source.values().context("--variable")?);
        }
        let application = manifest.variables.iter().map(|(name, variable)| (name.clone(), variable.default.clone()));
        let mut variables = Variables::new(application.collect(), Sources::new(command_line));
        let file = path.display();
        for (id, component) in &manifest.components {
            variables
                .add_component(id, &component.variables)
                .map_err(|(name, error)| anyhow::anyhow!("{file}: component.{id}.variables.{name}: {error}"))?;
            allowed_hosts::validate(&component.allowed_outbound_hosts, &variables)
                .with_context(|| format!("{file}: component.{id}.allowed_outbound_hosts"))?;
        }
        let missing = variables.missing();
        if !missing.is_empty() {
            bail!(
                "required variable without a value: {} (set SPIN_VARIABLE_<NAME>, in the environment or in .env, or \
                 --variable <name>=<value>)",
                missing.join(", ")
            );
        }
        Ok(variables)
    }

    fn log_folder(&self, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
        let logs = match (&self.log_dir, &self.state_dir) {
            (Some(logs), _) => logs.clone(),
            (None, Some(state)) if state.as_os_str().is_empty() => PathBuf::new(),
            (None, Some(state)) => state.join("logs"),
            (None, None) => folder.join(".spin").join("logs"),
        };
        if logs.as_os_str().is_empty() {
            return Ok(None);
        }
        std::fs::create_dir_all(&logs).with_context(|| format!("cannot create the log folder {}", logs.display()))?;
        console::note(&format!("Logging component stdio to {:?}", logs.join("")));
        Ok(Some(logs))
    }
}

/// The components of the cron triggers and when they run.
fn expressions(manifest: &Manifest, path: &Path) -> anyhow::Result<Vec<(String, Cron)>> {
    let parse = |trigger: &manifest::CronTrigger| {
        let expression = cron::parse(&trigger.cron_expression)
            .with_context(|| format!("{}: trigger.cron.cron_expression", path.display()))?;
        Ok((trigger.component.clone(), expression))
    };
    manifest.triggers.cron.iter().map(parse).collect()
}

/// The components of the HTTP triggers, ready to be instantiated.
fn handlers(
    manifest: &Manifest,
    linker: &Linker<State>,
    code: &BTreeMap<String, Code>,
    components: &BTreeMap<String, Arc<Component>>,
) -> anyhow::Result<Handlers> {
    let mut handlers = BTreeMap::new();
    for id in manifest.triggers.http.iter().map(|trigger| &trigger.component) {
        if let (false, Some(code), Some(component)) = (handlers.contains_key(id), code.get(id), components.get(id)) {
            let handler = linker
                .instantiate_pre(code)
                .and_then(|instance| Handler::new(component.clone(), instance))
                .map_err(anyhow::Error::from)
                .with_context(|| format!("component {id} cannot run under the http trigger"))?;
            handlers.insert(id.clone(), ProxyHandler::new(handler));
        }
    }
    Ok(handlers)
}

/// The components of the cron triggers, ready to be instantiated.
fn schedules(
    expressions: Vec<(String, Cron)>,
    linker: &Linker<State>,
    code: &BTreeMap<String, Code>,
    components: &BTreeMap<String, Arc<Component>>,
) -> anyhow::Result<Vec<Schedule>> {
    let mut schedules = Vec::new();
    for (id, expression) in expressions {
        if let (Some(code), Some(component)) = (code.get(&id), components.get(&id)) {
            let schedule = linker
                .instantiate_pre(code)
                .and_then(|instance| Schedule::new(expression, component.clone(), instance))
                .map_err(anyhow::Error::from)
                .with_context(|| format!("component {id} cannot run under the cron trigger"))?;
            schedules.push(schedule);
        }
    }
    Ok(schedules)
}

fn router(manifest: &Manifest, path: &Path) -> anyhow::Result<Router> {
    let routes = manifest.triggers.http.iter().filter_map(|trigger| match &trigger.route {
        Route::Path(route) => Some((trigger.component.as_str(), route.as_str())),
        Route::Private => None,
    });
    let (router, duplicates) =
        Router::build(routes).with_context(|| format!("{}: trigger.http.route", path.display()))?;
    if !duplicates.is_empty() {
        console::error("The following component routes are duplicates and will never be used:");
        for duplicate in &duplicates {
            console::note(&format!(
                "  {}: {} (duplicate of {})",
                duplicate.replaced, duplicate.route, duplicate.effective
            ));
        }
    }
    if router.routes().any(|route| route.based.starts_with(WELL_KNOWN)) {
        console::error(&format!("Routes under {WELL_KNOWN} are handled by the host and will never be reached"));
    }
    Ok(router)
}

fn components(
    manifest: &Manifest,
    variables: &Arc<Variables>,
    chaining: &Chaining,
    logs: Option<&Path>,
    quiet: bool,
) -> anyhow::Result<BTreeMap<String, Arc<Component>>> {
    let client = Client::new();
    let share = |(id, component): (&String, &manifest::Component)| {
        let shared = Component {
            id: id.as_str().into(),
            variables: variables.clone(),
            allowed_hosts: component.allowed_outbound_hosts.clone().into(),
            environment: component.environment.clone(),
            pools: Pools::default(),
            client: client.clone(),
            chaining: chaining.clone(),
            stdout: Sink::open(logs, id, "stdout", quiet)?,
            stderr: Sink::open(logs, id, "stderr", quiet)?,
        };
        Ok((id.clone(), Arc::new(shared)))
    };
    manifest.components.iter().map(share).collect()
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address).map_err(|error| busy(address, &error))?;
    Ok(socket)
}

fn listen(socket: TcpSocket, address: SocketAddr) -> anyhow::Result<TcpListener> {
    socket.listen(BACKLOG).map_err(|error| busy(address, &error))
}

fn busy(address: SocketAddr, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "{address} is already in use: stop what listens there, or choose another address with --listen (port 0 \
             takes a free one)"
        ),
        _ => anyhow::anyhow!("Unable to listen on {address}: {error}"),
    }
}

/// The words and the order are those of Spin: scripts wait for them.
fn announce(router: &Router, manifest: &Manifest, address: SocketAddr) {
    let base = format!("http://{address}");
    console::say(&format!("\nServing {base}"));
    console::say("Available Routes:");
    for route in router.routes() {
        console::say(&format!("  {}: {base}{}", route.component, route.shown()));
        let description = manifest.components.get(&route.component).map_or("", |component| &component.description);
        if !description.is_empty() {
            console::say(&format!("    {description}"));
        }
    }
}
