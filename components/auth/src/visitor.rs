//! Who comes to sign in, as far as that can be told before: from where, and on a device on which somebody has signed in before.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use frontdesk::Client;
use frontdesk::cookies::Kind;
use frontdesk::time::now;
use http::request::Parts;

use crate::browser::DEVICE_LIFETIME;
use crate::refresh_token::Device;
use crate::state::Auth;

/// See the module. Proves nothing: with it stands who may call.
pub(crate) struct Visitor {
    pub(crate) client: Client,
    /// Whose device it is: tries from there are not held up by what others try on the account.
    pub(crate) device: Option<Device>,
}

impl FromRequestParts<Auth> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Infallible> {
        let Ok(client) = Client::from_request_parts(parts, auth).await;
        let sent = auth.app().cookies().sent(Kind::Device, &parts.headers);
        let device = sent.iter().find_map(|text| auth.refresh_token_key().open_device(text));
        // However long the browser keeps it.
        let since = now().saturating_sub_unsigned(DEVICE_LIFETIME.as_secs());
        Ok(Self { client, device: device.filter(|device| device.since > since) })
    }
}
