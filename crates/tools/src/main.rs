//! The commands of `cargo xtask` that need the application's own code or are rarely needed. They are a program of their own so
//! that the first start does not wait for what they link.
#![expect(clippy::print_stdout, reason = "a command-line program talks to its user there")]

mod audit;
mod bench;
mod openapi;
mod settings;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

/// Commands of Frontdesk that are rarely needed.
#[derive(clap::Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Write ai.json and documents.json, for services that read their settings from files
    ExportSettings(settings::ExportArgs),
    /// Look after the secrets among the settings
    Settings(settings::Args),
    /// Look after the audit log
    Audit(audit::Args),
    /// Write docs/openapi.json
    Openapi(openapi::Args),
    /// Measure how fast the application answers
    Bench(bench::Args),
}

fn main() -> ExitCode {
    xtask::exit_code(run(&Command::parse()))
}

/// `Ok(false)` when the command itself has said what failed.
fn run(command: &Command) -> Result<bool> {
    match command {
        Command::ExportSettings(args) => settings::export(args)?,
        Command::Settings(args) => settings::run(args)?,
        Command::Audit(args) => return audit::run(args),
        Command::Openapi(args) => openapi::run(args)?,
        Command::Bench(args) => bench::run(args)?,
    }
    Ok(true)
}
