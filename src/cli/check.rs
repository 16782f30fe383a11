//! `regraft check`: everything that can be found wrong without a service.

use clap::Args;

/// Checks the configuration, pipelines, contracts and transform programs, without any service
///
/// Every mistake is named with file, line and what to write instead.
#[derive(Debug, Clone, Args)]
pub struct Check {}
