//! What Regraft left, or somebody moved, where no pipeline looks for it: relationships of a declared type that are
//! turned round or tied to other nodes, and nodes whose label is gone.

use std::collections::{BTreeMap, BTreeSet};

use super::Shared;
use super::report::{Stray, Strays};
use crate::error::Result;
use crate::neo4j::{Cell, ReadOnlyGraph, RowStream, Statement, catalog, quote};
use crate::pipeline::{ADDED_TO_NODES, Pipelines, Source};
use crate::schema::VISIBLE_LABELS;

/// What the target's pipelines declare, as statements need it.
struct Declared {
    /// `A|B`, quoted; nothing where there are no node pipelines.
    labels: String,
    names: BTreeSet<String>,
    /// Every key property, quoted.
    keys: Vec<String>,
    /// By relationship type, the labels of start and end, quoted.
    ends: BTreeMap<String, Vec<(String, String)>>,
}

impl Declared {
    fn of(pipelines: &Pipelines) -> Result<Self> {
        let (mut labels, mut keys) = (BTreeSet::new(), BTreeSet::new());
        let mut names = BTreeSet::new();
        let mut ends: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for pipeline in pipelines.all() {
            match pipeline.source() {
                Source::Node { label, key } => {
                    labels.insert(quote(label)?.to_string());
                    names.insert(label.to_string());
                    keys.insert(quote(key)?.to_string());
                }
                Source::Relationship { relationship_type, start, end } => {
                    let pair = (quote(&start.label)?.to_string(), quote(&end.label)?.to_string());
                    ends.entry(relationship_type.to_string()).or_default().push(pair);
                }
            }
        }
        let labels = labels.into_iter().collect::<Vec<_>>().join("|");
        Ok(Self { labels, names, keys: keys.into_iter().collect(), ends })
    }

    /// `[a.id, a.other]`.
    fn keys_of(&self, variable: &str) -> String {
        let keys: Vec<String> = self.keys.iter().map(|key| format!("{variable}.{key}")).collect();
        format!("[{}]", keys.join(", "))
    }

    fn relationships(&self, relationship_type: &str, ends: &[(String, String)]) -> Result<String> {
        let pairs: Vec<String> = ends.iter().map(|(start, end)| format!("(a:{start} AND b:{end})")).collect();
        Ok(format!(
            "MATCH (a)-[r:{}]->(b) WHERE a:{labels} AND b:{labels} AND NOT ({}) \
             RETURN [elementId(r), [labels(a), labels(b)], {}, {}] AS row",
            quote(relationship_type)?,
            pairs.join(" OR "),
            self.keys_of("a"),
            self.keys_of("b"),
            labels = self.labels
        ))
    }

    fn nodes(&self) -> Result<String> {
        let [version, migrated_at] = [quote(ADDED_TO_NODES[0])?, quote(ADDED_TO_NODES[1])?];
        Ok(format!(
            "MATCH (n) WHERE NOT n:{} AND n.{version} IS NOT NULL AND n.{migrated_at} IS NOT NULL \
             RETURN [elementId(n), [labels(n)], {}] AS row",
            self.labels,
            self.keys_of("n")
        ))
    }
}

/// Who is told of strays.
pub(super) trait StraySink {
    /// Takes one.
    async fn take(&mut self, stray: Stray) -> Result<()>;
}

impl Shared {
    /// Looks for strays. `rows` says how many relationships of each type were read in the target: where these are all
    /// that there are, none is looked at.
    pub(super) async fn look_for_strays(
        &self,
        rows: &BTreeMap<String, u64>,
        whole: bool,
        sink: &mut impl StraySink,
    ) -> Result<()> {
        let declared = Declared::of(&self.pipelines)?;
        let target = self.target.read_only();
        if declared.labels.is_empty() {
            return Ok(());
        }
        for (relationship_type, ends) in &declared.ends {
            let Some(read) = rows.get(relationship_type) else { continue };
            let text = format!("MATCH ()-[r:{}]->() RETURN [count(r)] AS row", quote(relationship_type)?);
            if count(&target, &text).await? > *read {
                let text = declared.relationships(relationship_type, ends)?;
                each(target.stream(Statement::new(text)).await?, Some(relationship_type), sink).await?;
            }
        }
        // Only where all types are compared: a node without a label belongs to none of them.
        if whole && has_undeclared_nodes(&target, &declared).await? {
            each(target.stream(Statement::new(declared.nodes()?)).await?, None, sink).await?;
        }
        Ok(())
    }
}

async fn each(
    mut stream: RowStream,
    relationship_type: Option<&String>,
    sink: &mut impl StraySink,
) -> Result<()> {
    while let Some(row) = stream.next().await? {
        let mut cells = row.into_cells()?.into_iter();
        let mut next = || cells.next().unwrap_or(Cell::NULL);
        let (element_id, labels) = (next(), next());
        let labels = labels.into_list().unwrap_or_default().into_iter();
        let labels = labels.map(|each| {
            let texts = each.as_texts().unwrap_or_default().into_iter();
            texts.map(str::to_owned).collect()
        });
        let labels: Vec<Vec<String>> = labels.collect();
        let keys = labels.iter().map(|_| first_text(next())).collect();
        let element_id = element_id.as_str().unwrap_or_default().to_owned();
        sink.take(Stray { element_id, relationship_type: relationship_type.cloned(), labels, keys }).await?;
    }
    Ok(())
}

fn first_text(keys: Cell<'_>) -> Option<String> {
    let keys = keys.into_list().unwrap_or_default();
    keys.iter().find_map(Cell::as_str).map(str::to_owned)
}

/// Whether there are more nodes than those with a declared label and Regraft's own, by the server's counts.
async fn has_undeclared_nodes(target: &ReadOnlyGraph, declared: &Declared) -> Result<bool> {
    let all = count(target, "MATCH (n) RETURN [count(n)] AS row").await?;
    let mut known = 0;
    let own = target.rows(Statement::new("CALL db.labels() YIELD label RETURN [label] AS row")).await?;
    for label in own.iter().filter_map(|row| row.first()?.as_str()) {
        if catalog::is_own(label) || VISIBLE_LABELS.contains(&label) || declared.names.contains(label) {
            known += count(target, &format!("MATCH (n:{}) RETURN [count(n)] AS row", quote(label)?)).await?;
        }
    }
    Ok(all > known)
}

async fn count(graph: &ReadOnlyGraph, text: &str) -> Result<u64> {
    let rows = graph.rows(Statement::new(text)).await?;
    let count = rows.first().and_then(|row| row.first()?.as_i64());
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// Counts strays, and names the first ones.
pub(super) struct StrayReport {
    pub(super) limit: usize,
    pub(super) strays: Strays,
}

impl StraySink for StrayReport {
    async fn take(&mut self, stray: Stray) -> Result<()> {
        match stray.relationship_type {
            Some(_) => self.strays.relationships += 1,
            None => self.strays.nodes += 1,
        }
        if self.strays.found.len() < self.limit {
            self.strays.found.push(stray);
        }
        Ok(())
    }
}
