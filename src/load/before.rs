//! Writing the rows of a transaction with what they were before in the journal.
//!
//! Where nothing of a pipeline is in the target yet, nothing is read: what the transaction itself has created was
//! absent. Otherwise entities are locked and read first, and as many must be created as were not found.

use std::borrow::Cow;

use super::apply::Applier;
use super::batch::Batch;
use super::rows::{Entity, Parameters, Rows};
use super::statement::Mode;
use crate::checkpoint::SourceShape;
use crate::error::{Cause, Error, Result};
use crate::neo4j::{Cell, Parameter, Statement};
use crate::pipeline::ADDED_TO_NODES;
use crate::record::{
    Author, Before, Gap, GapReason, Identity, ModelEntity, Names, NodeRef, Subject, UndoRecord, Written,
};
use crate::undo::{Journaled, NodeReader, RelationshipReader};

/// How a pipeline's entities are read, and what loading writes of them.
pub(super) struct Images {
    shape: SourceShape,
    reader: Reader,
    /// Names of the properties that every row sets.
    names: Vec<Cow<'static, str>>,
}

enum Reader {
    Nodes(NodeReader),
    Relationships(RelationshipReader),
}

/// How writing the rows of a transaction went that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rewritten {
    /// All of them are written, and noted.
    All,
    /// Some relationship's end is not there.
    EndsMissing,
    /// Something was there already that was taken for absent: it has to be read first.
    ThereAlready,
}

/// What a write statement did.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    rows: usize,
    created: usize,
}

impl Images {
    /// `properties` are those of the contract.
    pub(super) fn new(shape: &SourceShape, properties: &[&str]) -> Result<Self> {
        let added = match shape {
            SourceShape::Node { .. } => &ADDED_TO_NODES[..],
            SourceShape::Relationship { .. } => &[],
        };
        let names: Vec<Cow<'static, str>> =
            properties.iter().chain(added).map(|name| Cow::Owned((*name).to_owned())).collect();
        let reader = match shape {
            SourceShape::Node { label, key } => Reader::Nodes(NodeReader::new(label, key, &names)?),
            SourceShape::Relationship { relationship_type, start_label, start_key, end_label, end_key } => {
                let (start, end) =
                    ((start_label.as_str(), start_key.as_str()), (end_label.as_str(), end_key.as_str()));
                Reader::Relationships(RelationshipReader::new(relationship_type, start, end, &names)?)
            }
        };
        Ok(Self { shape: shape.clone(), reader, names })
    }

    fn subject<'e>(&'e self, entity: &'e ModelEntity<'_>) -> Result<Subject<'e>> {
        let node = |label: &'e str, key_property: &'e str, key: &'e str| NodeRef {
            label: label.into(),
            key_property: key_property.into(),
            key: key.into(),
        };
        match (&self.shape, entity) {
            (SourceShape::Node { label, key }, ModelEntity::Node { key: value, .. }) => {
                Ok(Subject::Node(node(label, key, value)))
            }
            (
                SourceShape::Relationship { relationship_type, start_label, start_key, end_label, end_key },
                ModelEntity::Relationship { start, end },
            ) => Ok(Subject::Relationship {
                relationship_type: relationship_type.as_str().into(),
                start: node(start_label, start_key, start),
                end: node(end_label, end_key, end),
            }),
            _ => Err(Error::new(Cause::Unexpected, "journal a node as a relationship, or the other way")),
        }
    }

    fn written<'e>(&'e self, entity: &'e Entity<'_>) -> Written<'e> {
        let properties = match entity.kept.is_empty() {
            true => Names::Shared(&self.names),
            false => self.names.iter().chain(&entity.kept).map(|name| Cow::Borrowed(&**name)).collect(),
        };
        let labels = entity.labels.iter().map(|label| Cow::Borrowed(&**label)).collect();
        Written { deletes: false, properties, labels }
    }
}

