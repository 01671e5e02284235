//! `cargo xtask build`: compiles the components to WebAssembly and puts them where `spin.toml` looks for them.
//!
//! A component is a plain library; `cargo rustc --crate-type cdylib` makes the `.wasm`. Saying so in its manifest, next to
//! `rlib`, would silently turn link-time optimisation off.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};

use crate::checkout::{Checkout, cargo};
use crate::fresh::Stamp;
use crate::manifest::{self, Component};
use crate::process::{self, Process};

pub(crate) const TARGET: &str = "wasm32-wasip2";
/// The package of `crates/devhost/probe`.
pub(crate) const PROBE: &str = "probe";
/// The largest component that is accepted, in bytes: beyond it something was linked in that does not belong there.
const MAX_SIZE: u64 = 2_500_000;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Components to build; all of spin.toml's when none is named
    components: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let checkout = Checkout::find()?;
    let mut components = manifest::components(&checkout)?;
    if let Some(unknown) = args.components.iter().find(|name| components.iter().all(|known| known.name != **name)) {
        let known: Vec<_> = components.iter().map(|component| component.name.as_str()).collect();
        bail!("spin.toml has no component `{unknown}` with a package under components/; it has {}", known.join(", "));
    }
    if !args.components.is_empty() {
        components.retain(|component| args.components.contains(&component.name));
    }
    build(&checkout, &checkout.target_folder()?, &components)
}

/// Builds native programs of this workspace and all components, as far as their sources changed since their last build: the
/// programs and the components side by side, because what a component ends with, link-time optimisation, keeps one core busy.
pub fn build_stale(checkout: &Checkout, target: &Path, profile: Profile, programs: &[&str]) -> Result<()> {
    let programs = start_programs(checkout, target, profile, programs)?;
    build_stale_components(checkout, target)?;
    programs.map_or(Ok(()), Building::finish)
}

/// Calls cargo only for those components whose sources changed since their last build.
fn build_stale_components(checkout: &Checkout, target: &Path) -> Result<()> {
    let (fresh, stale): (Vec<_>, Vec<_>) = manifest::components(checkout)?.into_iter().partition(|component| {
        stamp(checkout, target, &component.name).is_fresh() && checkout.path(&component.source).is_file()
    });
    if !fresh.is_empty() {
        let names: Vec<_> = fresh.iter().map(|component| component.name.as_str()).collect();
        println!("Components without changes: {}", names.join(", "));
    }
    if stale.is_empty() { Ok(()) } else { build(checkout, target, &stale) }
}

/// The components and the sizes of their files in bytes.
pub fn sizes(checkout: &Checkout) -> Result<Vec<(String, u64)>> {
    let size = |component: Component| {
        let path = checkout.path(&component.source);
        let metadata = fs::metadata(&path).with_context(|| format!("cannot read {}", checkout.show(&path)))?;
        Ok((component.name, metadata.len()))
    };
    manifest::components(checkout)?.into_iter().map(size).collect()
}

fn build(checkout: &Checkout, target: &Path, components: &[Component]) -> Result<()> {
    add_target(checkout)?;
    for (index, component) in components.iter().enumerate() {
        println!("[{}/{}] {}", index + 1, components.len(), component.name);
        let stamp = stamp(checkout, target, &component.name);
        let started = stamp.begin()?;
        compile(checkout, &component.name)?;
        let wasm = wasm(target, &component.name);
        let size = fs::metadata(&wasm).with_context(|| format!("cargo made no {}", wasm.display()))?.len();
        println!("      {}: {}", component.source.display(), kilobytes(size));
        if size > MAX_SIZE {
            bail!("component {} has {size} bytes; at most {MAX_SIZE} are accepted", component.name);
        }
        copy_if_changed(&wasm, &checkout.path(&component.source))?;
        stamp.end(started)?;
    }
    Ok(())
}

/// Builds the component that the tests of the hosts run, which is no part of the application: where it is.
pub fn build_probe(checkout: &Checkout, target: &Path) -> Result<PathBuf> {
    let (stamp, wasm) = (stamp(checkout, target, PROBE), wasm(target, PROBE));
    if !stamp.is_fresh() || !wasm.is_file() {
        add_target(checkout)?;
        println!("Building the probe");
        let started = stamp.begin()?;
        compile(checkout, PROBE)?;
        stamp.end(started)?;
    }
    Ok(wasm)
}

