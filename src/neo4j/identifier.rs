//! Names in statements: labels, relationship types, property names.
//!
//! Cypher has no parameters for them (or only in some places), so they are written into the text. Inside
//! backticks `\uXXXX` is still decoded, before the backticks are looked at: doubling backticks alone can be
//! broken out of with `\u0060`. [`quote`] is the only way to make a [`Quoted`].

use std::fmt;

use crate::error::{Cause, Error, Result};

/// A name that is safe to write into a statement, quotes included.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quoted(Box<str>);

impl Quoted {
    /// The quoted text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Finds the relationships of a type from `a` to `b`, which a statement has found already, as `variable`.
///
/// They are looked for between both, at whichever has fewer. Without the projection, which parts the statement for the
/// planner (`WITH *` alone does not), it may go through all of `a`'s and compare the key of each end (5.26): 5,000 rows at
/// a node with 50,000 took minutes.
pub fn between(variable: &str, kind: &Quoted) -> String {
    format!("WITH *, 0 AS both_found MATCH (a)-[{variable}:{kind}]->(b)")
}

/// Quotes a name: every backslash becomes `\u005C`, then every backtick is doubled. Always quoted, whatever it is.
///
/// Neo4j has no empty names and none with a NUL, so both are refused.
pub fn quote(name: &str) -> Result<Quoted> {
    if name.is_empty() || name.contains('\0') {
        return Err(Error::new(
            Cause::Definition,
            format!("{name:?} can't be the name of a label, type or property"),
        )
        .what_to_do("name it with at least one character and without NUL"));
    }
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('`');
    for character in name.chars() {
        match character {
            // Decoded once only: the backslash that comes out of it starts no further escape.
            '\\' => quoted.push_str("\\u005C"),
            '`' => quoted.push_str("``"),
            other => quoted.push(other),
        }
    }
    quoted.push('`');
    Ok(Quoted(quoted.into_boxed_str()))
}

/// `_RegraftCheckpoint` → `_regraft_checkpoint`: names of constraints and indexes.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out() {
        assert_eq!(quote("Podcast").unwrap().as_str(), "`Podcast`");
        assert_eq!(quote("a`b").unwrap().as_str(), "`a``b`");
        assert_eq!(quote("a\\u0060b").unwrap().as_str(), "`a\\u005Cu0060b`");
        assert_eq!(quote("\\`").unwrap().as_str(), "`\\u005C```");
        assert!(quote("").is_err());
        assert!(quote("a\0").is_err());
    }

    #[test]
    fn names_of_constraints_are_snakes() {
        assert_eq!(snake_case("_RegraftCheckpoint"), "_regraft_checkpoint");
        assert_eq!(snake_case("PotentialConnection"), "potential_connection");
    }
}
