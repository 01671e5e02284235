//! `cargo xtask lint`: everything that can be checked without running the application.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::checkout::{Checkout, cargo};
use crate::{build, manifest, process, tools};

pub(crate) fn run() -> Result<()> {
    let checkout = Checkout::find()?;
    let step = |name: &str, command: &mut Command| {
        println!("== {name}");
        process::run(command.current_dir(checkout.root()))
    };
    step("format", cargo().args(["fmt", "--all", "--check"]))?;
    step("clippy", cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
    build::add_target(&checkout)?;
    let mut components = cargo();
    components.args(["clippy", "--locked", "--target", build::TARGET, "-p", build::PROBE]);
    for component in manifest::components(&checkout)? {
        components.args(["-p", &component.name]);
    }
    step("clippy of the components", components.args(["--", "-D", "warnings"]))?;
    let mut documentation = cargo();
    documentation.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--workspace", "--no-deps", "--locked"]);
    step("documentation", &mut documentation)?;
    install_deny(&checkout)?;
    // Advisories are left out: their database is not reachable everywhere.
    step("dependencies", cargo().args(["deny", "--locked", "check", "bans", "licenses", "sources"]))?;
    let document = ["run", "--locked", "--bin", tools::PROGRAM, "--", "openapi", "--check"];
    step("OpenAPI document", cargo().args(document))
}

fn install_deny(checkout: &Checkout) -> Result<()> {
    if process::output(cargo().current_dir(checkout.root()).args(["deny", "--version"])).is_ok() {
        return Ok(());
    }
    println!("Installing cargo-deny (cargo install cargo-deny --locked); this takes minutes");
    process::run(cargo().args(["install", "cargo-deny", "--locked"])).context("cargo-deny could not be installed")
}
