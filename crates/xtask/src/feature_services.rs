//! The feature services that `up` runs where the operator names none of their own, so that a first start shows a whole system:
//! see `crates/devservices`.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::build;
use crate::checkout::Checkout;
use crate::host::{self, reachable};
use crate::keys::Folder;
use crate::process::Process;
use crate::signals::{self, Interrupted};
use crate::variables::{Derived, Given};

/// The package, and its program.
pub const PROGRAM: &str = "devservices";
/// What keeps the `service_token` that is made here, in the folder of keys.
pub(crate) const SERVICE_TOKEN_FILE: &str = "service.token";
/// The variable of each service's origin, and the program's option for its address.
const SERVICES: [(&str, &str); 2] = [("documents_upstream", "--documents"), ("ai_upstream", "--ai")];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The address that the application is served on
    #[arg(long, env = "FRONTDESK_LISTEN", value_name = "ADDRESS:PORT", default_value = host::DEFAULT_LISTEN)]
    listen: SocketAddr,
}

/// `cargo xtask feature-services`: runs them until a signal arrives, for a plain `spin up`, whose `.env` names them.
pub(crate) fn run(args: &Args) -> Result<()> {
    signals::catch();
    let checkout = Checkout::find()?;
    let given = Given::read(&checkout)?;
    let token = match given.get("service_token") {
        Some(token) => token.to_owned(),
        None => Folder::new(checkout.keys()?).secret(SERVICE_TOKEN_FILE)?,
    };
    let services = FeatureServices::choose(&given, args.listen)?;
    let program = build::build_program(&checkout, &checkout.target_folder()?, PROGRAM)?;
    match services.start(&program, &checkout.local(PROGRAM)?, args.listen, &token)? {
        Some(mut process) => match process.wait() {
            Err(error) if error.is::<Interrupted>() => Ok(()),
            ended => bail!("the feature services ended ({})", ended?),
        },
        None => {
            bail!("SPIN_VARIABLE_DOCUMENTS_UPSTREAM and SPIN_VARIABLE_AI_UPSTREAM name others: there are none to run")
        }
    }
}

/// The services that the operator does not have, and where they are to be.
pub struct FeatureServices {
    addresses: Vec<Address>,
}

/// Where one of them is to be.
struct Address {
    variable: &'static str,
    option: &'static str,
    address: SocketAddr,
    /// Whether it is at the port after the application's, where the next run finds it again.
    stays: bool,
}

impl FeatureServices {
    /// Chooses their addresses: the ports after the application's, so that they stay the same, or any that are free. A port that the
    /// operator has named for another service is that one's, though it may not run yet.
    pub fn choose(given: &Given, application: SocketAddr) -> Result<Self> {
        let named: Vec<&str> = SERVICES.iter().filter_map(|(variable, _)| given.get(variable)).collect();
        let is_named =
            |port: u16| named.iter().any(|origin| origin.trim_end_matches('/').ends_with(&format!(":{port}")));
        let missing = (1..).zip(SERVICES).filter(|(_, (variable, _))| given.get(variable).is_none());
        let addresses = missing.map(|(offset, (variable, option))| {
            let preferred = application.port().checked_add(offset).filter(|port| !is_named(*port)).unwrap_or_default();
            let listener = TcpListener::bind(("127.0.0.1", preferred)).or_else(|_| TcpListener::bind("127.0.0.1:0"));
            let address = listener.and_then(|listener| listener.local_addr());
            let address = address.context("there is no free port for a feature service")?;
            Ok(Address { variable, option, address, stays: address.port() == preferred })
        });
        Ok(Self { addresses: addresses.collect::<Result<_>>()? })
    }

    /// Their origins, by the names of `spin.toml`.
    pub fn variables(&self) -> Derived {
        self.origins(|_| true)
    }

    /// Those that stay the same from run to run.
    pub fn variables_that_stay(&self) -> Derived {
        self.origins(|address| address.stays)
    }

    /// Those of this run alone: at the next one another program may be there.
    pub fn variables_for_this_run(&self) -> Derived {
        self.origins(|address| !address.stays)
    }

    fn origins(&self, which: impl Fn(&Address) -> bool) -> Derived {
        let chosen = self.addresses.iter().filter(|address| which(address));
        chosen.map(|Address { variable, address, .. }| (*variable, format!("http://{address}"))).collect()
    }

    /// Starts them, with a folder for what they keep; `None` when the operator has all of them. They end when this is dropped.
    pub fn start(
        &self,
        program: &Path,
        data: &Path,
        application: SocketAddr,
        service_token: &str,
    ) -> Result<Option<Process>> {
        if self.addresses.is_empty() {
            return Ok(None);
        }
        let mut command = Command::new(program);
        for Address { option, address, .. } in &self.addresses {
            command.arg(option).arg(address.to_string());
        }
        command.arg("--data").arg(data);
        command.arg("--frontdesk").arg(format!("http://{}", reachable(application)));
        command.env("SERVICE_TOKEN", service_token);
        Process::spawn(&mut command).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_the_operator_has_named_is_not_taken() {
        // Any that is free, with two behind it that are free at this moment.
        let application = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let second = application.port() + 2;
        let pairs = [("SPIN_VARIABLE_DOCUMENTS_UPSTREAM".to_owned(), format!("http://127.0.0.1:{second}/"))];
        let chosen = FeatureServices::choose(&Given::new(pairs), application).unwrap();
        assert_eq!(chosen.addresses.len(), 1);
        let Address { variable, address, .. } = &chosen.addresses[0];
        assert_eq!(*variable, "ai_upstream");
        assert_ne!(address.port(), second);
    }

    #[test]
    fn an_address_at_another_port_than_the_next_is_for_one_run() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let before = taken.local_addr().unwrap().port() - 1;
        let listen = SocketAddr::from(([127, 0, 0, 1], before));
        let chosen = FeatureServices::choose(&Given::new([]), listen).unwrap();
        assert!(!chosen.variables_that_stay().contains_key("documents_upstream"));
        assert!(chosen.variables_for_this_run().contains_key("documents_upstream"));
        assert_eq!(chosen.variables().len(), SERVICES.len());
    }
}
