//! Durable counts: per pass and epoch, moved in the transaction that moves the offset they count up to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::Reason;

/// Counts of derived records at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// How many: emitted at the transform stage, arrived at the load stage.
    pub total: u64,
    /// How many of them became dead letters here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dead_letters: BTreeMap<Reason, u64>,
}

/// What one stage did with the records of one pass in one epoch, on one partition.
///
/// `records = passed + merged + dead letters` always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassCounts {
    /// The pass that read them.
    pub pass: u32,
    /// The stage's epoch.
    pub epoch: u32,
    /// Records of this pipeline's own extraction that arrived.
    pub records: u64,
    /// Forwarded to the model topic, or applied to the target.
    pub passed: u64,
    /// Parallel relationships that another one stands for.
    #[serde(default)]
    pub merged: u64,
    /// Dead letters by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dead_letters: BTreeMap<Reason, u64>,
    /// How many of the dead letters are not charged to the limit.
    #[serde(default)]
    pub uncharged: u64,
    /// Records whose bytes could not be read, so that extraction can't have counted them.
    #[serde(default)]
    pub foreign: u64,
    /// Transform: derived records sent on, by the pipeline that they go to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub emitted: BTreeMap<String, Derived>,
    /// Load: derived records that arrived here, by the pipeline that emitted them. The pass is that one's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arrived: BTreeMap<String, Derived>,
    /// Transform: properties that the policy `drop` left out, by name; of too many names those that came first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, u64>,
}

/// Names of dropped properties that are counted apart; a graph may have any number of them.
const MOST_DROPPED: usize = 50;

/// Stands for all names beyond these.
pub const OTHER_DROPPED: &str = "…";

impl PassCounts {
    /// Dead letters of its own records, whatever the reason.
    pub fn dead_letter_total(&self) -> u64 {
        self.dead_letters.values().sum()
    }

    /// Counts one dead letter of its own.
    pub fn dead_letter(&mut self, reason: Reason, charged: bool) {
        self.records += 1;
        *self.dead_letters.entry(reason).or_default() += 1;
        self.uncharged += u64::from(!charged);
    }

    /// Counts a property that was left out.
    pub fn drop_property(&mut self, name: &str) {
        self.drop_properties(name, 1);
    }

    fn drop_properties(&mut self, name: &str, number: u64) {
        if let Some(count) = self.dropped.get_mut(name) {
            *count += number;
            return;
        }
        let name = if self.dropped.len() < MOST_DROPPED { name } else { OTHER_DROPPED };
        *self.dropped.entry(name.to_owned()).or_default() += number;
    }

    /// Adds what was counted since.
    pub fn add(&mut self, other: &PassCounts) {
        self.records += other.records;
        self.passed += other.passed;
        self.merged += other.merged;
        self.uncharged += other.uncharged;
        self.foreign += other.foreign;
        add_reasons(&mut self.dead_letters, &other.dead_letters);
        for (pipeline, derived) in &other.emitted {
            self.emitted.entry(pipeline.clone()).or_default().add(derived);
        }
        for (pipeline, derived) in &other.arrived {
            self.arrived.entry(pipeline.clone()).or_default().add(derived);
        }
        for (name, number) in &other.dropped {
            self.drop_properties(name, *number);
        }
    }
}

impl Derived {
    /// Adds what was counted since.
    pub fn add(&mut self, other: &Derived) {
        self.total += other.total;
        add_reasons(&mut self.dead_letters, &other.dead_letters);
    }

    /// Dead letters, whatever the reason.
    pub fn dead_letter_total(&self) -> u64 {
        self.dead_letters.values().sum()
    }
}

/// Adds counts by reason.
pub(super) fn add_reasons(to: &mut BTreeMap<Reason, u64>, from: &BTreeMap<Reason, u64>) {
    for (reason, count) in from {
        *to.entry(*reason).or_default() += count;
    }
}

/// The counts of a partition, a few entries: one per pass and epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(pub Vec<PassCounts>);

impl Counts {
    /// The entry for a pass and epoch, made if it is the first.
    pub fn of(&mut self, pass: u32, epoch: u32) -> &mut PassCounts {
        let found = self.0.iter().position(|counts| counts.pass == pass && counts.epoch == epoch);
        let at = found.unwrap_or_else(|| {
            self.0.push(PassCounts { pass, epoch, ..PassCounts::default() });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    /// The highest pass of which records came so far, 1 before the first. Derived ones have passes of their own.
    pub fn newest_pass(&self) -> u32 {
        let own = self.0.iter().filter(|counts| counts.records > 0);
        own.map(|counts| counts.pass).max().unwrap_or(1)
    }

    /// Adds another set of counts.
    pub fn add(&mut self, other: &Counts) {
        for counts in &other.0 {
            self.of(counts.pass, counts.epoch).add(counts);
        }
    }

    /// Nothing counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
