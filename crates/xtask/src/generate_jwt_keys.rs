//! `cargo xtask generate-jwt-keys`: the pair of keys that signs and verifies access tokens.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::keys::{self, Algorithm, Folder};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What access tokens are signed with
    #[arg(long, value_enum, default_value = "RS256")]
    alg: Algorithm,
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
    generate(&checkout, &folder, args.alg)
}

/// Makes a pair and says so.
pub(crate) fn generate(checkout: &Checkout, folder: &Folder, algorithm: Algorithm) -> Result<()> {
    let patience = if algorithm == Algorithm::Rs256 { " (RSA, 4096 bits: this takes seconds)" } else { "" };
    println!("Generating {} keys{patience} ...", algorithm.name());
    let older = folder.write(&keys::generate(algorithm)?)?;
    println!("  {}: signs access tokens; keep it secret", checkout.show(&folder.signing_key()));
    println!("  {}: verifies them", checkout.show(&folder.verifying_keys()));
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
