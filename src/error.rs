//! Every failure that can end or hold a run, in one table: what kind it is, how the process exits, what to do.
//!
//! A failure is one of three kinds. A *record* failure concerns one record and becomes a dead letter; a
//! *service* failure is retried within limits and never touches a record; a *configuration* failure stops at
//! once. Whatever is not decided here is not decided anywhere.

use std::error::Error as StdError;
use std::fmt;

use serde::Serialize;

/// A result whose error carries its policy.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as the reaction to it goes. The reaction is [`Cause::policy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Wrong options on the command line.
    Usage,
    /// `regraft.toml` or an environment variable is wrong.
    Configuration,
    /// A pipeline file, contract or migration file is wrong.
    Definition,
    /// User or password refused by a service.
    Credentials,
    /// A service understood the request and may not carry it out (permission, edition, missing database).
    Forbidden,
    /// A service can't be reached, or broke off.
    Unreachable,
    /// A service answered that it can't now (deadlock, leader election, memory).
    Busy,
    /// A transaction lost a deadlock or lock time-out.
    Deadlock,
    /// The server ran out of memory for this transaction: a smaller batch, not only a retry.
    TooMuchAtOnce,
    /// A newer process with the same identity has taken over.
    Fenced,
    /// A topic exists in another shape than the configured one.
    TopicShape,
    /// Topics, checkpoints and target do not belong together.
    Lineage,
    /// The target lacks what loading needs (constraint, schema version).
    TargetNotReady,
    /// What a stage waits for makes no progress.
    WaitedTooLong,
    /// More dead letters than `load.max_dead_letters` allows.
    DeadLetterLimit,
    /// A check was carried out and did not pass.
    CheckFailed,
    /// Neo4j refused the data of a statement (constraint, size).
    DataRefused,
    /// A local file can't be read or written.
    File,
    /// A service answered something that its protocol does not allow, or Regraft has a bug.
    Unexpected,
}

/// The three kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One record's fault: it goes to the dead letters, the others go on.
    Record,
    /// A service's fault: back off, try again within limits, then exit 3 with nothing committed.
    Service,
    /// Nothing that trying again would mend: stop at once.
    Configuration,
    /// Not a fault: a check did its work and said no.
    Verdict,
}

/// How a failure is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Kind of failure.
    pub kind: Kind,
    /// Whether the same attempt may succeed later.
    pub retry: bool,
    /// Exit code where it ends the process (design §1).
    pub exit_code: u8,
    /// What to do, where the error itself does not know better.
    pub what_to_do: &'static str,
}

impl Cause {
    /// The policy table. Exhaustive on purpose: a new cause has to decide.
    pub fn policy(self) -> Policy {
        use Kind::{Configuration, Record, Service, Verdict};
        let (kind, retry, exit_code, what_to_do) = match self {
            Cause::Usage => (Configuration, false, 2, "see `regraft --help`"),
            Cause::Configuration => {
                (Configuration, false, 2, "correct the configuration file or the REGRAFT__… variable")
            }
            Cause::Definition => (Configuration, false, 2, "correct the file, then run `regraft check`"),
            Cause::Credentials => (Configuration, false, 2, "check user and password (or password_file)"),
            Cause::Forbidden => (Configuration, false, 2, "grant the user what the message names"),
            Cause::Unreachable => (
                Service,
                true,
                3,
                "check that the service runs and that its address is right, then start again",
            ),
            Cause::Busy => (Service, true, 3, "start again; what was committed stays"),
            Cause::Deadlock => (Service, true, 3, "start again; fewer load.connections make deadlocks rarer"),
            Cause::TooMuchAtOnce => {
                (Service, true, 3, "lower load.batch_size or give the server more memory")
            }
            Cause::Fenced => {
                (Configuration, false, 2, "let the newer process go on; run one extractor per pipeline")
            }
            Cause::TopicShape => (
                Configuration,
                false,
                2,
                "set kafka.partitions and replication_factor to the topic's, or another kafka.topic_prefix",
            ),
            Cause::Lineage => {
                (Configuration, false, 2, "use another kafka.topic_prefix, or restore what belongs together")
            }
            Cause::TargetNotReady => (Configuration, false, 2, "run `regraft migrate-schema`"),
            // The wait was the trying: load.fence_timeout_seconds limits it.
            Cause::WaitedTooLong => {
                (Service, false, 3, "start the worker or pipeline that is named, then start again")
            }
            Cause::DeadLetterLimit => (
                Verdict,
                false,
                1,
                "look at `regraft dead-letters list`, then mend the cause or raise load.max_dead_letters",
            ),
            Cause::CheckFailed => (Verdict, false, 1, "mend what is listed, then check again"),
            Cause::DataRefused => (Record, false, 1, "look at the record in the dead letters"),
            Cause::File => (Configuration, false, 2, "check that the file exists and may be read or written"),
            Cause::Unexpected => {
                (Service, true, 3, "start again; if it comes back, report it with the output of -vv")
            }
        };
        Policy { kind, retry, exit_code, what_to_do }
    }
}

