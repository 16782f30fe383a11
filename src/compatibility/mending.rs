//! What mends an issue of a kind in the source, or shows its cases.

use std::sync::Arc;

use super::fix::Fix;
use super::report::{Issue, Mended};
use super::survey::Survey;
use crate::error::{Cause, Error, Result};
use crate::neo4j::quote;
use crate::pipeline::{Pipeline, Source, Wants};

/// Keys that the script gives begin so: the undo finds them again.
const MADE_KEY: &str = "regraft-fix-";
/// A range index takes no longer text.
const LONGEST_INDEXED: usize = 8_000;
const IN_BATCHES: &str = "IN TRANSACTIONS OF 1000 ROWS";

pub(super) fn missing_key(label: &str, key: &str, issue: &Issue) -> Result<Option<Fix>> {
    let (l, k) = (quote(label)?, quote(key)?);
    if issue.found == Some("null") {
        let cases = format!("MATCH (n:{l}) WHERE n.{k} IS NULL");
        return Ok(Some(Fix {
            mended: Mended::Mended,
            says: format!("gives every {label} without `{key}` a new one that begins with {MADE_KEY}"),
            look: format!("{cases} RETURN count(n) AS cases"),
            change: Some(format!(
                "{cases} CALL (n) {{ SET n.{k} = '{MADE_KEY}' + randomUUID() }} {IN_BATCHES}"
            )),
            undo: Some(format!(
                "MATCH (n:{l}) WHERE n.{k} STARTS WITH '{MADE_KEY}' CALL (n) {{ REMOVE n.{k} }} {IN_BATCHES}"
            )),
        }));
    }
    let Some(of) = issue.found.and_then(cypher_type) else { return Ok(None) };
    let cases = format!("MATCH (n:{l}) WHERE n.{k} IS :: {of} NOT NULL");
    Ok(Some(Fix {
        mended: Mended::Shown,
        says: format!(
            "shows each {label} whose `{key}` is no text: written as text it must be nobody else's"
        ),
        look: format!("{cases} RETURN n.{k} AS key, elementId(n) AS id ORDER BY key LIMIT 1000"),
        change: None,
        undo: None,
    }))
}

/// A constraint where it holds, an index where it would not, nothing where not even that can be made.
pub(super) fn index(label: &str, key: &str, survey: &Survey, duplicates: bool) -> Result<Fix> {
    let (l, k) = (quote(label)?, quote(key)?);
    let look = format!(
        "SHOW INDEXES YIELD name, type, labelsOrTypes, properties WHERE {} IN labelsOrTypes RETURN name, type, properties",
        literal(label)
    );
    let name = quote(&format!("{label}_{key}_regraft"))?;
    let (what, makes) = match duplicates {
        false => (
            "CONSTRAINT",
            format!("CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{l}) REQUIRE n.{k} IS UNIQUE"),
        ),
        true => ("INDEX", format!("CREATE INDEX {name} IF NOT EXISTS FOR (n:{l}) ON (n.{k})")),
    };
    if survey.longest_key > LONGEST_INDEXED {
        return Ok(Fix {
            mended: Mended::Shown,
            says: format!(
                "`{key}` of some {label} has {} bytes, which no index takes: shorten it first",
                survey.longest_key
            ),
            look: format!(
                "MATCH (n:{l}) WHERE n.{k} IS :: STRING NOT NULL AND size(n.{k}) > 2000 RETURN size(n.{k}) AS characters, elementId(n) AS id ORDER BY characters DESC LIMIT 100"
            ),
            change: None,
            undo: None,
        });
    }
    Ok(Fix {
        mended: Mended::Mended,
        says: format!(
            "makes {} on `{key}` of {label}",
            if duplicates { "an index" } else { "a uniqueness constraint, which has its index" }
        ),
        look,
        change: Some(makes),
        undo: Some(format!("DROP {what} {name} IF EXISTS")),
    })
}

/// Relationships of a type between the same two nodes, whose properties differ.
pub(super) fn parallel(pipeline: &Pipeline) -> Result<Fix> {
    let Source::Relationship { start, end, .. } = pipeline.source() else {
        return Err(Error::new(Cause::Unexpected, "look for parallel relationships of a node type"));
    };
    let (a, b) = (quote(&start.key)?, quote(&end.key)?);
    let cases = matched(pipeline)?;
    Ok(Fix {
        mended: Mended::Shown,
        says: "shows relationships between the same two nodes, and how they differ: which of them is right only you know".to_owned(),
        look: format!(
            "{cases} WITH a, b, count(n) AS number WHERE number > 1 WITH a, b LIMIT 1000 {cases} \
             RETURN a.{a} AS start, b.{b} AS end, collect(elementId(n)) AS ids, collect(properties(n)) AS properties"
        ),
        change: None,
        undo: None,
    })
}

