//! From what neo4rs and Neo4j report to a [`Cause`]: one table, so that an outage never looks like bad data.

use std::error::Error as StdError;
use std::fmt;
use std::io::ErrorKind;

use neo4rs::Error as DriverError;

use crate::error::{Cause, Error};

/// What a server or the way to it answered: the end of an error's chain.
#[derive(Debug)]
pub struct Answer {
    /// Neo4j's status code (`Neo.ClientError.Schema.ConstraintValidationFailed`), where it was Neo4j who spoke.
    pub code: Option<String>,
    /// What it said.
    pub message: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl StdError for Answer {}

/// Neo4j's status code somewhere in the chain of `error`.
pub fn server_code(error: &Error) -> Option<&str> {
    let mut next = StdError::source(error);
    while let Some(source) = next {
        if let Some(answer) = source.downcast_ref::<Answer>() {
            return answer.code.as_deref();
        }
        next = source.source();
    }
    None
}

/// Whether a constraint or index was refused since something of its name, or on the same properties, is there.
pub fn is_in_the_way(error: &Error) -> bool {
    server_code(error).is_some_and(|code| code.contains(".Schema.") && code.ends_with("AlreadyExists"))
}

/// The failure of `attempt`, with its cause and what to do where the table of causes knows less.
pub(super) fn error(attempt: impl Into<String>, error: DriverError) -> Error {
    let (cause, advice) = classify(&error);
    let (code, message) = match error {
        DriverError::Neo4j(answer) => (Some(answer.code().to_owned()), shortened(answer.message())),
        DriverError::IOError { detail } => (None, detail.to_string()),
        other => (None, other.to_string()),
    };
    let error = Error::new(cause, attempt).source(Answer { code, message });
    match advice {
        Some(advice) => error.what_to_do(advice),
        None => error,
    }
}

/// Neo4j repeats values and whole statements in its messages.
fn shortened(message: &str) -> String {
    const LIMIT: usize = 600;
    match message.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

type Verdict = (Cause, Option<&'static str>);

fn classify(error: &DriverError) -> Verdict {
    use DriverError as E;
    match error {
        E::Neo4j(answer) => by_code(answer.code(), answer.message()),
        E::IOError { detail } => by_io(detail),
        // HELLO was refused. neo4rs drops the code; who may not in says so in the message.
        E::AuthenticationError(message) => by_login(message),
        E::ConnectionError
        | E::ConnectionClosed(_)
        | E::ConnectionTimedOut
        | E::IncompleteBoltExchange
        | E::RoutingTableError(_)
        | E::RoutingTableRefreshFailed(_)
        | E::ServerUnavailableError(_) => (Cause::Unreachable, None),
        E::Ignored(_) | E::RequestIgnoredError => (Cause::Busy, None),
        E::ProtocolMismatch(_) | E::UnsupportedVersion(..) => (
            Cause::Configuration,
            Some("give the address of Bolt (port 7687 where it was not changed), not of HTTP"),
        ),
        E::UrlParseError(_) | E::UnsupportedScheme(_) | E::InvalidDnsName(_) | E::InvalidConfig => {
            (Cause::Configuration, Some("write the address as bolt://host:7687"))
        }
        // Our own message did not fit Bolt: one value over 2 GB, or as many items.
        E::StringTooLong | E::MapTooBig | E::BytesTooBig | E::ListTooLong => (Cause::TooMuchAtOnce, None),
        E::WriteError(_)
        | E::ParseError(_)
        | E::InvalidInteger(..)
        | E::IntegerOverflow(..)
        | E::UnexpectedMessage(_)
        | E::UnknownType(_)
        | E::UnknownMessage(_)
        | E::ConversionError
        | E::NoMoreRows
        | E::NotSingleResult
        | E::InvalidTypeMarker(_)
        | E::DeserializationError(_) => (Cause::Unexpected, None),
        // neo4rs reserves the right to add variants; the pinned version has none but these.
        _ => (Cause::Unexpected, None),
    }
}

fn by_io(error: &std::io::Error) -> Verdict {
    match error.kind() {
        ErrorKind::NotFound => (Cause::File, Some("check the path of ca_file")),
        // rustls says so when the other side speaks no TLS or its certificate is not trusted.
        ErrorKind::InvalidData => {
            (Cause::Configuration, Some("check the certificate (ca_file) and whether the server speaks TLS"))
        }
        // Also how a server that is just going down looks, so it stays a matter of trying again.
        _ if error.to_string().contains("tls handshake") => {
            (Cause::Unreachable, Some("check that the server speaks TLS at this address, or write bolt://"))
        }
        _ => (Cause::Unreachable, None),
    }
}

fn by_login(message: &str) -> Verdict {
    if message.contains("too many times") {
        return (
            Cause::Credentials,
            Some("check user and password, then wait some seconds: Neo4j holds off retries"),
        );
    }
    if message.contains("unauthorized") || message.contains("authentication") {
        return (Cause::Credentials, None);
    }
    (Cause::Unreachable, None)
}

/// Neo4j's status codes: class, category, title.
fn by_code(code: &str, message: &str) -> Verdict {
    let mut parts = code.splitn(4, '.').skip(1);
    let (class, category, title) =
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    match class {
        "ClientError" => by_client_error(category, title, message),
        "TransientError" => match title {
            "DeadlockDetected" | "LockAcquisitionTimeout" => (Cause::Deadlock, None),
            "MemoryPoolOutOfMemoryError"
            | "TransactionOutOfMemoryError"
            | "OutOfMemoryError"
            | "StackOverFlowError" => (Cause::TooMuchAtOnce, None),
            _ => (Cause::Busy, None),
        },
        // Neo4j files a value that an index can't hold, and data that break a new constraint, under its own faults.
        "DatabaseError" if is_too_large_for_index(message) => (Cause::DataRefused, Some(TOO_LARGE)),
        "DatabaseError" if message.contains("Enterprise Edition") => (Cause::Forbidden, None),
        "DatabaseError" if title == "ConstraintCreationFailed" => {
            (Cause::DataRefused, Some("mend the data that the message names"))
        }
        "DatabaseError" if category == "Schema" => (Cause::Definition, None),
        _ => (Cause::Unexpected, None),
    }
}

const TOO_LARGE: &str =
    "shorten the value, or drop the range index on it (a full-text index takes long text)";

fn is_too_large_for_index(message: &str) -> bool {
    message.contains("too large to index")
}

fn by_client_error(category: &str, title: &str, message: &str) -> Verdict {
    match (category, title) {
        ("Security", "Unauthorized" | "AuthenticationRateLimit" | "CredentialsExpired" | "TokenExpired") => {
            (Cause::Credentials, None)
        }
        ("Security", "AuthorizationExpired" | "AuthProviderTimeout" | "AuthProviderFailed") => {
            (Cause::Busy, None)
        }
        ("Security", _) => (Cause::Forbidden, None),
        ("Database", "DatabaseNotFound") => (Cause::Forbidden, Some("check the key `database`")),
        ("Database", _) => (Cause::Forbidden, None),
        ("Schema", "ConstraintValidationFailed" | "ConstraintViolation") => (Cause::DataRefused, None),
        ("Schema", _) => (Cause::Definition, None),
        // Read between two changes of another transaction: next time it is gone or there.
        ("Statement", "EntityNotFound") => (Cause::Busy, None),
        ("Statement", "TypeError" | "ArithmeticError" | "ArgumentError")
            if is_too_large_for_index(message) =>
        {
            (Cause::DataRefused, Some(TOO_LARGE))
        }
        ("Statement", "TypeError" | "ArithmeticError" | "ArgumentError") => (Cause::DataRefused, None),
        // `datetime($text)` with a text that is none: a value's fault, under the code of a statement's.
        ("Statement", "SyntaxError") if message.starts_with("Text cannot be parsed to") => {
            (Cause::DataRefused, None)
        }
        ("Statement", "AccessMode") => {
            (Cause::Definition, Some("the source is only read: take what writes out of the expression"))
        }
        ("Statement", "UnsupportedAdministrationCommand" | "NotSystemDatabaseError") => {
            (Cause::Forbidden, None)
        }
        ("Statement", _) => (Cause::Definition, None),
        ("Procedure", "ProcedureNotFound") => (Cause::Definition, None),
        ("Cluster", "NotALeader") => (Cause::Busy, None),
        ("General", "ForbiddenOnReadOnlyDatabase") => (Cause::Forbidden, None),
        ("Transaction", "TransactionTimedOut" | "TransactionTimedOutClientConfiguration") => {
            (Cause::TooMuchAtOnce, None)
        }
        ("Transaction", "Terminated" | "LockClientStopped" | "TransactionTerminated") => (Cause::Busy, None),
        ("Transaction", "ForbiddenDueToTransactionType") => (Cause::Definition, None),
        _ => (Cause::Unexpected, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_to_causes() {
        let table = [
            ("Neo.TransientError.Transaction.DeadlockDetected", Cause::Deadlock),
            ("Neo.TransientError.Transaction.LockAcquisitionTimeout", Cause::Deadlock),
            ("Neo.TransientError.General.MemoryPoolOutOfMemoryError", Cause::TooMuchAtOnce),
            ("Neo.TransientError.General.TransactionOutOfMemoryError", Cause::TooMuchAtOnce),
            ("Neo.TransientError.General.DatabaseUnavailable", Cause::Busy),
            ("Neo.TransientError.Request.NoThreadsAvailable", Cause::Busy),
            ("Neo.ClientError.Security.Unauthorized", Cause::Credentials),
            ("Neo.ClientError.Security.CredentialsExpired", Cause::Credentials),
            ("Neo.ClientError.Security.AuthorizationExpired", Cause::Busy),
            ("Neo.ClientError.Security.Forbidden", Cause::Forbidden),
            ("Neo.ClientError.Database.DatabaseNotFound", Cause::Forbidden),
            ("Neo.ClientError.Schema.ConstraintValidationFailed", Cause::DataRefused),
            ("Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists", Cause::Definition),
            ("Neo.ClientError.Statement.SyntaxError", Cause::Definition),
            ("Neo.ClientError.Statement.TypeError", Cause::DataRefused),
            ("Neo.ClientError.Statement.AccessMode", Cause::Definition),
            ("Neo.ClientError.Statement.EntityNotFound", Cause::Busy),
            ("Neo.ClientError.Cluster.NotALeader", Cause::Busy),
            ("Neo.ClientError.Transaction.TransactionTimedOut", Cause::TooMuchAtOnce),
            ("Neo.ClientError.Transaction.Terminated", Cause::Busy),
            ("Neo.DatabaseError.Schema.ConstraintCreationFailed", Cause::DataRefused),
            ("Neo.DatabaseError.Schema.IndexDropFailed", Cause::Definition),
            ("Neo.DatabaseError.Statement.ExecutionFailed", Cause::Unexpected),
            ("", Cause::Unexpected),
        ];
        for (code, cause) in table {
            assert_eq!(by_code(code, "").0, cause, "{code}");
        }
        let enterprise = "Property existence constraint requires Neo4j Enterprise Edition.";
        assert_eq!(
            by_code("Neo.DatabaseError.Schema.ConstraintCreationFailed", enterprise).0,
            Cause::Forbidden
        );
        let broken = by_code("Neo.DatabaseError.Schema.ConstraintCreationFailed", "").1;
        assert_eq!(broken, Some("mend the data that the message names"));
        let too_large =
            "Property value is too large to index, please see index documentation for limitations.";
        assert_eq!(by_code("Neo.DatabaseError.Statement.ExecutionFailed", too_large).0, Cause::DataRefused);
    }

    #[test]
    fn the_way_to_the_server_is_told_from_the_server() {
        let io = |kind: ErrorKind| DriverError::IOError { detail: kind.into() };
        assert_eq!(classify(&io(ErrorKind::ConnectionRefused)).0, Cause::Unreachable);
        assert_eq!(classify(&io(ErrorKind::UnexpectedEof)).0, Cause::Unreachable);
        assert_eq!(classify(&io(ErrorKind::InvalidData)).0, Cause::Configuration);
        assert_eq!(classify(&DriverError::ConnectionTimedOut).0, Cause::Unreachable);
        assert_eq!(classify(&DriverError::ProtocolMismatch(0x4854_5450)).0, Cause::Configuration);
        let wrong = "The client is unauthorized due to authentication failure.";
        assert_eq!(classify(&DriverError::AuthenticationError(wrong.into())).0, Cause::Credentials);
    }

    #[test]
    fn the_code_is_found_through_wrapping() {
        let inner = Error::new(Cause::Deadlock, "write")
            .source(Answer { code: Some("Neo.X.Y.Z".into()), message: "m".into() });
        let outer = inner.during("load");
        assert_eq!(server_code(&outer), Some("Neo.X.Y.Z"));
        assert_eq!(outer.chain(), ["load", "write", "m (Neo.X.Y.Z)"]);
    }
}
