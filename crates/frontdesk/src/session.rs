//! A session, as those who list sessions read and show it.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::{Columns, DecodeError, FromRow};

/// The columns of [`Session`], in its order, of the table `sessions` under the alias `s`.
#[macro_export]
macro_rules! session_columns {
    () => {
        "s.id, rfc3339(s.created_at), rfc3339(s.last_used_at), rfc3339(least(s.expires_at, s.idle_expires_at)), \
         s.ip, s.user_agent, (extract(epoch from s.created_at) * 1000000)::int8"
    };
}

/// A row of `sessions`.
#[derive(Debug)]
pub struct Session {
    /// Names it.
    pub id: Uuid,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub last_used_at: String,
    /// RFC 3339.
    pub expires_at: String,
    /// The client's address at sign-in.
    pub ip: Option<String>,
    /// The client's name for itself at sign-in.
    pub user_agent: Option<String>,
    created_us: i64,
}

impl FromRow for Session {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: columns.take()?,
            created_at: columns.take()?,
            last_used_at: columns.take()?,
            expires_at: columns.take()?,
            ip: columns.take()?,
            user_agent: columns.take()?,
            created_us: columns.take()?,
        })
    }
}

impl Session {
    /// Where it is in a list, the newest first: epoch microseconds, and the id.
    pub fn position(&self) -> (i64, Uuid) {
        (self.created_us, self.id)
    }
}

/// A session: one sign-in of a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// The id of the session.
    id: Uuid,
    /// When the user signed in.
    #[schema(format = DateTime)]
    created_at: String,
    /// When the session was last used. It is up to 5 minutes late.
    #[schema(format = DateTime)]
    last_used_at: String,
    /// When the session ends if it is not refreshed before.
    #[schema(format = DateTime)]
    expires_at: String,
    /// The IP address of the client at sign-in. `null`: unknown.
    ip: Option<String>,
    /// The `user-agent` of the client at sign-in. `null`: none.
    user_agent: Option<String>,
    /// Whether it is the session of this request.
    current: bool,
}

impl SessionView {
    /// As it is shown to whoever asks with the session `current`.
    pub fn new(session: Session, current: Uuid) -> Self {
        let Session { id, created_at, last_used_at, expires_at, ip, user_agent, created_us: _ } = session;
        Self { id, created_at, last_used_at, expires_at, ip, user_agent, current: id == current }
    }
}
