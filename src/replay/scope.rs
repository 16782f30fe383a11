//! Which partitions of which stages a replay is about. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::csv::Line;
use crate::checkpoint::Stage;
use crate::error::{Cause, Error, Result};
use crate::kafka::Names;

/// A topic, and partitions of it; none means all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicScope {
    /// Its full name.
    pub topic: String,
    /// Partitions.
    pub partitions: Option<BTreeSet<i32>>,
}

impl FromStr for TopicScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected TOPIC or TOPIC:0,1,2 instead of {text:?}");
        let Some((topic, numbers)) = text.rsplit_once(':') else {
            return match text.is_empty() {
                true => Err(expected()),
                false => Ok(Self { topic: text.to_owned(), partitions: None }),
            };
        };
        let number = |number: &str| number.trim().parse().ok().filter(|number: &i32| *number >= 0);
        let partitions: Option<BTreeSet<i32>> = numbers.split(',').map(number).collect();
        match partitions {
            Some(partitions) if !topic.is_empty() => {
                Ok(Self { topic: topic.to_owned(), partitions: Some(partitions) })
            }
            _ => Err(expected()),
        }
    }
}

/// What limits a replay; an empty condition limits nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Stages.
    pub stages: Vec<Stage>,
    /// Topics.
    pub topics: Vec<TopicScope>,
}

/// A stage of a pipeline, and partitions of its input.
pub type Slots = BTreeMap<(Stage, String), BTreeSet<i32>>;

/// The stages that have positions, in flow order.
const STAGES: [Stage; 2] = [Stage::Transform, Stage::Load];

impl Scope {
    /// The partitions that are meant, among those of `pipelines`, which have `partitions` each.
    ///
    /// Errors: [`Cause::Usage`] for a topic that no stage of these pipelines reads, or that the stages leave out.
    pub fn slots(&self, names: &Names, pipelines: &[String], partitions: i32) -> Result<Slots> {
        let all: BTreeSet<i32> = (0..partitions).collect();
        let stages = STAGES.into_iter().filter(|stage| self.stages.is_empty() || self.stages.contains(stage));
        let mut slots: Slots = stages
            .flat_map(|stage| pipelines.iter().map(move |pipeline| (stage, pipeline.clone())))
            .map(|slot| (slot, all.clone()))
            .collect();
        if self.topics.is_empty() {
            return Ok(slots);
        }
        let mut wanted = Slots::new();
        for scope in &self.topics {
            let slot = slots.keys().find(|(stage, pipeline)| names.input(*stage, pipeline) == scope.topic);
            let slot = slot.cloned().ok_or_else(|| unknown(names, &scope.topic))?;
            let chosen = scope.partitions.clone().unwrap_or_else(|| all.clone());
            if let Some(outside) = chosen.iter().find(|partition| !all.contains(partition)) {
                return Err(no_partition(&scope.topic, *outside, partitions));
            }
            wanted.entry(slot).or_default().extend(chosen);
        }
        slots.retain(|slot, _| wanted.contains_key(slot));
        Ok(wanted)
    }
}

/// The offsets of a file, by stage, pipeline and partition; those outside of `slots` are left out.
///
/// Errors: [`Cause::Usage`] for a topic that is none of this prefix, a partition that there is not, a line that
/// contradicts another one or whose group does not read its topic.
pub fn offsets(lines: &[Line], names: &Names, slots: &Slots, partitions: i32) -> Result<BTreeMap<Slot, i64>> {
    let mut offsets = BTreeMap::new();
    for line in lines {
        let read_by = |stage: Stage| {
            let prefix = names.input(stage, "");
            line.topic.strip_prefix(&prefix).map(|pipeline| (stage, pipeline.to_owned()))
        };
        let (stage, pipeline) =
            STAGES.into_iter().find_map(read_by).ok_or_else(|| unknown(names, &line.topic))?;
        let group = names.group(stage, &pipeline);
        if let Some(other) = line.group.as_ref().filter(|other| **other != group) {
            let message =
                format!("take offsets from a file: {} is read by group {group}, not by {other}", line.topic);
            return Err(Error::new(Cause::Usage, message));
        }
        if !(0..partitions).contains(&line.partition) {
            return Err(no_partition(&line.topic, line.partition, partitions));
        }
        let wanted = slots.get(&(stage, pipeline.clone())).is_some_and(|of| of.contains(&line.partition));
        let slot = Slot { stage, pipeline, partition: line.partition };
        if wanted && offsets.insert(slot, line.offset).is_some_and(|other| other != line.offset) {
            let message = format!(
                "take offsets from a file: it has two for {}, partition {}",
                line.topic, line.partition
            );
            return Err(Error::new(Cause::Usage, message));
        }
    }
    Ok(offsets)
}

