//! `cargo xtask bench`: how many requests per second, and how long one takes.
//!
//! Host, database, load generator and Postgres share this machine, so the figures themselves say little; what counts are the
//! ratios to `/healthz`, which does nothing, measured in the same run.

mod load;
mod report;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use self::load::Measurement;
use crate::checkout::Checkout;
use crate::host::{Choice, Host, Running, Setup};
use crate::http::Connection;
use crate::keys::{self, Algorithm};
use crate::testbed::{self, Server};
use crate::variables::environment_name;
use crate::{build, database, migrate, signals, variables};

/// What the others are compared with: it comes first.
const ROUTES: [Route; 2] =
    [Route { path: "/healthz", signed_in: false }, Route { path: "/api/users/me", signed_in: true }];
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// Something to measure.
struct Route {
    path: &'static str,
    signed_in: bool,
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each figure is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// What access tokens are signed with
    #[arg(long, value_enum, default_value = "EdDSA")]
    alg: Algorithm,
    #[command(flatten)]
    choice: Choice,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    signals::catch();
    let checkout = Checkout::find()?;
    let target = checkout.target_folder()?;
    let server = Server::find_or_start(&checkout)?;
    println!("{}", server.description);
    let database = Scratch::create(&server)?;
    migrate::migrate(&checkout, &database.url)?;
    testbed::keys(&checkout)?;
    build::build_stale(&checkout, &target)?;
    let host = Host::find(&checkout, &target, &args.choice)?;
    println!("Starting {}, {} keys", host.description, args.alg.name());

    let log_path = checkout.local("bench.log")?;
    let log = File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    let environment = environment(&checkout, args.alg, &database.url)?;
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let host = host
        .start(&checkout, listen, Setup { environment, log: Some(&log) })
        .with_context(|| format!("the host's output is in {}", checkout.show(&log_path)))?;
    let measurements = measure(&host, Duration::from_secs(args.seconds))?;
    report::print(&measurements, &build::sizes(&checkout)?);
    Ok(())
}

fn environment(checkout: &Checkout, algorithm: Algorithm, url: &str) -> Result<BTreeMap<String, String>> {
    let pair = testbed::folder(checkout, algorithm)?.read()?;
    let host = variables::database_host(url).map_err(|reason| anyhow::anyhow!("the database URL {reason}"))?;
    let values = [
        ("database_url", url.to_owned()),
        ("database_host", host),
        ("signing_key", pair.signing),
        ("verifying_keys", pair.verifying),
        ("refresh_token_key", keys::random_secret()?),
        ("audit_key", keys::random_secret()?),
        ("settings_key", keys::random_secret()?),
        ("service_token", keys::random_secret()?),
        ("tick_token", keys::random_secret()?),
        // Nobody is there, and nothing that is measured goes there.
        ("documents_upstream", "http://127.0.0.1:9".to_owned()),
    ];
    Ok(values.into_iter().map(|(name, value)| (environment_name(name), value)).collect())
}

fn measure(host: &Running, duration: Duration) -> Result<Vec<Measurement>> {
    signals::block_on(async {
        let token = sign_in(host.address()).await?;
        let mut measurements = Vec::new();
        for connections in CONNECTIONS {
            for route in &ROUTES {
                let token = route.signed_in.then_some(token.as_str());
                println!("Measuring {} at {connections} connections", route.path);
                measurements.push(load::measure(host.address(), route.path, token, connections, duration).await?);
            }
        }
        Ok(measurements)
    })
}

/// Registers somebody and signs them in; the access token.
async fn sign_in(address: SocketAddr) -> Result<String> {
    let (email, password) = ("bench@frontdesk.localhost", keys::random_password()?);
    let mut connection = Connection::open(address).await?;
    let account = serde_json::json!({ "email": email, "password": password });
    let answer = connection.send(connection.post("/api/auth/register", &account)?).await?;
    if answer.status != 201 {
        bail!("registering failed: {}: {}", answer.status, answer.text());
    }
    let credentials = serde_json::json!({ "username": email, "password": password });
    let answer = connection.send(connection.post("/api/auth/login", &credentials)?).await?;
    if answer.status != 200 {
        bail!("signing in failed: {}: {}", answer.status, answer.text());
    }
    let token: serde_json::Value = serde_json::from_slice(&answer.body)?;
    let token = token.get("access_token").and_then(|token| token.as_str());
    token.map(str::to_owned).context("signing in gave no access_token")
}

/// A database that is dropped again.
struct Scratch<'a> {
    server: &'a Server,
    name: String,
    url: String,
}

impl<'a> Scratch<'a> {
    fn create(server: &'a Server) -> Result<Self> {
        // Like a test's: what is left by one that was killed, the next test run drops.
        let name = format!("frontdesk_test_{:032x}", std::process::id());
        signals::block_on(async {
            let mut connection = database::connect(&server.url).await?;
            database::recreate(&mut connection, &name).await?;
            database::close(connection).await;
            Ok(())
        })?;
        let url = database::with_database(&server.url, &name)?;
        Ok(Self { server, name, url })
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        // After a signal it stays, as after a crash.
        let _ = signals::block_on(async {
            let mut connection = database::connect(&self.server.url).await?;
            database::drop_if_there(&mut connection, &self.name).await
        });
    }
}
