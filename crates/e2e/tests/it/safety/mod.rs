//! What keeps accounts safe (API.md, section 3): limits on tries, changed and forgotten passwords, where a request comes from, and
//! what the audit log says of it.

mod audit;
mod clients;
mod known;
mod limits;
mod passwords;
mod tick;

use e2e::{Answer, App, Caller};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// One whose limits are those of production, behind a proxy that says who came to it: each test comes from addresses of its own.
async fn strict() -> &'static App {
    static APP: OnceCell<App> = OnceCell::const_new();
    APP.get_or_init(|| async {
        let app = App::builder().variable("rate_limit_scale", "1").variable("trusted_proxies", "127.0.0.1");
        app.start().await.unwrap()
    })
    .await
}

/// An address that nobody else has.
fn new_ip() -> String {
    let [a, b, c, d, e, f, ..] = Uuid::new_v4().into_bytes();
    format!(
        "2001:db8:{:x}:{:x}::{:x}",
        u16::from_be_bytes([a, b]),
        u16::from_be_bytes([c, d]),
        u16::from_be_bytes([e, f])
    )
}

async fn post_from(app: &App, ip: &str, path: &str, body: &Value) -> Answer {
    let anonymous = app.anonymous();
    let request = anonymous.request(Method::POST, path).header("x-forwarded-for", ip).json(body);
    anonymous.send(request).await.unwrap()
}

async fn login_from(app: &App, ip: &str, email: &str, password: &str) -> Answer {
    post_from(app, ip, "/api/auth/login", &json!({"username": email, "password": password})).await
}

/// The address of a new account.
async fn new_account(app: &App) -> String {
    let email = App::new_email();
    let body = json!({"email": email, "password": Caller::PASSWORD});
    let answer = post_from(app, &new_ip(), "/api/auth/register", &body).await;
    assert_eq!(answer.status, 201, "{answer}");
    email
}
