//! devservices serves the feature services for development, each at an address of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::serve::ListenerExt as _;
use clap::{ArgGroup, Parser};
use devservices::client::Client;
use devservices::documents::Documents;
use devservices::settings::{Frontdesk, Settings};
use devservices::{ai, console, documents};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// The feature services for development: documents, and AI.
///
/// Behind Frontdesk they are given its URL, and in the environment variable SERVICE_TOKEN the token by which it knows
/// them; then they do as its settings say.
#[derive(Debug, Parser)]
#[command(version, group = ArgGroup::new("services").args(["documents", "ai"]).multiple(true).required(true))]
struct Cli {
    /// Where the documents service listens, if it is wanted; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    documents: Option<SocketAddr>,

    /// Where the AI service listens, if it is wanted; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    ai: Option<SocketAddr>,

    /// Folder for what the services keep; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// Frontdesk, of the form http://HOST:PORT. Without it the settings are the defaults.
    #[arg(long, value_name = "URL")]
    frontdesk: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::note(&format!("Error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let stop = Arc::new(Notify::new());
    let stopping = Arc::clone(&stop);
    ctrlc::set_handler(move || stopping.notify_one()).context("cannot wait for Ctrl-C")?;
    let client = Client::new();
    let frontdesk = match &cli.frontdesk {
        // Not an argument, because everybody may see the arguments of a program.
        Some(url) => Some(Frontdesk::new(client.clone(), url, &std::env::var("SERVICE_TOKEN").unwrap_or_default())?),
        None => None,
    };
    let mut services = JoinSet::new();
    if let Some(address) = cli.documents {
        let settings = Settings::new(frontdesk.clone(), "documents", documents::SETTINGS_KEPT);
        let documents = documents::router(Documents::open(&cli.data.join("documents"), settings)?);
        services.spawn(serve("documents", address, documents).await?);
    }
    if let Some(address) = cli.ai {
        // Asked for at every call: an administrator who changes them tries them at once.
        let ai = ai::router(client, Settings::new(frontdesk, "ai", std::time::Duration::ZERO), ai::TIMEOUT);
        services.spawn(serve("ai", address, ai).await?);
    }
    // Nothing is waited for: what was not finished is as if it had not begun.
    tokio::select! {
        Some(outcome) = services.join_next() => outcome?,
        () = stop.notified() => Ok(()),
    }
}

async fn serve(
    name: &str,
    address: SocketAddr,
    routes: Router,
) -> anyhow::Result<impl Future<Output = anyhow::Result<()>>> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    console::say(&format!("{name} service on http://{}", listener.local_addr()?));
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(async { Ok(axum::serve(listener, routes).await?) })
}
