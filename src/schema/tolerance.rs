//! Which refusals of the server are none: the thing is so already, or will be out of the way in a moment.

use std::time::Duration;

use crate::error::Error;
use crate::neo4j::server_code;

/// How long the server may take to clear away a constraint that was being made when its client went.
pub(super) const CLEARED_WITHIN: Duration = Duration::from_secs(10);

/// Whether it is something else that has the name.
pub(super) fn is_another_of_the_name(error: &Error) -> bool {
    server_code(error).is_some_and(|code| code.ends_with("WithNameAlreadyExists"))
}

/// Whether a schema statement failed since what it wants is so already: the very same constraint or index is
/// there, or, where the statement may have been carried out before an interruption, what it drops is gone.
pub(super) fn is_there_already(error: &Error, again: bool) -> bool {
    let code = server_code(error).unwrap_or_default();
    let gone = code.ends_with("IndexDropFailed") || code.ends_with("ConstraintDropFailed");
    let missing = || error.chain().iter().any(|line| line.to_lowercase().contains("no such"));
    code.ends_with("EquivalentSchemaRuleAlreadyExists") || (again && gone && missing())
}
