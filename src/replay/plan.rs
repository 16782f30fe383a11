//! What a replay is to do, as it is shown and as it is done. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::csv::Line;
use super::position::{Gap, Known, To};
use super::scope::Slot;
use crate::checkpoint::{Stage, Start};
use crate::error::{Cause, Error, Result};
use crate::kafka::Names;

/// A stage's partition as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which one.
    pub slot: Slot,
    /// Its offsets.
    pub known: Known,
    /// Where the stage would start, or why it would not.
    pub start: Start,
}

/// One partition's part of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Pipeline.
    pub pipeline: String,
    /// Stage.
    pub stage: Stage,
    /// Topic that it reads.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Where the group is.
    pub current: i64,
    /// Where it is to be.
    pub new: i64,
    /// The topic's end.
    pub end: i64,
    /// At most so many records are read once more.
    pub at_most_records: i64,
    /// At most so many records are left out.
    pub at_most_left_out: i64,
    /// What was asked for and can't be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Where the stage's own checkpoint is.
    #[serde(skip)]
    pub checkpoint: i64,
    /// Whether the checkpoint is of other topics, so that its counts say nothing.
    #[serde(skip)]
    pub of_other_lineage: bool,
    /// Records that retention has removed.
    #[serde(skip)]
    pub gap: Option<Gap>,
}

/// A whole plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Where to, in words, with an instant resolved.
    pub to: String,
    /// The steps, in flow order.
    pub steps: Vec<Step>,
}

/// Where to: the same for all partitions, or as a file says for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The same for all.
    Same(To),
    /// By partition; one that is not named stays.
    Each(BTreeMap<Slot, i64>),
}

impl Wanted {
    /// What is wanted of a partition.
    fn of(&self, slot: &Slot) -> Option<To> {
        match self {
            Wanted::Same(to) => Some(to.clone()),
            Wanted::Each(offsets) => offsets.get(slot).copied().map(To::Offset),
        }
    }
}

impl Plan {
    /// Decides for every partition that was seen.
    ///
    /// Errors: [`Cause::Lineage`] for a target that was loaded from other topics, unless it is loaded from the start.
    pub fn new(wanted: &Wanted, told: String, seen: Vec<Seen>, names: &Names) -> Result<Self> {
        let mut steps = Vec::new();
        for Seen { slot, known, start } in seen {
            let Some(to) = wanted.of(&slot) else { continue };
            let topic = names.input(slot.stage, &slot.pipeline);
            let of_other_lineage = matches!(start, Start::OtherLineage { .. });
            if of_other_lineage && (to != To::Earliest || slot.stage != Stage::Load) {
                return Err(other_lineage(&start, &slot, &topic, names));
            }
            let target = to.resolve(&known);
            // Of a target that was restored: what it lacks is not loaded, whatever Kafka says.
            let is_behind = matches!(start, Start::Ahead { .. });
            let done = if is_behind { known.checkpoint } else { known.current };
            steps.push(Step {
                topic,
                current: known.current,
                new: target.new,
                end: known.end,
                at_most_records: (known.current - target.new).max(0),
                at_most_left_out: (target.new - done).max(0),
                warning: target
                    .warning
                    .or_else(|| (is_behind && target.new > done).then(|| lacking(slot.stage, done))),
                checkpoint: known.checkpoint,
                of_other_lineage,
                gap: target.gap,
                pipeline: slot.pipeline,
                stage: slot.stage,
                partition: slot.partition,
            });
        }
        steps.sort_by_key(|step| (step.stage, step.pipeline.clone(), step.partition));
        Ok(Self { to: told, steps })
    }

    /// Refuses to go over what retention has removed.
    ///
    /// Errors: [`Cause::CheckFailed`], naming every gap.
    pub fn check_gaps(&self, allowed: bool) -> Result<()> {
        let gaps = self.steps.iter().filter_map(|step| {
            let Gap { from, to } = step.gap?;
            Some(format!("{}, partition {}: offsets {from} to {}", step.topic, step.partition, to - 1))
        });
        let gaps: Vec<String> = gaps.collect();
        if allowed || gaps.is_empty() {
            return Ok(());
        }
        let message = format!("replay what is no longer there: retention has removed {}", gaps.join("; "));
        Err(Error::new(Cause::CheckFailed, message)
            .what_to_do("--allow-gap replays what is left; `--new-pass` of migrate-data or extract reads everything again"))
    }

    /// The steps that change anything.
    pub fn changes(&self) -> impl Iterator<Item = &Step> {
        self.steps
            .iter()
            .filter(|step| step.new != step.current || step.new != step.checkpoint || step.of_other_lineage)
    }

    /// The stages and pipelines whose groups are moved.
    pub fn groups(&self) -> Vec<(Stage, String)> {
        let mut groups: Vec<_> = self.changes().map(|step| (step.stage, step.pipeline.clone())).collect();
        groups.dedup();
        groups
    }

    /// The new offsets in the form of Kafka's own tool.
    pub fn lines(&self, names: &Names) -> Vec<Line> {
        let line = |step: &Step| Line {
            group: Some(names.group(step.stage, &step.pipeline)),
            topic: step.topic.clone(),
            partition: step.partition,
            offset: step.new,
        };
        self.steps.iter().map(line).collect()
    }
}

