//! Taking part in groups alone, so that nobody reads a topic under them while their offsets are moved.
//!
//! librdkafka has no call that sets a group's offsets from outside. A commit as the group's only member does it, and
//! is safe where one from outside is not: whoever joins meanwhile makes the broker refuse it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{GroupConsumer, Kafka, Polled};
use crate::checkpoint::{Stage, Start};
use crate::error::{Cause, Error, Result};

/// The only member of a stage's group. Dropping it leaves the group; that may block.
pub struct Membership {
    /// Stage.
    pub stage: Stage,
    /// Pipeline.
    pub pipeline: String,
    pub(super) consumer: GroupConsumer,
}

/// How long joining may take: a group's first assignment waits for more members, three seconds by default.
const JOIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

impl Membership {
    /// Joins the groups of these stages and pipelines. Blocks.
    ///
    /// Errors: [`Cause::Busy`] where somebody else takes part in one of them.
    pub fn join(kafka: &Kafka, groups: &[(Stage, String)]) -> Result<Vec<Self>> {
        let joined = groups.iter().map(|(stage, pipeline)| {
            let consumer = GroupConsumer::join(kafka, *stage, pipeline)?;
            Ok(Self { stage: *stage, pipeline: pipeline.clone(), consumer })
        });
        let joined = joined.collect::<Result<Vec<Self>>>()?;
        joined.iter().try_for_each(|membership| membership.await_all(kafka))?;
        Ok(joined)
    }

    /// Waits until all partitions are this member's.
    fn await_all(&self, kafka: &Kafka) -> Result<()> {
        let deadline = Instant::now() + JOIN;
        while Instant::now() < deadline {
            match self.consumer.poll(POLL)? {
                Polled::Assigned(partitions) => {
                    let all = kafka.settings().partitions;
                    if i32::try_from(partitions.len()).is_ok_and(|given| given < all) {
                        return Err(has_members(&kafka.names.group(self.stage, &self.pipeline)));
                    }
                    // Nothing is read: the assignment is only accepted, as a member has to.
                    let starts = partitions.iter().map(|partition| (*partition, Start::At(0)));
                    self.consumer.start(&starts.collect::<BTreeMap<_, _>>())?;
                    return self.consumer.pause(&partitions);
                }
                Polled::Revoked => self.consumer.released()?,
                Polled::Message(_) | Polled::Nothing => {}
            }
        }
        let group = kafka.names.group(self.stage, &self.pipeline);
        Err(Error::new(Cause::Busy, format!("join group {group}: Kafka gave no partitions within 30 s")))
    }
}

/// The refusal of a group that somebody takes part in.
pub fn has_members(group: &str) -> Error {
    Error::new(Cause::Busy, format!("move the offsets of group {group}: it has members")).what_to_do(
        "end the workers of this stage and pipeline (a killed one leaves after 10 s), then try again",
    )
}
