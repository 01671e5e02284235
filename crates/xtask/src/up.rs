//! `cargo xtask up`, which is `scripts/up`: from a fresh clone to an application that one can sign in to.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::build::{self, Profile};
use crate::checkout::Checkout;
use crate::create_admin;
use crate::feature_services::{self, FeatureServices, SERVICE_TOKEN_FILE};
use crate::generate_jwt_keys;
use crate::host::{self, Application, Choice, Host, Setup};
use crate::http::Connection;
use crate::keys::{self, Algorithm, Folder, PRIMES};
use crate::lock::Lock;
use crate::signals::Interrupted;
use crate::target::Target;
use crate::variables::{self, Derived, Given, environment_name};
use crate::{migrate, signals};

/// Whoever signs in first. The name is reserved (RFC 6761): mail to it goes nowhere.
const FIRST_ADMIN: &str = "admin@frontdesk.localhost";

/// The secrets that are made here, and the files that keep them.
const SECRETS: [(&str, &str); 5] = [
    ("audit_key", "audit.key"),
    ("refresh_token_key", "refresh_token.key"),
    ("service_token", SERVICE_TOKEN_FILE),
    ("settings_key", "settings.key"),
    ("tick_token", "tick.token"),
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The address to serve on
    #[arg(long, env = "FRONTDESK_LISTEN", value_name = "ADDRESS:PORT", default_value = host::DEFAULT_LISTEN)]
    listen: SocketAddr,
    #[command(flatten)]
    choice: Choice,
    /// When the script was called, in seconds since 1970: it compiles this program before it runs it
    #[arg(long, env = "FRONTDESK_STARTED", hide = true)]
    started: Option<u64>,
}

/// Serves until a signal arrives, which is success; that the host ends by itself is not.
pub(crate) fn run(args: &Args) -> Result<()> {
    signals::catch();
    let checkout = Checkout::find()?;
    let listen = free_address(args.listen);
    // Where this checkout is up already, that is what has the port, and what is to be said.
    let _alone = lock(&checkout, *listen.as_ref().unwrap_or(&args.listen))?;
    let listen = listen?;
    let given = Given::read(&checkout)?;

    let database = Target::open(&checkout)?;
    match database.embedded() {
        Some(postgres) => println!("{}", postgres.describe()),
        None => println!("Postgres: {}", crate::database::describe(database.url())),
    }
    let feature_services = FeatureServices::choose(&given, listen)?;
    let mut kept = derive(&checkout, &given, &database)?;
    kept.extend(feature_services.variables_that_stay());
    let mut for_this_run = for_this_run(listen);
    for_this_run.extend(feature_services.variables_for_this_run());
    let mut derived = kept.clone();
    derived.extend(for_this_run.clone());
    derived.retain(|name, _| given.get(name).is_none());
    let problems = variables::problems(&given, &derived);
    if !problems.is_empty() {
        bail!("{}", problems.join("\nerror: "));
    }
    let target = checkout.target_folder()?;
    let host = Host::find(&target, Profile::Dev, &args.choice)?;
    let programs: Vec<_> = host.to_build().into_iter().chain([feature_services::PROGRAM]).collect();
    build::build_stale(&checkout, &target, Profile::Dev, &programs)?;
    migrate::migrate(&checkout, database.url())?;
    let removed = variables::write_dotenv(&checkout, &kept, &for_this_run)?;
    if !removed.is_empty() {
        println!("Removed from .env, as a later `spin up` is not to obey it: {}", removed.join(", "));
    }

    let value = |name: &str| given.get(name).or_else(|| derived.get(name).map(String::as_str)).unwrap_or_default();
    let (service_token, tick_token) = (value("service_token").to_owned(), value("tick_token").to_owned());
    let program = build::program(&target, Profile::Dev, feature_services::PROGRAM);
    let data = checkout.local(feature_services::PROGRAM)?;
    let _feature_services = feature_services.start(&program, &data, listen, &service_token)?;
    println!("Starting {}", host.description);
    // A variable of the environment or a line of the user's own in `.env` is there already.
    let environment = derived.into_iter().map(|(name, value)| (environment_name(name), value)).collect();
    let mut running = host.start(&Application::frontdesk(&checkout), listen, Setup { environment, log: None })?;
    if let Err(error) = poll(running.address(), &tick_token) {
        println!("The services were not asked how they are: {error:#}");
    }
    // Not before there is somebody to show it to: the password is shown once.
    let password = first_admin(database.url())?;
    greet(running.address(), password.as_deref(), args.started.map(since));
    match running.wait() {
        Err(error) if error.is::<Interrupted>() => {
            println!("\nStopping");
            Ok(())
        }
        ended => ended,
    }
}