pub(super) fn duplicates(label: &str, key: &str, seen: &[(Arc<Pipeline>, Survey)]) -> Result<Fix> {
    let (l, k) = (quote(label)?, quote(key)?);
    let others = seen.iter().filter(|(each, _)| each.is_node() && each.source().entity_type() != label);
    let others: Vec<String> = others
        .map(|(each, _)| Ok(format!("n:{}", quote(each.source().entity_type())?)))
        .collect::<Result<_>>()?;
    let twice = if others.is_empty() { "false".to_owned() } else { others.join(" OR ") };
    Ok(Fix {
        mended: Mended::Shown,
        says: format!(
            "shows the {label} that share a `{key}`, and those with another label that is migrated: which of them is right only you know"
        ),
        look: format!(
            "MATCH (n:{l}) WHERE n.{k} IS NOT NULL WITH n.{k} AS key, count(n) AS nodes, sum(CASE WHEN {twice} THEN 1 ELSE 0 END) AS twice \
             WHERE nodes > 1 OR twice > 0 WITH key ORDER BY key LIMIT 1000 MATCH (n:{l}) WHERE n.{k} = key \
             RETURN key, collect(elementId(n)) AS ids, collect(labels(n)) AS labels"
        ),
        change: None,
        undo: None,
    })
}

/// Values of another type that can only be meant as text, or a text that can only be meant as a list of one.
pub(super) fn of_type(pipeline: &Pipeline, issue: &Issue) -> Result<Option<Fix>> {
    let (Some(property), Some(found)) = (&issue.property, issue.found) else { return Ok(None) };
    let wants = pipeline.destinations().get(property).map(|destination| destination.wants);
    let p = quote(property)?;
    let (condition, value, says) = match (wants, found) {
        (Some(Wants::Text), found) => {
            let Some(of) = cypher_type(found) else { return Ok(None) };
            (
                format!("n.{p} IS :: {of} NOT NULL"),
                format!("toString(n.{p})"),
                format!("writes `{property}` as text where it is {found}"),
            )
        }
        (Some(Wants::Texts), "string") => (
            format!("n.{p} IS :: STRING NOT NULL"),
            format!("[n.{p}]"),
            format!("makes `{property}` a list of one text where it is a text"),
        ),
        (Some(Wants::Texts), "list") => (
            // Points have no text of their own.
            format!(
                "n.{p} IS :: LIST<ANY> NOT NULL AND NOT n.{p} IS :: LIST<STRING> NOT NULL \
                 AND all(x IN n.{p} WHERE toStringOrNull(x) IS NOT NULL)"
            ),
            format!("[x IN n.{p} | toString(x)]"),
            format!("writes the elements of `{property}` as text where they are none"),
        ),
        _ => return Ok(None),
    };
    let cases = format!("{} WHERE {condition}", matched(pipeline)?);
    Ok(Some(Fix {
        mended: Mended::Mended,
        says,
        look: format!("{cases} RETURN count(n) AS cases"),
        change: Some(format!("{cases} CALL (n) {{ SET n.{p} = {value} }} {IN_BATCHES}")),
        undo: None,
    }))
}

