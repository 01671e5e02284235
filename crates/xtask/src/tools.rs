//! The commands of `crates/tools`, which is compiled when one of them is called: see there.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result};

use crate::build::{self, Profile};
use crate::checkout::{Checkout, cargo};

/// The package, and its program.
pub(crate) const PROGRAM: &str = "tools";

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Given to the command: `--help` lists what it takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

/// Compiles the program if need be, and runs it in place of this one.
pub(crate) fn run(profile: Profile, command: &str, args: &Args) -> Result<Infallible> {
    let checkout = Checkout::find()?;
    // From the root, all packages are selected: their dependencies are compiled once for all programs.
    let mut tools = cargo();
    tools.current_dir(checkout.root()).arg("run");
    // Compiling it for the first time takes minutes: that is shown.
    if build::program(&checkout.target_folder()?, profile, PROGRAM).is_file() {
        tools.arg("--quiet");
    }
    tools.args(["--locked", "--profile", profile.name(), "--bin", PROGRAM, "--", command]).args(&args.arguments);
    Err(tools.exec()).context("cannot start cargo")
}
