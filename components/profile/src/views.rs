//! JSON out.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::Profile;

/// What a user says about themselves.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Profile)]
pub(crate) struct ProfileView {
    /// The id of the user.
    user_id: Uuid,
    /// The name to show, in one line. `null`: none.
    full_name: Option<String>,
    /// The telephone number, in any form. `null`: none.
    phone: Option<String>,
    /// The job title. `null`: none.
    job_title: Option<String>,
    /// The department. `null`: none.
    department: Option<String>,
    /// The postal address, in one or more lines. `null`: none.
    address: Option<String>,
    /// A text about the user, in one or more lines. `null`: none.
    bio: Option<String>,
    /// The time zone: a name of the IANA database. `null`: none.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// The language: a BCP 47 tag. `null`: none.
    #[schema(example = "de-CH")]
    locale: Option<String>,
    /// The URL of a picture: `http` or `https`. `null`: none.
    avatar_url: Option<String>,
    /// When the profile was last changed.
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
