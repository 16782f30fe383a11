//! Faults are ordinary: whatever ends, whenever, the next start goes on and nothing shows of it.

mod kill;
mod leaving;
mod metadata;
mod outage;
mod sharing;
mod slow;
mod unheard;
mod waiting;

use crate::support::{Regraft, Stack, Topics};

/// Grows with everything that becomes durable, in Kafka and in the target.
fn moved(stack: &Stack, regraft: &Regraft, topics: &Topics) -> i64 {
    let loaded = "MATCH (c:_RegraftCheckpoint {prefix: '$'}) RETURN coalesce(sum(c.next_offset), 0)";
    topics.written() + stack.target.number(&loaded.replace('$', regraft.prefix()))
}
