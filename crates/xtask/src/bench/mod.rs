//! `cargo xtask bench`: how many requests per second, and how long one takes.
//!
//! Host, database, load generator and Postgres share this machine, so the figures themselves say little; what counts are the
//! ratios to `/healthz`, which does nothing, measured in the same run.

mod bare;
mod load;
mod report;
mod routes;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;

use self::bare::Bare;
use self::load::{Measurement, Route};
use self::routes::Scene;
use crate::checkout::Checkout;
use crate::feature_services::{self, FeatureServices};
use crate::host::{Application, Choice, Host, Running, Setup};
use crate::keys::{self, Algorithm};
use crate::testbed::{self, Server};
use crate::variables::{Given, environment_name};
use crate::{build, database, migrate, signals, variables};

/// The sixths of a minute of all kinds of requests.
const MIXED: [&str; 6] = [
    "all in turn, 10 s",
    "all in turn, 20 s",
    "all in turn, 30 s",
    "all in turn, 40 s",
    "all in turn, 50 s",
    "all in turn, 60 s",
];
const MIXED_CONNECTIONS: usize = 64;
/// Of a sixth; the load generator warms up for a second before.
const MIXED_DURATION: Duration = Duration::from_secs(9);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each figure is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Keep the figures in a file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Compare with the figures of a file that another run has kept
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Draw the figures as SVG
    #[arg(long, value_name = "FILE")]
    draw: Option<PathBuf>,
    #[command(flatten)]
    choice: Choice,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    signals::catch();
    let before = args.compare.as_deref().map(report::read).transpose()?.unwrap_or_default();
    let checkout = Checkout::find()?;
    let target = checkout.target_folder()?;
    let server = Server::find_or_start(&checkout)?;
    println!("{}", server.description);
    testbed::keys(&checkout)?;
    build::build_stale(&checkout, &target)?;
    let probe = build::build_probe(&checkout, &target)?;
    let feature_services = feature_services::build(&checkout, &target)?;
    let host = Host::find(&checkout, &target, &args.choice)?;

    let bench = Bench { checkout, server, host, feature_services, duration: Duration::from_secs(args.seconds) };
    let mut measurements = Vec::new();
    let outcome = bench.measure_everything(&probe, &mut measurements);
    report::print(&measurements, &before, &build::sizes(&bench.checkout)?);
    outcome?;
    if let Some(path) = &args.save {
        report::save(&measurements, path)?;
    }
    if let Some(path) = &args.draw {
        report::draw(&measurements, bench.host.name(), path)?;
    }
    Ok(())
}

/// What all measurements have in common.
struct Bench {
    checkout: Checkout,
    server: Server,
    host: Host,
    feature_services: PathBuf,
    duration: Duration,
}

impl Bench {
    fn measure_everything(&self, probe: &Path, measurements: &mut Vec<Measurement>) -> Result<()> {
        self.measure_bare(probe, measurements)?;
        for algorithm in [Algorithm::Rs256, Algorithm::EdDsa] {
            self.on_frontdesk(algorithm, async |running, scene| {
                self.measure_all(running, &scene.routes(algorithm)?, measurements).await
            })?;
        }
        // Apart, so that the memory is that of these requests and not of fifty sign-ins at once.
        self.on_frontdesk(Algorithm::Rs256, async |running, scene| {
            measure_mixed(running, scene.mixed()?, measurements).await
        })
    }

