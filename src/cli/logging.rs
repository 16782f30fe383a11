//! The log: on stderr, for people or as JSON, as verbose as `-v` or `REGRAFT_LOG` say.

use tracing_subscriber::EnvFilter;

use super::Screen;
use crate::error::{Cause, Error, Result};

/// The variable that beats `-v`: a filter such as `regraft=debug,rdkafka=info`.
pub const VARIABLE: &str = "REGRAFT_LOG";

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Starts the log of this process.
pub fn start(verbose: u8, format: Format, screen: &Screen) -> Result<()> {
    let filter = filter(std::env::var(VARIABLE).ok().as_deref(), verbose)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(screen.clone());
    let started = match format {
        Format::Human => log.with_ansi(screen.is_terminal()).with_target(verbose > 1).try_init(),
        Format::Json => log.json().with_ansi(false).try_init(),
    };
    started.map_err(|source| Error::new(Cause::Unexpected, "start the log").source(source))
}

fn filter(variable: Option<&str>, verbose: u8) -> Result<EnvFilter> {
    if let Some(text) = variable.filter(|text| !text.trim().is_empty()) {
        return EnvFilter::try_new(text).map_err(|source| {
            Error::new(Cause::Configuration, format!("read the log filter {VARIABLE}={text}"))
                .source(source)
                .what_to_do(format!("write it like {VARIABLE}=regraft=debug,rdkafka=info"))
        });
    }
    // The clients' own warnings repeat what Regraft says in its own words.
    Ok(EnvFilter::new(match verbose {
        0 => "error,regraft=warn",
        1 => "warn,regraft=info",
        2 => "warn,regraft=debug",
        _ => "debug,regraft=trace",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_beats_the_option() {
        assert_eq!(filter(Some("regraft=trace"), 0).unwrap().to_string(), "regraft=trace");
        assert!(filter(Some(""), 2).unwrap().to_string().contains("regraft=debug"));
        assert_eq!(filter(Some("regraft=loud"), 0).unwrap_err().policy().exit_code, 2);
    }
}
