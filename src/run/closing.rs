//! The report of a run: the accounts, a dead letter of each reason, and what no pipeline covers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use super::engine::Engine;
use crate::checkpoint::{Account, Stage};
use crate::dead_letters::{Filter, Found, LetterState, Reader};
use crate::error::{Cause, Error, Result};
use crate::extract::{Declared, uncovered};
use crate::neo4j::SourceGraph;
use crate::pipeline::{Pipeline, Pipelines};
use crate::record::Reason;
use crate::retry::{LAST_WORDS, patiently, within};
use crate::status::{PipelineReport, RunReport, Sample};
use crate::stop::Stop;

/// Dead letters of each partition that are looked through for samples, the newest ones; then, for what is not among them,
/// more.
const LOOKED_THROUGH: [i64; 2] = [20_000, 200_000];

/// The accounts of the newest passes, by whatever process, and what this one did since `started`.
///
/// `soon` where a service has failed the run or somebody waits for its end: then nothing is tried again, and no question
/// waits longer than [`LAST_WORDS`] for its answer. What is written in this time is in the accounts or not; nothing else
/// depends on it.
pub(super) async fn sum_up(
    engine: &Engine,
    stages: &[Stage],
    started: Instant,
    soon: bool,
    stop: &Stop,
) -> Result<RunReport> {
    let tries = if soon { Duration::ZERO } else { engine.config.run.retry };
    let limit = tries + LAST_WORDS;
    let accounts = within(limit, "sum the run up", patiently(tries, stop, || accounts(engine))).await?;
    let mut remarks: Vec<String> =
        accounts.iter().flat_map(|(name, account)| remarks(name, account)).collect();
    let pipelines = accounts.iter().map(|(name, account)| PipelineReport::new(*name, account)).collect();
    let (here, last) = (done_here(engine, stages), stages.iter().max().copied().unwrap_or_default());
    let mut report = RunReport::new(pipelines, last, here, started.elapsed());
    match engine.source() {
        Ok(_) if here == 0 && report.is_through() => {
            remarks.push("--new-pass reads everything again".to_owned());
        }
        Ok(source) => remarks.extend(uncovered_remark(source, &engine.pipelines, limit, stop).await),
        Err(_) => {}
    }
    report.remarks = remarks;
    let totals = &report.totals;
    let reasons = totals.dead_letters.keys().chain(totals.emitted.dead_letters.keys()).copied().collect();
    let looked = samples(engine, reasons);
    report.samples = or_left_out(limit, "look for samples of dead letters", looked, stop).await;
    Ok(report)
}

async fn accounts(engine: &Engine) -> Result<Vec<(&str, Account)>> {
    engine.checkpoints.refresh().await?;
    let loaded = engine.observer.loaded().await?;
    let names = engine.selected.iter().map(|pipeline| pipeline.name());
    Ok(names.map(|name| (name, engine.observer.account(name, &loaded))).collect())
}

/// What people should know of a pass.
fn remarks(pipeline: &str, account: &Account) -> impl Iterator<Item = String> {
    let changed = (account.source_changed && account.extracted).then(|| {
        format!(
            "`{pipeline}`: the source changed while it was read ({} rows counted before, {} read); a new pass brings \
             the rest",
            account.expected, account.read
        )
    });
    dropped(pipeline, account).into_iter().chain(changed)
}

/// What the policy `drop` left out, in a sentence.
fn dropped(pipeline: &str, account: &Account) -> Option<String> {
    let names: Vec<String> =
        account.dropped.iter().map(|(name, number)| format!("`{name}` {number}")).collect();
    let sentence =
        || format!("`{pipeline}`: left out, since nobody declares them (unknown_properties: drop): ");
    (!names.is_empty()).then(|| sentence() + &names.join(", "))
}

/// Records that this process is through with: what its last stage passed on, and what any of them kept back.
fn done_here(engine: &Engine, stages: &[Stage]) -> u64 {
    let last = stages.iter().max();
    let of = |stage: &Stage, pipeline: &Arc<Pipeline>| {
        let metrics = engine.metrics.stage(*stage, pipeline.name());
        if Some(stage) == last { metrics.ended() } else { metrics.kept_back() }
    };
    stages.iter().flat_map(|stage| engine.selected.iter().map(move |each| of(stage, each))).sum()
}

/// One open dead letter of every reason, as far as they are near the end of their topic.
pub(super) async fn samples(engine: &Engine, reasons: BTreeSet<Reason>) -> Result<Vec<Sample>> {
    if reasons.is_empty() {
        return Ok(Vec::new());
    }
    let reader = Reader::new(&engine.kafka, &engine.watermarks, &engine.checkpoints).await?;
    let filter = Filter {
        pipelines: engine.selected.iter().map(|pipeline| pipeline.name().to_owned()).collect(),
        states: vec![LetterState::Open],
        ..Filter::default()
    };
    let look = move || {
        let (mut missing, mut samples) = (reasons, Vec::new());
        let mut take = |missing: &mut BTreeSet<Reason>, found: Found| {
            if missing.remove(&found.letter.reason) {
                samples.push(Sample::from(&found.letter));
            }
            Ok(!missing.is_empty())
        };
        for number in LOOKED_THROUGH {
            if !missing.is_empty() {
                let filter = Filter { reasons: missing.iter().copied().collect(), ..filter.clone() };
                reader.read_last(number, &filter, |found| take(&mut missing, found))?;
            }
        }
        Ok(samples)
    };
    let looked = tokio::task::spawn_blocking(look).await;
    looked.map_err(|error| Error::new(Cause::Unexpected, "look for samples of dead letters").source(error))?
}

/// A sentence on what the source has beside what the pipelines declare; nothing where that can't be had within `limit` or
/// somebody asks for the end meanwhile.
pub(super) async fn uncovered_remark(
    source: &SourceGraph,
    pipelines: &Pipelines,
    limit: Duration,
    stop: &Stop,
) -> Option<String> {
    let looked = async { Ok(uncovered(source, &declared(pipelines)).await?.sentence()) };
    or_left_out(limit, "count what no pipeline covers", looked, stop).await
}

/// What the report is complete without: that it fails or takes its time ends no run, and who asks for the end meanwhile does
/// not wait for it.
async fn or_left_out<T: Default>(
    limit: Duration,
    what: &str,
    attempt: impl Future<Output = Result<T>>,
    stop: &Stop,
) -> T {
    // Who had asked before has what it takes within the limit: a worker always ends that way.
    let is_new = !stop.is_requested();
    let attempted = tokio::select! {
        attempted = within(limit, what, attempt) => attempted,
        () = stop.requested(), if is_new => return T::default(),
    };
    attempted.unwrap_or_else(|error| {
        warn!("the report leaves something out: {}", error.chain().join(": "));
        T::default()
    })
}

/// What is read of the source.
pub(super) fn declared(pipelines: &Pipelines) -> Declared {
    let read = pipelines.all().iter().filter(|pipeline| pipeline.is_read());
    read.map(|pipeline| pipeline.source().shape()).collect()
}
