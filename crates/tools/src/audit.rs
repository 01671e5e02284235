//! `cargo xtask audit verify`: whether the audit log is what was sealed. What a seal is, `frontdesk::audit` says.

use ::frontdesk::audit::{Record, SealKey, hex};
use anyhow::{Context as _, Result, anyhow};
use sqlx::PgConnection;

use xtask::checkout::{Checkout, read_if_there};
use xtask::target::Target;
use xtask::variables::{Given, environment_name};
use xtask::{database, signals};

/// How many rows are read at a time.
const PAGE: i64 = 10_000;
/// How many rows there are between two lines that say how far it is.
const PROGRESS: u64 = 100_000;
/// How many faults are told one by one.
const MAX_TOLD: usize = 50;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Find sealed rows that were changed, removed or put in
    Verify(VerifyArgs),
}

#[derive(clap::Args)]
struct VerifyArgs {
    /// Where the chain ended at some time, from a log that was kept elsewhere: `audit.seq` and `audit.seal`; as often as you have
    /// one. Whoever can write to the database can take the newest rows back to where they were not sealed, change them, and have
    /// the next tick seal them: only a head from between shows that
    #[arg(long = "head", value_name = "SEQ:SEAL")]
    heads: Vec<Head>,
}

/// `Ok(false)` when something was found, which is said.
pub(crate) fn run(args: &Args) -> Result<bool> {
    match &args.command {
        Command::Verify(args) => verify(args),
    }
}

/// Where the chain ends, or ended.
#[derive(Clone, Debug)]
struct Head {
    seq: i64,
    /// Hexadecimal; empty before the first row.
    seal: String,
}

impl std::str::FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let is_seal = |seal: &str| seal.len() == 64 && seal.bytes().all(|byte| byte.is_ascii_hexdigit());
        let parts = text.split_once(':').and_then(|(seq, seal)| Some((seq.parse().ok()?, seal)));
        match parts {
            Some((seq, seal)) if seq > 0 && is_seal(seal) => Ok(Self { seq, seal: seal.to_ascii_lowercase() }),
            _ => Err("is not SEQ:SEAL, a number and 64 hexadecimal digits".to_owned()),
        }
    }
}

fn verify(args: &VerifyArgs) -> Result<bool> {
    let checkout = Checkout::find()?;
    let key = key(&checkout)?;
    let target = Target::open(&checkout)?;
    let walked = signals::block_on(async {
        let mut connection = database::connect(target.url()).await?;
        let walked = walk(&mut connection, &key, &args.heads).await?;
        database::close(connection).await;
        Ok(walked)
    });
    let Walked { chain, head, unsealed } = match walked {
        Err(error) if database::is_sqlstate(&error, "42P01") => {
            Err(error).context("the database has no audit log yet: run `cargo xtask migrate` first")?
        }
        walked => walked.context("cannot read the audit log")?,
    };
    let younger = format!("rows younger than the last seal, of which it says nothing: {unsealed}");
    if chain.faults == 0 {
        println!("The audit log is whole; sealed rows: {}; head: {}:{}; {younger}", chain.rows, head.seq, head.seal);
    } else {
        println!("The audit log was tampered with; faults: {}; sealed rows: {}; {younger}", chain.faults, chain.rows);
    }
    Ok(chain.faults == 0)
}

/// What was found.
struct Walked {
    chain: Chain,
    head: Head,
    unsealed: i64,
}

/// Place, seal, and the columns of a record.
type Row = (i64, String, String, i64, Option<String>, String, String, Option<String>, Option<String>, String, String);

const READ_PAGE: &str = "
select seq, encode(seal, 'hex'), id::text, (extract(epoch from at) * 1000000)::int8, actor_id::text, action, target_type,
       target_id, ip, request_id, changes::text
from audit_log where seq > $1 order by seq limit $2";

async fn walk(connection: &mut PgConnection, key: &SealKey, logged: &[Head]) -> Result<Walked> {
    // What is sealed meanwhile is not seen half.
    let begin = "begin isolation level repeatable read read only";
    sqlx::raw_sql(begin).execute(&mut *connection).await.map_err(database::explain)?;
    let head = sqlx::query_as("select seq, encode(seal, 'hex') from audit_head").fetch_optional(&mut *connection).await;
    let (seq, seal): (i64, String) = head.map_err(database::explain)?.unwrap_or_default();
    let head = Head { seq, seal };
    let mut chain = Chain::new(key, logged);
    let mut after = i64::MIN;
    loop {
        let query = sqlx::query_as(READ_PAGE).bind(after).bind(PAGE);
        let rows: Vec<Row> = query.fetch_all(&mut *connection).await.map_err(database::explain)?;
        let Some(last) = rows.last() else { break };
        after = last.0;
        for row in rows {
            let (seq, seal, record) = decode(row)?;
            chain.add(seq, seal, &record, &head);
        }
    }
    chain.end(&head);
    let count =
        sqlx::query_scalar("select count(*) from audit_log where seq is null").fetch_one(&mut *connection).await;
    sqlx::raw_sql("rollback").execute(&mut *connection).await.map_err(database::explain)?;
    Ok(Walked { chain, head, unsealed: count.map_err(database::explain)? })
}

