//! wasmtime: its settings, its cache, and compiling the components of an application.
//!
//! The major version of wasmtime is Spin's, and so are the settings (crates/core/src/lib.rs) but one: Spin compiles
//! epoch checks in and never uses them to take turns, so they are left out here. A guest that computes keeps its
//! thread, there and here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, anyhow};
use wasmtime::component::Component;
use wasmtime::{Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::console;

/// Instances alive at the same time; one more fails to start, and its request is answered 500.
const MAX_INSTANCES: u32 = 1000;

/// The engine, with compiled code kept in `cache`. A cache that cannot be used costs time and nothing else.
pub(crate) fn create(cache: &Path) -> anyhow::Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    match open_cache(cache) {
        Ok(cache) => {
            config.cache(Some(cache));
        }
        Err(error) => console::warn(&format!("compiled components are not kept: {error:#}")),
    }
    // A thousand memories reserve six TiB of addresses, which not every machine has.
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling()));
    Engine::new(&config)
        .or_else(|_| {
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config)
        })
        .map_err(anyhow::Error::from)
}

fn open_cache(folder: &Path) -> anyhow::Result<Cache> {
    std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    let mut config = CacheConfig::new();
    config.with_directory(folder.canonicalize()?);
    Ok(Cache::new(config)?)
}

fn pooling() -> PoolingAllocationConfig {
    let mut pooling = PoolingAllocationConfig::default();
    pooling
        .total_component_instances(MAX_INSTANCES)
        .total_core_instances(4 * MAX_INSTANCES)
        .total_memories(MAX_INSTANCES)
        .total_tables(2 * MAX_INSTANCES)
        .total_stacks(MAX_INSTANCES)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .max_core_instances_per_component(200)
        .max_tables_per_component(64)
        .max_tables_per_module(2)
        .max_memories_per_component(32)
        .max_memories_per_module(2)
        .max_memory_size(4 << 30)
        .table_elements(100_000)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(512 << 10);
    pooling
}

/// Compiles all components (name and file), each on a thread of its own.
pub(crate) fn compile(
    engine: &Engine,
    sources: &BTreeMap<String, PathBuf>,
    quiet: bool,
) -> anyhow::Result<BTreeMap<String, Component>> {
    thread::scope(|scope| {
        let compiling: Vec<_> = sources
            .iter()
            .map(|(id, path)| {
                if !quiet {
                    console::note(&format!("compiling {id}..."));
                }
                (id, scope.spawn(move || load(engine, id, path)))
            })
            .collect();
        compiling
            .into_iter()
            .map(|(id, thread)| {
                let component = thread.join().map_err(|_| anyhow!("component {id}: the compiler has panicked"))??;
                Ok((id.clone(), component))
            })
            .collect()
    })
}

fn load(engine: &Engine, id: &str, path: &Path) -> anyhow::Result<Component> {
    let bytes = std::fs::read(path)
        .with_context(|| format!("component {id}: cannot read {} (has it been built?)", path.display()))?;
    Component::from_binary(engine, &bytes)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("component {id}: {} is not a component that can run here", path.display()))
}