/// Two would write the same files and, with the embedded cluster, change the same database.
fn lock(checkout: &Checkout, listen: SocketAddr) -> Result<Lock> {
    let note = format!("process {}, http://{}", std::process::id(), host::reachable(listen));
    Lock::try_exclusive(&checkout.local("up.lock")?, &note)?
        .map_err(|holder| anyhow!("this checkout is up already ({holder}); a second checkout can be up beside it"))
}

/// Checks before anything is built or started that the host will be able to listen. Port 0 is any free one.
fn free_address(listen: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind(listen).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "port {} is in use by another program: stop it, or choose another with `--listen {}:PORT` (or FRONTDESK_LISTEN)",
            listen.port(),
            listen.ip()
        ),
        _ => anyhow!("cannot listen on {listen}: {error}"),
    })?;
    listener.local_addr().context("cannot tell the address")
}

/// The variables that the operator leaves to us and that hold for this run alone, unless the operator gives them after all. Each would
/// weaken a deployment, so a later `spin up` must not find them in `.env`.
fn for_this_run(listen: SocketAddr) -> Derived {
    Derived::from([
        // Browsers come over plain http here, as far as is known.
        ("cookie_secure", "false".to_owned()),
        // Whoever tries it out reads the mails in the log.
        ("mail_transport", "log".to_owned()),
        // A later run may listen elsewhere, and another program here: it would be sent the tick token.
        ("app_url", format!("http://{}", host::reachable(listen))),
    ])
}

/// The variables that the operator leaves to us and that stay the same from run to run.
fn derive(checkout: &Checkout, given: &Given, database: &Target) -> Result<Derived> {
    let mut derived = Derived::new();
    derived.insert("database_url", database.url().to_owned());
    if let Ok(host) = variables::database_host(database.url()) {
        derived.insert("database_host", host);
    }
    let folder = Folder::new(checkout.keys()?);
    if given.get("signing_key").is_none() && given.get("verifying_keys").is_none() {
        if !folder.is_taken() {
            generate_jwt_keys::generate(checkout, &folder, Algorithm::Rs256, PRIMES)?;
        }
        let pair = folder.read()?;
        derived.insert("signing_key", pair.signing);
        derived.insert("verifying_keys", pair.verifying);
    }
    for (name, file) in SECRETS {
        if given.get(name).is_none() {
            derived.insert(name, folder.secret(file)?);
        }
    }
    derived.retain(|name, _| given.get(name).is_none());
    Ok(derived)
}

/// Has the services asked how they are, so that the first list says it.
fn poll(address: SocketAddr, tick_token: &str) -> Result<()> {
    signals::block_on(async {
        let mut connection = Connection::open(address).await?;
        let answer = connection.send(connection.call("/internal/tick", tick_token)?).await?;
        if answer.status.is_success() { Ok(()) } else { bail!("{}: {}", answer.status, answer.text()) }
    })
}

/// Makes an administrator where nobody can administer; the password is kept nowhere.
fn first_admin(database_url: &str) -> Result<Option<String>> {
    if create_admin::an_admin_exists(database_url)? {
        return Ok(None);
    }
    let password = keys::random_password()?;
    create_admin::store(database_url, FIRST_ADMIN, None, &password)?;
    Ok(Some(password))
}

/// How long ago that was.
fn since(started: u64) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(now.as_secs().saturating_sub(started))
}

/// As people read it.
fn minutes_and_seconds(duration: Duration) -> String {
    match (duration.as_secs() / 60, duration.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

fn greet(address: SocketAddr, password: Option<&str>, took: Option<Duration>) {
    let took = took.map(|took| format!(" after {}", minutes_and_seconds(took))).unwrap_or_default();
    println!("\nFrontdesk is ready{took} at http://{address} (Ctrl-C stops it)");
    println!("  Is it well?  curl http://{address}/healthz");
    match password {
        Some(password) => {
            println!("  Sign in as   {FIRST_ADMIN}");
            println!(
                "  Password     {password}   (shown this once; `scripts/create-admin {FIRST_ADMIN}` sets a new one)"
            );
            println!(
                "  Or with      curl -d 'username={FIRST_ADMIN}' -d 'password={password}' http://{address}/api/auth/login"
            );
        }
        None => {
            println!("  An administrator exists; `scripts/create-admin EMAIL` makes another, or sets a new password.")
        }
    }
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_administrators_address_is_a_valid_one() {
        assert_eq!(rules::email::parse(FIRST_ADMIN).as_deref(), Ok(FIRST_ADMIN));
    }

    #[test]
    fn a_port_in_use_is_named_together_with_the_option_that_avoids_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap();
        let error = free_address(taken).unwrap_err().to_string();
        assert!(error.contains(&taken.port().to_string()) && error.contains("--listen"), "{error}");
    }
}
