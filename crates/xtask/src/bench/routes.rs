//! The routes that are measured, and the people and things that they are about.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use frontdesk::Role;
use frontdesk::token::{SigningKey, Verifier, VerifyingKeys};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::load::Route;
use super::report::BASE;
use crate::database;
use crate::host::Running;
use crate::http::Connection;
use crate::keys::{self, Algorithm, Pair};

/// How many people ask, where each request is another one's: more than an instance remembers the tokens of.
const PEOPLE: usize = 1000;
/// Of a large document, in bytes.
const LARGE: usize = 50 * 1024 * 1024;
/// At how many connections routes are measured.
pub(super) const CONNECTIONS: &[usize] = &[1, 16, 64];
/// What takes long keeps two cores busy with few.
const FEW: &[usize] = &[1, 4, 16];
/// Of a large document, each holds one in memory.
const FEWEST: &[usize] = &[1, 4];

/// People before one has signed in, with sessions.
const SEED: &str = "
with people as (
    insert into users (email, full_name, password_hash)
    select 'person' || n || '@example.com', 'Person ' || n, '-' from generate_series(1, PEOPLE) n returning id
)
insert into sessions (user_id, expires_at, idle_expires_at)
select id, now() + interval '1 day', now() + interval '1 day' from people returning user_id, id";

/// Room for a large document and a form around it, and a few groups.
const SETTINGS: &str = "
update documents_settings set max_pdf_mb = 64;
insert into groups (name) select 'Group ' || n from generate_series(1, 20) n;
update users set role = 'admin' where email = 'bench@frontdesk.localhost'";

/// A host with somebody who is signed in, documents and many people.
pub(super) struct Scene {
    frontdesk: SocketAddr,
    documents: SocketAddr,
    password: String,
    token: String,
    user_id: String,
    /// Of other people.
    tokens: Vec<String>,
    small: String,
    large: String,
}

const EMAIL: &str = "bench@frontdesk.localhost";
const PROFILE: Bytes = Bytes::from_static(b"{\"phone\":\"+44 20 7946 0000\"}");

impl Scene {
    pub(super) async fn set(running: &Running, url: &str, pair: &Pair, documents: &str) -> Result<Self> {
        let frontdesk = running.address();
        let documents = documents.trim_start_matches("http://").parse()?;
        let password = keys::random_password()?;
        let mut connection = Connection::open(frontdesk).await?;
        let account = json!({ "email": EMAIL, "password": password });
        let account = send(&mut connection, post(frontdesk, "/api/auth/register", &account)?).await?;
        let mut postgres = database::connect(url).await?;
        sqlx::raw_sql(AssertSqlSafe(SETTINGS.to_owned())).execute(&mut postgres).await?;
        let tokens = tokens(&mut postgres, pair).await?;
        database::close(postgres).await;
        let session = send(&mut connection, login(frontdesk, &password)?).await?;
        let mut scene = Self {
            frontdesk,
            documents,
            password,
            token: text(&session, "access_token")?,
            user_id: text(&account, "id")?,
            tokens,
            small: String::new(),
            large: String::new(),
        };
        scene.small = text(&send(&mut connection, scene.upload(1024)?).await?, "id")?;
        scene.large = text(&send(&mut connection, scene.upload(LARGE)?).await?, "id")?;
        Ok(scene)
    }

    /// Everything that takes little, in turn.
    pub(super) fn mixed(&self) -> Result<Vec<Request<Full<Bytes>>>> {
        let small = format!("/api/documents/{}/content", self.small);
        let paths =
            ["/healthz", "/api/users/me", "/api/admin/groups", "/api/services", "/api/profile", "/api/apps", &small];
        let mut requests: Vec<_> = paths.into_iter().map(|path| self.get(path)).collect::<Result<_>>()?;
        requests.push(self.request(Method::PUT, "/api/profile", &self.token, PROFILE)?);
        Ok(requests)
    }

