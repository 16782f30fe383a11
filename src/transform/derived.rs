//! What a record derives, on its way to the topics of the pipelines that it comes to: counted at the record that
//! derived it, whose position it carries. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use super::outcome::{Letter, Position};
use crate::checkpoint::PassCounts;
use crate::metrics::StageMetrics;
use crate::pipeline::{Derived, Pipeline, Rejection};
use crate::record::{DeadLetter, Identity, Key, ModelEntity, ModelRecord, ReplayMark, named, partition_of};

/// A pipeline that derived records come to.
#[derive(Clone)]
pub struct Receiver {
    /// The pipeline.
    pub pipeline: Arc<Pipeline>,
    /// Its topic of model records.
    pub topic: String,
    /// Its counters.
    pub metrics: StageMetrics,
}

/// A derived record, ready to be sent.
pub(super) struct Further<'m> {
    /// Which of the receivers it comes to.
    pub receiver: usize,
    pub key: Option<Vec<u8>>,
    pub partition: i32,
    pub outcome: Outcome<'m>,
    /// Goes with a model record that a replay makes.
    pub mark: Option<ReplayMark>,
}

pub(super) enum Outcome<'m> {
    Model(ModelRecord<'m>),
    DeadLetter(Box<DeadLetter>),
}

impl Outcome<'_> {
    pub fn identity(&self) -> Identity {
        match self {
            Outcome::Model(record) => record.identity,
            Outcome::DeadLetter(letter) => letter.identity(),
        }
    }
}

/// Where derived records come from.
pub(super) struct Origin<'m> {
    /// The pipeline of the record that derived them.
    pub pipeline: &'m str,
    pub raw_topic: &'m str,
    pub identity: Identity,
    pub pass: u32,
    pub read_at_micros: i64,
    /// Partitions of every topic.
    pub partitions: i32,
}

/// Numbers the outcomes from 1 and counts them.
pub(super) fn further<'m>(
    derived: Vec<Derived<'m>>,
    origin: &Origin<'m>,
    receivers: &[Receiver],
    counts: &mut PassCounts,
) -> Vec<Further<'m>> {
    let numbered = derived.into_iter().zip(1..).filter_map(|(derived, output)| {
        // Every pipeline that is derived for has its receiver: the files were compiled together.
        let receiver = receivers.iter().position(|each| each.pipeline.name() == derived.pipeline)?;
        Some((receiver, derived, Identity { output, ..origin.identity }))
    });
    let sent = numbered.map(|(number, derived, identity)| {
        let receiver = &receivers[number];
        let counted = counts.emitted.entry(derived.pipeline.to_owned()).or_default();
        counted.total += 1;
        let key = Key::Relationship(Cow::Borrowed(&derived.start), Cow::Borrowed(&derived.end)).message_key();
        let partition = partition_of(key.as_deref().unwrap_or_default(), origin.partitions);
        let outcome = match derived.rejection {
            Some(rejection) => {
                *counted.dead_letters.entry(rejection.reason).or_default() += 1;
                let (start, end) = (derived.start.into_owned(), derived.end.into_owned());
                Outcome::DeadLetter(Box::new(letter(receiver, start, end, rejection, origin, identity)))
            }
            None => Outcome::Model(ModelRecord {
                identity,
                pass: origin.pass,
                read_at_micros: origin.read_at_micros,
                derived_from: Some(origin.pipeline.into()),
                contract: receiver.pipeline.contract().fingerprint(),
                entity: ModelEntity::Relationship { start: derived.start, end: derived.end },
                // It has no properties: the contract's record is empty.
                body: Cow::Borrowed(&[]),
                kept: Vec::new(),
            }),
        };
        Further { receiver: number, key, partition, outcome, mark: None }
    });
    sent.collect()
}

