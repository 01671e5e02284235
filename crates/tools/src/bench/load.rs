//! The load generator: so many connections, each sending its next request when it has the answer to the last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use hdrhistogram::Histogram;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use xtask::host::Running;
use xtask::http::{Answer, Connection};

/// Long enough for the host to have made its instances, and they their connections to Postgres.
const WARM_UP: Duration = Duration::from_secs(1);
/// How many clients there are beside those that are measured, where there are some.
const BESIDE: usize = 4;

/// Something to measure.
pub(super) struct Route {
    pub(super) name: &'static str,
    /// Who answers.
    pub(super) address: SocketAddr,
    pub(super) requests: Requests,
    /// What it is to be answered with.
    pub(super) status: StatusCode,
    /// At how many connections at once.
    pub(super) connections: &'static [usize],
    /// What [`BESIDE`] other clients send meanwhile without pause.
    pub(super) beside: Option<Request<Full<Bytes>>>,
}

/// What a client sends.
#[derive(Clone)]
pub(super) enum Requests {
    /// These in turn.
    InTurn(Arc<Vec<Request<Full<Bytes>>>>),
    /// Refreshes, each with the refresh token of the answer before; the first with that of a sign-in, which is not measured.
    Refreshes { sign_in: Box<Request<Full<Bytes>>> },
}

impl Requests {
    /// The same one again and again.
    pub(super) fn one(request: Request<Full<Bytes>>) -> Self {
        Self::InTurn(Arc::new(vec![request]))
    }
}

/// What was measured for one route.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Measurement {
    pub(super) route: String,
    pub(super) connections: usize,
    pub(super) requests_per_second: f64,
    /// Microseconds.
    pub(super) p50: u64,
    /// Microseconds.
    pub(super) p99: u64,
    /// For how long the host kept a core busy, by the number of requests, in microseconds; where the system tells and the
    /// host it is that answers.
    pub(super) cpu: Option<f64>,
    /// Of the host at the end, in KiB.
    pub(super) memory: u64,
}

/// The requests that were answered within a time.
pub(super) struct Answered {
    latencies: Histogram<u64>,
    elapsed: Duration,
    cpu: Option<Duration>,
    memory: u64,
}

impl Answered {
    /// Adds what was measured later.
    pub(super) fn add(&mut self, later: &Self) -> Result<()> {
        self.latencies.add(&later.latencies)?;
        self.elapsed += later.elapsed;
        self.cpu = self.cpu.zip(later.cpu).map(|(cpu, later)| cpu + later);
        self.memory = later.memory;
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^52")]
    pub(super) fn measurement(&self, route: &str, connections: usize) -> Measurement {
        let count = self.latencies.len() as f64;
        Measurement {
            route: route.to_owned(),
            connections,
            requests_per_second: count / self.elapsed.as_secs_f64(),
            p50: self.latencies.value_at_quantile(0.50),
            p99: self.latencies.value_at_quantile(0.99),
            cpu: self.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / count),
            memory: self.memory,
        }
    }
}

/// Measures a route at so many connections; any answer with another status than the route's is an error.
pub(super) async fn measure(host: &Running, route: &Route, connections: usize, duration: Duration) -> Result<Answered> {
    let mut clients = Vec::new();
    for number in 0..connections {
        clients.push(Client::open(route.address, &route.requests, route.status, (number, connections)).await?);
    }
    let mut others = Vec::new();
    if let Some(request) = &route.beside {
        let requests = Requests::one(request.clone());
        for number in 0..BESIDE {
            others.push(Client::open(route.address, &requests, StatusCode::OK, (number, BESIDE)).await?);
        }
    }
    let beside = tokio::spawn(run(others, WARM_UP + duration));
    clients = run(clients, WARM_UP).await?.0;
    let busy = host.cpu_time()?;
    let started = Instant::now();
    let (_, latencies) = run(clients, duration).await?;
    let elapsed = started.elapsed();
    let cpu = host.cpu_time()?.zip(busy).map(|(after, before)| after.saturating_sub(before));
    let cpu = cpu.filter(|_| route.address == host.address() && route.beside.is_none());
    beside.await??;
    Ok(Answered { latencies, elapsed, cpu, memory: host.memory()? })
}

struct Client {
    connection: Connection,
    source: Source,
    status: StatusCode,
}

/// Where a client's next request comes from.
enum Source {
    InTurn { requests: Arc<Vec<Request<Full<Bytes>>>>, next: usize },
    Refresh { token: String, address: SocketAddr },
}

/// Lets all clients send until the time is over.
async fn run(clients: Vec<Client>, duration: Duration) -> Result<(Vec<Client>, Histogram<u64>)> {
    let end = Instant::now() + duration;
    let tasks: Vec<_> = clients.into_iter().map(|client| tokio::spawn(client.send_until(end))).collect();
    let (mut clients, mut latencies) = (Vec::new(), histogram()?);
    for task in tasks {
        let (client, its_latencies) = task.await??;
        clients.push(client);
        latencies.add(its_latencies)?;
    }
    Ok((clients, latencies))
}

impl Client {
    /// The one of this number among so many.
    async fn open(
        address: SocketAddr,
        requests: &Requests,
        status: StatusCode,
        (number, count): (usize, usize),
    ) -> Result<Self> {
        let mut connection = Connection::open(address).await?;
        let source = match requests {
            // Each begins elsewhere, so that no two send the same where there are enough.
            Requests::InTurn(requests) => {
                Source::InTurn { requests: Arc::clone(requests), next: number * requests.len() / count }
            }
            Requests::Refreshes { sign_in } => {
                Source::Refresh { token: refresh_token(&connection.send((**sign_in).clone()).await?)?, address }
            }
        };
        Ok(Self { connection, source, status })
    }

    async fn send_until(mut self, end: Instant) -> Result<(Self, Histogram<u64>)> {
        let mut latencies = histogram()?;
        loop {
            let sent = Instant::now();
            if sent >= end {
                return Ok((self, latencies));
            }
            let request = self.next()?;
            let (method, uri) = (request.method().clone(), request.uri().clone());
            let answer = self.connection.send(request).await.context("the host broke the connection")?;
            latencies.record(u64::try_from(sent.elapsed().as_micros())?)?;
            if answer.status != self.status {
                bail!("{method} {uri} answered {}: {}", answer.status, answer.text());
            }
            if let Source::Refresh { token, .. } = &mut self.source {
                *token = refresh_token(&answer)?;
            }
        }
    }

    fn next(&mut self) -> Result<Request<Full<Bytes>>> {
        match &mut self.source {
            Source::InTurn { requests, next } => {
                let request = requests.get(*next % requests.len()).context("there is nothing to send")?;
                *next += 1;
                Ok(request.clone())
            }
            Source::Refresh { token, address } => {
                let request = Request::post("/api/auth/refresh").header(HOST, address.to_string());
                let body = json!({ "refresh_token": token }).to_string();
                Ok(request.header(CONTENT_TYPE, "application/json").body(Full::from(body))?)
            }
        }
    }
}

fn refresh_token(answer: &Answer) -> Result<String> {
    let value: Value = serde_json::from_slice(&answer.body)?;
    let token = value.get("refresh_token").and_then(Value::as_str).map(str::to_owned);
    token.with_context(|| format!("an answer has no refresh token: {}", answer.text()))
}

/// Of microseconds, to three digits.
fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new(3)?)
}
