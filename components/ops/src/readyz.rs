//! Can the service do its work? Names everything that is missing, and no secret.

use frontdesk::access::Public;
use frontdesk::{App, Error, ErrorBody, Json, Problem, Result, Variables};
use tokio::sync::OnceCell;

use crate::store::{self, LATEST_MIGRATION};
use crate::views::StatusView;

#[utoipa::path(get, path = "/readyz", tag = "ops", operation_id = "ops.readyz",
    responses((status = 200, body = StatusView, description = "The service can do its work."),
        (status = 503, body = ErrorBody, description = "`not_ready`: `detail` names what is missing.")))]
pub(crate) async fn readyz(_: Public) -> Result<Json<StatusView>> {
    static APP: OnceCell<App> = OnceCell::const_new();
    let app = APP.get_or_try_init(Variables::load::<App>).await.map_err(Error::NotReady)?;
    let problem = match store::latest_migration(app.db()).await {
        Ok(Some(version)) if version >= LATEST_MIGRATION => return Ok(Json(StatusView::OK)),
        Ok(version) => Problem::new(
            "migrations",
            format!("the schema is at {}, this version needs {LATEST_MIGRATION}", version.unwrap_or_default()),
        ),
        Err(error) if error.is_unavailable() => Problem::new("database", "cannot be reached"),
        Err(_) => Problem::new("database", "answers, but refuses: see the log of Postgres"),
    };
    Err(Error::NotReady(vec![problem]))
}
