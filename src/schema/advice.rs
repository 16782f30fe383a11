//! What to do about a failure in a migration, where the general answer for its cause speaks of something else.

use crate::error::{Cause, Error};

/// What to do about it, and that it is to be started again then.
pub(super) fn then_start_again(failure: &Error) -> String {
    let advice = match failure.cause() {
        Cause::DataRefused if is_general(failure) => "mend the statement, or the data that the message names",
        Cause::Definition if is_general(failure) => "correct the statement that the message names",
        _ => failure.advice(),
    };
    if advice.contains("start again") { advice.to_owned() } else { format!("{advice}, then start again") }
}

/// A statement that the server was shown and did not understand: `regraft check` asks no server.
pub(super) fn of_a_statement(error: Error) -> Error {
    if error.cause() == Cause::Definition && is_general(&error) {
        return error.what_to_do("correct the statement, then look at the plan with --dry-run");
    }
    error
}

fn is_general(error: &Error) -> bool {
    error.advice() == error.policy().what_to_do
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;

    #[test]
    fn advice_is_about_migrations_and_says_once_to_start_again() {
        let advice = |error: &Error| then_start_again(error);
        let refused = Error::new(Cause::DataRefused, "x");
        assert_eq!(
            advice(&refused),
            "mend the statement, or the data that the message names, then start again"
        );
        let known = Error::new(Cause::DataRefused, "x").what_to_do("mend the data, then start again");
        assert_eq!(advice(&known), "mend the data, then start again");
        let known = Error::new(Cause::DataRefused, "x").what_to_do("mend the data");
        assert_eq!(advice(&known.during("y")), "mend the data, then start again");
        assert_eq!(advice(&Error::new(Cause::Busy, "x")), "start again; what was committed stays");
        let wrong = Error::new(Cause::Definition, "x");
        assert_eq!(advice(&wrong), "correct the statement that the message names, then start again");
    }
}
