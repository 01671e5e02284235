//! Sessions, of browsers above all (API.md, section 2).

mod begin_session;
mod chromium;
mod cookies;
mod csrf;
mod lifetimes;
mod list_sessions;
mod logout;
mod refresh;
mod replaced;
mod revoke_session;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::{Answer, App, Browser};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::app;

const ACCESS: &str = "__Host-fd_access";
const REFRESH: &str = "__Host-fd_refresh";

/// What clears the cookies of a session that is over.
const CLEARED: &str = "\
__Host-fd_access=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0
__Host-fd_refresh=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0";

/// Somebody new with a browser, on the shared host.
async fn browser() -> Browser {
    app().await.browser().await.unwrap()
}

/// One that has everything that this is about set otherwise.
async fn other() -> &'static App {
    static OTHER: OnceCell<App> = OnceCell::const_new();
    let start = || async {
        App::builder()
            .variable("cookie_secure", "false")
            .variable("public_origins", "https://desk.example.com, http://localhost:5173")
            .variable("access_lifetime", "60")
            .variable("refresh_idle_lifetime", "600")
            .variable("refresh_lifetime", "900")
            .start()
            .await
            .unwrap()
    };
    OTHER.get_or_init(start).await
}

/// The status of an answer and the code of its error.
fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

/// The access token of a browser, when its time is over.
fn expired(app: &App, token: &str) -> String {
    let decode = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let parts: Vec<_> = token.split('.').collect();
    let (header, mut claims) = (decode(parts[0]), decode(parts[1]));
    claims["exp"] = json!(1_700_000_000);
    app.keys().sign(&header, &claims)
}

/// Changes the sessions of somebody on the shared host: makes time pass, say.
async fn change(statement: &'static str, email: &str) {
    assert!(app().await.database().execute(statement, email).await.unwrap() > 0, "{email} has no session");
}
