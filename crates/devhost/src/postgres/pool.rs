//! Sessions: 64 at most for each component and address, and no limit to the wait for one.
//!
//! A session is cleaned when it is taken from its pool (`RESET ALL` and its like, one round trip), never rolled back: a
//! guest that leaves a transaction open hands it to the next one, as in Spin.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};

use crate::allowed_hosts::AllowedHosts;
use crate::bindings::spin::postgres::postgres::Error;

/// Sessions in one pool.
const SESSIONS: usize = 64;

/// Addresses that a component's pools are kept for; the one that was used longest ago goes first.
const ADDRESSES: usize = 16;

/// A session; it goes back to its pool with the last clone.
pub(super) type Client = Arc<Object>;

/// The pools of one component, by address.
#[derive(Default)]
pub(crate) struct Pools(Mutex<VecDeque<(String, Pool)>>);

impl Pools {
    /// A session at `address`; waits for ever if all are taken.
    pub(super) async fn client(&self, address: &str) -> Result<Client, Error> {
        let client = async { anyhow::Ok(self.pool(address)?.get().await?) };
        client.await.map(Arc::new).map_err(|error| Error::ConnectionFailed(format!("{error:?}")))
    }

    fn pool(&self, address: &str) -> anyhow::Result<Pool> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pools.iter().position(|(known, _)| known == address).and_then(|at| pools.remove(at));
        let entry = match known {
            Some(entry) => entry,
            None => (address.to_owned(), create(address).context("establishing PostgreSQL connection pool")?),
        };
        let pool = entry.1.clone();
        pools.push_front(entry);
        pools.truncate(ADDRESSES);
        Ok(pool)
    }
}

fn create(address: &str) -> anyhow::Result<Pool> {
    let config: Config = address.parse().context("parsing Postgres connection string")?;
    if config.get_ssl_mode() == SslMode::Require {
        bail!("sslmode=require: devhost has no TLS to Postgres");
    }
    let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Clean });
    Pool::builder(manager).max_size(SESSIONS).build().context("building Postgres connection pool")
}

/// Checks every host of a connection string against the component's list.
pub(super) fn check(allowed_hosts: &AllowedHosts, address: &str) -> Result<(), Error> {
    let config: Config =
        address.parse().map_err(|error: tokio_postgres::Error| Error::ConnectionFailed(error.to_string()))?;
    let ports = config.get_ports();
    for (index, host) in config.get_hosts().iter().enumerate() {
        let Host::Tcp(host) = host else {
            return Err(Error::ConnectionFailed("Unix sockets are not supported on WebAssembly".to_owned()));
        };
        // A single port is that of every host.
        let port = ports.get(index).or(if let [only] = ports { Some(only) } else { None });
        let authority = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        if !allowed_hosts.check(&authority, "postgres").map_err(Error::Other)? {
            return Err(Error::ConnectionFailed(format!("address postgres://{authority} is not permitted")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    // Every rule is one of Spin's crates/factor-outbound-pg/src/{allowed_hosts,client}.rs.
    use super::*;
    use crate::variables::{Sources, Variables};

    fn checked(address: &str) -> Result<(), String> {
        let variables = Variables::new(Default::default(), Sources::new(Default::default()));
        let entries = ["postgres://db", "postgres://127.0.0.1:5433"].map(str::to_owned).into();
        let hosts = AllowedHosts::new("auth".into(), entries, Arc::new(variables));
        check(&hosts, address).map_err(|error| match error {
            Error::ConnectionFailed(text) => text,
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn every_host_of_the_connection_string_has_to_be_allowed() {
        checked("postgres://u:p@db/x").unwrap();
        checked("host=db user=u").unwrap();
        checked("postgres://u:p@127.0.0.1:5433/x").unwrap();
        assert_eq!(checked("postgres://u:p@db:5433/x").unwrap_err(), "address postgres://db:5433 is not permitted");
        assert_eq!(checked("host=db,other user=u").unwrap_err(), "address postgres://other is not permitted");
        assert_eq!(checked("host=db,other port=5432").unwrap_err(), "address postgres://other:5432 is not permitted");
    }

    #[test]
    fn a_unix_socket_is_refused() {
        assert_eq!(checked("host=/tmp user=u").unwrap_err(), "Unix sockets are not supported on WebAssembly");
    }

    #[test]
    fn a_connection_string_with_an_unknown_key_is_refused() {
        for address in ["host=db sslrootcert=x", "host=db sslmode=verify-full", "db"] {
            assert_eq!(checked(address).unwrap_err(), "invalid connection string", "{address}");
        }
    }

    #[test]
    fn tls_that_is_required_is_a_clear_error() {
        let text = format!("{:?}", create("postgres://u@db/x?sslmode=require").unwrap_err());
        assert!(text.contains("devhost has no TLS to Postgres"), "{text}");
        create("postgres://u@db/x?sslmode=prefer").unwrap();
        create("postgres://u@db/x?sslmode=disable").unwrap();
    }

    #[test]
    fn the_pools_of_sixteen_addresses_are_kept() {
        let pools = Pools::default();
        for number in 0..20 {
            pools.pool(&format!("host=h{number}")).unwrap();
        }
        pools.pool("host=h4").unwrap();
        let kept: Vec<_> = pools.0.lock().unwrap().iter().map(|(address, _)| address.clone()).collect();
        assert_eq!(kept.len(), ADDRESSES);
        assert_eq!(kept[..2], ["host=h4", "host=h19"]);
        assert!(!kept.contains(&"host=h3".to_owned()));
    }
}
