//! Names everything that is missing, and no secret.

use std::sync::OnceLock;

use frontdesk::access::Public;
use frontdesk::db::Db;
use frontdesk::{App, Error, ErrorBody, Json, Load, Problem, Result, Variables};
use futures::future::join;

use crate::neighbours;
use crate::store::{self, LATEST_MIGRATION};
use crate::views::StatusView;

/// Check that Frontdesk is ready
///
/// The check covers the variables of all components, the database and its migrations. Warnings do not fail it.
#[utoipa::path(get, path = "/readyz", tag = "ops", operation_id = "ops.readyz",
    responses((status = 200, body = StatusView, description = "Frontdesk is ready."),
        (status = 500, body = ErrorBody, description = "`internal_error`"),
        (status = 503, body = ErrorBody, description = "`not_ready`\n`unavailable`")))]
pub(crate) async fn readyz(_: Public) -> Result<Json<StatusView>> {
    let configured = configured().await.map_err(Error::NotReady)?;
    let problem = match store::latest_migration(configured.app.db()).await {
        Ok(Some(version)) if version >= LATEST_MIGRATION => {
            return Ok(Json(StatusView::with(warnings(&configured.app).await?)));
        }
        Ok(version) => Problem::new(
            "migrations",
            format!("the schema is at {}, this version needs {LATEST_MIGRATION}", version.unwrap_or_default()),
        ),
        Err(error) if error.is_disconnect() || error.is_timeout() => {
            Problem::new("database", "there is no connection to it; the log says why").caused_by(&error)
        }
        Err(error) => {
            Problem::new("database", "it refuses to say which migrations it has; the log says why").caused_by(&error)
        }
    };
    Err(Error::NotReady(vec![problem]))
}

/// What does not fail it. Addresses are in the log only: that of a proxy may be somebody's.
async fn warnings(app: &App) -> Result<Vec<&'static str>> {
    let proxies = store::untrusted_proxies(app.db()).await?;
    let is_any_untrusted = proxies.iter().any(|ip| !app.trusted_proxies().has(ip));
    let untrusted = "trusted_proxies: a proxy that is not among them, or a visitor's own, sends x-forwarded-for: all who come through it count \
                     as one client; the log of sign-ins names it";
    Ok(is_any_untrusted.then_some(untrusted).into_iter().collect())
}

/// That the variables which every component shares are there and agree.
#[derive(Clone)]
struct Configured {
    app: App,
}

impl Load for Configured {
    async fn load(variables: &mut Variables) -> Option<Self> {
        let app = App::load(variables).await;
        let host = variables.required("database_host", Db::parse).await;
        let (app, host) = (app?, host?);
        if host.host() != app.db().host() {
            variables.problem("database_host", "is not the postgres://HOST:PORT of database_url");
        }
        Some(Self { app })
    }
}

/// That all components have what they need. It is asked once in an instance, so that from then on a readiness check costs two
/// statements; while something is missing it is asked anew every time.
async fn configured() -> std::result::Result<&'static Configured, Vec<Problem>> {
    static CONFIGURED: OnceLock<Configured> = OnceLock::new();
    if let Some(configured) = CONFIGURED.get() {
        return Ok(configured);
    }
    match join(Variables::load::<Configured>(), neighbours::problems()).await {
        (Ok(loaded), others) if others.is_empty() => Ok(CONFIGURED.get_or_init(|| loaded)),
        (loaded, others) => Err(each_once(loaded.err().into_iter().flatten().chain(others))),
    }
}

/// The first problem of each name: what all components have is found by all of them.
fn each_once(problems: impl Iterator<Item = Problem>) -> Vec<Problem> {
    let mut kept: Vec<Problem> = Vec::new();
    for problem in problems {
        if !kept.iter().any(|other| other.name() == problem.name()) {
            kept.push(problem);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_named_once_in_the_order_in_which_it_was_found() {
        let problems = |list: &[(&'static str, &str)]| -> Vec<Problem> {
            list.iter().map(|(name, reason)| Problem::new(*name, *reason)).collect()
        };
        let found = problems(&[("b", "is not set"), ("a", "is not set"), ("b", "is no key"), ("c", "is not set")]);
        let kept = problems(&[("b", "is not set"), ("a", "is not set"), ("c", "is not set")]);
        assert_eq!(each_once(found.into_iter()), kept);
    }
}
