//! Nodes of one type: read, judged, and tried in the target.

use std::sync::Arc;

use super::Shared;
use super::dead::digest;
use super::judge::{Judge, Subject};
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
    mut look: L,
) -> Result<Option<Read<L>>> {
    let context = &shared.context;
    let (name, label) = (pipeline.name(), pipeline.source().entity_type());
    let (rows, from) = shared.rows(&pipeline).await?;
    let counted = rows.count().await?;
    context.tally.begin(name, Some(counted.min(context.sample.unwrap_or(u64::MAX))));
    // Without a constraint nothing is looked at: every record would scan the label, and leave its name behind.
    let trial = match shared.presence.of(label) {
        State::Keyed => Some(shared.trial(&pipeline)?),
        State::Empty | State::Unkeyed => None,
    };
    let indexed = context.indexed.iter().filter(|(on, _)| on == label);
    let indexed: Vec<&str> = indexed.map(|(_, property)| property.as_str()).collect();
    let (mut judge, mut canonical) = (Judge::new(&pipeline, shared.envelope()), Canonical::default());
    let (mut dead, mut waiting) = (Vec::new(), Waiting::default());
    let mut reading = rows.read(from).await?;
    'read: while let Some(settled) = reading.next().await? {
        let (before, rows) = (judge.forecast.dead_lettered(), settled.rows.len() as u64);
        for (row, finding) in settled.rows {
            if context.sample.is_some_and(|most| judge.forecast.read >= most) {
                break 'read;
            }
            let raw = judge.wrap(row, finding);
            look.see(&raw);
            let subject = Subject::of(&raw);
            let record = judge.judge(&pipeline, raw, &subject)?;
            match (record, subject, &trial) {
                (Some(record), Subject::Node(key), Some(trial)) => {
                    waiting.candidates.push(trial.candidate(&record));
                    waiting.keys.push(key);
                    waiting.bytes += judge.bytes();
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
            try_out(&trial, &mut waiting, &mut judge, label, &mut dead).await?;
        }
        context.tally.add(name, rows);
        context.tally.found(name, judge.forecast.dead_lettered() - before);
        if context.stop.is_requested() {
            return Ok(None);
        }
    }
    try_out(&trial, &mut waiting, &mut judge, label, &mut dead).await?;
    context.tally.end(name);
    let forecast = judge.forecast;
    Ok(Some(Read { pipeline, forecast, dead, look }))
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

/// Bytes of text that a range index takes no longer (Neo4j 5.26: 8,000 pass, 9,000 don't).
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
