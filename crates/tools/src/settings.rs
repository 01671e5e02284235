//! `cargo xtask settings rekey` and `cargo xtask export-settings`: the settings with the secrets among them, from outside the
//! application. What is secret is never printed.

use std::path::PathBuf;

use ::settings::secret::{AI_API_KEY, Key, Keys, Sealed};
use ::settings::{AiExport, DocumentsExport, Provider};
use anyhow::{Context as _, Result, anyhow, bail};
use sqlx::PgConnection;

use xtask::checkout::{Checkout, create_private_folder, read_if_there, write_private};
use xtask::target::Target;
use xtask::variables::{Given, environment_name};
use xtask::{database, signals};

/// How often a key is read again that somebody has just replaced.
const ATTEMPTS: usize = 3;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Encrypt with SPIN_VARIABLE_SETTINGS_KEY what is encrypted with SPIN_VARIABLE_SETTINGS_KEY_PREVIOUS
    Rekey,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match args.command {
        Command::Rekey => rekey(),
    }
}

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The folder to write ai.json and documents.json to, from the root of the checkout; only their owner may read them
    dir: PathBuf,
}

pub(crate) fn export(args: &ExportArgs) -> Result<()> {
    let checkout = Checkout::find()?;
    let keys = keys(&checkout)?;
    let target = Target::open(&checkout)?;
    let read = signals::block_on(async {
        let mut connection = database::connect(target.url()).await?;
        let (ai, documents) = (read_ai(&mut connection, &keys).await?, read_documents(&mut connection).await?);
        database::close(connection).await;
        Ok((ai, documents))
    });
    let (ai, documents) = migrated(read).context("cannot read the settings")?;
    // The script that calls this has gone to the root: a relative path means the same wherever this is called.
    let folder = checkout.path(&args.dir);
    create_private_folder(&folder)?;
    let (ai, documents) = (serde_json::to_string_pretty(&ai)?, serde_json::to_string_pretty(&documents)?);
    for (name, json) in [("ai.json", ai), ("documents.json", documents)] {
        let path = folder.join(name);
        write_private(&path, &format!("{json}\n"))?;
        println!("Wrote {}", checkout.show(&path));
    }
    Ok(())
}

fn rekey() -> Result<()> {
    let checkout = Checkout::find()?;
    let keys = keys(&checkout)?;
    let target = Target::open(&checkout)?;
    let done = signals::block_on(async {
        let mut connection = database::connect(target.url()).await?;
        let done = rekey_ai(&mut connection, &keys).await?;
        database::close(connection).await;
        Ok(done)
    });
    println!("{}", migrated(done).context("cannot encrypt the settings anew")?);
    Ok(())
}

const REPLACE: &str = "
update ai_settings set api_key = $1, api_key_key_id = $2 where api_key = $3 and api_key_key_id = $4";

/// What became of the key of the AI provider, for people.
async fn rekey_ai(connection: &mut PgConnection, keys: &Keys) -> Result<&'static str> {
    for _ in 0..ATTEMPTS {
        let Some(old) = read_sealed(connection).await? else {
            return Ok("No API key is stored: there is nothing to do");
        };
        let api_key = keys.open(AI_API_KEY, &old)?;
        if keys.is_current(&old.key_id) {
            return Ok(
                "The API key is encrypted with the current key: SPIN_VARIABLE_SETTINGS_KEY_PREVIOUS is not needed",
            );
        }
        let new = keys.seal(AI_API_KEY, &api_key)?;
        // Somebody may have replaced it meanwhile: theirs stays.
        let query = sqlx::query(REPLACE).bind(&new.bytes).bind(&new.key_id).bind(&old.bytes).bind(&old.key_id);
        if query.execute(&mut *connection).await.map_err(database::explain)?.rows_affected() == 1 {
            return Ok("Encrypted the API key with the current key: SPIN_VARIABLE_SETTINGS_KEY_PREVIOUS can go");
        }
    }
    bail!("the API key is being replaced all the time: please try again")
}

async fn read_sealed(connection: &mut PgConnection) -> Result<Option<Sealed>> {
    let query = sqlx::query_as("select api_key, api_key_key_id from ai_settings where api_key is not null");
    let row: Option<(Vec<u8>, String)> = query.fetch_optional(connection).await.map_err(database::explain)?;
    Ok(row.map(|(bytes, key_id)| Sealed { bytes, key_id }))
}

/// Provider, model, address, the key with the name of its own key, and when they were changed.
type AiRow = (String, Option<String>, Option<String>, Option<Vec<u8>>, Option<String>, String);

const READ_AI: &str = "
select provider, model, base_url, api_key, api_key_key_id, rfc3339(updated_at) from ai_settings";

async fn read_ai(connection: &mut PgConnection, keys: &Keys) -> Result<AiExport> {
    let row: AiRow = sqlx::query_as(READ_AI).fetch_one(connection).await.map_err(database::explain)?;
    let (provider, model, base_url, bytes, key_id, updated_at) = row;
    let provider = Provider::parse(&provider).with_context(|| format!("there is no provider {provider}"))?;
    let sealed = bytes.zip(key_id).map(|(bytes, key_id)| Sealed { bytes, key_id });
    let api_key = sealed.map(|sealed| keys.open(AI_API_KEY, &sealed)).transpose()?;
    Ok(AiExport { provider, model, base_url, api_key, updated_at })
}

async fn read_documents(connection: &mut PgConnection) -> Result<DocumentsExport> {
    let query = sqlx::query_as("select max_pdf_mb, rfc3339(updated_at) from documents_settings");
    let (max_pdf_mb, updated_at) = query.fetch_one(connection).await.map_err(database::explain)?;
    Ok(DocumentsExport { max_pdf_mb, updated_at })
}

/// The operator's keys, or the one that `up` made.
fn keys(checkout: &Checkout) -> Result<Keys> {
    let given = Given::read(checkout)?;
    let parse =
        |name: &str, text: &str| Key::parse(text).map_err(|reason| anyhow!("{} {reason}", environment_name(name)));
    let current = match given.get("settings_key") {
        Some(text) => parse("settings_key", text)?,
        None => {
            let made = read_if_there(&checkout.keys()?.join("settings.key"))?;
            let text = made.with_context(|| format!("{} is not set", environment_name("settings_key")))?;
            parse("settings_key", &text)?
        }
    };
    let previous = given.get("settings_key_previous").map(|text| parse("settings_key_previous", text)).transpose()?;
    Ok(Keys::new(current, previous))
}

fn migrated<T>(result: Result<T>) -> Result<T> {
    match result {
        Err(error) if database::is_sqlstate(&error, "42P01") => {
            bail!("the database has no tables yet: run `cargo xtask migrate` first")
        }
        result => result,
    }
}
