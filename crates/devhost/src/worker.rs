//! How long an instance lives and what it takes on: Spin's defaults (crates/trigger-http/src/lib.rs).
//!
//! 128 requests in its life, 16 at a time, and one second without any. There is no timeout for a request, and none for
//! what a guest still does after its answer. A trap ends the instance and with it the requests that it holds; the next
//! request gets a new one.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use wasmtime::component::{GuestTaskId, InstancePre};
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyHandler, ShouldAccept, ViewFn, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::WasiHttpView;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::console;
use crate::instance::{self, Component, State};

/// Requests in the life of an instance.
const REQUESTS: usize = 128;

/// Requests that an instance holds at the same time.
const CONCURRENT_REQUESTS: usize = 16;

/// How long an instance without requests is kept.
const IDLE: Duration = Duration::from_secs(1);

/// The components of the HTTP trigger, by name.
pub(crate) type Handlers = BTreeMap<String, ProxyHandler<Handler>>;

/// A component, ready to be instantiated.
pub(crate) struct Handler {
    engine: Engine,
    component: Arc<Component>,
    service: ServicePre<State>,
}

impl Handler {
    /// # Errors
    ///
    /// The component does not export `wasi:http/handler@0.3.0`.
    pub(crate) fn new(component: Arc<Component>, instance: InstancePre<State>) -> wasmtime::Result<Self> {
        let engine = instance.engine().clone();
        Ok(Self { engine, component, service: ServicePre::new(instance)? })
    }
}

impl HandlerState for Handler {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Worker>> {
        let mut store = instance::store(&self.engine, &self.component);
        let service = self.service.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: ViewFn::P3(State::http),
            expiration: Expiration { sleep: Box::pin(tokio::time::sleep(IDLE)) },
            state: Worker,
        })
    }
}

/// When an instance is dropped: only for being idle.
pub(crate) struct Expiration {
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        match status {
            WorkerStatus::Requests | WorkerStatus::PostReturn => Poll::Pending,
            WorkerStatus::Idle => {
                let deadline = tokio::time::Instant::from_std(since) + IDLE;
                if self.sleep.deadline() != deadline {
                    self.sleep.as_mut().reset(deadline);
                }
                self.sleep.as_mut().poll(context)
            }
        }
    }
}

/// What an instance takes on.
pub(crate) struct Worker;

impl WorkerState for Worker {
    type StoreData = State;
    type RequestId = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= REQUESTS {
            ShouldAccept::Never
        } else if concurrent >= CONCURRENT_REQUESTS {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, store: Store<State>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            console::note(&format!("worker failed: {error:?}"));
        }
        drop(store);
    }
}
