//! Which properties the migration files put a range index on: what they hold must not be too long once it is there.

use super::{Migration, in_a_line};

/// Label and property of every range index and uniqueness constraint on one property that the up files make, as far as
/// they are written plainly. What is dropped again later is among them.
pub fn range_indexed(migrations: &[Migration]) -> Vec<(String, String)> {
    let statements = migrations.iter().flat_map(|migration| &migration.up.statements);
    statements.filter_map(|statement| indexed(&statement.text)).collect()
}

fn indexed(statement: &str) -> Option<(String, String)> {
    let text = in_a_line(statement);
    let mut words = text.split_whitespace().map(str::to_ascii_uppercase);
    let is_range = words.next()? == "CREATE"
        && match words.next()?.as_str() {
            "INDEX" | "CONSTRAINT" => true,
            "RANGE" => words.next()? == "INDEX",
            _ => false,
        };
    let (_, rest) = text.split_once(" FOR (").filter(|_| is_range)?;
    let (node, rest) = rest.split_once(')')?;
    let (_, label) = node.split_once(':')?;
    let property = match rest.split_once("REQUIRE ") {
        Some((_, required)) => required.strip_suffix("IS UNIQUE").unwrap_or(required).trim(),
        None => rest.split_once("ON (")?.1.trim_end().strip_suffix(')')?,
    };
    let (_, property) = property.split_once('.')?;
    let name = |text: &str| text.trim().trim_matches('`').to_owned();
    (!property.contains([',', ' '])).then(|| (name(label), name(property)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_indexes_and_unique_keys_are_found() {
        let found = |text: &str| indexed(text).map(|(label, property)| format!("{label}.{property}"));
        let of = |text: &str| Some(text.to_owned());
        assert_eq!(found("// why\nCREATE INDEX a_b IF NOT EXISTS FOR (n:A) ON (n.b)"), of("A.b"));
        assert_eq!(found("CREATE RANGE INDEX FOR (n:`A`)\n ON (n.`b`)"), of("A.b"));
        assert_eq!(found("CREATE CONSTRAINT x FOR (n:A) REQUIRE n.id IS UNIQUE"), of("A.id"));
        for other in [
            "CREATE FULLTEXT INDEX x FOR (n:A) ON EACH [n.t]",
            "CREATE TEXT INDEX x FOR (n:A) ON (n.t)",
            "CREATE INDEX x FOR (n:A) ON (n.a, n.b)",
            "MATCH (n:A) SET n.x = 1",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
