//! devhost runs a Spin application where no `spin` is installed: the same `spin.toml`, the same components, the same
//! command line as far as our scripts use it.
//!
//! For development and tests, never for production. What it can do is what this repository's application needs; what it
//! cannot do it says, and what it does it does as Spin does, traps included. The other files name the part of Spin that
//! they mirror. There is no key-value store, no SQLite, no files, no TLS and no telemetry.

mod allowed_hosts;
mod bindings;
mod chaining;
mod client;
mod console;
mod cron;
mod engine;
mod headers;
mod instance;
mod logs;
mod manifest;
mod outbound;
mod postgres;
mod routes;
mod server;
mod template;
mod up;
mod variables;
mod worker;

use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::up::Up;
use crate::variables::VariableSource;

/// Runs a Spin application without Spin.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What devhost can do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Start the application.
    Up(UpArgs),
}

/// The arguments of `up`: a part of those of `spin up`, with the same names and meanings.
#[derive(Args, Debug)]
struct UpArgs {
    /// The application to run: a manifest, or the folder that its spin.toml is in.
    #[arg(
        short = 'f',
        long = "from",
        alias = "from-file",
        alias = "file",
        value_name = "FILE",
        default_value = "spin.toml"
    )]
    from: PathBuf,

    /// IP address and port to listen on; port 0 takes a free one.
    #[arg(
        long,
        value_name = "ADDR",
        env = "SPIN_HTTP_LISTEN_ADDR",
        default_value = "127.0.0.1:3000",
        value_parser = parse_listen_address
    )]
    listen: SocketAddr,

    /// Silence all component output to standard error.
    #[arg(short, long, aliases = ["sh", "shush"])]
    quiet: bool,

    /// Folder for the standard output and error of components; the empty string is no log files.
    /// [default: `logs` in the state folder]
    #[arg(short = 'L', long, value_name = "DIR", env = "SPIN_LOG_DIR")]
    log_dir: Option<OsString>,

    /// A variable of the application. May be repeated; the last value of a name counts.
    #[arg(long, value_name = "KEY=VALUE | KEY=@FILE | @FILE.json | @FILE.toml")]
    variable: Vec<VariableSource>,

    /// A component to run, with its triggers. May be repeated. [default: all components]
    #[arg(short = 'c', long = "component-id", value_name = "ID")]
    component_id: Vec<String>,

    /// Folder for what the host keeps; the empty string is none. [default: `.spin` beside the manifest]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<OsString>,

    /// Folder for compiled components. [default: `.spin/cache` beside the manifest]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Command::Up(arguments) = Cli::parse().command;
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: UpArgs) -> anyhow::Result<()> {
    // A thread of its own: every worker of the runtime may be busy in a guest.
    ctrlc::set_handler(stop).context("cannot wait for Ctrl-C")?;
    let up = Up {
        manifest: arguments.from,
        listen: arguments.listen,
        quiet: arguments.quiet,
        log_dir: arguments.log_dir.map(PathBuf::from),
        variables: arguments.variable,
        components: arguments.component_id,
        state_dir: arguments.state_dir.map(PathBuf::from),
        cache_dir: arguments.cache_dir,
    };
    // As many workers as the machine has processors, or as TOKIO_WORKER_THREADS says.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(up.run())
}

/// Ends at once, whatever is still being answered: that is what `spin up` does.
#[expect(clippy::exit, reason = "there is nothing to wait for and nothing to clean up")]
fn stop() {
    std::process::exit(0)
}

/// An address, or the name of one: of several that a name stands for, one of IPv4 is preferred.
fn parse_listen_address(text: &str) -> anyhow::Result<SocketAddr> {
    let addresses: Vec<_> = text.to_socket_addrs()?.collect();
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    first.copied().context("couldn't resolve address")
}