/// A failure: what was attempted on what object, why it matters, and where it came from.
///
/// `Display` says the attempt only; the source says the rest, and `main` prints the chain once.
pub struct Error {
    cause: Cause,
    attempt: Box<str>,
    what_to_do: Option<Box<str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of `cause` in `attempt` ("connect to the target at bolt://…: refused").
    pub fn new(cause: Cause, attempt: impl Into<String>) -> Self {
        Self { cause, attempt: attempt.into().into_boxed_str(), what_to_do: None, source: None }
    }

    /// Says better than the policy table what to do about this one.
    pub fn what_to_do(mut self, advice: impl Into<String>) -> Self {
        self.what_to_do = Some(advice.into().into_boxed_str());
        self
    }

    /// Adds where it came from; never repeated by `Display`.
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Wraps this failure in the larger attempt that it made fail. Cause and advice stay.
    pub fn during(self, attempt: impl Into<String>) -> Self {
        Self {
            cause: self.cause,
            attempt: attempt.into().into_boxed_str(),
            what_to_do: self.what_to_do.clone(),
            source: Some(Box::new(self)),
        }
    }

    /// What went wrong.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// How it is met.
    pub fn policy(&self) -> Policy {
        self.cause.policy()
    }

    /// What the user can do, in one line.
    pub fn advice(&self) -> &str {
        self.what_to_do.as_deref().unwrap_or(self.policy().what_to_do)
    }

    /// Whether it, or a failure that it stems from, has this cause.
    pub fn stems_from(&self, cause: Cause) -> bool {
        let mut next: Option<&(dyn StdError + 'static)> = Some(self);
        while let Some(each) = next {
            if each.downcast_ref::<Error>().is_some_and(|error| error.cause == cause) {
                return true;
            }
            next = each.source();
        }
        false
    }

    /// The attempt and its sources, outermost first, one line each.
    pub fn chain(&self) -> Vec<String> {
        let mut lines = vec![self.to_string()];
        let mut next = StdError::source(self);
        while let Some(source) = next {
            lines.push(source.to_string());
            next = source.source();
        }
        lines.dedup();
        lines
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.attempt)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.cause, self.chain().join(": "))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_says_each_thing_once_and_keeps_the_advice() {
        let refused = std::io::Error::other("connection refused");
        let inner =
            Error::new(Cause::Unreachable, "connect to 127.0.0.1:1").source(refused).what_to_do("start it");
        let outer = inner.during("read the source's count");
        assert_eq!(
            outer.chain(),
            ["read the source's count", "connect to 127.0.0.1:1", "connection refused"]
        );
        assert_eq!(outer.advice(), "start it");
        assert_eq!(outer.policy().exit_code, 3);
        let behind = Error::new(Cause::Busy, "commit").source(outer);
        assert!(behind.stems_from(Cause::Unreachable) && behind.stems_from(Cause::Busy));
        assert!(!behind.stems_from(Cause::Fenced));
    }

    #[test]
    fn only_service_failures_are_retried() {
        for cause in [Cause::Usage, Cause::Fenced, Cause::DeadLetterLimit, Cause::Lineage, Cause::DataRefused]
        {
            assert!(!cause.policy().retry, "{cause:?}");
        }
        assert!(!Cause::WaitedTooLong.policy().retry);
        assert!(Cause::Unreachable.policy().retry);
    }
}
