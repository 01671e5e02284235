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

use super::hosts::Keys;
use super::load::{Requests, Route};
use super::report::BASE;
use xtask::database;
use xtask::host::Running;
use xtask::http::Connection;
use xtask::keys::{self, Pair};

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
/// Who signs in again and again: more sessions than an account may have end those of before.
const VISITOR: &str = "visitor@frontdesk.localhost";
const PROFILE: Bytes = Bytes::from_static(b"{\"phone\":\"+44 20 7946 0000\"}");

impl Scene {
    pub(super) async fn set(running: &Running, url: &str, pair: &Pair, documents: &str) -> Result<Self> {
        let frontdesk = running.address();
        let documents = documents.trim_start_matches("http://").parse()?;
        let password = keys::random_password()?;
        let mut connection = Connection::open(frontdesk).await?;
        let account = json!({ "email": EMAIL, "password": password });
        let account = send(&mut connection, post(frontdesk, "/api/auth/register", &account)?).await?;
        let visitor = json!({ "email": VISITOR, "password": password });
        send(&mut connection, post(frontdesk, "/api/auth/register", &visitor)?).await?;
        let mut postgres = database::connect(url).await?;
        sqlx::raw_sql(AssertSqlSafe(SETTINGS.to_owned())).execute(&mut postgres).await?;
        let tokens = tokens(&mut postgres, pair).await?;
        database::close(postgres).await;
        let session = send(&mut connection, login(frontdesk, EMAIL, &password)?).await?;
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

    /// With keys of four primes all routes; with others those that tell the difference.
    pub(super) fn routes(&self, keys: Keys) -> Result<Vec<Route>> {
        let route = |name, connections, request| Route {
            name,
            address: self.frontdesk,
            requests: Requests::one(request),
            status: StatusCode::OK,
            connections,
            beside: None,
        };
        let others = self.tokens.iter().map(|token| self.request(Method::GET, "/api/users/me", token, Bytes::new()));
        let others = |name| -> Result<Route> {
            let requests = Requests::InTurn(Arc::new(others.collect::<Result<Vec<_>>>()?));
            Ok(Route { requests, ..route(name, CONNECTIONS, self.get("/api/users/me")?) })
        };
        let sign_in = || login(self.frontdesk, VISITOR, &self.password);
        let refresh = |name| -> Result<Route> {
            let sign_in = sign_in()?;
            Ok(Route {
                requests: Requests::Refreshes { sign_in: Box::new(sign_in.clone()) },
                ..route(name, FEW, sign_in)
            })
        };
        let beside = |name| -> Result<Route> {
            Ok(Route { beside: Some(sign_in()?), ..route(name, FEW, self.get("/api/users/me")?) })
        };
        match keys {
            Keys::TwoPrimes => {
                return Ok(vec![
                    route("sign in, RS256, two primes", FEW, sign_in()?),
                    refresh("refresh, RS256, two primes")?,
                ]);
            }
            Keys::EdDsa => {
                return Ok(vec![
                    route("GET /api/users/me, EdDSA", CONNECTIONS, self.get("/api/users/me")?),
                    others("GET /api/users/me, EdDSA, each another's")?,
                    route("sign in, EdDSA", FEW, sign_in()?),
                    refresh("refresh, EdDSA")?,
                    beside("GET /api/users/me, EdDSA, 4 sign in")?,
                ]);
            }
            Keys::FourPrimes => {}
        }
        let (small, large) =
            (format!("/api/documents/{}/content", self.small), format!("/api/documents/{}/content", self.large));
        let straight = |name, connections, path| -> Result<Route> {
            Ok(Route { address: self.documents, ..route(name, connections, self.straight(path)?) })
        };
        Ok(vec![
            route(BASE, CONNECTIONS, self.get("/healthz")?),
            route("GET /api/users/me", CONNECTIONS, self.get("/api/users/me")?),
            others("GET /api/users/me, each another's")?,
            route("PUT /api/profile", CONNECTIONS, self.request(Method::PUT, "/api/profile", &self.token, PROFILE)?),
            route("GET /api/admin/groups", CONNECTIONS, self.get("/api/admin/groups")?),
            route("GET /api/admin/users, 100 of them", CONNECTIONS, self.get("/api/admin/users?limit=100")?),
            route("GET /api/services", CONNECTIONS, self.get("/api/services")?),
            route("GET /api/documents, 1 KB", CONNECTIONS, self.get(&small)?),
            straight("the same, straight from the service", CONNECTIONS, &small)?,
            route("GET /api/documents, 50 MB", FEWEST, self.get(&large)?),
            straight("the same 50 MB, straight from the service", FEWEST, &large)?,
            Route { status: StatusCode::CREATED, ..route("POST /api/documents, 50 MB", FEWEST, self.upload(LARGE)?) },
            route("sign in, RS256, four primes", FEW, sign_in()?),
            refresh("refresh, RS256, four primes")?,
            beside("GET /api/users/me, 4 sign in")?,
            // Hashes a password, as a sign-in does, but signs nothing.
            Route {
                status: StatusCode::UNAUTHORIZED,
                ..route("sign in, refused", FEW, login(self.frontdesk, VISITOR, "another's")?)
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

fn login(address: SocketAddr, email: &str, password: &str) -> Result<Request<Full<Bytes>>> {
    post(address, "/api/auth/login", &json!({ "username": email, "password": password }))
}

/// Signing in and reading oneself at the former gateway's stack, with an account of its own.
pub(super) async fn peer(address: SocketAddr) -> Result<Vec<Route>> {
    let (email, password) = (format!("{}@frontdesk.localhost", Uuid::new_v4()), keys::random_password()?);
    let mut connection = Connection::open(address).await?;
    let account = json!({ "email": email, "password": password });
    send(&mut connection, post(address, "/api/auth/register", &account)?).await?;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("username", email.as_str()), ("password", &password)])
        .finish();
    let sign_in = Request::post("/api/auth/login").header(HOST, address.to_string());
    let sign_in = sign_in.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Full::from(form))?;
    let token = text(&send(&mut connection, sign_in.clone()).await?, "access_token")?;
    let me = Request::get("/api/users/me").header(HOST, address.to_string());
    let me = me.header(AUTHORIZATION, format!("Bearer {token}")).body(Full::default())?;
    let route = |name, connections, request| Route {
        name,
        address,
        requests: Requests::one(request),
        status: StatusCode::OK,
        connections,
        beside: None,
    };
    Ok(vec![
        route("former gateway: sign in", FEW, sign_in),
        route("former gateway: GET /api/users/me", CONNECTIONS, me),
    ])
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
