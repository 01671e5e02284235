//! `cargo xtask openapi`: the route tables of all components as one OpenAPI document, which is checked in.
//!
//! The components are linked natively for it; nothing of them runs but the making of their tables.

use anyhow::{Context as _, Result, bail};

use xtask::checkout::{Checkout, read_if_there};

const PATH: &str = "docs/openapi.json";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail when the checked-in document is not what the route tables say
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let checkout = Checkout::find()?;
    if args.check {
        return check(&checkout);
    }
    let path = checkout.path(PATH);
    std::fs::create_dir_all(path.parent().unwrap_or(&path))
        .with_context(|| format!("cannot create the folder of {PATH}"))?;
    std::fs::write(&path, document()?).with_context(|| format!("cannot write {PATH}"))?;
    println!("Wrote {PATH}");
    Ok(())
}

/// Fails when the checked-in document is stale.
fn check(checkout: &Checkout) -> Result<()> {
    if read_if_there(&checkout.path(PATH))?.as_deref() != Some(&document()?) {
        bail!("{PATH} is not what the route tables say: run `cargo xtask openapi`");
    }
    Ok(())
}

/// The document's text. It is sorted by path and by name, so that the same routes make the same text.
fn document() -> Result<String> {
    let mut document = frontdesk::openapi::document(env!("CARGO_PKG_VERSION"));
    for part in [
        admin::routes().into_openapi(),
        auth::routes().into_openapi(),
        documents::routes().into_openapi(),
        apps::routes().into_openapi(),
        groups::routes().into_openapi(),
        ops::routes().into_openapi(),
        profile::routes().into_openapi(),
        services::routes().into_openapi(),
        settings::routes().into_openapi(),
        users::routes().into_openapi(),
    ] {
        document.merge(part);
    }
    frontdesk::openapi::complete(&mut document);
    Ok(document.to_pretty_json()? + "\n")
}