    /// Measures something on a host of its own, with tokens of this algorithm.
    fn on_frontdesk(
        &self,
        algorithm: Algorithm,
        measure: impl AsyncFnOnce(&Running, &Scene) -> Result<()>,
    ) -> Result<()> {
        println!("Starting {}, {} keys", self.host.description, algorithm.name());
        let database = Scratch::create(&self.server)?;
        migrate::migrate(&self.checkout, &database.url)?;
        let pair = testbed::folder(&self.checkout, algorithm)?.read()?;
        let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let services = FeatureServices::choose(&Given::default(), listen)?;
        let service_token = keys::random_secret()?;
        let data = tempfile::TempDir::new()?;
        let _services = services.start(&self.feature_services, data.path(), listen, &service_token)?;

        let mut values = BTreeMap::from([
            ("database_url", database.url.clone()),
            ("database_host", database.host()?),
            ("signing_key", pair.signing.clone()),
            ("verifying_keys", pair.verifying.clone()),
            ("refresh_token_key", keys::random_secret()?),
            ("audit_key", keys::random_secret()?),
            ("settings_key", keys::random_secret()?),
            ("service_token", service_token),
            ("tick_token", keys::random_secret()?),
            // All come from one address, and sign in without pause.
            ("rate_limit_scale", "100000".to_owned()),
        ]);
        values.extend(services.variables());
        let environment = values.into_iter().map(|(name, value)| (environment_name(name), value)).collect();
        let running = self.start(&Application::frontdesk(&self.checkout), listen, environment)?;
        signals::block_on(async {
            let scene = Scene::set(&running, &database.url, &pair, &documents(&services)?).await?;
            measure(&running, &scene).await
        })
    }

    /// Measures what the host itself allows.
    fn measure_bare(&self, probe: &Path, measurements: &mut Vec<Measurement>) -> Result<()> {
        println!("Starting {} with a bare component", self.host.description);
        let database = Scratch::create(&self.server)?;
        let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let services = FeatureServices::choose(&Given::default(), listen)?;
        let data = tempfile::TempDir::new()?;
        let _services = services.start(&self.feature_services, data.path(), listen, &keys::random_secret()?)?;
        let service = documents(&services)?;
        let bare = Bare::new(probe, &database.host()?, &service)?;
        let running = self.start(&bare.application, listen, BTreeMap::new())?;
        let routes = bare::routes(running.address(), &database.url, &service)?;
        signals::block_on(self.measure_all(&running, &routes, measurements))
    }

    fn start(
        &self,
        application: &Application,
        listen: SocketAddr,
        environment: BTreeMap<String, String>,
    ) -> Result<Running> {
        let path = self.checkout.local("bench.log")?;
        let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let running = self.host.start(application, listen, Setup { environment, log: Some(&log) });
        running.with_context(|| format!("the host's output is in {}", self.checkout.show(&path)))
    }

    async fn measure_all(
        &self,
        running: &Running,
        routes: &[Route],
        measurements: &mut Vec<Measurement>,
    ) -> Result<()> {
        for route in routes {
            for connections in route.connections {
                println!("Measuring {} at {connections} connections", route.name);
                let measurement = load::measure(route, *connections, self.duration).await?;
                measurements.push(Measurement { memory: running.memory()?, ..measurement });
            }
        }
        Ok(())
    }
}

/// The origin of the documents service.
fn documents(services: &FeatureServices) -> Result<String> {
    services.variables().remove("documents_upstream").context("there is no documents service")
}

/// Measures all kinds of requests in turn for a minute, to see whether the memory grows.
async fn measure_mixed(
    running: &Running,
    requests: Vec<Request<Full<Bytes>>>,
    measurements: &mut Vec<Measurement>,
) -> Result<()> {
    let requests = Arc::new(requests);
    for name in MIXED {
        println!("Measuring {name}");
        let route = Route {
            name,
            address: running.address(),
            requests: Arc::clone(&requests),
            connections: &[MIXED_CONNECTIONS],
        };
        let measurement = load::measure(&route, MIXED_CONNECTIONS, MIXED_DURATION).await?;
        measurements.push(Measurement { memory: running.memory()?, ..measurement });
    }
    Ok(())
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

    /// `postgres://HOST:PORT`, which a host must allow.
    fn host(&self) -> Result<String> {
        variables::database_host(&self.url).map_err(|reason| anyhow!("the database URL {reason}"))
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
