//! The result of `migrate-data`: the account of every pipeline's pass, and how fast this process was.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::checkpoint::{Account, DerivedAccount, ReplayAccount, Stage};
use crate::dead_letters;
use crate::record::{DeadLetter, Reason};

/// What `migrate-data` and the workers report at their end.
///
/// As JSON: `{"pipelines": {"episode": {"pass", "extracted", "read", "loaded", "merged", "dead_letters": {reason: n},
/// "emitted": {"total", "loaded", "dead_letters": {reason: n}}}}, "totals", "seconds", "records_per_second"}`.
/// All but the last two are totals of the pass over all processes, also when nothing was left to do; of a record that
/// was replayed the outcome counts that stands. A pipeline that had replays has `"replays": [{"epoch", "read", "loaded",
/// "merged", "dead_letters"}]` too.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunReport {
    /// The pipelines, in the order in which they ran.
    #[serde(serialize_with = "by_name")]
    pub pipelines: Vec<PipelineReport>,
    /// Sums over the pipelines.
    pub totals: Totals,
    /// How long this process took.
    pub seconds: f64,
    /// Records that this process was through with in a second.
    pub records_per_second: f64,
    /// Records that this process is through with: what its last stage passed on, merged ones and dead letters of any. For
    /// people; not in the JSON.
    #[serde(skip)]
    pub done_here: u64,
    /// The last stage of this process: what came to its end speaks of it. For people; not in the JSON.
    #[serde(skip)]
    pub last_stage: Stage,
    /// Whether a failure ended the run, which is told beside the report. For people; not in the JSON.
    #[serde(skip)]
    pub failed: bool,
    /// One dead letter of every reason; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
    /// What else people should know: the source changed, what no pipeline covers; absent where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// The account of a pipeline's newest pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PipelineReport {
    /// The pipeline.
    #[serde(skip)]
    pub name: String,
    /// The pass, from 1; 0 before the first.
    pub pass: u32,
    /// Whether the source was read to its end.
    pub extracted: bool,
    /// Rows that a plain count found at the pass's start. For people; not in the JSON.
    #[serde(skip)]
    pub expected: u64,
    /// Rows read.
    pub read: u64,
    /// Of these, how many transformation is through with. For people; not in the JSON.
    #[serde(skip)]
    pub transformed: u64,
    /// Records applied to the target.
    pub loaded: u64,
    /// Parallel relationships that another one stands for.
    pub merged: u64,
    /// Dead letters, by reason. Reasons without any are left out.
    pub dead_letters: BTreeMap<Reason, u64>,
    /// Records that other pipelines derived for this one.
    pub emitted: Emitted,
    /// Properties that the policy `drop` left out, by name; absent where there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, u64>,
    /// Replays of the pass, each with its own account: read = loaded + merged + dead letters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replays: Vec<ReplayAccount>,
}

/// Derived records, at the pipeline that they come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Emitted {
    /// All of them.
    pub total: u64,
    /// Applied to the target.
    pub loaded: u64,
    /// Dead letters, by reason.
    pub dead_letters: BTreeMap<Reason, u64>,
}

/// Sums over pipelines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Rows read.
    pub read: u64,
    /// Records applied to the target.
    pub loaded: u64,
    /// Parallel relationships that another one stands for.
    pub merged: u64,
    /// Dead letters, by reason.
    pub dead_letters: BTreeMap<Reason, u64>,
    /// Derived records.
    pub emitted: Emitted,
}

/// A dead letter that shows what its reason looks like here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Reason.
    pub reason: Reason,
    /// Pipeline that it counts for.
    pub pipeline: String,
    /// What it is about: `episode "episode-1-7"`.
    pub subject: String,
    /// What is wrong.
    pub message: String,
    /// What a person can do about dead letters of this reason.
    pub what_to_do: &'static str,
}

impl RunReport {
    /// Sums the pipelines up; this process, whose last stage is given, was through with `done_here` records in `time`.
    pub fn new(
        pipelines: Vec<PipelineReport>,
        last_stage: Stage,
        done_here: u64,
        time: Duration,
    ) -> RunReport {
        let seconds = time.as_secs_f64();
        let totals = pipelines.iter().fold(Totals::default(), Totals::and);
        RunReport {
            pipelines,
            totals,
            seconds: rounded(seconds),
            // Counts are far below 2^53.
            records_per_second: if seconds > 0.0 { rounded(done_here as f64 / seconds) } else { 0.0 },
            done_here,
            last_stage,
            ..RunReport::default()
        }
    }

    /// Whether the source was read to its end, of every pipeline.
    pub fn is_extracted(&self) -> bool {
        self.pipelines.iter().all(|pipeline| pipeline.extracted)
    }