impl Applier {
    /// Writes rows within the transaction, and notes what they were where the journal is on.
    pub(super) async fn write_rows(
        &self,
        journaled: &mut Journaled,
        batch: &Batch,
        rows: &[usize],
        mode: Mode,
    ) -> Result<Rewritten> {
        if rows.is_empty() {
            return Ok(Rewritten::All);
        }
        if !self.context.journaling {
            let tally = self.run_statements(journaled, batch, rows, mode).await?;
            journaled.note_gap(self.gap(rows.len()), self.id.partition);
            return Ok(if tally.rows < rows.len() { Rewritten::EndsMissing } else { Rewritten::All });
        }
        let entities = Rows::entities(batch, rows)?;
        let found = match mode {
            Mode::Create => vec![false; entities.len()],
            Mode::Merge => self.read_before(journaled, &entities).await?,
        };
        let tally = self.run_statements(journaled, batch, rows, mode).await?;
        if tally.rows < rows.len() {
            return Ok(Rewritten::EndsMissing);
        }
        let absent = found.iter().filter(|found| !**found).count();
        match (mode, tally.created == absent) {
            (_, true) => {}
            (Mode::Create, false) => return Ok(Rewritten::ThereAlready),
            (Mode::Merge, false) => return Err(self.came_in_between(absent, tally.created)),
        }
        for (entity, _) in entities.iter().zip(found).filter(|(_, found)| !found) {
            journaled.note(&self.record(entity, Before::Absent)?)?;
        }
        Ok(Rewritten::All)
    }

    /// Locks and notes those that are there. Returns which were.
    async fn read_before(&self, journaled: &mut Journaled, entities: &[Entity<'_>]) -> Result<Vec<bool>> {
        let mut found = vec![false; entities.len()];
        let (transaction, mut notes) = journaled.split();
        match &self.images.reader {
            Reader::Nodes(reader) => {
                let keys: Vec<&str> = entities.iter().map(|entity| ends(entity).0).collect();
                reader
                    .each_locked(transaction, &keys, |index, before| {
                        let Some(entity) = entities.get(index) else { return Ok(()) };
                        found[index] = true;
                        notes.note(&self.record(entity, before)?)
                    })
                    .await?;
            }
            Reader::Relationships(reader) => {
                let pairs: Vec<(&str, &str)> = entities.iter().map(ends).collect();
                let images = reader.read_locked(transaction, &pairs).await?;
                for ((entity, image), found) in entities.iter().zip(images).zip(&mut found) {
                    if !image.is_empty() {
                        *found = true;
                        notes.note(&self.record(entity, Before::Relationships(image))?)?;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Runs the write statements, one for each form of rows.
    async fn run_statements(
        &self,
        journaled: &mut Journaled,
        batch: &Batch,
        rows: &[usize],
        mode: Mode,
    ) -> Result<Tally> {
        let mut tally = Tally::default();
        let Parameters { forms, zeros } = self.rows.by_form(batch, rows)?;
        if mode == Mode::Merge && !zeros.is_empty() {
            let statement =
                Statement::new(self.statements.clear_zeros()).param("rows", Parameter::list(zeros));
            journaled.transaction().run(statement).await?;
        }
        for (form, parameters) in forms {
            let statement = Statement::new(self.statements.write(mode, &form)?)
                .param("rows", Parameter::list(parameters))
                .param("schema_version", self.context.schema_version.as_str());
            let mut written = 0;
            let counters = journaled.transaction().each_row(statement, |row| {
                written = row.cells()?.first().and_then(Cell::as_i64).unwrap_or(0);
                Ok(())
            });
            let counters = counters.await?;
            tally.rows += usize::try_from(written).unwrap_or(0);
            let created = counters.nodes_created + counters.relationships_created;
            tally.created += usize::try_from(created).unwrap_or(usize::MAX);
        }
        Ok(tally)
    }

    fn record<'e>(&'e self, entity: &'e Entity<'_>, before: Before<'e>) -> Result<UndoRecord<'e>> {
        let record = &entity.record;
        Ok(UndoRecord {
            author: Author::Load,
            pipeline: self.context.pipeline.name().into(),
            identity: Identity { epoch: self.checkpoint.epoch, ..record.identity },
            pass: record.pass,
            read_at_micros: record.read_at_micros,
            claim: self.claim,
            subject: self.images.subject(&record.entity)?,
            written: self.images.written(entity),
            before,
        })
    }

    fn gap(&self, rows: usize) -> Gap<'_> {
        Gap {
            pipeline: self.context.pipeline.name().into(),
            claim: self.claim,
            reason: GapReason::JournalOff,
            rows: rows as u64,
            subject: None,
        }
    }

    fn came_in_between(&self, absent: usize, created: usize) -> Error {
        let name = self.context.pipeline.name();
        Error::new(
            Cause::Busy,
            format!(
                "load `{name}`: of {absent} that were not there {created} were created, so somebody else writes them"
            ),
        )
    }
}

/// Key of a node, twice; keys of a relationship's ends.
fn ends<'e>(entity: &'e Entity<'_>) -> (&'e str, &'e str) {
    match &entity.record.entity {
        ModelEntity::Node { key, .. } => (key, key),
        ModelEntity::Relationship { start, end } => (start, end),
    }
}