fn letter(
    receiver: &Receiver,
    start: String,
    end: String,
    rejection: Rejection,
    origin: &Origin<'_>,
    identity: Identity,
) -> DeadLetter {
    let position = Position { partition: identity.partition, offset: identity.offset };
    let letter = Letter {
        pass: origin.pass,
        epoch: identity.epoch,
        position,
        read_at_micros: origin.read_at_micros,
        topic: origin.raw_topic,
        lineage: identity.lineage,
    };
    // The limit is about records that are read, and the one that derived it is passed on.
    DeadLetter {
        start: Some(named(&start).into_owned()),
        end: Some(named(&end).into_owned()),
        derived: true,
        charged: false,
        output: identity.output,
        ..letter.of(&receiver.pipeline, rejection.into())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::metrics::Metrics;
    use crate::record::Reason;

    fn receiver() -> Receiver {
        let folder = tempfile::tempdir().unwrap();
        let (pipelines, contracts) = (folder.path().join("p"), folder.path().join("c"));
        for (path, text) in [
            (pipelines.join("thing.yaml"), "source: {label: Thing, key: id}"),
            (pipelines.join("part_of.yaml"), "source: {type: PART_OF, start: Thing, end: Thing}"),
            (
                contracts.join("thing.avsc"),
                r#"{"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "string"}]}"#,
            ),
            (contracts.join("part_of.avsc"), r#"{"type": "record", "name": "PartOf", "fields": []}"#),
        ] {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let pipelines = crate::pipeline::load(&pipelines, &contracts).unwrap();
        let metrics = Metrics::new().unwrap().stage(crate::checkpoint::Stage::Transform, "part_of");
        Receiver {
            pipeline: pipelines.get("part_of").unwrap().clone(),
            topic: "t.model.part_of".into(),
            metrics,
        }
    }

    #[test]
    fn outputs_count_from_one_and_dead_ones_carry_the_position_of_what_derived_them() {
        let derived = |start: &'static str, rejection| Derived {
            pipeline: "part_of",
            start: start.into(),
            end: "b".into(),
            rejection,
        };
        let blank = Rejection {
            reason: Reason::MissingKey,
            message: "an id is blank".into(),
            property: Some("parts".into()),
            value: None,
            found: None,
        };
        let identity =
            Identity { lineage: Uuid::from_u128(9), partition: 2, offset: 70, output: 0, epoch: 1 };
        let origin = Origin {
            pipeline: "thing",
            raw_topic: "t.raw.thing",
            identity,
            pass: 3,
            read_at_micros: 5,
            partitions: 4,
        };
        let mut counts = PassCounts::default();
        let sent =
            further(vec![derived("a", None), derived(" ", Some(blank))], &origin, &[receiver()], &mut counts);
        let [first, second] = sent.as_slice() else { panic!("{}", sent.len()) };
        let Outcome::Model(model) = &first.outcome else { panic!("a record") };
        assert_eq!(model.identity, Identity { output: 1, ..identity });
        assert_eq!((model.derived_from.as_deref(), model.pass), (Some("thing"), 3));
        assert_eq!(first.key.as_deref(), Some(&b"[\"a\",\"b\"]"[..]), "as extraction keys stored ones");
        assert_eq!(first.partition, partition_of(b"[\"a\",\"b\"]", 4));
        let Outcome::DeadLetter(letter) = &second.outcome else { panic!("a dead letter") };
        assert_eq!(letter.identity(), Identity { output: 2, ..identity });
        assert_eq!((letter.pipeline.as_str(), letter.topic.as_str()), ("part_of", "t.raw.thing"));
        assert_eq!((letter.start.as_deref(), letter.end.as_deref()), (Some(" "), Some("b")));
        assert!(letter.derived && !letter.charged);
        let emitted = &counts.emitted["part_of"];
        assert_eq!((emitted.total, emitted.dead_letters[&Reason::MissingKey]), (2, 1));
        assert_eq!((counts.records, counts.dead_letter_total()), (0, 0), "counted apart");
    }
}
