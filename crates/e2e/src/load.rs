//! A mixed load, and what a client may conclude from the answers that it got.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::{try_join, try_join_all};
use reqwest::Method;
use reqwest::header::USER_AGENT;
use serde_json::json;
use uuid::Uuid;

use crate::answer::Answer;
use crate::app::App;
use crate::caller::Caller;

/// How long nobody may wait for an answer: a statement that hangs is given up after ten seconds, in two attempts.
const PATIENCE: Duration = Duration::from_secs(25);

/// People who register, sign in and ask who they are, again and again, all at once.
pub struct Load<'a> {
    app: &'a App,
    is_over: AtomicBool,
    answers: AtomicUsize,
    slowest: Mutex<Duration>,
    refusals: Mutex<Vec<(Instant, Instant)>>,
    /// Who was told that the account is made.
    registered: Mutex<Vec<String>>,
    /// The name under which each sign-in was tried, and whether it succeeded.
    sign_ins: Mutex<BTreeMap<String, bool>>,
}

/// What a load has shown.
#[derive(Debug)]
pub struct Outcome {
    /// How many requests were answered.
    pub answers: usize,
    /// The time from request to answer of the slowest.
    pub slowest: Duration,
    /// When each request that was answered with 503 began and ended.
    pub refusals: Vec<(Instant, Instant)>,
    /// Who was told that the account is made.
    pub registered: Vec<String>,
    sign_ins: BTreeMap<String, bool>,
}

impl<'a> Load<'a> {
    /// A load that has not begun.
    pub fn on(app: &'a App) -> Self {
        Self {
            app,
            is_over: AtomicBool::new(false),
            answers: AtomicUsize::new(0),
            slowest: Mutex::default(),
            refusals: Mutex::default(),
            registered: Mutex::default(),
            sign_ins: Mutex::default(),
        }
    }

    /// Runs until `events` is over. Any answer but success and 503 `unavailable` with `retry-after` is an error.
    ///
    /// # Errors
    /// When there was such an answer, or none.
    pub async fn during(self, people: usize, events: impl Future<Output = Result<()>>) -> Result<Outcome> {
        // Two loads at once would measure each other.
        static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _alone = ALONE.lock().await;
        let mut callers = Vec::new();
        for _ in 0..people {
            callers.push(self.app.user().await?);
        }
        let everybody = async { try_join_all(callers.iter().map(|caller| self.person(caller))).await };
        let events = async {
            let result = events.await;
            self.is_over.store(true, Ordering::Relaxed);
            result
        };
        try_join(everybody, events).await?;
        let into = |duration: Mutex<Duration>| duration.into_inner().unwrap_or_default();
        Ok(Outcome {
            answers: self.answers.into_inner(),
            slowest: into(self.slowest),
            refusals: self.refusals.into_inner().unwrap_or_default(),
            registered: self.registered.into_inner().unwrap_or_default(),
            sign_ins: self.sign_ins.into_inner().unwrap_or_default(),
        })
    }

    async fn person(&self, caller: &Caller) -> Result<()> {
        let anonymous = self.app.anonymous();
        while !self.is_over.load(Ordering::Relaxed) {
            let email = App::new_email();
            let account = json!({"email": email, "password": Caller::PASSWORD});
            if self.answered(anonymous.post("/api/auth/register", &account), 201).await? {
                add(&self.registered, |registered| registered.push(email));
            }
            // The session keeps the user agent, so that each is known by the sign-in that began it.
            let name = Uuid::new_v4().to_string();
            let credentials = json!({"username": caller.email, "password": Caller::PASSWORD});
            let sign_in = anonymous.request(Method::POST, "/api/auth/login").header(USER_AGENT, &name);
            let succeeded = self.answered(anonymous.send(sign_in.json(&credentials)), 200).await?;
            add(&self.sign_ins, |sign_ins| sign_ins.insert(name, succeeded));
            for _ in 0..20 {
                self.answered(caller.get("/api/users/me"), 200).await?;
            }
        }
        Ok(())
    }

    /// Whether a request succeeded; it may have been refused.
    async fn answered(&self, request: impl Future<Output = Result<Answer>>, success: u16) -> Result<bool> {
        let began = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, request).await??;
        let ended = Instant::now();
        self.answers.fetch_add(1, Ordering::Relaxed);
        add(&self.slowest, |slowest| *slowest = (ended - began).max(*slowest));
        if answer.status.as_u16() == success {
            return Ok(true);
        }
        ensure!(answer.status == 503 && answer.code() == "unavailable", "{answer}");
        ensure!(answer.header("retry-after") == "1", "a 503 without retry-after");
        add(&self.refusals, |refusals| refusals.push((began, ended)));
        Ok(false)
    }
}

impl Outcome {
    /// Holds the database to what clients were told: every acknowledged write is there, and none twice.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self, app: &App) -> Result<()> {
        let accounts = app.database().counts("select email, count(*) from users group by email").await?;
        let accounts: BTreeMap<_, _> = accounts.into_iter().collect();
        for email in &self.registered {
            ensure!(accounts.contains_key(email), "{email} was registered and is not there");
        }
        let sessions = "select user_agent, count(*) from sessions where user_agent is not null group by user_agent";
        let sessions: BTreeMap<_, _> = app.database().counts(sessions).await?.into_iter().collect();
        for (name, succeeded) in &self.sign_ins {
            let stored = sessions.get(name).copied().unwrap_or_default();
            let told = if *succeeded { 1..=1 } else { 0..=1 };
            ensure!(told.contains(&stored), "a sign-in (succeeded: {succeeded}) has {stored} sessions");
        }
        Ok(())
    }
}

fn add<T, U>(to: &Mutex<T>, change: impl FnOnce(&mut T) -> U) {
    let _ = change(&mut to.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
}