/// One partition of a stage's input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Stage.
    pub stage: Stage,
    /// Pipeline.
    pub pipeline: String,
    /// Partition.
    pub partition: i32,
}

fn unknown(names: &Names, topic: &str) -> Error {
    let (raw, model) = (names.raw("PIPELINE"), names.model("PIPELINE"));
    Error::new(Cause::Usage, format!("replay {topic}: no stage that is meant reads it")).what_to_do(format!(
        "name {raw} (--stage transform) or {model} (--stage load) of a pipeline of --types"
    ))
}

fn no_partition(topic: &str, partition: i32, partitions: i32) -> Error {
    Error::new(Cause::Usage, format!("replay {topic}: it has no partition {partition}"))
        .what_to_do(format!("its partitions are 0 to {}", partitions - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(scope: &Scope) -> Result<Vec<String>> {
        let pipelines = ["episode".to_owned(), "podcast".to_owned()];
        let slots = scope.slots(&Names::new("r"), &pipelines, 3)?;
        let each = slots.into_iter().map(|((stage, pipeline), partitions)| {
            format!("{stage} {pipeline} {}", partitions.iter().map(i32::to_string).collect::<String>())
        });
        Ok(each.collect())
    }

    #[test]
    fn everything_unless_it_is_limited() {
        assert_eq!(slots(&Scope::default()).unwrap().len(), 4);
        let load = Scope { stages: vec![Stage::Load], topics: Vec::new() };
        assert_eq!(slots(&load).unwrap(), ["load episode 012", "load podcast 012"]);
        let topics = ["r.raw.episode:0,2", "r.model.podcast"].map(|topic| topic.parse().unwrap());
        let of_topics = Scope { stages: Vec::new(), topics: topics.to_vec() };
        assert_eq!(slots(&of_topics).unwrap(), ["transform episode 02", "load podcast 012"]);
    }

    #[test]
    fn what_there_is_not_is_refused() {
        for (stages, topic) in [
            (vec![], "r.raw.segment"),
            (vec![], "r.raw.episode:3"),
            (vec![Stage::Load], "r.raw.episode"),
            (vec![], "r.dead-letters"),
        ] {
            let scope = Scope { stages, topics: vec![topic.parse().unwrap()] };
            assert_eq!(slots(&scope).unwrap_err().cause(), Cause::Usage, "{topic}");
        }
        for text in ["", ":0", "t:", "t:x", "t:-1", "t:0,,1"] {
            assert!(text.parse::<TopicScope>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_says_itself_what_it_is_about() {
        let names = Names::new("r");
        let all = Scope::default().slots(&names, &["episode".to_owned()], 3).unwrap();
        let line = |group: Option<&str>, topic: &str, partition, offset| Line {
            group: group.map(str::to_owned),
            topic: topic.to_owned(),
            partition,
            offset,
        };
        let lines = [
            line(Some("r.transform.episode"), "r.raw.episode", 0, 7),
            line(None, "r.model.episode", 2, 9),
            line(None, "r.model.podcast", 2, 9),
        ];
        let found = offsets(&lines, &names, &all, 3).unwrap();
        let found: Vec<_> =
            found.into_iter().map(|(slot, offset)| (slot.stage, slot.partition, offset)).collect();
        assert_eq!(found, [(Stage::Transform, 0, 7), (Stage::Load, 2, 9)]);
        for wrong in [
            line(None, "other.model.episode", 0, 1),
            line(Some("r.load.episode"), "r.raw.episode", 0, 1),
            line(None, "r.raw.episode", 3, 1),
            line(None, "r.raw.episode", 0, 8),
        ] {
            let lines = [lines[0].clone(), wrong];
            assert_eq!(offsets(&lines, &names, &all, 3).unwrap_err().cause(), Cause::Usage, "{lines:?}");
        }
    }
}
