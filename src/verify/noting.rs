//! What a deletion takes away, noted in the undo journal before it goes. Entities are known by their element ids, and
//! noted under the label and key by which a rollback finds them; of one that has neither, only that it went.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::mend::Deletion;
use crate::error::{Cause, Error, Result};
use crate::neo4j::load_positions::{self, Raised};
use crate::neo4j::{Cell, Parameter, Statement, TargetGraph, quote};
use crate::pipeline::{Pipelines, Source};
use crate::record::{
    Author, Before, Gap, GapReason, Identity, Names, NodeRef, Subject, UndoRecord, Written, partition_of,
};
use crate::undo::{Journaled, NodeImage, NodeReader, RelationshipImages, RelationshipReader, UndoJournal};

/// A label that a pipeline declares, and its key property.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    label: String,
    key: String,
}

/// The journal as deletions use it.
pub(super) struct Noting {
    undo: UndoJournal,
    journaling: bool,
    partitions: i32,
    /// The pipelines' checkpoints as taken over.
    raised: BTreeMap<String, Raised>,
    /// Pipelines of nodes.
    nodes: Vec<(String, End)>,
    /// Pipelines of relationships by type, start and end.
    relationships: Vec<(String, [String; 3])>,
}

/// Relationships of one type between nodes of two labels, by the keys of both.
type Pairs = BTreeMap<(String, End, End), BTreeSet<(String, String)>>;

impl Noting {
    /// Takes the checkpoints over, so that notes are told from those of loaders. None may be at work.
    pub(super) async fn begin(
        target: &TargetGraph,
        deletion: &Deletion,
        pipelines: &Pipelines,
    ) -> Result<Self> {
        let (mut nodes, mut relationships) = (Vec::new(), Vec::new());
        for pipeline in pipelines.all() {
            let name = pipeline.name().to_owned();
            match pipeline.source() {
                Source::Node { label, key } => {
                    nodes.push((name, End { label: label.to_string(), key: key.to_string() }));
                }
                Source::Relationship { relationship_type, start, end } => {
                    let of = [relationship_type, &start.label, &end.label].map(ToString::to_string);
                    relationships.push((name, of));
                }
            }
        }
        let names: Vec<String> = pipelines.all().iter().map(|pipeline| pipeline.name().to_owned()).collect();
        let mut transaction = target.begin().await?;
        let (prefix, owner) = (&deletion.prefix, Uuid::new_v4());
        let raised = load_positions::take_over(&mut transaction, prefix, &names, owner).await?;
        transaction.commit().await.map_err(Error::from)?;
        let (undo, journaling, partitions) =
            (deletion.undo.clone(), deletion.journaling, deletion.partitions);
        Ok(Self { undo, journaling, partitions, raised, nodes, relationships })
    }

    /// Begins a transaction that commits with its notes.
    pub(super) async fn transaction(&self, target: &TargetGraph) -> Result<Journaled> {
        self.undo.begin(target).await
    }

    /// Notes nodes that go.
    pub(super) async fn nodes(&self, journaled: &mut Journaled, element_ids: &[&str]) -> Result<()> {
        if element_ids.is_empty() {
            return Ok(());
        }
        let keys = self.keys("n");
        let text = format!(
            "UNWIND $ids AS id MATCH (n) WHERE elementId(n) = id RETURN [[labels(n), {keys}]] AS row"
        );
        let rows = journaled.transaction().rows(with_ids(text, element_ids)).await?;
        let (mut found, mut unkeyed) = (BTreeMap::<End, BTreeSet<String>>::new(), 0);
        for row in rows {
            match row.into_iter().next().and_then(|node| self.end(node)) {
                Some((end, key)) => {
                    found.entry(end).or_default().insert(key);
                }
                None => unkeyed += 1,
            }
        }
        // What has no label or key of its own belongs to no pipeline: the first one tells of it.
        let first = self.nodes.first().map_or("", |(name, _)| name);
        self.gap(journaled, first, GapReason::Unkeyed, unkeyed);
        for (end, keys) in found {
            let pipeline = self.nodes.iter().find(|(_, of)| *of == end).map_or(first, |(name, _)| name);
            if !self.journaling {
                self.gap(journaled, pipeline, GapReason::JournalOff, keys.len());
                continue;
            }
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let reader = NodeReader::new::<&str>(&end.label, &end.key, &[])?;
            let images = reader.read_locked(journaled.transaction(), &keys).await?;
            for (key, image) in keys.iter().zip(images) {
                let Some(NodeImage { labels, properties }) = image else { continue };
                let subject = Subject::Node(node(&end, key));
                let written = Written { deletes: true, ..Written::default() };
                journaled.note(&self.record(
                    pipeline,
                    subject,
                    written,
                    Before::Node { labels, properties },
                ))?;
            }
        }
        Ok(())
    }

    /// Notes relationships that go.
    pub(super) async fn relationships(&self, journaled: &mut Journaled, element_ids: &[&str]) -> Result<()> {
        self.note_relationships(journaled, element_ids, None).await
    }

    /// Notes relationships of which these properties go.
    pub(super) async fn properties(
        &self,
        journaled: &mut Journaled,
        element_ids: &[&str],
        names: &BTreeSet<&str>,
    ) -> Result<()> {
        self.note_relationships(journaled, element_ids, Some(names)).await
    }

