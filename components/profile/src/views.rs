//! JSON out.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::Profile;

/// What somebody says about themselves.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Profile)]
pub(crate) struct ProfileView {
    /// Whose it is.
    user_id: Uuid,
    /// How they want to be called.
    full_name: Option<String>,
    /// A telephone number, as they write it.
    phone: Option<String>,
    /// What they do.
    job_title: Option<String>,
    /// Where they do it.
    department: Option<String>,
    /// Where they are; may have several lines.
    address: Option<String>,
    /// About themselves; may have several lines.
    bio: Option<String>,
    /// A name of the IANA time zone database.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// A BCP 47 language tag.
    #[schema(example = "de-CH")]
    locale: Option<String>,
    /// Of a picture: http or https.
    avatar_url: Option<String>,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Profile> for ProfileView {
    fn from(profile: Profile) -> Self {
        let Profile {
            user_id,
            full_name,
            phone,
            job_title,
            department,
            address,
            bio,
            timezone,
            locale,
            avatar_url,
            updated_at,
        } = profile;
        Self {
            user_id,
            full_name,
            phone,
            job_title,
            department,
            address,
            bio,
            timezone,
            locale,
            avatar_url,
            updated_at,
        }
    }
}
