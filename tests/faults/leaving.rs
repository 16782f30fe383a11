//! Consumers that leave their group at whatever moment: a rebalance may be on its way to them, or wait for their answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use regraft::checkpoint::{Stage, Start};
use regraft::kafka::{GroupConsumer, Kafka, Polled};

use crate::support::{Regraft, Stack, seeds};

/// How long leaving may take: a session, and some more for a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

/// Reads from the beginning whatever it gets, until it has a record of each of so many partitions.
fn read_of(consumer: &GroupConsumer, partitions: usize) {
    let (since, mut seen) = (Instant::now(), BTreeSet::new());
    while seen.len() < partitions {
        assert!(since.elapsed() < WITHIN, "nothing of other partitions than {seen:?} comes");
        match consumer.poll(Duration::from_millis(20)).unwrap() {
            Polled::Assigned(partitions) => {
                let starts: BTreeMap<_, _> = partitions.into_iter().map(|at| (at, Start::At(0))).collect();
                consumer.start(&starts).unwrap();
            }
            Polled::Revoked => {
                seen.clear();
                consumer.released().unwrap();
            }
            Polled::Message(message) => drop(seen.insert(message.partition())),
            Polled::Nothing => {}
        }
    }
}

#[test]
fn what_was_paused_before_a_rebalance_is_read_after_it() {
    let stack = Stack::any();
    let regraft = Regraft::new(&stack);
    let topics = regraft.topics();
    topics.make("raw.podcast", 2);
    (0..2).for_each(|partition| topics.write("raw.podcast", partition, b"a record"));
    let kafka = stack.kafka(regraft.prefix(), 2);
    let consumer = GroupConsumer::join(&kafka, Stage::Transform, "podcast").unwrap();
    read_of(&consumer, 2);
    consumer.pause(&[0, 1]).unwrap();
    let another = std::thread::spawn(move || {
        read_of(&GroupConsumer::join(&kafka, Stage::Transform, "podcast").unwrap(), 1);
    });
    read_of(&consumer, 1);
    consumer.pause(&[0, 1]).unwrap();
    read_of(&consumer, 2);
    another.join().unwrap();
}

/// Joins, answers some of what comes for a while, and leaves.
fn come_and_go(kafka: &Kafka, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let consumer = GroupConsumer::join(kafka, Stage::Transform, "podcast").unwrap();
    for _ in 0..random.random_range(1..60) {
        match consumer.poll(Duration::from_millis(random.random_range(0..40))).unwrap() {
            // Whoever ends with an error has not answered.
            Polled::Assigned(_) | Polled::Revoked if random.random_bool(0.3) => return,
            Polled::Assigned(partitions) => {
                let starts: BTreeMap<_, _> = partitions.into_iter().map(|at| (at, Start::At(0))).collect();
                consumer.start(&starts).unwrap();
            }
            Polled::Revoked => consumer.released().unwrap(),
            Polled::Message(_) | Polled::Nothing => {}
        }
    }
}

#[test]
fn a_consumer_leaves_at_any_moment() {
    let stack = Stack::any();
    let regraft = Regraft::new(&stack);
    regraft.topics().make("raw.podcast", 2);
    let kafka = stack.kafka(regraft.prefix(), 2);
    let (left, leaving) = mpsc::channel();
    let seeds = seeds(60);
    for shared in seeds.chunks(15) {
        let (left, kafka, shared) = (left.clone(), kafka.clone(), shared.to_vec());
        std::thread::spawn(move || {
            for seed in shared {
                come_and_go(&kafka, seed);
                left.send(seed).unwrap();
            }
        });
    }
    for _ in &seeds {
        leaving.recv_timeout(WITHIN).expect("a consumer does not leave");
    }
}
