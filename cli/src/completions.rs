//! Owns `rehost completions`. It must not know what the subcommands do.

use crate::{Ended, Program};
use clap::CommandFactory;
use clap_complete::Shell;
use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the completions on stdout.
///
/// # Errors
/// None.
pub fn run(args: &Args) -> Ended {
    clap_complete::generate(args.shell, &mut Program::command(), "rehost", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
