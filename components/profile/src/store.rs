//! The statements of this family.

use frontdesk::access::{Asked, Authority};
use frontdesk::authorised;
use frontdesk::db::{Columns, Db, DbError, DecodeError, FromRow, Parameter, Statement};
use frontdesk::input::Patch;
use uuid::Uuid;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[FIND_PROFILE, READ_PROFILE, UPDATE_PROFILE];

/// What somebody says about themselves.
pub(crate) struct Profile {
    pub(crate) user_id: Uuid,
    pub(crate) full_name: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) job_title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) avatar_url: Option<String>,
    pub(crate) updated_at: String,
}

impl FromRow for Profile {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            user_id: columns.take()?,
            full_name: columns.take()?,
            phone: columns.take()?,
            job_title: columns.take()?,
            department: columns.take()?,
            address: columns.take()?,
            bio: columns.take()?,
            timezone: columns.take()?,
            locale: columns.take()?,
            avatar_url: columns.take()?,
            updated_at: columns.take()?,
        })
    }
}

/// The columns of [`Profile`], in its order: what is known of the user, and what the table `profiles` has under the alias `p`.
macro_rules! profile_columns {
    ($id:literal, $full_name:literal, $created_at:literal) => {
        concat!(
            $id,
            ", ",
            $full_name,
            ", p.phone, p.job_title, p.department, p.address, p.bio, p.timezone, p.locale, p.avatar_url, \
             coalesce(rfc3339(p.updated_at), ",
            $created_at,
            ")"
        )
    };
}

const READ_PROFILE: Statement = Statement::read(
    "profile.read_profile",
    concat!(
        "select signed_in, ",
        profile_columns!("$2::uuid", "signed_in::json ->> 'full_name'", "signed_in::json ->> 'created_at'"),
        " from signed_in($1, $2) left join profiles p on p.user_id = $2"
    ),
);

impl Asked for Profile {
    const STATEMENT: Statement = READ_PROFILE;
}

const FIND_PROFILE: Statement = Statement::read(
    "profile.find_profile",
    concat!(
        "select ",
        profile_columns!("u.id", "u.full_name", "rfc3339(u.created_at)"),
        " from users u left join profiles p on p.user_id = u.id where u.id = $2 and signed_in($1, $2) is not null"
    ),
);

/// Returns the profile of a user, an empty one if they never changed it; `None` if the session has ended meanwhile.
pub(crate) async fn find_profile(db: &Db, session: Uuid, user: Uuid) -> Result<Option<Profile>, DbError> {
    db.optional(FIND_PROFILE, vec![session.into(), user.into()]).await
}

/// What a profile is changed to.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Change {
    pub(crate) full_name: Patch<String>,
    pub(crate) phone: Patch<String>,
    pub(crate) job_title: Patch<String>,
    pub(crate) department: Patch<String>,
    pub(crate) address: Patch<String>,
    pub(crate) bio: Patch<String>,
    pub(crate) timezone: Patch<String>,
    pub(crate) locale: Patch<String>,
    pub(crate) avatar_url: Patch<String>,
}

// Each field comes as whether it changes, and to what.
const UPDATE_PROFILE: Statement = Statement::write(
    "profile.update_profile",
    concat!(
        "with ",
        authorised!(signed_in, unaudited),
        ", person as (
         update users u set
             full_name = case when $3 then $4 else u.full_name end,
             updated_at = case when $3 then now() else u.updated_at end
         where u.id = $2::uuid and (select may from authorised)
         returning u.id, u.full_name
     ), changed as (
         insert into profiles as p (user_id, phone, job_title, department, address, bio, timezone, locale, avatar_url)
         select id, $6, $8, $10, $12, $14, $16, $18, $20 from person
         on conflict (user_id) do update set
             phone = case when $5 then excluded.phone else p.phone end,
             job_title = case when $7 then excluded.job_title else p.job_title end,
             department = case when $9 then excluded.department else p.department end,
             address = case when $11 then excluded.address else p.address end,
             bio = case when $13 then excluded.bio else p.bio end,
             timezone = case when $15 then excluded.timezone else p.timezone end,
             locale = case when $17 then excluded.locale else p.locale end,
             avatar_url = case when $19 then excluded.avatar_url else p.avatar_url end,
             updated_at = now()
         returning phone, job_title, department, address, bio, timezone, locale, avatar_url, updated_at
     )
     select person.id, person.full_name, changed.phone, changed.job_title, changed.department, changed.address, changed.bio, changed.timezone, changed.locale, changed.avatar_url,
            rfc3339(changed.updated_at)
     from person cross join changed"
    ),
);

/// Returns the changed profile.
pub(crate) async fn update_profile(db: &Db, authority: Authority, change: Change) -> Result<Option<Profile>, DbError> {
    let Change { full_name, phone, job_title, department, address, bio, timezone, locale, avatar_url } = change;
    let fields = [full_name, phone, job_title, department, address, bio, timezone, locale, avatar_url];
    let mut parameters: Vec<Parameter> = authority.unaudited();
    for field in fields {
        let (changes, value) = match field {
            Patch::Keep => (false, None),
            Patch::Clear => (true, None),
            Patch::Set(value) => (true, Some(value)),
        };
        parameters.extend([changes.into(), value.into()]);
    }
    db.optional(UPDATE_PROFILE, parameters).await
}
