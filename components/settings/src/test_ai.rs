//! The call goes to the service that the operator named, never to `base_url`, which administrators can set.

use std::time::Instant;

use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures};
use frontdesk::{Json, Result};

use crate::chat::{self, Failure};
use crate::state::Settings;
use crate::store;
use crate::views::AiTestView;

/// Test the AI service
///
/// Frontdesk sends one small request to the AI service, with the settings as they are. If the service fails, the status is still
/// 200 and `ok` is `false`.
#[utoipa::path(post, path = "/api/settings/ai/test", tag = "settings", operation_id = "settings.test_ai",
    security(("bearer" = [])),
    responses((status = 200, body = AiTestView, description = "The result of the test."),
        AdminRefusals, Failures))]
pub(crate) async fn test_ai(_: Admin, State(settings): State<Settings>) -> Result<Json<AiTestView>> {
    let ai = store::find_ai(settings.app().db()).await?;
    // The service may take its time.
    settings.app().db().release();
    let started = Instant::now();
    let failure = match settings.upstream() {
        Some(upstream) => chat::ask(upstream, ai.provider, ai.model.as_deref()).await?,
        None => Some(Failure::NotConfigured),
    };
    Ok(Json(AiTestView::new(ai, started.elapsed(), failure)))
}
