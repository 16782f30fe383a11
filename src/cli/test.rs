//! `regraft test`: the `tests:` of every pipeline file.

use clap::Args;

/// Runs the tests of every pipeline file (input record, expected records or reason), without any service
#[derive(Debug, Clone, Args)]
pub struct Test {}
