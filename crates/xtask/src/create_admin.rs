//! `cargo xtask create-admin`: an account that may administer, whether it existed before or not.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, Result, anyhow, bail};
use rules::text::{self, Fault};

use crate::checkout::Checkout;
use crate::target::Target;
use crate::{database, keys, signals};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The e-mail address to sign in with
    email: String,
    /// Read the password from the first line of standard input
    #[arg(long, conflicts_with = "generate")]
    password_stdin: bool,
    /// Generate a password and show it once (the default when there is no terminal to ask at)
    #[arg(long)]
    generate: bool,
    /// The name that is shown to others; an existing one is kept when it is not given
    #[arg(long, value_name = "NAME")]
    full_name: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let checkout = Checkout::find()?;
    let email = rules::email::parse(&args.email).map_err(|reason| anyhow!("{}: {reason}", args.email))?;
    let full_name = args.full_name.as_deref().map(full_name).transpose()?;
    // Asked for before anything is started, so that Ctrl-C at the prompt has nothing to undo.
    let (password, generated) = password(args)?;
    let target = Target::open(&checkout)?;
    match store(target.url(), &email, full_name.as_deref(), &password)? {
        Outcome::Created => println!("Created the administrator {email}"),
        Outcome::Changed => {
            println!(
                "{email} existed: it is an active administrator now, with the new password; its sessions, reset tokens and \
                 one-time password are void, and so is what it issued for others"
            )
        }
    }
    if generated {
        println!("Password (shown this once): {password}");
    }
    Ok(())
}

/// Whether the account is new.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Created,
    Changed,
}

/// One statement, so that an account is never left with a new role and its old sessions, or with a reset token or one-time password that
/// somebody else may have. `xmax` is zero in a row that this statement inserted.
const STORE: &str = "
with before as (
    select id, role, is_active from users where email = $1 for update
), admin as (
    insert into users (email, full_name, role, is_active, password_hash)
    -- What was there is read, and locked, before it is changed.
    select $1, $2, 'admin', true, $3 from (select count(*) from before) as read_first
    on conflict on constraint users_email_key do update
    set role = 'admin',
        is_active = true,
        password_hash = excluded.password_hash,
        must_change_password = false,
        sessions_ended_at = clock_timestamp(),
        full_name = coalesce(excluded.full_name, users.full_name),
        updated_at = now()
    returning id, email, role, is_active, xmax = 0 as is_new
), ended as (
    delete from sessions using admin where sessions.user_id = admin.id
), audited as (
    insert into audit_log (request_id, action, target_type, target_id, changes)
    select 'create-admin', case when a.is_new then 'user.created' else 'user.updated' end, 'user', a.id::text,
           case when a.is_new
               then audit_changes('{}', jsonb_build_object('email', a.email, 'role', a.role))
               else audit_changes(
                   jsonb_build_object('role', b.role, 'is_active', b.is_active, 'password', 'set'),
                   jsonb_build_object('role', a.role, 'is_active', a.is_active, 'password', 'replaced')
               )
           end
    from admin a left join before b on true
)
select a.is_new
from admin a cross join lateral forget_passwords(a.id, a.email) as forgotten cross join lateral withdraw_issued(a.id) as withdrawn
    cross join lateral forget_tries(a.email, null) as forgotten_tries";

/// Stores the account. A signal has to wait until that is done: otherwise there could be one whose password nobody has seen.
pub(crate) fn store(url: &str, email: &str, full_name: Option<&str>, password: &str) -> Result<Outcome> {
    let hash = rules::password::hash(password)?;
    signals::catch();
    signals::check()?;
    let stored = signals::runtime()?.block_on(async {
        let mut connection = database::connect(url).await?;
        let query = sqlx::query_scalar(STORE).bind(email).bind(full_name).bind(hash);
        let is_new: bool = query.fetch_one(&mut connection).await.map_err(database::explain)?;
        database::close(connection).await;
        Ok(if is_new { Outcome::Created } else { Outcome::Changed })
    });
    match stored {
        Err(error) if database::is_sqlstate(&error, "42P01") => {
            bail!("the database has no tables yet: run `cargo xtask migrate` first")
        }
        stored => stored.context("cannot store the account"),
    }
}

/// Whether anybody can administer.
pub(crate) fn an_admin_exists(url: &str) -> Result<bool> {
    signals::block_on(async {
        let mut connection = database::connect(url).await?;
        let query = sqlx::query_scalar("select exists (select 1 from users where role = 'admin' and is_active)");
        let exists = query.fetch_one(&mut connection).await.map_err(database::explain)?;
        database::close(connection).await;
        Ok(exists)
    })
}

/// As the table accepts it.
fn full_name(name: &str) -> Result<String> {
    let line = text::line(name, 200).and_then(|line| line.ok_or(Fault::Blank));
    line.map_err(|fault| anyhow!("the name {fault}"))
}

/// The password, and whether it was generated.
fn password(args: &Args) -> Result<(String, bool)> {
    let password = if args.password_stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    } else if !args.generate && std::io::stdin().is_terminal() {
        let password = rpassword::prompt_password("Password: ").context("cannot ask for the password")?;
        if rpassword::prompt_password("Again: ").context("cannot ask for the password")? != password {
            bail!("the two passwords differ");
        }
        password
    } else {
        return Ok((keys::random_password()?, true));
    };
    let broken = rules::password::broken_rules(&password);
    if !broken.is_empty() {
        let rules: Vec<_> = broken.iter().map(|rule| rule.message).collect();
        bail!("{}", rules.join("; "));
    }
    Ok((password, false))
}
