//! The statements of this family. Each table has one row.

use frontdesk::access::{Asked, Authority};
use frontdesk::db::{Columns, Db, DbError, DecodeError, FromRow, Parameter, Statement};
use frontdesk::input::Patch;
use frontdesk::{audit, authorised};
use uuid::Uuid;

use crate::secret::Sealed;
use crate::views::Provider;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] =
    &[FIND_AI, FIND_AI_SECRET, UPDATE_AI, FIND_DOCUMENTS, READ_DOCUMENTS, UPDATE_DOCUMENTS];

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
        "(coalesce($5, s.provider) <> s.provider or $8 and $9 is distinct from s.base_url)"
    };
}

/// Whether anything becomes different.
macro_rules! changes {
    () => {
        concat!(
            "(",
            moves!(),
            " or $6 and $7 is distinct from s.model or $10 and ($11 is not null or s.api_key is not null))"
        )
    };
}

// Each field comes as whether it changes, and to what. Of the key the audit log is told whether one is there, and that another
// one is: it holds no part of any. The key's values are null unless a new one comes, so that they are what
// the columns become when the key goes. All is decided from the locked row, whatever others have just made of it; a change to
// what is there already is none.
const UPDATE_AI: Statement = Statement::write(
    "settings.update_ai",
    concat!(
        "with ",
        authorised!(admin),
        ", locked as (
             select s.provider, s.model, s.base_url, s.api_key from ai_settings s where (select may from authorised) for update
         ), changed as (
             update ai_settings s set
                 provider = coalesce($5, s.provider),
                 model = case when $6 then $7 else s.model end,
                 base_url = case when $8 then $9 else s.base_url end,
                 api_key = case when $10 or ",
        moves!(),
        " then $11 else s.api_key end,
                 api_key_hint = case when $10 or ",
        moves!(),
        " then $12 else s.api_key_hint end,
                 api_key_key_id = case when $10 or ",
        moves!(),
        " then $13 else s.api_key_key_id end,
                 updated_at = case when ",
        changes!(),
        " then now() else s.updated_at end,
                 updated_by_id = case when ",
        changes!(),
        " then $1::uuid else s.updated_by_id end
             from locked
             returning s.provider, s.model, s.base_url, s.api_key, s.api_key_hint, s.updated_at, s.updated_by_id
         ), difference as (
             select audit_changes(
                 jsonb_build_object('provider', l.provider, 'model', l.model, 'base_url', l.base_url,
                     'api_key', case when l.api_key is not null then 'set' end),
                 jsonb_build_object('provider', c.provider, 'model', c.model, 'base_url', c.base_url,
                     'api_key', case when c.api_key is null then null
                         when l.api_key <> c.api_key then 'replaced' else 'set' end)
             ) as changes
             from locked l, changed c
         ), audited as (",
        audit!("settings.ai_updated", "settings", "'ai'", "changes", "from difference where changes <> '{}'"),
        ") select ",
        ai_columns!(),
        " from changed"
    ),
);

/// The changed AI settings.
pub(crate) async fn update_ai(db: &Db, authority: Authority, change: AiChange) -> Result<Ai, DbError> {
    let AiChange { provider, model, base_url, api_key } = change;
    let mut parameters: Vec<Parameter> = authority.with([provider.map(|provider| provider.name().to_owned()).into()]);
    for field in [model, base_url] {
        let (changes, value) = parts(field);
        parameters.extend([changes.into(), value.into()]);
    }
    let (changes, key) = parts(api_key);
    let (sealed, hint) = key.map(|key| (key.sealed, key.hint)).unzip();
    let (bytes, key_id) = sealed.map(|sealed| (sealed.bytes, sealed.key_id)).unzip();
    parameters.extend([changes.into(), bytes.into(), hint.into(), key_id.into()]);
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

const READ_DOCUMENTS: Statement = Statement::read(
    "settings.read_documents",
    "select signed_in($1, $2), max_pdf_mb, rfc3339(updated_at) from documents_settings",
);

impl Asked for Documents {
    const STATEMENT: Statement = READ_DOCUMENTS;
}

const FIND_DOCUMENTS: Statement =
    Statement::read("settings.find_documents", "select max_pdf_mb, rfc3339(updated_at) from documents_settings");

/// The settings of the documents service.
pub(crate) async fn find_documents(db: &Db) -> Result<Documents, DbError> {
    db.one(FIND_DOCUMENTS, Vec::new()).await
}

const UPDATE_DOCUMENTS: Statement = Statement::write(
    "settings.update_documents",
    concat!(
        "with ",
        authorised!(admin),
        ", locked as (
             select s.max_pdf_mb from documents_settings s where (select may from authorised) for update
         ), changed as (
             update documents_settings s set
                 max_pdf_mb = coalesce($5, s.max_pdf_mb),
                 updated_at = case when coalesce($5, s.max_pdf_mb) <> s.max_pdf_mb then now() else s.updated_at end,
                 updated_by_id = case when coalesce($5, s.max_pdf_mb) <> s.max_pdf_mb
                     then $1::uuid else s.updated_by_id end
             from locked
             returning s.max_pdf_mb, s.updated_at
         ), difference as (
             select audit_changes(
                 jsonb_build_object('max_pdf_mb', l.max_pdf_mb),
                 jsonb_build_object('max_pdf_mb', c.max_pdf_mb)
             ) as changes
             from locked l, changed c
         ), audited as (",
        audit!(
            "settings.documents_updated",
            "settings",
            "'documents'",
            "changes",
            "from difference where changes <> '{}'"
        ),
        ") select max_pdf_mb, rfc3339(updated_at) from changed"
    ),
);

/// The changed settings of the documents service; `None` keeps the limit.
pub(crate) async fn update_documents(
    db: &Db,
    authority: Authority,
    max_pdf_mb: Option<i32>,
) -> Result<Documents, DbError> {
    db.one(UPDATE_DOCUMENTS, authority.with([max_pdf_mb.into()])).await
}
