//! `cargo xtask generate-jwt-keys`: the pair of keys that signs and verifies access tokens.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::keys::{self, Algorithm, Folder, PRIMES};
use crate::rsa_key;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What access tokens are signed with
    #[arg(long, value_enum, default_value = "RS256")]
    alg: Algorithm,
    /// How many primes an RS256 key has, 2 to 4 [default: 4]. Four sign at about a quarter of what two cost; the public key
    /// and the signatures are like any other. FIPS 186-5 and some HSMs know keys of two primes only
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=4))]
    primes: Option<u32>,
    /// The folder to write signing_key.pem and verifying_keys.pem to [default: .local/keys]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Replace an existing pair; its public key stays among the verifying keys
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let checkout = Checkout::find()?;
    let folder = Folder::new(match &args.dir {
        Some(folder) => folder.clone(),
        None => checkout.keys()?,
    });
    if folder.is_taken() && !args.force {
        bail!("{} holds keys already; --force replaces them", checkout.show(folder.path()));
    }
    if args.primes.is_some() && args.alg != Algorithm::Rs256 {
        bail!("--primes is for RS256 keys only");
    }
    generate(&checkout, &folder, args.alg, args.primes.unwrap_or(PRIMES))
}

/// Makes a pair and says so. The primes are for RS256.
pub(crate) fn generate(checkout: &Checkout, folder: &Folder, algorithm: Algorithm, primes: u32) -> Result<()> {
    let pair = match algorithm {
        Algorithm::Rs256 => {
            println!("Generating RS256 keys (RSA, 4096 bits, {primes} primes: this takes seconds) ...");
            rsa_key::generate(primes)?
        }
        Algorithm::EdDsa => {
            println!("Generating EdDSA keys ...");
            keys::generate(algorithm)?
        }
    };
    let older = folder.write(&pair)?;
    println!("  {}: signs access tokens; keep it secret", checkout.show(&folder.signing_key()));
    println!("  {}: verifies them", checkout.show(&folder.verifying_keys()));
    if algorithm == Algorithm::Rs256 && primes > 2 {
        println!(
            "  FIPS 186-5 and some HSMs know RSA keys of two primes only: --primes 2 makes one, which signs more slowly."
        );
    }
    if older > 0 {
        let keys = if older == 1 { "1 older public key".to_owned() } else { format!("{older} older public keys") };
        println!(
            "  It also keeps {keys}, so that tokens issued until now stay good; remove them after 8 hours, when the"
        );
        println!(
            "  last of these tokens has expired. `scripts/up` takes the new keys at its next start, and writes them into .env."
        );
    }
    Ok(())
}
