//! Prepares the files that the component serves, so that a request only hands them out: the bytes to send and their entity tag.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

const PLAIN: [&str; 8] = [
    "../../docs/openapi.json",
    "viewer/LICENSE",
    "viewer/NOTICE",
    "viewer/favicon-32x32.png",
    "viewer/index.css",
    "viewer/index.html",
    "viewer/start.js",
    "viewer/swagger-ui-bundle.js.LICENSE.txt",
];

/// Kept compressed only: plain they would be most of the component, and their only reader is a browser, which takes them so.
const COMPRESSED: [&str; 2] = ["viewer/swagger-ui-bundle.js", "viewer/swagger-ui.css"];

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    for file in PLAIN {
        prepare(file, Path::new(&out), Ok)?;
    }
    for file in COMPRESSED {
        prepare(file, Path::new(&out), |plain| gzip(&plain))?;
    }
    Ok(())
}

/// Writes `NAME`, the bytes that are sent, and `NAME.etag`, their tag with its quotes.
fn prepare(
    file: &str,
    out: &Path,
    encode: impl FnOnce(Vec<u8>) -> std::io::Result<Vec<u8>>,
) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={file}");
    let encoded = encode(fs::read(file).map_err(|error| format!("cannot read {file}: {error}"))?)?;
    let name = Path::new(file).file_name().and_then(|name| name.to_str()).ok_or("a file without a name")?;
    let digest = Sha256::digest(&encoded);
    let tag: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    fs::write(out.join(format!("{name}.etag")), format!("\"{tag}\""))?;
    fs::write(out.join(name), encoded)?;
    Ok(())
}

/// The same bytes from the same plain ones: replicas that were built apart agree on the tag.
fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}