    /// With RS256 all routes; with EdDSA those that tell the difference.
    pub(super) fn routes(&self, algorithm: Algorithm) -> Result<Vec<Route>> {
        let route = |name, connections, request| Route {
            name,
            address: self.frontdesk,
            requests: Arc::new(vec![request]),
            status: StatusCode::OK,
            connections,
        };
        let others = self.tokens.iter().map(|token| self.request(Method::GET, "/api/users/me", token, Bytes::new()));
        let others = |name| -> Result<Route> {
            let requests = Arc::new(others.collect::<Result<Vec<_>>>()?);
            Ok(Route { name, address: self.frontdesk, requests, status: StatusCode::OK, connections: CONNECTIONS })
        };
        if algorithm == Algorithm::EdDsa {
            return Ok(vec![
                route("GET /api/users/me, EdDSA", CONNECTIONS, self.get("/api/users/me")?),
                others("GET /api/users/me, EdDSA, each another's")?,
                route("POST /api/auth/login, EdDSA", FEW, login(self.frontdesk, &self.password)?),
            ]);
        }
        let (small, large) =
            (format!("/api/documents/{}/content", self.small), format!("/api/documents/{}/content", self.large));
        Ok(vec![
            route(BASE, CONNECTIONS, self.get("/healthz")?),
            route("GET /api/users/me", CONNECTIONS, self.get("/api/users/me")?),
            others("GET /api/users/me, each another's")?,
            route("PUT /api/profile", CONNECTIONS, self.request(Method::PUT, "/api/profile", &self.token, PROFILE)?),
            route("GET /api/admin/groups", CONNECTIONS, self.get("/api/admin/groups")?),
            route("GET /api/admin/users, 100 of them", CONNECTIONS, self.get("/api/admin/users?limit=100")?),
            route("GET /api/services", CONNECTIONS, self.get("/api/services")?),
            route("GET /api/documents, 1 KB", CONNECTIONS, self.get(&small)?),
            Route {
                name: "the same, straight from the service",
                address: self.documents,
                requests: Arc::new(vec![self.straight(&small)?]),
                status: StatusCode::OK,
                connections: CONNECTIONS,
            },
            route("GET /api/documents, 50 MB", FEWEST, self.get(&large)?),
            Route {
                name: "the same 50 MB, straight from the service",
                address: self.documents,
                requests: Arc::new(vec![self.straight(&large)?]),
                status: StatusCode::OK,
                connections: FEWEST,
            },
            Route { status: StatusCode::CREATED, ..route("POST /api/documents, 50 MB", FEWEST, self.upload(LARGE)?) },
            route("POST /api/auth/login", FEW, login(self.frontdesk, &self.password)?),
            // Hashes a password, as a sign-in does, but signs nothing.
            Route {
                status: StatusCode::UNAUTHORIZED,
                ..route("POST /api/auth/login, refused", FEW, login(self.frontdesk, "another's")?)
            },
        ])
    }

    fn get(&self, path: &str) -> Result<Request<Full<Bytes>>> {
        self.request(Method::GET, path, &self.token, Bytes::new())
    }

    fn request(&self, method: Method, path: &str, token: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
        let mut token = HeaderValue::from_str(&format!("Bearer {token}"))?;
        token.set_sensitive(true);
        let request = Request::builder().method(method).uri(path).header(HOST, self.frontdesk.to_string());
        let request = if body.is_empty() { request } else { request.header(CONTENT_TYPE, "application/json") };
        Ok(request.header(AUTHORIZATION, token).body(Full::new(body))?)
    }

    /// What Frontdesk makes of a request.
    fn straight(&self, path: &str) -> Result<Request<Full<Bytes>>> {
        let path = path.trim_start_matches("/api");
        let request = Request::get(path).header(HOST, self.documents.to_string()).header("x-user-id", &self.user_id);
        Ok(request.body(Full::default())?)
    }

    fn upload(&self, length: usize) -> Result<Request<Full<Bytes>>> {
        let mut request = self.request(Method::POST, "/api/documents", &self.token, Bytes::from(vec![b'a'; length]))?;
        request.headers_mut().insert("x-file-name", HeaderValue::from_static("bench.txt"));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Ok(request)
    }
}

/// Tokens of many people.
async fn tokens(postgres: &mut sqlx::PgConnection, pair: &Pair) -> Result<Vec<String>> {
    let keys = VerifyingKeys::from_pem(&pair.verifying).map_err(anyhow::Error::msg)?;
    let key = SigningKey::from_pem(&pair.signing).map_err(anyhow::Error::msg)?;
    let verifier = Verifier::new(keys, "frontdesk".to_owned(), "frontdesk".to_owned());
    let signer = verifier.signer(key, Duration::from_secs(24 * 60 * 60));
    let seed = AssertSqlSafe(SEED.replace("PEOPLE", &PEOPLE.to_string()));
    let sessions = sqlx::raw_sql(seed).fetch_all(postgres).await?;
    println!("Signing {} tokens", sessions.len());
    let token = |row: &sqlx::postgres::PgRow| {
        let (user, session): (String, String) = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
        signer.sign(Uuid::try_parse(&user)?, Uuid::try_parse(&session)?, Role::User).map_err(anyhow::Error::msg)
    };
    sessions.iter().map(token).collect()
}

fn post(address: SocketAddr, path: &str, body: &Value) -> Result<Request<Full<Bytes>>> {
    let request = Request::post(path).header(HOST, address.to_string()).header(CONTENT_TYPE, "application/json");
    Ok(request.body(Full::from(body.to_string()))?)
}

fn login(address: SocketAddr, password: &str) -> Result<Request<Full<Bytes>>> {
    post(address, "/api/auth/login", &json!({ "username": EMAIL, "password": password }))
}

async fn send(connection: &mut Connection, request: Request<Full<Bytes>>) -> Result<Value> {
    let path = request.uri().path().to_owned();
    let answer = connection.send(request).await?;
    if !answer.status.is_success() {
        bail!("{path} answered {}: {}", answer.status, answer.text());
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

fn text(value: &Value, name: &str) -> Result<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("an answer has no {name}"))
}