fn lacking(stage: Stage, done: i64) -> String {
    let has = match stage {
        Stage::Load => "the target has rows",
        _ => "the checkpoint says that records are through",
    };
    format!("{has} up to offset {done} only; --to-checkpoint goes there")
}

fn other_lineage(start: &Start, slot: &Slot, topic: &str, names: &Names) -> Error {
    let group = names.group(slot.stage, &slot.pipeline);
    let place = crate::checkpoint::Place {
        stage: slot.stage,
        pipeline: &slot.pipeline,
        topic,
        group: &group,
        partition: slot.partition,
    };
    match start.refusal(&place) {
        Some(refusal) => refusal.error(),
        None => Error::new(Cause::Unexpected, format!("replay {topic}")),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn seen(stage: Stage, partition: i32, current: i64, start: i64) -> Seen {
        Seen {
            slot: Slot { stage, pipeline: "p".into(), partition },
            known: Known { current, checkpoint: current, start, end: 50, at_time: None },
            start: Start::At(current),
        }
    }

    fn plan(wanted: &Wanted, seen: Vec<Seen>) -> Result<Plan> {
        Plan::new(wanted, "to the earliest".into(), seen, &Names::new("r"))
    }

    #[test]
    fn a_plan_says_how_many_records_come_again_and_how_many_are_left_out() {
        let both = vec![seen(Stage::Load, 0, 40, 0), seen(Stage::Transform, 1, 20, 0)];
        let to = Wanted::Same(To::Offset(30));
        let found = plan(&to, both).unwrap();
        let steps: Vec<_> = found
            .steps
            .iter()
            .map(|step| (step.stage, step.at_most_records, step.at_most_left_out))
            .collect();
        assert_eq!(steps, [(Stage::Transform, 0, 10), (Stage::Load, 10, 0)]);
        assert_eq!(found.lines(&Names::new("r"))[1].group.as_deref(), Some("r.load.p"));
        assert_eq!(found.groups().len(), 2);
    }

    #[test]
    fn what_is_there_already_is_no_change() {
        let there = plan(&Wanted::Same(To::Current), vec![seen(Stage::Load, 0, 40, 0)]).unwrap();
        assert_eq!(there.changes().count(), 0);
        let mut restored = seen(Stage::Load, 0, 40, 0);
        restored.known.checkpoint = 10;
        let to_target = plan(&Wanted::Same(To::Checkpoint), vec![restored.clone()]).unwrap();
        assert_eq!(to_target.changes().count(), 1);
        assert_eq!(plan(&Wanted::Same(To::Current), vec![restored]).unwrap().changes().count(), 1, "adopted");
    }

    #[test]
    fn what_a_restored_target_lacks_is_left_out_wherever_kafka_is() {
        let mut restored = seen(Stage::Load, 0, 40, 0);
        restored.known.checkpoint = 10;
        restored.start = Start::Ahead { kafka: 40, checkpoint: Some(10) };
        let step = |to| plan(&Wanted::Same(to), vec![restored.clone()]).unwrap().steps.remove(0);
        for (to, left_out) in [(To::Current, 30), (To::Latest, 40), (To::Offset(20), 10)] {
            let step = step(to);
            assert_eq!(step.at_most_left_out, left_out, "{step:?}");
            assert!(step.warning.is_some_and(|warning| warning.contains("up to offset 10 only")));
        }
        let step = step(To::Checkpoint);
        assert_eq!((step.at_most_records, step.at_most_left_out, step.warning), (30, 0, None));
    }

    #[test]
    fn partitions_that_a_file_leaves_out_stay() {
        let slot = Slot { stage: Stage::Load, pipeline: "p".into(), partition: 1 };
        let each = Wanted::Each(BTreeMap::from([(slot, 5)]));
        let both = vec![seen(Stage::Load, 0, 40, 0), seen(Stage::Load, 1, 40, 0)];
        let found = plan(&each, both).unwrap();
        assert_eq!(found.steps.iter().map(|step| (step.partition, step.new)).collect::<Vec<_>>(), [(1, 5)]);
    }

    #[test]
    fn a_gap_is_an_error_unless_it_is_allowed() {
        let found = plan(&Wanted::Same(To::Earliest), vec![seen(Stage::Load, 2, 40, 10)]).unwrap();
        let error = found.check_gaps(false).unwrap_err();
        assert_eq!(error.policy().exit_code, 1);
        assert!(error.to_string().contains("r.model.p, partition 2: offsets 0 to 9"), "{error}");
        assert!(found.check_gaps(true).is_ok());
    }

    #[test]
    fn a_target_of_other_topics_is_only_loaded_from_the_start() {
        let other = Seen {
            start: Start::OtherLineage { topics: Uuid::nil(), checkpoint: Uuid::nil() },
            ..seen(Stage::Load, 0, 40, 0)
        };
        assert_eq!(
            plan(&Wanted::Same(To::Offset(0)), vec![other.clone()]).unwrap_err().cause(),
            Cause::Lineage
        );
        let found = plan(&Wanted::Same(To::Earliest), vec![other]).unwrap();
        assert!(found.steps[0].of_other_lineage && found.changes().count() == 1);
    }
}
