use std::time::{Duration, Instant};

use axum::extract::State;
use frontdesk::access::SignedInFor;
use frontdesk::openapi::{Failures, SignedInRefusals};
use frontdesk::{Json, Result};

use crate::poll;
use crate::state::Services;
use crate::store::{self, Reading, Readings};
use crate::views::ServiceView;

/// How long somebody waits for another's poll: as long as one may take, and a little for its statements.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often they look.
const LOOK: Duration = Duration::from_millis(200);

/// List services and their health
///
/// Every service is checked every 30 seconds. If a result is older than 90 seconds, the services are checked again before the
/// response.
#[utoipa::path(get, path = "/api/services", tag = "services", operation_id = "services.list", security(("bearer" = [])),
    responses((status = 200, body = [ServiceView], description = "The services, in the order of the configuration."),
        SignedInRefusals, Failures))]
pub(crate) async fn list(
    asked: SignedInFor<Readings>,
    State(services): State<Services>,
) -> Result<Json<Vec<ServiceView>>> {
    let Readings(readings) = asked.found;
    let readings = recent_readings(&services, readings).await?;
    let view = |service: &crate::registry::Service| {
        ServiceView::new(service, readings.iter().find(|reading| reading.key == service.key))
    };
    Ok(Json(services.registry().services().iter().map(view).collect()))
}

/// The readings, taken again where the scheduler has not done so: it may not be there, or have had no time since the start.
async fn recent_readings(services: &Services, mut readings: Vec<Reading>) -> Result<Vec<Reading>> {
    let (db, registry) = (services.app().db(), services.registry());
    let began = Instant::now();
    loop {
        if are_fresh(services, &readings) || began.elapsed() > PATIENCE {
            return Ok(readings);
        }
        if let Some(readings) = poll::take_turn(services).await? {
            return Ok(readings);
        }
        // Another task of this instance may be the one that polls: looking again is how tasks wait for each other.
        spin_sdk::time::sleep(LOOK).await;
        readings = store::list_readings(db, registry.keys()).await?;
    }
}

fn are_fresh(services: &Services, readings: &[Reading]) -> bool {
    let is_fresh = |key: &str| readings.iter().any(|reading| reading.key == key && reading.is_fresh);
    services.registry().services().iter().all(|service| is_fresh(&service.key))
}