fn decode(row: Row) -> Result<(i64, String, Record)> {
    let (seq, seal, id, at_us, actor_id, action, target_type, target_id, ip, request_id, changes) = row;
    let id = id.parse()?;
    let actor_id = actor_id.map(|id| id.parse()).transpose()?;
    Ok((seq, seal, Record { id, at_us, actor_id, action, target_type, target_id, ip, request_id, changes }))
}

/// The walk along the chain: each row is held against the seal before it, as that is stored, so that one changed row is one fault.
struct Chain {
    key: SealKey,
    logged: Vec<Head>,
    /// The row before.
    last: Head,
    /// Whether the row before was there.
    is_joined: bool,
    rows: u64,
    faults: usize,
}

impl Chain {
    fn new(key: &SealKey, logged: &[Head]) -> Self {
        let last = Head { seq: 0, seal: String::new() };
        Self { key: key.clone(), logged: logged.to_vec(), last, is_joined: true, rows: 0, faults: 0 }
    }

    fn add(&mut self, seq: i64, seal: String, record: &Record, head: &Head) {
        self.rows += 1;
        if self.rows.is_multiple_of(PROGRESS) {
            println!("{} rows ...", self.rows);
        }
        let id = record.id;
        if seq < 1 || seq > head.seq {
            return self.fault(&format!("row {seq} (id {id}) was put in: the chain is from 1 to {}", head.seq));
        }
        if seq > self.last.seq + 1 {
            self.missing(seq - 1);
            self.is_joined = false;
        }
        // Behind a gap there is no seal to hold the row against; its own joins it to those that follow.
        if self.is_joined {
            let before = unhex(&self.last.seal);
            if hex(&self.key.seal(&before, seq, record)) != seal {
                self.fault(&format!("row {seq} (id {id}) was changed or put in"));
            }
        }
        if self.logged.iter().any(|logged| logged.seq == seq && logged.seal != seal) {
            self.fault(&format!("row {seq} (id {id}) does not have the seal that the log says"));
        }
        self.last = Head { seq, seal };
        self.is_joined = true;
    }

    fn end(&mut self, head: &Head) {
        if self.last.seq < head.seq {
            self.missing(head.seq);
        } else if self.last.seal != head.seal {
            self.fault(&format!("the head does not have the seal of row {}", self.last.seq));
        }
        let last_logged = self.logged.iter().map(|logged| logged.seq).max().unwrap_or_default();
        if last_logged > head.seq {
            let first = head.seq + 1;
            self.fault(&format!("rows {first} to {last_logged} are missing: the log says that they were there"));
        }
    }

    fn missing(&mut self, to: i64) {
        let from = self.last.seq + 1;
        if from == to {
            self.fault(&format!("row {from} is missing"));
        } else {
            self.fault(&format!("rows {from} to {to} are missing"));
        }
    }

    fn fault(&mut self, text: &str) {
        self.faults += 1;
        match self.faults {
            number if number <= MAX_TOLD => println!("{text}"),
            number if number == MAX_TOLD + 1 => println!("... more faults than are told here"),
            _ => {}
        }
    }
}

/// Of what [`hex`] or Postgres wrote.
fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// The operator's key, or the one that `up` made.
fn key(checkout: &Checkout) -> Result<SealKey> {
    let name = environment_name("audit_key");
    let parse = |text: &str| SealKey::parse(text.trim()).map_err(|reason| anyhow!("{name} {reason}"));
    match Given::read(checkout)?.get("audit_key") {
        Some(text) => parse(text),
        None => {
            let made = read_if_there(&checkout.keys()?.join("audit.key"))?;
            parse(&made.with_context(|| format!("{name} is not set"))?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_a_number_and_a_seal() {
        let seal = "aB".repeat(32);
        let head: Head = format!("12:{seal}").parse().unwrap();
        assert_eq!((head.seq, head.seal), (12, "ab".repeat(32)));
        for text in ["", "12", "12:", ":00", &format!("0:{seal}"), &format!("x:{seal}"), &format!("1:{seal}00")] {
            assert!(text.parse::<Head>().is_err(), "{text} passed");
        }
    }

    #[test]
    fn bytes_are_read_back() {
        assert_eq!(unhex(&hex(&[0, 7, 255])), [0, 7, 255]);
        assert!(unhex("").is_empty());
    }
}
