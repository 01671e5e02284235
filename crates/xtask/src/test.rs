//! `cargo xtask test`, which is `scripts/test`: prepares what the tests need and runs them.
//!
//! The end-to-end tests learn of it through variables: `FRONTDESK_TEST_DATABASE_URL` (a maintenance database, with the right to
//! create others), `FRONTDESK_TEST_TEMPLATE` (a migrated database to clone), `FRONTDESK_HOST` and `FRONTDESK_HOST_PROGRAM`,
//! `FRONTDESK_TEST_KEYS` (see [`testbed::keys`]), `FRONTDESK_TEST_POSTGRES` (the folder of the Postgres programs),
//! `FRONTDESK_TEST_PROBE` (see [`build::build_probe`]), `FRONTDESK_TEST_XTASK` (this program),
//! `FRONTDESK_TEST_TOOLS` (the one of [`crate::tools`]), `FRONTDESK_TEST_CHROMEDRIVER`.

use anyhow::{Result, bail};
use sqlx::PgConnection;

use crate::build::{self, Profile};
use crate::checkout::{Checkout, cargo};
use crate::database;
use crate::host::{Choice, Host};
use crate::process::Process;
use crate::testbed::{self, Server};
use crate::{feature_services, migrate, postgres, signals, tools};

const TEMPLATE: &str = "frontdesk_test_template";
/// What the tests call the databases that they clone: a UUID without dashes. They drop them, unless they are killed.
const CLONES: &str = "^frontdesk_test_[0-9a-f]{32}$";

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Given to `cargo test`: `-p e2e access`, `-- --nocapture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    arguments: Vec<String>,
}

/// `Ok(false)` when tests failed, which they say themselves.
pub(crate) fn run(args: &Args) -> Result<bool> {
    signals::catch();
    let checkout = Checkout::find()?;
    let target = checkout.target_folder()?;
    let chromedriver = testbed::chromedriver()?;
    testbed::openssl()?;
    let server = Server::find_or_start(&checkout)?;
    println!("{}", server.description);
    let runtime = signals::runtime()?;
    // The connection holds a lock on the template; it needs its runtime as long as it is open.
    let _template = runtime.block_on(signals::unless_interrupted(Template::claim(&server.url)))?;
    migrate::migrate(&checkout, &database::with_database(&server.url, TEMPLATE)?)?;
    let keys = testbed::keys(&checkout)?;
    let host = Host::find(&target, Profile::Dev, &args.choice)?;
    let programs: Vec<_> = host.to_build().into_iter().chain([feature_services::PROGRAM, tools::PROGRAM]).collect();
    build::build_stale(&checkout, &target, Profile::Dev, &programs)?;
    let probe = build::build_probe(&checkout, &target)?;
    println!("The tests run on {}", host.description);

    let mut tests = cargo();
    tests.current_dir(checkout.root()).args(["test", "--locked"]);
    if !args.arguments.iter().any(|argument| matches!(argument.as_str(), "-p" | "--package")) {
        tests.arg("--workspace");
    }
    tests.args(&args.arguments);
    tests.env("FRONTDESK_TEST_DATABASE_URL", &server.url);
    tests.env("FRONTDESK_TEST_TEMPLATE", TEMPLATE);
    tests.env("FRONTDESK_TEST_KEYS", keys);
    if let Some(folder) = postgres::programs_folder() {
        tests.env("FRONTDESK_TEST_POSTGRES", folder);
    }
    tests.env("FRONTDESK_TEST_CHROMEDRIVER", chromedriver);
    tests.env("FRONTDESK_TEST_PROBE", probe);
    tests.env("FRONTDESK_TEST_TOOLS", build::program(&target, Profile::Dev, tools::PROGRAM));
    tests.env("FRONTDESK_TEST_XTASK", std::env::current_exe()?);
    tests.env("FRONTDESK_HOST", host.name());
    tests.env("FRONTDESK_HOST_PROGRAM", &host.program);
    Ok(Process::spawn(&mut tests)?.wait()?.success())
}

/// The database that each test clones, fresh and empty, and no other test run's as long as this is kept.
struct Template {
    _connection: PgConnection,
}

impl Template {
    async fn claim(server: &str) -> Result<Self> {
        let mut connection = database::connect(server).await?;
        let lock = sqlx::query_scalar("select pg_try_advisory_lock(hashtext($1))").bind(TEMPLATE);
        if !lock.fetch_one(&mut connection).await.map_err(database::explain)? {
            bail!(
                "other tests are running on this Postgres: wait for them, or set FRONTDESK_TEST_DATABASE_URL to use another"
            );
        }
        // Nobody else is testing here, so whatever is left was left by tests that were killed.
        let query = sqlx::query_scalar("select datname::text from pg_database where datname ~ $1").bind(CLONES);
        let left: Vec<String> = query.fetch_all(&mut connection).await.map_err(database::explain)?;
        for clone in left {
            database::drop_if_there(&mut connection, &clone).await?;
        }
        database::recreate(&mut connection, TEMPLATE).await?;
        Ok(Self { _connection: connection })
    }
}
