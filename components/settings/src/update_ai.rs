use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::input::{Check, Patch};
use frontdesk::openapi::{AdminRefusals, BodyRefusals, Failures};
use frontdesk::{Error, Json, Result};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::base_url::{self, Origins};
use crate::secret::{AI_API_KEY, Keys};
use crate::state::Settings;
use crate::store::{self, AiChange, SealedKey};
use crate::views::{AiSettingsView, Provider};

/// The longest name of a model, in characters.
const MAX_MODEL: usize = 200;
/// How long a key is, in characters.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 8..=512;
/// How many characters of a key people are shown.
const HINT_LENGTH: usize = 4;

/// The changes to the AI settings.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateAiSettings, example = json!({"provider": "openai", "model": "gpt-5", "api_key": "sk-0123456789abcdef"}))]
pub(crate) struct UpdateAi {
    /// The provider whose API is used.
    #[serde(default)]
    #[schema(value_type = Option<Provider>, nullable = false)]
    provider: Patch<Provider>,
    /// The model, as the provider names it. `null` or blank: the default of the AI service.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 200)]
    model: Patch<String>,
    /// The address of the provider: `https`, or an origin that the operator allows; without user and password. `null` or blank:
    /// the usual address of the provider.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2048)]
    base_url: Patch<String>,
    /// The API key: 8 to 512 characters of printable ASCII. `null` removes it.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 8, max_length = 512, write_only)]
    api_key: Patch<String>,
}

/// Update the AI settings
///
/// The API key belongs to a provider and an address. A change of `provider` or `base_url` without a new `api_key` removes it.
#[utoipa::path(patch, path = "/api/settings/ai", tag = "settings", operation_id = "settings.update_ai",
    security(("bearer" = [])), request_body = UpdateAi,
    responses((status = 200, body = AiSettingsView, description = "The settings, after the change."),
        AdminRefusals, BodyRefusals, Failures))]
pub(crate) async fn update_ai(
    who: Admin,
    State(settings): State<Settings>,
    Json(update): Json<UpdateAi>,
) -> Result<Json<AiSettingsView>> {
    let change = update.check(settings.origins(), settings.keys())?;
    Ok(Json(store::update_ai(settings.app().db(), who.authority(), change).await?.into()))
}

impl UpdateAi {
    /// Every field that breaks a rule is named.
    fn check(self, origins: &Origins, keys: &Keys) -> Result<AiChange> {
        let mut check = Check::default();
        let provider = check.required("provider", self.provider);
        let model = patch(self.model, |text| check.line("model", &text, MAX_MODEL));
        let base_url = patch(self.base_url, |text| check.line("base_url", &text, base_url::MAX_LENGTH));
        if let Patch::Set(url) = &base_url
            && !origins.allow(url)
        {
            let message = "base_url must begin with https://, or be of an origin that the operator allowed";
            check.refuse("base_url", "url_not_allowed", message);
        }
        let api_key = match self.api_key {
            Patch::Set(text) => api_key(&mut check, text.trim()).map_or(Patch::Clear, Patch::Set),
            other => other,
        };
        check.finish()?;
        Ok(AiChange { provider, model, base_url, api_key: seal(api_key, keys)? })
    }
}

fn patch(value: Patch<String>, check: impl FnOnce(String) -> Option<String>) -> Patch<String> {
    match value {
        Patch::Set(text) => check(text).map_or(Patch::Clear, Patch::Set),
        other => other,
    }
}

fn api_key(check: &mut Check, key: &str) -> Option<String> {
    if !key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        check.refuse("api_key", "string_pattern_mismatch", "api_key must be printable ASCII");
    } else if !KEY_LENGTHS.contains(&key.len()) {
        let (min, max) = (KEY_LENGTHS.start(), KEY_LENGTHS.end());
        check.refuse("api_key", "string_length", format!("api_key must have {min} to {max} characters"));
    } else {
        return Some(key.to_owned());
    }
    None
}

fn seal(api_key: Patch<String>, keys: &Keys) -> Result<Patch<SealedKey>> {
    Ok(match api_key {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(key) => {
            let hint = key.get(key.len().saturating_sub(HINT_LENGTH)..).unwrap_or_default().to_owned();
            Patch::Set(SealedKey { sealed: keys.seal(AI_API_KEY, &key).map_err(Error::internal)?, hint })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(body: &str) -> Result<AiChange> {
        let keys = Keys::new(crate::secret::Key::parse(&"A".repeat(43)).ok().unwrap(), None);
        serde_json::from_str::<UpdateAi>(body).unwrap().check(&Origins::default(), &keys)
    }

    fn refused(body: &str) -> Vec<String> {
        match checked(body) {
            Err(Error::Invalid(errors)) => errors
                .iter()
                .map(|error| error.loc.last().and_then(|field| field.as_str()).unwrap().to_owned())
                .collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn an_absent_field_stays_and_null_clears() {
        let change = checked("{}").ok().unwrap();
        assert!(change.provider.is_none() && matches!(change.api_key, Patch::Keep));
        assert_eq!((change.model, change.base_url), (Patch::Keep, Patch::Keep));
        let change = checked(r#"{"model":null,"base_url":" ","api_key":null}"#).ok().unwrap();
        assert_eq!((change.model, change.base_url), (Patch::Clear, Patch::Clear));
        assert!(matches!(change.api_key, Patch::Clear));
    }

    #[test]
    fn a_key_is_sealed_and_its_end_is_the_hint() {
        let change = checked(r#"{"api_key":" sk-abcdefgh\n"}"#).ok().unwrap();
        let Patch::Set(key) = change.api_key else { panic!("the key is not there") };
        assert_eq!(key.hint, "efgh");
        assert!(!key.sealed.bytes.windows(4).any(|window| window == b"efgh"));
    }

    #[test]
    fn every_field_over_its_limits_is_named() {
        let long = format!(
            r#"{{"provider":null,"model":"{}","base_url":"https://{}","api_key":"{}"}}"#,
            "m".repeat(201),
            "u".repeat(2048),
            "k".repeat(513)
        );
        assert_eq!(refused(&long), ["provider", "model", "base_url", "api_key"]);
        for key in ["", "1234567", "schlüssel", "1234\\u00005678", "1234\\n5678"] {
            assert_eq!(refused(&format!(r#"{{"api_key":"{key}"}}"#)), ["api_key"], "{key}");
        }
        assert!(checked(&format!(r#"{{"api_key":"{}"}}"#, "k".repeat(512))).is_ok());
        assert!(checked(r#"{"api_key":"12345678"}"#).is_ok());
    }
}
