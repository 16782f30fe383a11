//! Odd names, quoted, mean themselves and nothing else.

use regraft::neo4j::{Parameter, Statement, quote};

use super::target;

/// Names that Neo4j takes and Cypher stumbles over where they are not quoted.
pub const ODD_NAMES: [&str; 18] = [
    "Plain",
    "with space",
    "a`b",
    "`",
    "``",
    "a\\u0060b",
    "\\u0060}) DETACH DELETE n //",
    "\\",
    "\\\\u0060",
    "\\`",
    "a\\u005Cu0060b",
    "it's \"quoted\"",
    "line\nbreak\r\ttab",
    "emoji 🎧 Zoë",
    "$param {x} :Label //",
    "ünï — \u{202e}",
    "_Regraft",
    "0",
];

#[tokio::test]
async fn odd_names_come_back_as_they_are() {
    let target = target().await;
    for name in ODD_NAMES {
        let quoted = quote(name).unwrap();
        let create = format!(
            "CREATE (n:OddName:{quoted} {{{quoted}: 1}})-[r:{quoted}]->(n) \
             RETURN [[l IN labels(n) WHERE l <> 'OddName'], keys(n), type(r)] AS row"
        );
        let mut transaction = target.begin().await.unwrap();
        let rows =
            transaction.rows(Statement::new(create)).await.unwrap_or_else(|e| panic!("{name:?}: {e:?}"));
        transaction.rollback().await.unwrap();
        assert_eq!(rows[0][0].as_texts().unwrap(), [name], "label");
        assert_eq!(rows[0][1].as_texts().unwrap(), [name], "property");
        assert_eq!(rows[0][2].as_str().unwrap(), name, "type");
    }
}

#[tokio::test]
async fn what_quote_refuses_neo4j_refuses_too() {
    let target = target().await;
    for name in ["", "a\0b"] {
        assert!(quote(name).is_err());
        let statement = Statement::new("CREATE (n:OddName) SET n += $p RETURN [keys(n)] AS r")
            .param("p", Parameter::map([(name.to_owned(), Parameter::from(1_i64))]));
        assert!(target.run(statement).await.is_err(), "{name:?}");
    }
}
