//! Exit codes, and how a failure is told.

use std::process::ExitCode;

use serde::Serialize;

use super::{Output, Screen};
use crate::error::{Cause, Error, Kind};

/// How the process ends. The only place where exit codes are numbers of ours; failures have theirs from
/// [`crate::error::Policy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// A check was carried out and failed, or there are more dead letters than allowed.
    CheckFailed,
    /// Ended by Ctrl-C or SIGTERM before it was done. What was committed stays; start again.
    Interrupted,
    /// Ended by this failure.
    Failed(Cause),
}

impl Exit {
    /// 0 done; 1 a check failed, or dead letters beyond the limit; 2 usage or configuration; 3 a service
    /// failed or the work was interrupted: start again.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::CheckFailed => 1,
            Exit::Interrupted => 3,
            Exit::Failed(cause) => cause.policy().exit_code,
        }
    }
}

impl Exit {
    /// In a few words, for those who look at a page.
    pub fn summary(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::CheckFailed => "a check failed",
            Exit::Interrupted => "interrupted; the next start goes on",
            Exit::Failed(cause) => match cause.policy().kind {
                Kind::Service => "a service failed; the next start goes on",
                Kind::Verdict => {
                    "more dead letters than load.max_dead_letters allows, or another check that failed"
                }
                Kind::Configuration | Kind::Record => "something is to be corrected first",
            },
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// A failure on stdout under `--output json`, in place of a result.
#[derive(Debug, Serialize)]
pub struct ErrorReport {
    /// The failure.
    pub error: ErrorBody,
}

/// What failed, why, and what to do.
#[derive(Debug, Serialize)]
pub struct ErrorBody {
    /// The cause by its name in [`Cause`].
    pub cause: Cause,
    /// What was attempted.
    pub message: String,
    /// Why it failed, outermost first.
    pub because: Vec<String>,
    /// What to do.
    pub what_to_do: String,
    /// Exit code of the process.
    pub exit_code: u8,
}

impl From<&Error> for ErrorReport {
    fn from(error: &Error) -> Self {
        let mut chain = error.chain().into_iter();
        let error = ErrorBody {
            cause: error.cause(),
            message: chain.next().unwrap_or_default(),
            because: chain.collect(),
            what_to_do: error.advice().to_owned(),
            exit_code: error.policy().exit_code,
        };
        ErrorReport { error }
    }
}

/// Tells a failure: to people always, to programs where they listen.
pub fn tell(error: &Error, output: Output, screen: &Screen) -> Exit {
    screen.say(&text(error));
    if output == Output::Json {
        // Nobody left to tell that stdout can't be written.
        let _ = output.line(&ErrorReport::from(error));
    }
    Exit::Failed(error.cause())
}

/// The attempt, its causes indented below, then what to do.
pub fn text(error: &Error) -> String {
    let mut chain = error.chain().into_iter();
    let mut text = format!("error: {}", chain.next().unwrap_or_default());
    for line in chain.flat_map(|cause| cause.lines().map(str::to_owned).collect::<Vec<_>>()) {
        text.push_str("\n  ");
        text.push_str(&line);
    }
    text.push_str("\nwhat to do: ");
    text.push_str(error.advice());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Error {
        Error::new(Cause::Unreachable, "connect to the target at bolt://127.0.0.1:1")
            .source(std::io::Error::other("connection refused\n(os error 111)"))
            .during("read the schema's version")
    }

    #[test]
    fn people_get_the_attempt_its_causes_and_what_to_do() {
        assert_eq!(
            text(&refused()),
            "error: read the schema's version\n  connect to the target at bolt://127.0.0.1:1\n  \
             connection refused\n  (os error 111)\nwhat to do: check that the service runs and that its \
             address is right, then start again"
        );
    }

    #[test]
    fn programs_get_the_same_as_json() {
        assert_eq!(
            serde_json::to_value(ErrorReport::from(&refused())).unwrap(),
            serde_json::json!({"error": {
                "cause": "unreachable",
                "message": "read the schema's version",
                "because": ["connect to the target at bolt://127.0.0.1:1", "connection refused\n(os error 111)"],
                "what_to_do": "check that the service runs and that its address is right, then start again",
                "exit_code": 3,
            }})
        );
    }

    #[test]
    fn exit_codes_are_those_of_the_manual() {
        let codes =
            [Exit::Done, Exit::CheckFailed, Exit::Failed(Cause::Usage), Exit::Interrupted].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3]);
    }
}
