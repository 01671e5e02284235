//! One instance of a component: what it may use, and what the host keeps for it.
//!
//! A component gets standard output and error, its environment, clocks, randomness, HTTP, its variables and Postgres.
//! It gets no files, no sockets and no arguments.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, p2, p3};

use crate::allowed_hosts::AllowedHosts;
use crate::bindings;
use crate::chaining::Chaining;
use crate::client::Client;
use crate::logs::Sink;
use crate::outbound::Outbound;
use crate::postgres::Pools;
use crate::variables::Variables;

/// What all instances of a component share.
pub(crate) struct Component {
    /// Its name in the manifest.
    pub(crate) id: Arc<str>,
    /// The variables of the application, its own among them.
    pub(crate) variables: Arc<Variables>,
    /// Its `allowed_outbound_hosts`.
    pub(crate) allowed_hosts: Arc<[String]>,
    /// Its environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Its sessions.
    pub(crate) pools: Pools,
    /// The way out over HTTP.
    pub(crate) client: Client,
    /// The way to the other components.
    pub(crate) chaining: Chaining,
    /// Where its standard output goes.
    pub(crate) stdout: Sink,
    /// Where its standard error goes.
    pub(crate) stderr: Sink,
}

/// The host's side of one instance.
pub(crate) struct State {
    /// What the instance is one of.
    pub(crate) component: Arc<Component>,
    /// Where it may go.
    pub(crate) allowed_hosts: Arc<AllowedHosts>,
    /// What it holds.
    pub(crate) table: ResourceTable,
    outbound: Outbound,
    http: WasiHttpCtx,
    wasi: WasiCtx,
}

impl State {
    fn new(component: Arc<Component>) -> Self {
        let allowed_hosts = Arc::new(AllowedHosts::new(
            component.id.clone(),
            component.allowed_hosts.clone(),
            component.variables.clone(),
        ));
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(component.stdout.stream()).stderr(component.stderr.stream());
        for (name, value) in &component.environment {
            wasi.env(name, value);
        }
        Self {
            outbound: Outbound::new(component.clone(), allowed_hosts.clone()),
            component,
            allowed_hosts,
            table: ResourceTable::new(),
            http: WasiHttpCtx::new(),
            wasi: wasi.build(),
        }
    }
}

/// The store of a new instance.
pub(crate) fn store(engine: &Engine, component: &Arc<Component>) -> Store<State> {
    Store::new(engine, State::new(component.clone()))
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl p2::WasiHttpView for State {
    fn http(&mut self) -> p2::WasiHttpCtxView<'_> {
        p2::WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

impl p3::WasiHttpView for State {
    fn http(&mut self) -> p3::WasiHttpCtxView<'_> {
        p3::WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

/// What a component of the HTTP trigger can import.
pub(crate) fn http_linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = cron_linker(engine)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// What a component of the cron trigger can import. No WASI 0.3: the published cron plugin of Spin has only its release
/// candidate, and a component that imports 0.3.0 is not to work here and fail there.
pub(crate) fn cron_linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    p2::add_only_http_to_linker_async(&mut linker)?;
    bindings::spin::postgres::postgres::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    bindings::spin::variables::variables::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}
