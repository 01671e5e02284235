//! `cargo xtask build`: compiles the components to WebAssembly and puts them where `spin.toml` looks for them.
//!
//! One cargo builds all of them: so their dependencies are compiled once, with the features that any of them needs, and both
//! cores of a small machine have work.

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

pub(crate) fn run() -> Result<()> {
    let checkout = Checkout::find()?;
    let components = manifest::components(&checkout)?;
    build(&checkout, &checkout.target_folder()?, &components, &components.iter().collect::<Vec<_>>())
}

/// Builds native programs of this workspace and all components, as far as their sources changed since their last build: the
/// programs and the components side by side, because now and then each has work for one core only.
pub fn build_stale(checkout: &Checkout, target: &Path, profile: Profile, programs: &[&str]) -> Result<()> {
    let programs = start_programs(checkout, target, profile, programs)?;
    build_stale_components(checkout, target)?;
    programs.map_or(Ok(()), Building::finish)
}

/// Builds all components, unless nothing changed since.
fn build_stale_components(checkout: &Checkout, target: &Path) -> Result<()> {
    let components = manifest::components(checkout)?;
    let is_fresh = |component: &Component| {
        stamp(checkout, target, &component.name).is_fresh() && checkout.path(&component.source).is_file()
    };
    let stale: Vec<_> = components.iter().filter(|component| !is_fresh(component)).collect();
    if stale.is_empty() {
        println!("Components without changes: all {}", components.len());
        return Ok(());
    }
    build(checkout, target, &components, &stale)
}

/// Has cargo build all components, and puts those that may have changed where they belong.
fn build(checkout: &Checkout, target: &Path, components: &[Component], stale: &[&Component]) -> Result<()> {
    let names: Vec<_> = stale.iter().map(|component| component.name.as_str()).collect();
    println!("Building components: {}", names.join(", "));
    let stamps: Vec<_> = stale.iter().map(|component| stamp(checkout, target, &component.name)).collect();
    let began = stamps.iter().map(Stamp::begin).collect::<Result<Vec<_>>>()?;
    compile(checkout, components, &[])?;
    for ((component, stamp), began) in stale.iter().zip(stamps).zip(began) {
        let wasm = wasm(target, &component.name);
        let size = fs::metadata(&wasm).with_context(|| format!("cargo made no {}", wasm.display()))?.len();
        if size > MAX_SIZE {
            bail!("component {} has {size} bytes; at most {MAX_SIZE} are accepted", component.name);
        }
        copy_if_changed(&wasm, &checkout.path(&component.source))?;
        stamp.end(began)?;
        println!("  {}: {}", component.source.display(), kilobytes(size));
    }
    Ok(())
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

/// Builds the component that the tests of the hosts run, which is no part of the application: where it is.
pub fn build_probe(checkout: &Checkout, target: &Path) -> Result<PathBuf> {
    let (stamp, wasm) = (stamp(checkout, target, PROBE), wasm(target, PROBE));
    if !stamp.is_fresh() || !wasm.is_file() {
        println!("Building the probe");
        let began = stamp.begin()?;
        compile(checkout, &manifest::components(checkout)?, &[PROBE])?;
        stamp.end(began)?;
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

/// Has cargo build all components, and other packages. Always all: with fewer of them their dependencies could have fewer features, and
/// would be compiled once more.
fn compile(checkout: &Checkout, components: &[Component], others: &[&str]) -> Result<()> {
    add_target(checkout)?;
    let mut build = cargo();
    build.current_dir(checkout.root()).args(["build", "--release", "--locked", "--target", TARGET, "--lib"]);
    for package in components.iter().map(|component| component.name.as_str()).chain(others.iter().copied()) {
        build.args(["-p", package]);
    }
    process::run(&mut build)
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
