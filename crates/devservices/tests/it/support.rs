//! Services, callers and upstreams of the tests.

use std::future::IntoFuture as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use devservices::client::Client;
use devservices::documents::{self, Documents};
use devservices::settings::{Frontdesk, Settings};
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use uuid::Uuid;

pub(crate) const SERVICE_TOKEN: &str = "the-service-token";

/// Serves these routes until the test ends, and tells where.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, routes).into_future());
    origin
}

/// Where nobody listens.
pub(crate) async fn nowhere() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Settings of this name from Frontdesk at this URL.
pub(crate) fn settings<T: Clone + DeserializeOwned>(origin: &str, name: &'static str, keep: Duration) -> Settings<T> {
    let frontdesk = Frontdesk::new(Client::new(), origin, SERVICE_TOKEN).unwrap();
    Settings::new(Some(frontdesk), name, keep)
}

/// A request that has reached an upstream.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Received {
    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Somebody whom the services call: it keeps what it received, and answers as the test says.
pub(crate) struct Upstream {
    pub(crate) origin: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Upstream {
    pub(crate) async fn start(answer: impl Fn(&Received) -> Response + Clone + Send + Sync + 'static) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let handler = async move |request: Request| {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            let received = Received {
                method: parts.method,
                path: parts.uri.to_string(),
                headers: parts.headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            };
            kept.lock().unwrap().push(received.clone());
            answer(&received)
        };
        Self { origin: serve(Router::new().fallback(handler)).await, received }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

/// JSON as an upstream answers it.
pub(crate) fn json(status: u16, value: &Value) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(value.to_string()))
        .unwrap()
}

/// A documents service with a folder of its own.
pub(crate) struct Desk {
    pub(crate) origin: String,
    pub(crate) folder: TempDir,
}

impl Desk {
    /// One without Frontdesk.
    pub(crate) async fn start() -> Self {
        Self::with(Settings::new(None, "documents", Duration::ZERO)).await
    }

    pub(crate) async fn with(settings: Settings<documents::DocumentsSettings>) -> Self {
        let folder = TempDir::new().unwrap();
        let documents = Documents::open(folder.path(), settings).unwrap();
        Self { origin: serve(documents::router(documents)).await, folder }
    }

    /// Somebody new.
    pub(crate) fn user(&self) -> User {
        User { http: reqwest::Client::new(), origin: self.origin.clone(), id: Uuid::now_v7(), groups: Vec::new() }
    }

    /// Somebody new who is in these groups.
    pub(crate) fn member(&self, groups: &[Uuid]) -> User {
        User { groups: groups.to_vec(), ..self.user() }
    }
}

/// A user, as Frontdesk names them.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) http: reqwest::Client,
    pub(crate) origin: String,
    pub(crate) id: Uuid,
    pub(crate) groups: Vec<Uuid>,
}

impl User {
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let groups = self.groups.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",");
        let request = self.http.request(method, format!("{}{path}", self.origin));
        request.header("x-user-id", self.id.to_string()).header("x-user-groups", groups)
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn put(&self, path: &str) -> reqwest::RequestBuilder {
        self.request(Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: &str) -> reqwest::RequestBuilder {
        self.request(Method::DELETE, path)
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.request(Method::POST, path)
    }

    /// A body of its own as a document, not sent yet.
    pub(crate) fn raw(&self, name: &str, content: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.post("/documents").header("x-file-name", name).body(content)
    }

    /// Uploads a document.
    pub(crate) async fn upload(&self, name: &str, content: &str) -> Value {
        expect(201, self.raw(name, content.to_owned())).await
    }

    /// The names of the documents in a list.
    pub(crate) async fn names(&self, path: &str) -> Vec<String> {
        let documents = expect(200, self.get(path)).await;
        let name = |document: &Value| document["name"].as_str().unwrap().to_owned();
        documents.as_array().unwrap().iter().map(name).collect()
    }
}

/// The id of what was created.
pub(crate) fn id(created: &Value) -> &str {
    created["id"].as_str().unwrap()
}

/// The JSON of an answer with this status; null when it has no body.
pub(crate) async fn expect(status: u16, request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    let actual = answer.status().as_u16();
    let body = answer.text().await.unwrap();
    assert_eq!(actual, status, "{body}");
    if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap() }
}

/// The files in a folder and below, with the folder's own owners left out.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for owner in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let file = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        names.extend(std::fs::read_dir(owner).unwrap().map(file));
    }
    names.sort();
    names
}

/// A form with these parts: the headers of each, and its content.
pub(crate) fn form(request: reqwest::RequestBuilder, parts: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let mut body = String::new();
    for (headers, content) in parts {
        body += &format!("--LINE\r\ncontent-disposition: form-data; {headers}\r\n\r\n{content}\r\n");
    }
    body += "--LINE--\r\n";
    request.header("content-type", "multipart/form-data; boundary=LINE").body(body)
}
