//! Nodes of one type: read, judged, and tried in the target.

use std::sync::Arc;

use super::Shared;
use super::dead::digest;
use super::judge::{Judge, Subject};
use super::reading::{Judged, Reading};
use super::report::PipelineForecast;
use super::{Look, presence::State};
use crate::error::Result;
use crate::load::{Candidate, Trial, Tried};
use crate::pipeline::{Pipeline, Rejection};
use crate::record::{Canonical, Value};

/// What the nodes of a type would come to.
pub(super) struct Read<L> {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) forecast: PipelineForecast,
    /// Digests of those that would not come to the target.
    pub(super) dead: Vec<u128>,
    pub(super) look: L,
}

/// Those that wait to be tried together.
#[derive(Default)]
struct Waiting {
    candidates: Vec<Candidate>,
    keys: Vec<String>,
    bytes: usize,
}

/// Reads all nodes of the type. Nothing where `stop` came first.
pub(super) async fn read<L: Look>(
    shared: &Shared,
    pipeline: Arc<Pipeline>,
    look: L,
) -> Result<Option<Read<L>>> {
    let context = &shared.context;
    let label = pipeline.source().entity_type();
    // Without a constraint nothing is looked at: every record would scan the label, and leave its name behind.
    let trial = match shared.presence.of(label) {
        State::Keyed => Some(shared.trial(&pipeline)?),
        State::Empty | State::Unkeyed => None,
    };
    let indexed = context.indexed.iter().filter(|(on, _)| on == label);
    let indexed: Vec<&str> = indexed.map(|(_, property)| property.as_str()).collect();
    let (mut dead, mut waiting, mut canonical) = (Vec::new(), Waiting::default(), Canonical::default());
    let mut reading = Reading::open(shared, &pipeline, look).await?;
    while let Some(judged) = reading.next().await? {
        let judge = &mut reading.judge;
        for Judged { subject, record, bytes } in judged {
            match (record, subject, &trial) {
                (Some(record), Subject::Node(key), Some(trial)) => {
                    waiting.candidates.push(trial.candidate(&record));
                    waiting.keys.push(key);
                    waiting.bytes += bytes;
                }
                (Some(record), subject, _) => match too_long(&pipeline, &record.row, &indexed) {
                    Some(rejection) => {
                        judge.reject(&subject, &rejection);
                        if let Subject::Node(key) = subject {
                            dead.push(digest(label, &key, &mut canonical));
                        }
                    }
                    None => judge.forecast.loaded.written(),
                },
                (None, Subject::Node(key), _) => dead.push(digest(label, &key, &mut canonical)),
                (None, ..) => {}
            }
        }
        if waiting.keys.len() >= context.batch_rows || waiting.bytes >= context.batch_bytes {
            try_out(&trial, &mut waiting, judge, label, &mut dead).await?;
        }
    }
    try_out(&trial, &mut waiting, &mut reading.judge, label, &mut dead).await?;
    let ended = reading.end();
    Ok(ended.map(|(forecast, look)| Read { pipeline: pipeline.clone(), forecast, dead, look }))
}

async fn try_out(
    trial: &Option<Trial>,
    waiting: &mut Waiting,
    judge: &mut Judge,
    label: &str,
    dead: &mut Vec<u128>,
) -> Result<()> {
    let Waiting { candidates, keys, .. } = std::mem::take(waiting);
    let Some(trial) = trial.as_ref().filter(|_| !keys.is_empty()) else { return Ok(()) };
    let mut canonical = Canonical::default();
    for (verdict, key) in trial.all(&candidates).await?.into_iter().zip(keys) {
        match verdict {
            Tried::Written => judge.forecast.loaded.written(),
            Tried::Updated => judge.forecast.loaded.updated(),
            Tried::Unchanged => judge.forecast.loaded.unchanged(),
            Tried::Refused(said) => {
                dead.push(digest(label, &key, &mut canonical));
                judge.reject(&Subject::Node(key), &Rejection::refused(said));
            }
        }
    }
    Ok(())
}

/// The longest text, in bytes, that a range index or a uniqueness constraint takes: on Neo4j 5.26.30 one byte more was
/// refused by either.
const LONGEST_INDEXED: usize = 8_164;

/// What the target will refuse once its schema is there, where it can't be tried yet.
fn too_long(pipeline: &Pipeline, row: &[Value<'_>], indexed: &[&str]) -> Option<Rejection> {
    indexed.iter().find_map(|property| {
        let (slot, _) = pipeline.contract().field(property)?;
        let bytes = row.get(slot)?.as_str()?.len();
        (bytes > LONGEST_INDEXED).then(|| {
            Rejection::refused(format!(
                "`{property}` has {bytes} bytes, which the index that is to be on it does not take"
            ))
        })
    })
}
