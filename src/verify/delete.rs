//! Deleting what is not expected from the target, under a claim that nobody else has.

use std::sync::Arc;

use super::plan::Compared;
use super::report::{RepairReport, Stray};
use crate::checkpoint::LastKey;
use crate::error::{Error, Result};
use crate::neo4j::claim::Claim;
use crate::neo4j::{Cell, Parameter, Statement, TargetGraph};
use crate::pipeline::{Pipelines, Source};

/// Entities of one transaction.
const AT_A_TIME: usize = 500;

/// Deletes in batches.
pub(super) struct Deleter {
    target: TargetGraph,
    claim: Arc<Claim>,
    /// Relationship types and labels that pipelines declare: what is tied by others is not theirs alone.
    types: Vec<String>,
    labels: Vec<String>,
    nodes: Vec<Doomed>,
    relationships: Vec<Doomed>,
    properties: Vec<(Doomed, Vec<String>)>,
    done: Done,
}

/// What is to go.
struct Doomed {
    element_id: String,
    /// As people know it.
    name: String,
}

#[derive(Default)]
struct Done {
    nodes: u64,
    relationships: u64,
    properties: u64,
    tied: Vec<String>,
}

impl Deleter {
    pub(super) fn new(target: TargetGraph, pipelines: &Pipelines, claim: Arc<Claim>) -> Self {
        let (mut types, mut labels) = (Vec::new(), Vec::new());
        for pipeline in pipelines.all() {
            match pipeline.source() {
                Source::Node { label, .. } => labels.push(label.to_string()),
                Source::Relationship { relationship_type, .. } => types.push(relationship_type.to_string()),
            }
        }
        let (nodes, relationships, properties) = (Vec::new(), Vec::new(), Vec::new());
        Self { target, claim, types, labels, nodes, relationships, properties, done: Done::default() }
    }

    /// Deletes nodes or relationships of a type.
    pub(super) async fn entities(
        &mut self,
        compared: &Compared,
        key: Option<&LastKey>,
        element_ids: Vec<String>,
    ) -> Result<()> {
        let doomed = element_ids.into_iter().map(|element_id| {
            let name = key.map_or_else(|| element_id.clone(), name_of);
            Doomed { element_id, name }
        });
        match compared.subject.pipeline.is_node() {
            true => self.nodes.extend(doomed),
            false => self.relationships.extend(doomed),
        }
        self.delete_if_due().await
    }

    /// Removes properties of a relationship.
    pub(super) async fn properties(
        &mut self,
        _compared: &Compared,
        key: &LastKey,
        element_id: &str,
        names: Vec<String>,
    ) -> Result<()> {
        let doomed = Doomed { element_id: element_id.to_owned(), name: name_of(key) };
        self.properties.push((doomed, names));
        self.delete_if_due().await
    }

    /// Deletes a stray.
    pub(super) async fn stray(&mut self, stray: Stray) -> Result<()> {
        let name = stray.keys.iter().flatten().cloned().collect::<Vec<_>>().join(" → ");
        let name = if name.is_empty() { stray.element_id.clone() } else { name };
        let doomed = Doomed { element_id: stray.element_id, name };
        match stray.relationship_type {
            Some(_) => self.relationships.push(doomed),
            None => self.nodes.push(doomed),
        }
        self.delete_if_due().await
    }

    /// Deletes what is left to delete, and reports.
    pub(super) async fn finish(mut self, report: &mut RepairReport) -> Result<()> {
        self.delete().await?;
        report.deleted_nodes = self.done.nodes;
        report.deleted_relationships = self.done.relationships;
        report.removed_properties = self.done.properties;
        report.tied_by_others = self.done.tied;
        Ok(())
    }

    async fn delete_if_due(&mut self) -> Result<()> {
        let waiting = self.nodes.len() + self.relationships.len() + self.properties.len();
        if waiting >= AT_A_TIME { self.delete().await } else { Ok(()) }
    }

    /// Relationships before nodes.
    async fn delete(&mut self) -> Result<()> {
        self.claim.check()?;
        let properties = std::mem::take(&mut self.properties);
        let relationships = std::mem::take(&mut self.relationships);
        let nodes = std::mem::take(&mut self.nodes);
        if properties.is_empty() && relationships.is_empty() && nodes.is_empty() {
            return Ok(());
        }
        let mut transaction = self.target.begin().await?;
        self.claim.fence(&mut transaction).await?;
        let removed = properties.iter().map(|(doomed, names)| {
            let nulls = names.iter().map(|name| (name.clone(), Parameter::null()));
            Parameter::list(vec![doomed.element_id.as_str().into(), Parameter::map(nulls)])
        });
        let text = "UNWIND $rows AS row MATCH ()-[r]->() WHERE elementId(r) = row[0] SET r += row[1]";
        let statement = Statement::new(text).param("rows", Parameter::list(removed.collect()));
        let counters = transaction.run(statement).await?;
        let removed = counters.properties_set;
        let text = "UNWIND $ids AS id MATCH ()-[r]->() WHERE elementId(r) = id DELETE r";
        let counters = transaction.run(Statement::new(text).param("ids", ids(&relationships))).await?;
        let mut deleted = counters.relationships_deleted;
        let text = "UNWIND $ids AS id MATCH (n) WHERE elementId(n) = id AND EXISTS { \
                      (n)-[r]-(m) WHERE NOT (type(r) IN $types AND any(l IN labels(m) WHERE l IN $labels)) } \
                    RETURN [id] AS row";
        let statement = Statement::new(text)
            .param("ids", ids(&nodes))
            .param("types", self.types.clone())
            .param("labels", self.labels.clone());
        let tied: Vec<String> = transaction
            .rows(statement)
            .await?
            .iter()
            .filter_map(|row| row.first().and_then(Cell::as_str).map(str::to_owned))
            .collect();
        let (left, nodes): (Vec<Doomed>, Vec<Doomed>) =
            nodes.into_iter().partition(|doomed| tied.contains(&doomed.element_id));
        let text = "UNWIND $ids AS id MATCH (n)-[r]-() WHERE elementId(n) = id DELETE r";
        let counters = transaction.run(Statement::new(text).param("ids", ids(&nodes))).await?;
        deleted += counters.relationships_deleted;
        let text = "UNWIND $ids AS id MATCH (n) WHERE elementId(n) = id DELETE n";
        let counters = transaction.run(Statement::new(text).param("ids", ids(&nodes))).await?;
        transaction.commit().await.map_err(Error::from)?;
        self.done.properties += removed;
        self.done.relationships += deleted;
        self.done.nodes += counters.nodes_deleted;
        self.done.tied.extend(left.into_iter().map(|doomed| doomed.name));
        Ok(())
    }
}

fn ids(doomed: &[Doomed]) -> Parameter {
    Parameter::list(doomed.iter().map(|doomed| doomed.element_id.as_str().into()).collect())
}

fn name_of(key: &LastKey) -> String {
    match key {
        LastKey::Node(key) => key.clone(),
        LastKey::Relationship { start, end } => format!("{start} → {end}"),
    }
}
