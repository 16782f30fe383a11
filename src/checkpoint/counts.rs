//! Durable counts: per pass and epoch, moved in the transaction that moves the offset they count up to.
//!
//! What comes through for the first time counts under epoch 0, whatever the stage's epoch; what a replay takes once
//! more counts under the replay's epoch, and says what it stands for now in place of: the sum of all outcomes less what
//! was replaced is the pass's account, the counts of one epoch are the replay's own.

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
    /// The replay that took them once more; 0 where they came for the first time.
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
    /// Earlier outcomes that these stand in place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Box<Replaced>>,
}

/// Earlier outcomes that no longer stand, since a replay led to others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Forwarded to the model topic, or applied to the target.
    #[serde(default, skip_serializing_if = "is_default")]
    pub passed: u64,
    /// Parallel relationships that another one stood for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub merged: u64,
    /// Dead letters by reason.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dead_letters: BTreeMap<Reason, u64>,
    /// How many of the dead letters were not charged to the limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub uncharged: u64,
    /// Records whose bytes could not be read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub foreign: u64,
    /// Transform: derived records, by the pipeline that they went to. What an earlier attempt emitted is not
    /// written down: as many are taken to be replaced as were emitted now, which keeps both sides of the account equal.
    #[serde(default, skip_serializing_if = "is_default")]
    pub emitted: BTreeMap<String, Derived>,
    /// Load: derived records that arrived, by the pipeline that emitted them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub arrived: BTreeMap<String, Derived>,
    /// Transform: outcomes of loading that no longer stand, since the record does not get there any more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub withdrawn: Withdrawn,
}

/// Outcomes of loading that transformation has taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// Records that were applied.
    #[serde(default, skip_serializing_if = "is_default")]
    pub loaded: u64,
    /// Dead letters of loading by reason.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dead_letters: BTreeMap<Reason, u64>,
    /// How many of those were not charged to the limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub uncharged: u64,
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
        add_derived(&mut self.emitted, &other.emitted);
        add_derived(&mut self.arrived, &other.arrived);
        for (name, number) in &other.dropped {
            self.drop_properties(name, *number);
        }
        if let Some(replaced) = &other.replaced {
            self.replaced().add(replaced);
        }
    }

    /// What these counts stand in place of, to be added to.
    pub fn replaced(&mut self) -> &mut Replaced {
        self.replaced.get_or_insert_default()
    }

    /// Dead letters of its own that are charged to the limit, less those that no longer stand.
    pub fn charged(&self) -> i64 {
        let of = |dead_letters: &BTreeMap<Reason, u64>, uncharged: u64| {
            signed(dead_letters.values().sum()) - signed(uncharged)
        };
        let replaced = self.replaced.as_ref().map_or(0, |replaced| {
            of(&replaced.dead_letters, replaced.uncharged)
                + of(&replaced.withdrawn.dead_letters, replaced.withdrawn.uncharged)
        });
        of(&self.dead_letters, self.uncharged) - replaced
    }
}

impl Replaced {
    /// One dead letter of its own no longer stands.
    pub fn dead_letter(&mut self, reason: Reason, charged: bool) {
        *self.dead_letters.entry(reason).or_default() += 1;
        self.uncharged += u64::from(!charged);
    }

    /// Adds what was replaced since.
    pub fn add(&mut self, other: &Replaced) {
        self.passed += other.passed;
        self.merged += other.merged;
        self.uncharged += other.uncharged;
        self.foreign += other.foreign;
        add_reasons(&mut self.dead_letters, &other.dead_letters);
        add_derived(&mut self.emitted, &other.emitted);
        add_derived(&mut self.arrived, &other.arrived);
        self.withdrawn.loaded += other.withdrawn.loaded;
        self.withdrawn.uncharged += other.withdrawn.uncharged;
        add_reasons(&mut self.withdrawn.dead_letters, &other.withdrawn.dead_letters);
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

fn add_derived(to: &mut BTreeMap<String, Derived>, from: &BTreeMap<String, Derived>) {
    for (pipeline, derived) in from {
        to.entry(pipeline.clone()).or_default().add(derived);
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Counts are far below 2^63.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
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

    /// Whether an earlier epoch has counted records of the pass: then `epoch` replays it.
    pub fn has_earlier(&self, pass: u32, epoch: u32) -> bool {
        self.0.iter().any(|counts| counts.pass == pass && counts.epoch < epoch)
    }

    /// Records that came, derived ones included, whatever became of them.
    pub fn taken_in(&self) -> u64 {
        let derived = |counts: &PassCounts| counts.arrived.values().map(|arrived| arrived.total).sum::<u64>();
        self.0.iter().map(|counts| counts.records + derived(counts)).sum()
    }

    /// Records that were passed on or applied, derived ones included.
    pub fn applied(&self) -> u64 {
        let derived = |counts: &PassCounts| -> u64 {
            counts.arrived.values().map(|arrived| arrived.total - arrived.dead_letter_total()).sum()
        };
        self.0.iter().map(|counts| counts.passed + derived(counts)).sum()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_that_an_earlier_epoch_counted_is_replayed_and_a_new_one_is_not() {
        let mut counts = Counts::default();
        counts.of(1, 0).records = 5;
        assert!(!counts.has_earlier(1, 0));
        counts.of(1, 1).records = 2;
        assert!(counts.has_earlier(1, 1));
        assert!(!counts.has_earlier(2, 1));
    }
}
