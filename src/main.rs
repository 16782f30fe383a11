//! The `regraft` command: what was typed, a session to run it in, an exit code.
use std::process::ExitCode;

use clap::Parser as _;
use regraft::cli::{Session, Typed};

/// For librdkafka as well, which has most of the threads: `.cargo/config.toml` says how it is set, and why.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let typed = Typed::parse();
    Session::run(typed.global, |session| typed.command.run(session)).into()
}
