//! The task runner: `cargo xtask <command>`. What a command does is in the file of its name; what several share has a file of
//! its own beside it. Nothing here is part of the application.
//!
//! A newcomer waits for this to be compiled before anything else happens. So what needs the application's own code, or is
//! rarely needed, is in `crates/tools`, which this program compiles when it is asked for.
//!
//! Unix only, like the scripts that call it: process groups, permissions and accounts are Unix's.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user there")]

pub mod build;
pub mod checkout;
mod create_admin;
pub mod database;
mod dotenv;
pub mod feature_services;
mod fresh;
mod generate_jwt_keys;
pub mod host;
pub mod http;
pub mod keys;
mod lint;
mod lock;
mod manifest;
pub mod migrate;
mod packages;
mod postgres;
pub mod process;
pub mod rsa_key;
pub mod signals;
pub mod target;
mod test;
pub mod testbed;
mod tools;
mod up;
pub mod variables;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use crate::build::Profile;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Builds, runs and tests Frontdesk.
#[derive(clap::Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Compile the components to WebAssembly
    Build,
    /// Bring the schema of the database up to date: SPIN_VARIABLE_DATABASE_URL of the environment or .env, or the embedded one
    Migrate,
    /// Serve the application here, with all that it needs
    Up(up::Args),
    /// Run the embedded Postgres alone, for a plain `spin up`
    Postgres,
    /// Run the development feature services alone, for a plain `spin up`
    FeatureServices(feature_services::Args),
    /// Run all tests
    Test(test::Args),
    /// Make the keys that sign and verify access tokens
    GenerateJwtKeys(generate_jwt_keys::Args),
    /// Make an account an administrator, new or not
    CreateAdmin(create_admin::Args),
    /// Write ai.json and documents.json, for services that read their settings from files
    ExportSettings(tools::Args),
    /// Look after the secrets among the settings
    Settings(tools::Args),
    /// Look after the audit log
    Audit(tools::Args),
    /// Write docs/openapi.json
    Openapi(tools::Args),
    /// Check format, lints, documentation, dependencies and the OpenAPI document
    Lint,
    /// Measure how fast the application answers
    Bench(tools::Args),
}

/// Runs the command that this program was called with.
pub fn main() -> ExitCode {
    exit_code(run(&Command::parse()))
}

/// Says what failed, and what the program is to end with. `Ok(false)` is a failure that the command itself has described.
pub fn exit_code(outcome: Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.is::<signals::Interrupted>() => ExitCode::from(INTERRUPTED),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `Ok(false)` when the command itself has said what failed.
fn run(command: &Command) -> Result<bool> {
    match command {
        Command::Build => build::run()?,
        Command::Migrate => migrate::run()?,
        Command::Up(args) => up::run(args)?,
        Command::Postgres => postgres::run()?,
        Command::FeatureServices(args) => feature_services::run(args)?,
        Command::Test(args) => return test::run(args),
        Command::GenerateJwtKeys(args) => generate_jwt_keys::run(args)?,
        Command::CreateAdmin(args) => create_admin::run(args)?,
        Command::ExportSettings(args) => match tools::run(Profile::Dev, "export-settings", args)? {},
        Command::Settings(args) => match tools::run(Profile::Dev, "settings", args)? {},
        Command::Audit(args) => match tools::run(Profile::Dev, "audit", args)? {},
        Command::Openapi(args) => match tools::run(Profile::Dev, "openapi", args)? {},
        Command::Lint => lint::run()?,
        Command::Bench(args) => match tools::run(Profile::Bench, "bench", args)? {},
    }
    Ok(true)
}
