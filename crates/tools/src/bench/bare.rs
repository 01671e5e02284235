//! What the host itself allows: the probe, which answers with next to nothing, with what a statement on a kept connection reads, and
//! with what a service answers to one request. Frontdesk cannot be faster than that.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use tempfile::TempDir;

use super::load::{Requests, Route};
use super::report::{BARE, BARE_QUERY, BARE_REQUEST, BARE_ROW};
use super::routes::CONNECTIONS;
use xtask::host::Application;

/// As small as can be.
const STATEMENT: &str = "select true";
/// A row that an index finds, in a table that every database has.
const ROW: &str = "select typname::text, typtype::text, typisdefined from pg_type where oid = 16";

/// An application that is the probe alone.
pub(super) struct Probe {
    pub(super) application: Application,
    _folder: TempDir,
}

impl Probe {
    /// `database` and `service` are the origins that it may reach.
    pub(super) fn new(probe: &Path, database: &str, service: &str) -> Result<Self> {
        let folder = TempDir::new()?;
        let manifest = folder.path().join("spin.toml");
        let text = format!(
            "spin_manifest_version = 2\n[application]\nname = \"bare\"\n\
             [[trigger.http]]\nroute = \"/...\"\ncomponent = \"bare\"\n\
             [component.bare]\nsource = {probe:?}\nallowed_outbound_hosts = [{database:?}, {service:?}]\n"
        );
        std::fs::write(&manifest, text).with_context(|| format!("cannot write {}", manifest.display()))?;
        Ok(Self { application: Application { manifest, ready: "/?do=component" }, _folder: folder })
    }
}

/// Without anything, with a statement, with one that finds a row, and with a request to the service, which answers as little.
pub(super) fn routes(address: SocketAddr, database_url: &str, service: &str) -> Result<Vec<Route>> {
    let route = |name, query: &[(&str, &str)]| -> Result<Route> {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let request = Request::get(format!("/?{query}")).header(HOST, address.to_string()).body(Default::default())?;
        let requests = Requests::one(request);
        Ok(Route { name, address, requests, status: StatusCode::OK, connections: CONNECTIONS, beside: None })
    };
    let query = |name, statement| route(name, &[("do", "query-kept"), ("sql", statement), ("address", database_url)]);
    Ok(vec![
        route(BARE, &[("do", "component")])?,
        query(BARE_QUERY, STATEMENT)?,
        query(BARE_ROW, ROW)?,
        route(BARE_REQUEST, &[("do", "ask"), ("url", &format!("{service}/health"))])?,
    ])
}