    /// Whether the last stage of this process has nothing left to do.
    pub fn is_through(&self) -> bool {
        self.is_extracted()
            && match self.last_stage {
                Stage::Extract => true,
                Stage::Transform => self.pipelines.iter().all(|each| each.transformed >= each.read),
                Stage::Load => self.balances(),
            }
    }

    /// Whether nothing is missing and nothing is there twice, in any pipeline.
    pub fn balances(&self) -> bool {
        self.pipelines.iter().all(PipelineReport::balances)
    }
}

impl PipelineReport {
    /// The report of an account.
    pub fn new(name: impl Into<String>, account: &Account) -> PipelineReport {
        PipelineReport {
            name: name.into(),
            pass: account.pass,
            extracted: account.extracted,
            expected: account.expected,
            read: account.read,
            transformed: account.transformed,
            loaded: account.loaded,
            merged: account.merged,
            dead_letters: account.dead_letters.clone(),
            emitted: Emitted::from(&account.derived),
            dropped: account.dropped.clone(),
            replays: account.replays.clone(),
        }
    }

    /// Dead letters of records that were read, whatever the reason.
    pub fn dead_lettered(&self) -> u64 {
        self.dead_letters.values().sum()
    }

    /// Whether read = loaded + merged + dead-lettered, and emitted = loaded + dead-lettered.
    pub fn balances(&self) -> bool {
        self.read == self.loaded + self.merged + self.dead_lettered()
            && self.emitted.total == self.emitted.loaded + self.emitted.dead_lettered()
    }
}

impl Emitted {
    /// Dead letters, whatever the reason.
    pub fn dead_lettered(&self) -> u64 {
        self.dead_letters.values().sum()
    }
}

impl From<&DerivedAccount> for Emitted {
    fn from(account: &DerivedAccount) -> Self {
        Emitted { total: account.total, loaded: account.loaded, dead_letters: account.dead_letters.clone() }
    }
}

impl Totals {
    fn and(mut self, pipeline: &PipelineReport) -> Totals {
        self.read += pipeline.read;
        self.loaded += pipeline.loaded;
        self.merged += pipeline.merged;
        add(&mut self.dead_letters, &pipeline.dead_letters);
        self.emitted.total += pipeline.emitted.total;
        self.emitted.loaded += pipeline.emitted.loaded;
        add(&mut self.emitted.dead_letters, &pipeline.emitted.dead_letters);
        self
    }
}

impl From<&DeadLetter> for Sample {
    fn from(letter: &DeadLetter) -> Self {
        let subject = dead_letters::subject(letter);
        let (pipeline, message) = (letter.pipeline.clone(), letter.message.clone());
        Sample { reason: letter.reason, pipeline, subject, message, what_to_do: letter.reason.what_to_do() }
    }
}

fn add(to: &mut BTreeMap<Reason, u64>, from: &BTreeMap<Reason, u64>) {
    for (reason, count) in from {
        *to.entry(*reason).or_default() += count;
    }
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn by_name<S: Serializer>(pipelines: &[PipelineReport], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pipelines.iter().map(|pipeline| (&pipeline.name, pipeline)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_the_documented_one() {
        let account = Account {
            extracted: true,
            pass: 2,
            read: 10,
            loaded: 8,
            merged: 1,
            dead_letters: BTreeMap::from([(Reason::RuleViolated, 1)]),
            derived: DerivedAccount {
                total: 3,
                loaded: 2,
                dead_letters: BTreeMap::from([(Reason::EndpointMissing, 1)]),
                awaited: false,
            },
            ..Account::default()
        };
        let report = RunReport::new(
            vec![PipelineReport::new("episode", &account)],
            Stage::Load,
            9,
            Duration::from_secs(3),
        );
        assert!(report.balances());
        let episode = serde_json::json!({
            "pass": 2, "extracted": true, "read": 10, "loaded": 8, "merged": 1, "dead_letters": {"rule_violated": 1},
            "emitted": {"total": 3, "loaded": 2, "dead_letters": {"endpoint_missing": 1}},
        });
        let mut totals = episode.clone();
        for only_of_pipelines in ["pass", "extracted"] {
            totals.as_object_mut().unwrap().shift_remove(only_of_pipelines);
        }
        assert_eq!(
            serde_json::to_value(&report).unwrap(),
            serde_json::json!({
                "pipelines": {"episode": episode}, "totals": totals, "seconds": 3.0, "records_per_second": 3.0,
            })
        );
    }

    #[test]
    fn a_missing_record_unbalances_the_account() {
        let mut pipeline = PipelineReport { read: 2, loaded: 1, ..PipelineReport::default() };
        assert!(!pipeline.balances());
        pipeline.dead_letters.insert(Reason::Orphaned, 1);
        assert!(pipeline.balances());
        pipeline.emitted.total = 1;
        assert!(!pipeline.balances());
    }
}
