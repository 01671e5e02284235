//! The hosts that are measured: each with a database and services of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, anyhow};
use tempfile::TempDir;

use super::Bench;
use super::bare::{self, Probe};
use super::load::Route;
use super::routes::Scene;
use xtask::checkout::Checkout;
use xtask::feature_services::FeatureServices;
use xtask::host::{Application, Running, Setup};
use xtask::keys::{self, Algorithm, Folder, Pair, random_secret};
use xtask::process::Process;
use xtask::testbed::Server;
use xtask::variables::{Given, environment_name};
use xtask::{database, migrate, rsa_key, signals, variables};

/// What tokens are signed with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Keys {
    /// RS256, 4096 bits.
    FourPrimes,
    /// The same with a key as every other program makes it.
    TwoPrimes,
    EdDsa,
}

impl Keys {
    fn name(self) -> &'static str {
        match self {
            Self::FourPrimes => "rs256-four-primes",
            Self::TwoPrimes => "rs256-two-primes",
            Self::EdDsa => "eddsa",
        }
    }

    /// The pair, made when it is not there.
    fn pair(self, checkout: &Checkout) -> Result<Pair> {
        let folder = Folder::new(checkout.local("bench-keys")?.join(self.name()));
        if !folder.is_taken() {
            println!("Generating keys for the benchmark (once): {}", self.name());
            folder.write(&match self {
                Self::FourPrimes => rsa_key::generate(4)?,
                Self::TwoPrimes => rsa_key::generate(2)?,
                Self::EdDsa => keys::generate(Algorithm::EdDsa)?,
            })?;
        }
        folder.read()
    }
}

impl Bench {
    /// Frontdesk on a host of its own, with tokens that these keys sign.
    pub(super) fn frontdesk(&self, keys: Keys) -> Result<Frontdesk<'_>> {
        println!("Starting {}, keys {}", self.host.description, keys.name());
        let database = Scratch::create(&self.server)?;
        migrate::migrate(&self.checkout, &database.url)?;
        let pair = keys.pair(&self.checkout)?;
        let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let service_token = random_secret()?;
        let services = self.services(listen, &service_token)?;
        let mut values = BTreeMap::from([
            ("database_url", database.url.clone()),
            ("database_host", database.host()?),
            ("signing_key", pair.signing.clone()),
            ("verifying_keys", pair.verifying.clone()),
            ("refresh_token_key", random_secret()?),
            ("audit_key", random_secret()?),
            ("settings_key", random_secret()?),
            ("service_token", service_token),
            ("tick_token", random_secret()?),
            // All come from one address, and sign in without pause.
            ("rate_limit_scale", "100000".to_owned()),
        ]);
        values.extend(services.addresses.variables());
        let environment = values.into_iter().map(|(name, value)| (environment_name(name), value)).collect();
        let application = Application::frontdesk(&self.checkout);
        let running = self.start(&application, keys.name(), listen, environment)?;
        let scene = signals::block_on(Scene::set(&running, &database.url, &pair, &services.documents()?))?;
        Ok(Frontdesk { running, keys, scene, _services: services, _database: database })
    }

    /// What the host itself allows.
    pub(super) fn bare(&self, probe: &Path) -> Result<Bare<'_>> {
        println!("Starting {} with a bare component", self.host.description);
        let database = Scratch::create(&self.server)?;
        let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let services = self.services(listen, &random_secret()?)?;
        let application = Probe::new(probe, &database.host()?, &services.documents()?)?;
        let running = self.start(&application.application, "bare", listen, BTreeMap::new())?;
        Ok(Bare { running, _application: application, services, database })
    }

    fn services(&self, listen: SocketAddr, token: &str) -> Result<Services> {
        let addresses = FeatureServices::choose(&Given::default(), listen)?;
        let data = TempDir::new()?;
        let process = addresses.start(&self.feature_services, data.path(), listen, token)?;
        Ok(Services { addresses, _process: process, _data: data })
    }

    fn start(
        &self,
        application: &Application,
        name: &str,
        listen: SocketAddr,
        environment: BTreeMap<String, String>,
    ) -> Result<Running> {
        let path = self.checkout.local(format!("bench-{name}.log"))?;
        let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let running = self.host.start(application, listen, Setup { environment, log: Some(&log) });
        running.with_context(|| format!("the host's output is in {}", self.checkout.show(&path)))
    }
}

/// Frontdesk, and what it needs; dropped in this order.
pub(super) struct Frontdesk<'a> {
    pub(super) running: Running,
    pub(super) keys: Keys,
    pub(super) scene: Scene,
    _services: Services,
    _database: Scratch<'a>,
}

/// The probe, and what it needs; dropped in this order.
pub(super) struct Bare<'a> {
    pub(super) running: Running,
    _application: Probe,
    services: Services,
    database: Scratch<'a>,
}

impl Bare<'_> {
    pub(super) fn routes(&self) -> Result<Vec<Route>> {
        bare::routes(self.running.address(), &self.database.url, &self.services.documents()?)
    }
}

/// The services behind, and where they keep what they are given.
struct Services {
    addresses: FeatureServices,
    _process: Option<Process>,
    _data: TempDir,
}

impl Services {
    /// The origin of the documents service.
    fn documents(&self) -> Result<String> {
        self.addresses.variables().remove("documents_upstream").context("there is no documents service")
    }
}

/// A database that is dropped again.
struct Scratch<'a> {
    server: &'a Server,
    name: String,
    url: String,
}

impl<'a> Scratch<'a> {
    fn create(server: &'a Server) -> Result<Self> {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        // Like a test's: what is left by one that was killed, the next test run drops.
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = format!("frontdesk_test_{:024x}{number:08x}", std::process::id());
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