    async fn note_relationships(
        &self,
        journaled: &mut Journaled,
        element_ids: &[&str],
        properties: Option<&BTreeSet<&str>>,
    ) -> Result<()> {
        if element_ids.is_empty() {
            return Ok(());
        }
        let (start, end) = (self.keys("a"), self.keys("b"));
        let text = format!(
            "UNWIND $ids AS id MATCH (a)-[r]->(b) WHERE elementId(r) = id \
             RETURN [type(r), [labels(a), {start}], [labels(b), {end}]] AS row"
        );
        let rows = journaled.transaction().rows(with_ids(text, element_ids)).await?;
        let (mut found, mut unkeyed) = (Pairs::new(), BTreeMap::<String, usize>::new());
        for row in rows {
            let mut cells = row.into_iter();
            let mut next = || cells.next().unwrap_or(Cell::NULL);
            let (kind, start, end) = (next(), next(), next());
            let kind = kind.as_str().unwrap_or_default().to_owned();
            match (self.end(start), self.end(end)) {
                (Some((start, from)), Some((end, to))) => {
                    found.entry((kind, start, end)).or_default().insert((from, to));
                }
                _ => *unkeyed.entry(kind).or_default() += 1,
            }
        }
        for (kind, number) in unkeyed {
            self.gap(journaled, self.pipeline_of(&kind, None), GapReason::Unkeyed, number);
        }
        for ((kind, start, end), pairs) in found {
            let pipeline = self.pipeline_of(&kind, Some((&start, &end)));
            if !self.journaling {
                self.gap(journaled, pipeline, GapReason::JournalOff, pairs.len());
                continue;
            }
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(from, to)| (&**from, &**to)).collect();
            let ends = ((&*start.label, &*start.key), (&*end.label, &*end.key));
            let reader = RelationshipReader::new::<&str>(&kind, ends.0, ends.1, &[])?;
            let images: Vec<RelationshipImages> = reader.read_locked(journaled.transaction(), &pairs).await?;
            for ((from, to), image) in pairs.into_iter().zip(images).filter(|(_, image)| !image.is_empty()) {
                let subject = Subject::Relationship {
                    relationship_type: kind.as_str().into(),
                    start: node(&start, from),
                    end: node(&end, to),
                };
                let written = match properties {
                    None => Written { deletes: true, ..Written::default() },
                    Some(names) => Written {
                        properties: Names::Own(names.iter().map(|name| Cow::Borrowed(*name)).collect()),
                        ..Written::default()
                    },
                };
                journaled.note(&self.record(pipeline, subject, written, Before::Relationships(image)))?;
            }
        }
        Ok(())
    }

    /// That entities went of which nobody knows what they were.
    fn gap(&self, journaled: &mut Journaled, pipeline: &str, reason: GapReason, rows: usize) {
        if rows > 0 {
            let claim = self.raised.get(pipeline).map_or(0, |raised| raised.claim);
            let gap = Gap { pipeline: pipeline.into(), claim, reason, rows: rows as u64, subject: None };
            journaled.note_gap(gap, partition_of(pipeline.as_bytes(), self.partitions));
        }
    }

    fn record<'a>(
        &self,
        pipeline: &'a str,
        subject: Subject<'a>,
        written: Written<'a>,
        before: Before<'a>,
    ) -> UndoRecord<'a> {
        let raised = self.raised.get(pipeline);
        let lineage = raised.map_or(Uuid::nil(), |raised| raised.lineage);
        UndoRecord {
            author: Author::Repair,
            pipeline: pipeline.into(),
            identity: Identity { lineage, partition: 0, offset: -1, output: 0, epoch: 0 },
            pass: 0,
            read_at_micros: chrono::Utc::now().timestamp_micros(),
            claim: raised.map_or(0, |raised| raised.claim),
            subject,
            written,
            before,
        }
    }

    /// The pipeline of a relationship type: the one between these labels where there is one.
    fn pipeline_of(&self, kind: &str, ends: Option<(&End, &End)>) -> &str {
        let of_type = || self.relationships.iter().filter(|(_, [of, ..])| of == kind);
        let between = |[_, from, to]: &[String; 3]| {
            ends.is_none_or(|(start, end)| *from == start.label && *to == end.label)
        };
        let found = of_type().find(|(_, of)| between(of)).or_else(|| of_type().next());
        found.map_or("", |(name, _)| name)
    }

    /// Every declared key of a node, in the order of the pipelines.
    fn keys(&self, variable: &str) -> String {
        let each = self.nodes.iter().map(|(_, end)| match quote(&end.key) {
            Ok(key) => format!("{variable}.{key}"),
            Err(_) => "null".to_owned(),
        });
        format!("[{}]", each.collect::<Vec<_>>().join(", "))
    }

    /// The label and key by which a node is found, from its labels and all declared keys.
    fn end(&self, node: Cell<'static>) -> Option<(End, String)> {
        let mut parts = node.into_list()?.into_iter();
        let (labels, keys) = (parts.next()?, parts.next()?.into_list()?);
        let labels = labels.as_texts()?;
        let mut declared = self.nodes.iter().zip(keys).filter(|((_, end), _)| labels.contains(&&*end.label));
        declared.find_map(|((_, end), key)| Some((end.clone(), key.as_str()?.to_owned())))
    }
}

fn node<'a>(end: &'a End, key: &'a str) -> NodeRef<'a> {
    NodeRef { label: end.label.as_str().into(), key_property: end.key.as_str().into(), key: key.into() }
}

fn with_ids(text: String, element_ids: &[&str]) -> Statement {
    let ids = element_ids.iter().map(|id| Parameter::from(*id)).collect();
    Statement::new(text).param("ids", Parameter::list(ids))
}

/// Element ids that a statement returns, one a row.
pub(super) async fn element_ids(journaled: &mut Journaled, statement: Statement) -> Result<Vec<String>> {
    let rows = journaled.transaction().rows(statement).await?;
    let each = rows.iter().map(|row| row.first().and_then(Cell::as_str).map(str::to_owned));
    let all: Option<Vec<String>> = each.collect();
    all.ok_or_else(|| Error::new(Cause::Unexpected, "read what is tied to a node that is to go"))
}
