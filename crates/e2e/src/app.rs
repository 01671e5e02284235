//! A running Frontdesk: a host, its database and its keys.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use uuid::Uuid;

use crate::answer::Answer;
use crate::browser::Browser;
use crate::caller::Caller;
use crate::database::Database;
use crate::host::{Host, HostBuilder};
use crate::keys::Keys;

/// A running Frontdesk.
pub struct App {
    host: Host,
    database: Database,
    keys: Keys,
    variables: BTreeMap<&'static str, String>,
}

/// A Frontdesk to be started, with variables other than the tests' usual ones.
pub struct AppBuilder {
    variables: BTreeMap<&'static str, String>,
    host: HostBuilder,
    database: Option<Database>,
}

impl AppBuilder {
    /// The `service_token` of the tests, unless they choose another.
    pub const SERVICE_TOKEN: &'static str = "a-service-token-of-the-tests";
    /// The `audit_key` of the tests, unless they choose another.
    pub const AUDIT_KEY: &'static str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    /// The `tick_token` of the tests, unless they choose another.
    pub const TICK_TOKEN: &'static str = "a-tick-token-of-the-tests";

    /// Gives it this database instead of a new clone of the template.
    #[must_use]
    pub fn database(mut self, database: Database) -> Self {
        self.database = Some(database);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.insert(name, value.into());
        self
    }

    /// Changes how its host is started.
    #[must_use]
    pub fn host(mut self, change: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        self.host = change(self.host);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the host or Postgres does not start.
    pub async fn start(self) -> Result<App> {
        let database = match self.database {
            Some(database) => database,
            None => Database::clone_template().await?,
        };
        let keys = Keys::generate()?;
        let mut variables = BTreeMap::from([
            ("database_url", database.url()),
            ("database_host", database.host()),
            ("signing_key", keys.signing_pem()?),
            ("verifying_keys", keys.verifying_pem()?),
            ("refresh_token_key", "A".repeat(43)),
            ("settings_key", "A".repeat(43)),
            ("audit_key", Self::AUDIT_KEY.to_owned()),
            ("service_token", Self::SERVICE_TOKEN.to_owned()),
            ("tick_token", Self::TICK_TOKEN.to_owned()),
            // All tests come from one address.
            ("rate_limit_scale", "100000".to_owned()),
            // A load signs in one account again and again, and then looks for each session.
            ("max_sessions", "10000".to_owned()),
            // Where nothing answers: port 9 is discard, which nobody runs.
            ("documents_upstream", "http://127.0.0.1:9".to_owned()),
        ]);
        variables.extend(self.variables);
        let host = start(self.host, &variables)?;
        Ok(App { host, database, keys, variables })
    }
}

fn start(host: HostBuilder, variables: &BTreeMap<&'static str, String>) -> Result<Host> {
    variables.iter().fold(host, |host, (name, value)| host.variable(name, value)).start()
}

impl App {
    /// A Frontdesk with the tests' usual variables.
    ///
    /// # Errors
    /// When the host or Postgres does not start.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// A Frontdesk to be started with other variables.
    pub fn builder() -> AppBuilder {
        AppBuilder { variables: BTreeMap::new(), host: Host::builder(), database: None }
    }

    /// Another host with the same database, keys and variables: a second replica behind a load balancer.
    ///
    /// # Errors
    /// When it does not start.
    pub fn replica(&self) -> Result<Host> {
        start(Host::builder(), &self.variables)
    }

    /// Such a host, with another value of one variable.
    ///
    /// # Errors
    /// When it does not start.
    pub fn replica_with(&self, name: &'static str, value: impl Into<String>) -> Result<Host> {
        let mut variables = self.variables.clone();
        variables.insert(name, value.into());
        start(Host::builder(), &variables)
    }

    /// Its address.
    pub fn url(&self) -> &str {
        self.host.url()
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Its keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What the host has printed so far.
    pub fn log(&self) -> Vec<String> {
        self.host.log()
    }

    /// What the host has printed once the line of this request is there: what is missing then, it has not said.
    ///
    /// # Errors
    /// When that line is not there after ten seconds.
    pub fn log_through(&self, answer: &Answer) -> Result<Vec<String>> {
        let id = answer.header("x-request-id");
        // What a handler says of its request has the id too, and may come before.
        let line = format!("\"request.id\":\"{id}\",\"http.method\"");
        self.wait_for_log(&line).with_context(|| format!("the log lacks the request {id}"))?;
        Ok(self.log())
    }

    /// The first line of the log that contains this, once it is there; `None` after ten seconds.
    pub fn wait_for_log(&self, text: &str) -> Option<String> {
        self.host.wait_for_log(text)
    }

    /// Stops the host and drops the database.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn stop(self) -> Result<()> {
        drop(self.host);
        self.database.drop().await
    }

    /// Somebody who is not signed in.
    pub fn anonymous(&self) -> Caller {
        Caller {
            http: reqwest::Client::new(),
            url: self.url().to_owned(),
            email: String::new(),
            token: String::new(),
            is_in_a_browser: false,
        }
    }

    /// An address that no account has yet.
    pub fn new_email() -> String {
        format!("{}@example.com", Uuid::new_v4().simple())
    }

    /// Somebody new, signed in.
    ///
    /// # Errors
    /// When the account cannot be made or signed in to.
    pub async fn user(&self) -> Result<Caller> {
        self.sign_in(&self.register().await?).await
    }

    async fn register(&self) -> Result<String> {
        let email = Self::new_email();
        let body = json!({"email": email, "password": Caller::PASSWORD});
        let registered = self.anonymous().post("/api/auth/register", &body).await?;
        ensure!(registered.status == 201, "registering: {registered}");
        Ok(email)
    }

    /// A new administrator, signed in.
    ///
    /// # Errors
    /// When the account cannot be made or signed in to.
    pub async fn admin(&self) -> Result<Caller> {
        let user = self.user().await?;
        self.database.execute("update users set role = 'admin' where email = $1", &user.email).await?;
        self.sign_in(&user.email).await
    }

    /// Somebody new, signed in from a browser.
    ///
    /// # Errors
    /// When the account cannot be made or signed in to.
    pub async fn browser(&self) -> Result<Browser> {
        self.browser_of(&self.register().await?).await
    }

    /// A new session of an account that the harness made, in a browser.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn browser_of(&self, email: &str) -> Result<Browser> {
        let mut browser = Browser::new(self.anonymous());
        browser.sign_in(email).await?;
        Ok(browser)
    }

    /// A new session of an account that the harness made.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn sign_in(&self, email: &str) -> Result<Caller> {
        let anonymous = self.anonymous();
        let body = json!({"username": email, "password": Caller::PASSWORD});
        let answer = anonymous.post("/api/auth/login", &body).await?;
        ensure!(answer.status == 200, "signing in: {answer}");
        let token =
            answer.json().get("access_token").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        Ok(Caller { email: email.to_owned(), token, ..anonymous })
    }
}
