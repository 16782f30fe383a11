//! The `regraft` command: what was typed, a session to run it in, an exit code.
use std::process::ExitCode;

use clap::Parser as _;
use regraft::cli::{Session, Typed};

fn main() -> ExitCode {
    let typed = Typed::parse();
    Session::run(typed.global, |session| typed.command.run(session)).into()
}
