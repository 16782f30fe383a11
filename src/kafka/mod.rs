//! The edge to Kafka: the only module that names `rdkafka`.

mod abandon;
mod checkpoints;
mod connection;
mod dead_letters;
mod failure;
mod fetcher;
mod group;
mod inspect;
mod membership;
mod message_size;
mod names;
mod offsets;
mod positions;
mod producer;
mod retention;
mod scan;
mod topics;
mod undo;
mod watermarks;

/// What to do about a wait that only the end of a transaction ends. KAFKA-20734: brokers 4.3.1 and 4.4.0 leave one open
/// for good where a restart has come in the middle of it.
const HIDDEN_BY_A_TRANSACTION: &str = "check that the service runs; if it does, a transaction that Kafka does not end may \
                                       hide what was committed: docs/runbook.md says how it is ended";

pub use checkpoints::{CheckpointState, Checkpoints};
pub use connection::{Kafka, Settings};
pub use dead_letters::{DEAD_LETTER_HEADER, read_dead_letter, send_dead_letter, stage_of_dead_letter};
pub use fetcher::Fetcher;
pub use group::{GroupConsumer, Polled, REPLAY_HEADER, Received};
pub use inspect::{Inspection, inspect};
pub use membership::{Membership, has_members};
pub use names::Names;
pub use offsets::{Offsets, committed};
pub use positions::commit_for_group;
pub use producer::{Message, TransactionalProducer};
pub use retention::{Retention, retention};
pub use scan::{Scanned, Tail, scan, scan_settled, scan_while};
pub use topics::{ensure_topics, ensure_undo_topic};
pub use undo::{Acknowledged, Receipt, UndoProducer};
pub use watermarks::Watermarks;
