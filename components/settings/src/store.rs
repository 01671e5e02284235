//! The statements of this family. Each table has one row.

use frontdesk::db::{Columns, Db, DbError, DecodeError, FromRow, Parameter, Statement};
use frontdesk::input::Patch;
use uuid::Uuid;

use crate::secret::Sealed;
use crate::views::Provider;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[FIND_AI, FIND_AI_SECRET, UPDATE_AI, FIND_DOCUMENTS, UPDATE_DOCUMENTS];

/// The AI settings, without the key.
pub(crate) struct Ai {
    pub(crate) provider: Provider,
    pub(crate) model: Option<String>,
    pub(crate) base_url: Option<String>,
    pub(crate) api_key_set: bool,
    /// The end of the key.
    pub(crate) api_key_hint: Option<String>,
    pub(crate) updated_at: String,
    pub(crate) updated_by: Option<Uuid>,
}

impl FromRow for Ai {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            provider: columns.take()?,
            model: columns.take()?,
            base_url: columns.take()?,
            api_key_set: columns.take()?,
            api_key_hint: columns.take()?,
            updated_at: columns.take()?,
            updated_by: columns.take()?,
        })
    }
}

/// The columns of [`Ai`], in its order.
macro_rules! ai_columns {
    () => {
        "provider, model, base_url, api_key is not null, api_key_hint, rfc3339(updated_at), updated_by_id"
    };
}

const FIND_AI: Statement = Statement::read("settings.find_ai", concat!("select ", ai_columns!(), " from ai_settings"));

/// The AI settings.
pub(crate) async fn find_ai(db: &Db) -> Result<Ai, DbError> {
    db.one(FIND_AI, Vec::new()).await
}

/// The AI settings, with the key as it is stored.
pub(crate) struct AiSecret {
    pub(crate) provider: Provider,
    pub(crate) model: Option<String>,
    pub(crate) base_url: Option<String>,
    pub(crate) api_key: Option<Sealed>,
    pub(crate) updated_at: String,
}

impl FromRow for AiSecret {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        let (provider, model, base_url) = (columns.take()?, columns.take()?, columns.take()?);
        let (bytes, key_id): (Option<Vec<u8>>, Option<String>) = (columns.take()?, columns.take()?);
        let api_key = bytes.zip(key_id).map(|(bytes, key_id)| Sealed { bytes, key_id });
        Ok(Self { provider, model, base_url, api_key, updated_at: columns.take()? })
    }
}

const FIND_AI_SECRET: Statement = Statement::read(
    "settings.find_ai_secret",
    "select provider, model, base_url, api_key, api_key_key_id, rfc3339(updated_at) from ai_settings",
);

/// The AI settings, with the key as it is stored.
pub(crate) async fn find_ai_secret(db: &Db) -> Result<AiSecret, DbError> {
    db.one(FIND_AI_SECRET, Vec::new()).await
}

/// A key to be stored.
pub(crate) struct SealedKey {
    pub(crate) sealed: Sealed,
    /// The end of the key.
    pub(crate) hint: String,
}

/// What the AI settings are changed to.
pub(crate) struct AiChange {
    /// `None` keeps the provider.
    pub(crate) provider: Option<Provider>,
    pub(crate) model: Patch<String>,
    pub(crate) base_url: Patch<String>,
    pub(crate) api_key: Patch<SealedKey>,
}

/// Whether the key that is stored belongs to another provider or address than the settings will name.
macro_rules! moves {
    () => {
        "(coalesce($1, provider) <> provider or $4 and $5 is distinct from base_url)"
    };
}

/// Whether anything becomes different.
macro_rules! changes {
    () => {
        concat!(
            "(",
            moves!(),
            " or $2 and $3 is distinct from model or $6 and ($7 is not null or api_key is not null))"
        )
    };
}

// Each field comes as whether it changes, and to what. The key's values are null unless a new one comes, so that they are what
// the columns become when the key goes. All is decided from the locked row, whatever others have just made of it; a change to
// what is there already is none.
const UPDATE_AI: Statement = Statement::write(
    "settings.update_ai",
    concat!(
        "update ai_settings set
             provider = coalesce($1, provider),
             model = case when $2 then $3 else model end,
             base_url = case when $4 then $5 else base_url end,
             api_key = case when $6 or ",
        moves!(),
        " then $7 else api_key end,
             api_key_hint = case when $6 or ",
        moves!(),
        " then $8 else api_key_hint end,
             api_key_key_id = case when $6 or ",
        moves!(),
        " then $9 else api_key_key_id end,
             updated_at = case when ",
        changes!(),
        " then now() else updated_at end,
             updated_by_id = case when ",
        changes!(),
        " then $10 else updated_by_id end
         returning ",
        ai_columns!()
    ),
);

/// The changed AI settings.
pub(crate) async fn update_ai(db: &Db, admin: Uuid, change: AiChange) -> Result<Ai, DbError> {
    let AiChange { provider, model, base_url, api_key } = change;
    let mut parameters: Vec<Parameter> = vec![provider.map(|provider| provider.name().to_owned()).into()];
    for field in [model, base_url] {
        let (changes, value) = parts(field);
        parameters.extend([changes.into(), value.into()]);
    }
    let (changes, key) = parts(api_key);
    let (sealed, hint) = key.map(|key| (key.sealed, key.hint)).unzip();
    let (bytes, key_id) = sealed.map(|sealed| (sealed.bytes, sealed.key_id)).unzip();
    parameters.extend([changes.into(), bytes.into(), hint.into(), key_id.into(), admin.into()]);
    db.one(UPDATE_AI, parameters).await
}

/// Whether a field changes, and to what.
fn parts<T>(field: Patch<T>) -> (bool, Option<T>) {
    match field {
        Patch::Keep => (false, None),
        Patch::Clear => (true, None),
        Patch::Set(value) => (true, Some(value)),
    }
}

/// The settings of the documents service.
pub(crate) struct Documents {
    /// In MiB.
    pub(crate) max_pdf_mb: i32,
    pub(crate) updated_at: String,
}

impl FromRow for Documents {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { max_pdf_mb: columns.take()?, updated_at: columns.take()? })
    }
}

const FIND_DOCUMENTS: Statement =
    Statement::read("settings.find_documents", "select max_pdf_mb, rfc3339(updated_at) from documents_settings");

/// The settings of the documents service.
pub(crate) async fn find_documents(db: &Db) -> Result<Documents, DbError> {
    db.one(FIND_DOCUMENTS, Vec::new()).await
}

const UPDATE_DOCUMENTS: Statement = Statement::write(
    "settings.update_documents",
    "update documents_settings set
         max_pdf_mb = coalesce($1, max_pdf_mb),
         updated_at = case when coalesce($1, max_pdf_mb) <> max_pdf_mb then now() else updated_at end,
         updated_by_id = case when coalesce($1, max_pdf_mb) <> max_pdf_mb then $2 else updated_by_id end
     returning max_pdf_mb, rfc3339(updated_at)",
);

/// The changed settings of the documents service; `None` keeps the limit.
pub(crate) async fn update_documents(db: &Db, admin: Uuid, max_pdf_mb: Option<i32>) -> Result<Documents, DbError> {
    db.one(UPDATE_DOCUMENTS, vec![max_pdf_mb.into(), admin.into()]).await
}
