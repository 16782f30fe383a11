//! Deleting what is not expected from the target, under a claim that nobody else has, and noted in the undo journal.

use std::collections::{BTreeMap, BTreeSet};

use super::mend::Deletion;
use super::noting::{Noting, element_ids};
use super::plan::Compared;
use super::report::{RepairReport, Stray};
use crate::checkpoint::LastKey;
use crate::error::Result;
use crate::neo4j::{Parameter, Statement, TargetGraph};
use crate::pipeline::{Pipelines, Source};

/// Entities of one transaction.
const AT_A_TIME: usize = 500;

/// Deletes in batches.
pub(super) struct Deleter {
    target: TargetGraph,
    deletion: Deletion,
    pipelines: Pipelines,
    /// Set up for the first thing that goes.
    noting: Option<Noting>,
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
    pub(super) fn new(target: TargetGraph, pipelines: &Pipelines, deletion: Deletion) -> Self {
        let (mut types, mut labels) = (Vec::new(), Vec::new());
        for pipeline in pipelines.all() {
            match pipeline.source() {
                Source::Node { label, .. } => labels.push(label.to_string()),
                Source::Relationship { relationship_type, .. } => types.push(relationship_type.to_string()),
            }
        }
        Self {
            target,
            deletion,
            pipelines: pipelines.clone(),
            noting: None,
            types,
            labels,
            nodes: Vec::new(),
            relationships: Vec::new(),
            properties: Vec::new(),
            done: Done::default(),
        }
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
        self.deletion.claim.check()?;
        let properties = std::mem::take(&mut self.properties);
        let relationships = std::mem::take(&mut self.relationships);
        let nodes = std::mem::take(&mut self.nodes);
        if properties.is_empty() && relationships.is_empty() && nodes.is_empty() {
            return Ok(());
        }
        let noting = match self.noting.take() {
            Some(noting) => noting,
            None => Noting::begin(&self.target, &self.deletion, &self.pipelines).await?,
        };
        let noting = self.noting.insert(noting);
        let mut journaled = noting.transaction(&self.target).await?;
        self.deletion.claim.fence(journaled.transaction()).await?;
        for (names, element_ids) in by_names(&properties) {
            noting.properties(&mut journaled, &element_ids, &names).await?;
        }
        let removed = properties.iter().map(|(doomed, names)| {
            let nulls = names.iter().map(|name| (name.clone(), Parameter::null()));
            Parameter::list(vec![doomed.element_id.as_str().into(), Parameter::map(nulls)])
        });
        let text = "UNWIND $rows AS row MATCH ()-[r]->() WHERE elementId(r) = row[0] SET r += row[1]";
        let statement = Statement::new(text).param("rows", Parameter::list(removed.collect()));
        let counters = journaled.transaction().run(statement).await?;
        let removed = counters.properties_set;
        // One with a second label of ours may be a node of that type, which nothing is wrong with.
        let text = "UNWIND $ids AS id MATCH (n) WHERE elementId(n) = id \
                      AND (size([l IN labels(n) WHERE l IN $labels]) > 1 OR EXISTS { \
                      (n)-[r]-(m) WHERE NOT (type(r) IN $types AND any(l IN labels(m) WHERE l IN $labels)) }) \
                    RETURN [id] AS row";
        let statement = Statement::new(text)
            .param("ids", ids(&nodes))
            .param("types", self.types.clone())
            .param("labels", self.labels.clone());
        let tied = element_ids(&mut journaled, statement).await?;
        let (left, nodes): (Vec<Doomed>, Vec<Doomed>) =
            nodes.into_iter().partition(|doomed| tied.contains(&doomed.element_id));
        let text = "UNWIND $ids AS id MATCH (n)-[r]-() WHERE elementId(n) = id RETURN DISTINCT [elementId(r)] AS row";
        let tying = element_ids(&mut journaled, Statement::new(text).param("ids", ids(&nodes))).await?;
        // One of an end that goes may be named itself.
        let going: BTreeSet<&str> = relationships
            .iter()
            .map(|doomed| &*doomed.element_id)
            .chain(tying.iter().map(|id| &**id))
            .collect();
        let going: Vec<&str> = going.into_iter().collect();
        noting.relationships(&mut journaled, &going).await?;
        let gone: Vec<&str> = nodes.iter().map(|doomed| &*doomed.element_id).collect();
        noting.nodes(&mut journaled, &gone).await?;
        let text = "UNWIND $ids AS id MATCH ()-[r]->() WHERE elementId(r) = id DELETE r";
        let going = Parameter::list(going.into_iter().map(Parameter::from).collect());
        let counters = journaled.transaction().run(Statement::new(text).param("ids", going)).await?;
        let deleted = counters.relationships_deleted;
        let text = "UNWIND $ids AS id MATCH (n) WHERE elementId(n) = id DELETE n";
        let counters = journaled.transaction().run(Statement::new(text).param("ids", ids(&nodes))).await?;
        journaled.commit().await?;
        self.done.properties += removed;
        self.done.relationships += deleted;
        self.done.nodes += counters.nodes_deleted;
        self.done.tied.extend(left.into_iter().map(|doomed| doomed.name));
        Ok(())
    }
}

/// Element ids by the names of the properties that go.
fn by_names(properties: &[(Doomed, Vec<String>)]) -> BTreeMap<BTreeSet<&str>, Vec<&str>> {
    let mut all: BTreeMap<BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
    for (doomed, names) in properties {
        let names = names.iter().map(String::as_str).collect();
        all.entry(names).or_default().push(&doomed.element_id);
    }
    all
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