/// An orphan's parent has to be that of everything that it is tied to and that has one parent of this kind itself, which
/// its own lookup finds: where these agree, that is it. What ties an orphan to its parent is a declared relationship that
/// the lookup names.
pub(super) fn orphans(
    pipeline: &Pipeline,
    seen: &[(Arc<Pipeline>, Survey)],
    label: &str,
    key: &str,
) -> Result<Fix> {
    let (l, k) = (quote(label)?, quote(key)?);
    let lookup = pipeline.lookups().iter().find(|lookup| lookup.orphaned().is_some());
    let cypher = lookup.map_or("", |lookup| lookup.cypher());
    let parental = seen.iter().find_map(|(each, _)| match each.source() {
        Source::Relationship { relationship_type, start, end }
            if end.label.as_ref() == label
                && cypher.contains(relationship_type.as_ref())
                && cypher.contains(start.label.as_ref()) =>
        {
            Some((relationship_type.clone(), start.clone()))
        }
        _ => None,
    });
    let siblings = parental.iter().flat_map(|(_, parent)| {
        let has_one = |each: &&(Arc<Pipeline>, Survey)| {
            let names = each.0.lookups().iter().any(|lookup| lookup.cypher().contains(parent.label.as_ref()));
            names && each.0.is_node() && each.0.source().entity_type() != label
        };
        seen.iter().filter(has_one).map(|(each, _)| each.source().entity_type())
    });
    let siblings: Vec<String> =
        siblings.map(|label| Ok(format!("x:{}", quote(label)?))).collect::<Result<_>>()?;
    let Some((kind, parent)) = parental.filter(|_| !siblings.is_empty()) else {
        let look = format!(
            "MATCH (n:{l}) WHERE ({cypher}) IS NULL RETURN n.{k} AS key, elementId(n) AS id LIMIT 1000"
        );
        let says = format!("shows each {label} that has no parent");
        return Ok(Fix { mended: Mended::Shown, says, look, change: None, undo: None });
    };
    let (t, p, pk) = (quote(&kind)?, quote(&parent.label)?, quote(&parent.key)?);
    let cases = format!(
        "MATCH (n:{l}) WHERE NOT EXISTS {{ (:{p})-[:{t}]->(n) }} \
         WITH n, COLLECT {{ MATCH (n)--(x)--(q:{p}) WHERE ({}) AND q.{pk} IS :: STRING NOT NULL AND trim(q.{pk}) <> '' \
         RETURN DISTINCT elementId(q) }} AS parents WHERE size(parents) = 1 WITH n, parents[0] AS parent",
        siblings.join(" OR ")
    );
    Ok(Fix {
        mended: Mended::Partly,
        says: format!(
            "ties each {label} without a {} to the one {} of everything that it is tied to and that can have but one",
            parent.label, parent.label
        ),
        look: format!("{cases} RETURN count(n) AS cases"),
        change: Some(format!(
            "{cases} CALL (n, parent) {{ MATCH (q:{p}) WHERE elementId(q) = parent MERGE (q)-[:{t}]->(n) }} {IN_BATCHES}"
        )),
        undo: None,
    })
}

/// The examples that the report names.
pub(super) fn examples(pipeline: &Pipeline, issue: &Issue) -> Result<Option<Fix>> {
    let Source::Node { label, key } = pipeline.source() else { return Ok(None) };
    let (l, k) = (quote(label)?, quote(key)?);
    let shown: Vec<String> = issue.examples.iter().map(|example| literal(example)).collect();
    Ok(Some(Fix {
        mended: Mended::Shown,
        says: format!("shows some of them ({})", issue.message),
        look: format!(
            "MATCH (n:{l}) WHERE n.{k} IN [{}] OR 'elementId ' + elementId(n) IN [{}] RETURN properties(n) AS properties LIMIT 5",
            shown.join(", "),
            shown.join(", ")
        ),
        change: None,
        undo: None,
    }))
}

/// All of a pipeline's records as `n`; the ends of relationships as `a` and `b`.
fn matched(pipeline: &Pipeline) -> Result<String> {
    Ok(match pipeline.source() {
        Source::Node { label, .. } => format!("MATCH (n:{})", quote(label)?),
        Source::Relationship { relationship_type, start, end } => {
            format!(
                "MATCH (a:{})-[n:{}]->(b:{})",
                quote(&start.label)?,
                quote(relationship_type)?,
                quote(&end.label)?
            )
        }
    })
}

/// Cypher's name of a type that has one text for each value.
fn cypher_type(found: &str) -> Option<&'static str> {
    Some(match found {
        "boolean" => "BOOLEAN",
        "integer" => "INTEGER",
        "float" => "FLOAT",
        "date" => "DATE",
        "local time" => "LOCAL TIME",
        "zoned time" => "ZONED TIME",
        "local datetime" => "LOCAL DATETIME",
        "zoned datetime" => "ZONED DATETIME",
        "duration" => "DURATION",
        _ => return None,
    })
}

/// A string literal. Keys come from the data.
pub(super) fn literal(text: &str) -> String {
    let mut quoted = String::from("'");
    for char in text.chars() {
        match char {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("\\'"),
            char if char.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(char))),
            char => quoted.push(char),
        }
    }
    quoted.push('\'');
    quoted
}
