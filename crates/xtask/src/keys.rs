//! The keys that sign and verify access tokens, and the other secrets of an installation: making them, and the folder that
//! they are kept in. What a usable key is, `frontdesk::token` says, which the
//! tests here ask.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes};

use crate::checkout::{create_private_folder, read_if_there, write_private};
use crate::rsa_key;

/// How many primes an RSA key has unless the operator says otherwise: see docs/decisions/0015.
pub const PRIMES: u32 = 4;

/// What access tokens are signed with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Algorithm {
    /// RSA, 4096 bits: what the FastAPI gateway signed with, and every client understands
    #[value(name = "RS256", alias = "rs256")]
    Rs256,
    /// Ed25519: signs and verifies many times faster
    #[value(name = "EdDSA", alias = "eddsa", alias = "EDDSA")]
    EdDsa,
}

impl Algorithm {
    /// As in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A private key and its public part, in PEM.
pub struct Pair {
    /// The private key.
    pub signing: String,
    /// The public key, with any earlier ones behind it.
    pub verifying: String,
}

/// Makes a pair. RSA takes seconds.
pub fn generate(algorithm: Algorithm) -> Result<Pair> {
    match algorithm {
        Algorithm::Rs256 => rsa_key::generate(PRIMES),
        Algorithm::EdDsa => {
            let key = ed25519_dalek::SigningKey::from_bytes(&random()?);
            // Without the public key beside it, which is version 2 of the format: OpenSSL reads version 1 only.
            let private = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
            let signing = private.to_pkcs8_pem(LineEnding::LF)?.to_string();
            Ok(Pair { signing, verifying: key.verifying_key().to_public_key_pem(LineEnding::LF)? })
        }
    }
}

/// A folder with `signing_key.pem` and `verifying_keys.pem`, and a file for each other secret.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder of this path.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the private key.
    pub fn signing_key(&self) -> PathBuf {
        self.path.join("signing_key.pem")
    }

    /// The file of the public keys.
    pub fn verifying_keys(&self) -> PathBuf {
        self.path.join("verifying_keys.pem")
    }

    /// Whether there is anything that writing a pair would overwrite.
    pub fn is_taken(&self) -> bool {
        self.signing_key().exists() || self.verifying_keys().exists()
    }

    /// Puts a pair there. Public keys that are there already stay, after the new one: tokens that the old key signed remain
    /// good. Returns how many stayed.
    pub fn write(&self, pair: &Pair) -> Result<usize> {
        create_private_folder(&self.path)?;
        let older = read_if_there(&self.verifying_keys())?.unwrap_or_default();
        // The public keys first: at no moment does the signing key lack its public part.
        write_private(&self.verifying_keys(), &format!("{}{older}", pair.verifying))?;
        write_private(&self.signing_key(), &pair.signing)?;
        Ok(older.matches("-----BEGIN PUBLIC KEY-----").count())
    }

    /// The pair that is there.
    pub fn read(&self) -> Result<Pair> {
        let read = |path: PathBuf| fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
        Ok(Pair { signing: read(self.signing_key())?, verifying: read(self.verifying_keys())? })
    }

    /// A secret of [`random_secret`], made when its file is not there.
    pub fn secret(&self, file: &str) -> Result<String> {
        let path = self.path.join(file);
        if let Some(text) = read_if_there(&path)? {
            return Ok(text.trim().to_owned());
        }
        create_private_folder(&self.path)?;
        let secret = random_secret()?;
        write_private(&path, &format!("{secret}\n"))?;
        Ok(secret)
    }
}

/// 32 random bytes in base64url: a key, or a token that nobody guesses.
pub fn random_secret() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// Random bytes from the operating system.
fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no random bytes: {error}"))?;
    Ok(bytes)
}

/// A random text of letters and digits that needs no escaping anywhere, with at least 160 bits.
pub fn random_token() -> Result<String> {
    Ok(random::<20>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A password that keeps the rules for passwords and can be typed, and pasted into a form or a shell, as it is.
pub fn random_password() -> Result<String> {
    // Without 0, O, 1, l and I, which look alike. 32 characters: a byte's low bits choose one without bias.
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefgh";
    for _ in 0..100 {
        let bytes = random::<20>()?;
        let letters =
            bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32)).map(|letter| char::from(*letter)));
        let letters: Vec<char> = letters.collect();
        let password = letters.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-");
        if rules::password::broken_rules(&password).is_empty() {
            return Ok(password);
        }
    }
    bail!("no generated password keeps the rules for passwords")
}

#[cfg(test)]
mod tests {
    use frontdesk::token::{SigningKey, VerifyingKeys};

    use super::*;

    fn belong_together(signing: &str, verifying: &str) -> bool {
        VerifyingKeys::from_pem(verifying).unwrap().contains(SigningKey::from_pem(signing.trim()).unwrap().kid())
    }

    #[test]
    fn a_generated_pair_belongs_together_and_no_two_do() {
        let (one, other) = (generate(Algorithm::EdDsa).unwrap(), generate(Algorithm::EdDsa).unwrap());
        assert!(belong_together(&one.signing, &one.verifying));
        assert!(!belong_together(&one.signing, &other.verifying));
        assert!(belong_together(&one.signing, &format!("{}{}", other.verifying, one.verifying)));
    }

    #[test]
    fn a_new_pair_keeps_the_older_public_keys() {
        let folder = std::env::temp_dir().join(format!("frontdesk-keys-{}", std::process::id()));
        let folder = Folder::new(folder);
        let (old, new) = (generate(Algorithm::EdDsa).unwrap(), generate(Algorithm::EdDsa).unwrap());
        assert_eq!(folder.write(&old).unwrap(), 0);
        assert_eq!(folder.write(&new).unwrap(), 1);
        let there = folder.read().unwrap();
        fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(there.signing, new.signing);
        assert_eq!(there.verifying, format!("{}{}", new.verifying, old.verifying));
    }

    #[test]
    fn a_generated_password_keeps_the_rules_and_needs_no_escaping() {
        let password = random_password().unwrap();
        assert!(rules::password::broken_rules(&password).is_empty());
        assert!(password.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'), "{password}");
    }
}
