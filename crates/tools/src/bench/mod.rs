//! `cargo xtask bench`: how many requests per second, and how long one takes.
//!
//! Host, database, load generator and Postgres share this machine, so the figures themselves say little; what counts are the
//! ratios to `/healthz`, which does nothing, measured in the same run.

mod bare;
mod hosts;
mod load;
mod report;
mod routes;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};

use self::hosts::Keys;
use self::load::{Answered, Measurement, Requests, Route};
use xtask::build::{self, Profile};
use xtask::checkout::Checkout;
use xtask::feature_services;
use xtask::host::{Choice, Host, Running};
use xtask::signals;
use xtask::testbed::Server;

/// How often each route is measured.
const ROUNDS: u32 = 3;

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
    /// How long each figure is measured, in three rounds
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
    /// Measure the former gateway's stack too, which runs there
    #[arg(long, value_name = "IP:PORT")]
    peer: Option<SocketAddr>,
    /// Measure only what has this in its name; may be given several times
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
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
    let host = Host::find(&target, Profile::Bench, &args.choice)?;
    let programs: Vec<_> = host.to_build().into_iter().chain([feature_services::PROGRAM]).collect();
    build::build_stale(&checkout, &target, Profile::Bench, &programs)?;
    let probe = build::build_probe(&checkout, &target)?;
    let feature_services = build::program(&target, Profile::Bench, feature_services::PROGRAM);

    let duration = Duration::from_secs(args.seconds);
    let (peer, only) = (args.peer, args.only.clone());
    let bench = Bench { checkout, server, host, feature_services, duration, peer, only };
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
    /// The former gateway's stack.
    peer: Option<SocketAddr>,
    /// What is in the names of what is measured; everything is when there is none.
    only: Vec<String>,
}

impl Bench {
    fn measure_everything(&self, probe: &Path, measurements: &mut Vec<Measurement>) -> Result<()> {
        let bare = self.bare(probe)?;
        let frontdesk =
            [self.frontdesk(Keys::FourPrimes)?, self.frontdesk(Keys::TwoPrimes)?, self.frontdesk(Keys::EdDsa)?];
        let mut routes: Vec<(&Running, Route)> =
            bare.routes()?.into_iter().map(|route| (&bare.running, route)).collect();
        for served in &frontdesk {
            routes.extend(served.scene.routes(served.keys)?.into_iter().map(|route| (&served.running, route)));
        }
        if let Some(peer) = self.peer {
            routes.extend(signals::block_on(routes::peer(peer))?.into_iter().map(|route| (&bare.running, route)));
        }
        routes.retain(|(_, route)| {
            self.only.is_empty() || self.only.iter().any(|only| route.name.contains(only.as_str()))
        });
        signals::block_on(self.measure_in_rounds(&routes, measurements))?;
        drop((bare, frontdesk));
        if !self.only.is_empty() {
            return Ok(());
        }
        // Apart, so that the memory is that of these requests and not of fifty sign-ins at once.
        let mixed = self.frontdesk(Keys::FourPrimes)?;
        signals::block_on(measure_mixed(&mixed.running, mixed.scene.mixed()?, measurements))
    }

    /// Measures each route in every round. A machine is at times faster or slower for minutes; so what is compared was measured within
    /// the same ones.
    async fn measure_in_rounds(&self, routes: &[(&Running, Route)], measurements: &mut Vec<Measurement>) -> Result<()> {
        let mut measured = BTreeMap::new();
        let outcome = self.run_rounds(routes, &mut measured).await;
        for ((place, connections), answered) in measured {
            if let Some((_, route)) = routes.get(place) {
                measurements.push(answered.measurement(route.name, connections));
            }
        }
        outcome
    }

    async fn run_rounds(
        &self,
        routes: &[(&Running, Route)],
        measured: &mut BTreeMap<(usize, usize), Answered>,
    ) -> Result<()> {
        for round in 1..=ROUNDS {
            for (place, (host, route)) in routes.iter().enumerate() {
                for connections in route.connections {
                    println!("[{round}/{ROUNDS}] {} at {connections} connections", route.name);
                    let answered = load::measure(host, route, *connections, self.duration / ROUNDS).await?;
                    match measured.entry((place, *connections)) {
                        Entry::Vacant(entry) => {
                            entry.insert(answered);
                        }
                        Entry::Occupied(mut entry) => entry.get_mut().add(&answered)?,
                    }
                }
            }
        }
        Ok(())
    }
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
            requests: Requests::InTurn(Arc::clone(&requests)),
            status: StatusCode::OK,
            connections: &[MIXED_CONNECTIONS],
            beside: None,
        };
        let answered = load::measure(running, &route, MIXED_CONNECTIONS, MIXED_DURATION).await?;
        measurements.push(answered.measurement(name, MIXED_CONNECTIONS));
    }
    Ok(())
}
