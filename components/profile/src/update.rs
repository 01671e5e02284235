use axum::extract::State;
use frontdesk::access::{SESSION_ENDED, SignedIn};
use frontdesk::input::{Check, Patch};
use frontdesk::openapi::{BodyRefusals, Failures, SignedInRefusals};
use frontdesk::{App, Json, Result};
use http::Uri;
use oxilangtag::LanguageTag;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::store::{self, Change};
use crate::views::ProfileView;

/// The changes to a profile.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UpdateProfile, example = json!({"full_name": "Ada Lovelace", "timezone": "Europe/London", "locale": "en-GB"}))]
pub(crate) struct Update {
    /// The name to show, in one line. `null` clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 200)]
    full_name: Patch<String>,
    /// The telephone number, in any form. `null` clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 50)]
    phone: Patch<String>,
    /// The job title. `null` clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 200)]
    job_title: Patch<String>,
    /// The department. `null` clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 200)]
    department: Patch<String>,
    /// The postal address, in one or more lines. `null` clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    address: Patch<String>,
    /// A text about the user, in one or more lines. `null` clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    bio: Patch<String>,
    /// The time zone: a name of the IANA database. `null` clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 64, example = "Europe/Berlin")]
    timezone: Patch<String>,
    /// The language: a BCP 47 tag. `null` clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 35, example = "de-CH")]
    locale: Patch<String>,
    /// The URL of a picture: `http` or `https`. `null` clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2048)]
    avatar_url: Patch<String>,
}

/// Update your profile
///
/// Fields that are absent stay. `null` or blank clears a field.
#[utoipa::path(put, path = "/api/profile", tag = "profile", operation_id = "profile.update", security(("bearer" = [])),
    request_body = Update,
    responses((status = 200, body = ProfileView, description = "The whole profile, after the change."),
        SignedInRefusals, BodyRefusals, Failures))]
pub(crate) async fn update(
    who: SignedIn,
    State(app): State<App>,
    Json(update): Json<Update>,
) -> Result<Json<ProfileView>> {
    let change = update.check()?;
    let profile = if change == Change::default() {
        store::find_profile(app.db(), who.session_id(), who.user().id).await?
    } else {
        store::update_profile(app.db(), who.authority(), change).await?
    };
    Ok(Json(profile.ok_or(SESSION_ENDED)?.into()))
}

impl Update {
    /// Every field that breaks a rule is named.
    fn check(self) -> Result<Change> {
        let mut check = Check::default();
        let mut line = |field, value, max| patch(value, |text| check.line(field, text, max));
        let (full_name, phone) = (line("full_name", self.full_name, 200), line("phone", self.phone, 50));
        let (job_title, department) =
            (line("job_title", self.job_title, 200), line("department", self.department, 200));
        let (timezone, locale) = (line("timezone", self.timezone, 64), line("locale", self.locale, 35));
        let avatar_url = line("avatar_url", self.avatar_url, 2048);
        let address = patch(self.address, |text| check.lines("address", text, 500));
        let bio = patch(self.bio, |text| check.lines("bio", text, 2000));
        refuse(&mut check, "timezone", &timezone, is_timezone, "timezone must be a name like Europe/Berlin");
        refuse(&mut check, "locale", &locale, is_locale, "locale must be a language tag like de-CH");
        refuse(&mut check, "avatar_url", &avatar_url, is_web_url, "avatar_url must begin with https:// or http://");
        check.finish()?;
        Ok(Change { full_name, phone, job_title, department, address, bio, timezone, locale, avatar_url })
    }
}

fn patch(value: Patch<String>, check: impl FnOnce(&str) -> Option<String>) -> Patch<String> {
    match value {
        Patch::Set(text) => check(&text).map_or(Patch::Clear, Patch::Set),
        other => other,
    }
}

fn refuse(check: &mut Check, field: &str, value: &Patch<String>, is_good: fn(&str) -> bool, message: &str) {
    if let Patch::Set(text) = value
        && !is_good(text)
    {
        check.refuse(field, "value_error", message);
    }
}

fn is_timezone(text: &str) -> bool {
    text.parse::<chrono_tz::Tz>().is_ok()
}

fn is_locale(text: &str) -> bool {
    LanguageTag::parse(text).is_ok()
}

fn is_web_url(text: &str) -> bool {
    let is_web = |uri: Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some();
    text.parse::<Uri>().is_ok_and(is_web)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_zones_are_those_of_iana() {
        assert!(["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"].into_iter().all(is_timezone));
        assert!(!["Mars/Phobos", "europe/berlin ", "+02:00", "Berlin"].into_iter().any(is_timezone));
    }

    #[test]
    fn locales_are_language_tags() {
        assert!(["de", "de-CH", "zh-Hant-TW", "en-GB-oed"].into_iter().all(is_locale));
        assert!(!["deutsch!", "d", "de_CH", "de-", "toolonglanguage"].into_iter().any(is_locale));
    }

    #[test]
    fn avatars_come_from_the_web() {
        assert!(["https://example.com/a.png", "http://cdn.example.com:8080/?a=b"].into_iter().all(is_web_url));
        assert!(
            !["javascript:alert(1)", "data:image/png;base64,AA", "/a.png", "https:///a", "ftp://example.com/a", "x"]
                .into_iter()
                .any(is_web_url)
        );
    }
}
