//! Who comes to sign in, as far as that is known before the password is verified: from where, and with which browser.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use frontdesk::Client;
use frontdesk::cookies::Kind;
use http::request::Parts;
use uuid::Uuid;

use crate::state::Auth;

/// See the module. It does not prove who is calling.
pub(crate) struct Visitor {
    pub(crate) client: Client,
    /// The ids of the browser, usually one. Whether an account has signed in from it is in the database.
    pub(crate) devices: Vec<Uuid>,
}

impl FromRequestParts<Auth> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Infallible> {
        let Ok(client) = Client::from_request_parts(parts, auth).await;
        let sent = auth.app().cookies().sent(Kind::Device, &parts.headers);
        let devices = sent.iter().filter_map(|text| auth.refresh_token_key().open_device(text)).collect();
        Ok(Self { client, devices })
    }
}