/// How native programs are compiled: see `Cargo.toml`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Profile {
    /// Soon, for everything but measuring.
    Dev,
    /// Optimised, for measuring.
    Bench,
}

impl Profile {
    /// As cargo calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Bench => "bench-native",
        }
    }

    /// Cargo's folder for it.
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Bench => self.name(),
        }
    }
}

/// Where a native program of this workspace is, once it is built.
pub fn program(target: &Path, profile: Profile, name: &str) -> PathBuf {
    target.join(profile.folder()).join(name)
}

/// Builds a native program of this workspace when its sources changed: where it is.
pub(crate) fn build_program(checkout: &Checkout, target: &Path, name: &str) -> Result<PathBuf> {
    start_programs(checkout, target, Profile::Dev, &[name])?.map_or(Ok(()), Building::finish)?;
    Ok(program(target, Profile::Dev, name))
}

/// Native programs that cargo builds at this moment. Dropping it stops cargo.
struct Building {
    cargo: Process,
    names: String,
    stamps: Vec<(Stamp, SystemTime)>,
}

impl Building {
    /// Waits until they are built.
    fn finish(mut self) -> Result<()> {
        let status = self.cargo.wait()?;
        if !status.success() {
            bail!("{} could not be built ({status})", self.names);
        }
        self.stamps.into_iter().try_for_each(|(stamp, began)| stamp.end(began))
    }
}

/// Starts to build those programs whose sources changed.
fn start_programs(checkout: &Checkout, target: &Path, profile: Profile, names: &[&str]) -> Result<Option<Building>> {
    let (mut stale, mut stamps) = (Vec::new(), Vec::new());
    for name in names {
        let program = program(target, profile, name);
        let stamp = Stamp::new(checkout, program.with_extension("stamp"), program.with_extension("d"));
        if !program.is_file() || !stamp.is_fresh() {
            let began = stamp.begin()?;
            stale.push(*name);
            stamps.push((stamp, began));
        }
    }
    if stale.is_empty() {
        return Ok(None);
    }
    let names = stale.join(", ");
    println!("Building {names}");
    // Not `-p`: its dependencies would be compiled with fewer features, and by `cargo test --workspace` once more.
    let mut build = cargo();
    build.current_dir(checkout.root()).args(["build", "--locked", "--workspace", "--profile", profile.name()]);
    stale.iter().for_each(|name| {
        build.args(["--bin", name]);
    });
    Ok(Some(Building { cargo: Process::spawn(&mut build)?, names, stamps }))
}

fn compile(checkout: &Checkout, package: &str) -> Result<()> {
    process::run(
        cargo()
            .current_dir(checkout.root())
            .args(["rustc", "--release", "--locked", "--target", TARGET, "--lib", "--crate-type", "cdylib", "-p"])
            .arg(package),
    )
}

/// A size as people read it.
pub fn kilobytes(size: u64) -> String {
    format!("{} kB", size.div_ceil(1000))
}

/// Cargo names the file after the library, whose dashes are underscores.
fn wasm(target: &Path, package: &str) -> PathBuf {
    release(target).join(format!("{}.wasm", package.replace('-', "_")))
}

fn release(target: &Path) -> PathBuf {
    target.join(TARGET).join("release")
}

fn stamp(checkout: &Checkout, target: &Path, package: &str) -> Stamp {
    let dep_info = wasm(target, package).with_extension("d");
    Stamp::new(checkout, release(target).join(format!("{package}.stamp")), dep_info)
}

/// The host, and its cache of compiled components, go by the file's time: it changes only when its contents do.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    let write = || {
        fs::create_dir_all(to.parent().unwrap_or(to))?;
        // Renamed into place: a running host that watches the file never reads half of it.
        let temporary = to.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&temporary, &new)?;
        fs::rename(&temporary, to)
    };
    write().with_context(|| format!("cannot write {}", to.display()))
}

/// Installs the compiler's standard library for the target when it is not there.
pub(crate) fn add_target(checkout: &Checkout) -> Result<()> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(checkout.root()).args(["--print", "target-libdir", "--target", TARGET]);
    let libraries = process::output(&mut rustc)?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    println!("Adding the compilation target {TARGET} (rustup target add {TARGET})");
    process::run(Command::new("rustup").current_dir(checkout.root()).args(["target", "add", TARGET])).with_context(
        || format!("the compilation target {TARGET} is missing; `rustup target add {TARGET}` would add it"),
    )
}
