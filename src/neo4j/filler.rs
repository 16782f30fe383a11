//! A filler for statements of middling size to a server on this machine.
//!
//! neo4rs leaves Nagle's algorithm on (RFC 896; there is no setting) and writes what is larger than its buffer of 8 KiB
//! in parts: length, content, end. The content waits until the length is acknowledged, unless it fills a segment, and
//! the server, which has nothing to answer yet, acknowledges after 40 ms. Between machines a segment has some 1,400
//! bytes and this ends after the first ones; on the loopback it has 65,483, and nearly every statement with parameters
//! of 8 to 64 KiB took those 40 ms (measured: 425 of them in a migration of 25,000 records in 27 pipelines, 18 s in
//! all). With the filler the content fills two segments.

use neo4rs::BoltType;

/// What neo4rs writes at once.
const BUFFER_BYTES: usize = 8 * 1024;

/// Two segments of the loopback: they are sent at once, and whoever has received more than one acknowledges at once.
const SEGMENTS_BYTES: usize = 132_000;

/// How many bytes have to be added to a message of this size; none where it needs no filler.
pub(super) fn missing_bytes(message_bytes: usize) -> Option<usize> {
    // Sizes are estimates: whoever is just below the buffer gets one, too.
    (BUFFER_BYTES / 2..SEGMENTS_BYTES).contains(&message_bytes).then(|| SEGMENTS_BYTES - message_bytes)
}

/// About how long a value is in PackStream, counted up to where it makes no difference any more.
pub(super) fn bytes_of(value: &BoltType, so_far: usize) -> usize {
    if so_far >= SEGMENTS_BYTES {
        return so_far;
    }
    let header = 1;
    so_far
        + header
        + match value {
            BoltType::String(text) => text.value.len(),
            BoltType::Bytes(bytes) => bytes.value.len(),
            BoltType::List(list) => {
                return list.value.iter().fold(so_far + header, |so_far, item| bytes_of(item, so_far));
            }
            BoltType::Map(map) => {
                return map
                    .value
                    .iter()
                    .fold(so_far + header, |so_far, (name, item)| bytes_of(item, so_far + name.value.len()));
            }
            BoltType::Null(_) | BoltType::Boolean(_) => 0,
            // Integers take up to eight bytes, times and points two or three of them.
            _ => 8,
        }
}

#[cfg(test)]
mod tests {
    use neo4rs::{BoltList, BoltMap};

    use super::*;

    #[test]
    fn only_what_is_in_between_is_filled_up() {
        assert_eq!(missing_bytes(100), None);
        assert_eq!(missing_bytes(10_000), Some(122_000));
        assert_eq!(missing_bytes(131_999), Some(1));
        assert_eq!(missing_bytes(132_000), None);
    }

    #[test]
    fn sizes_are_near_those_on_the_wire() {
        let row = || -> BoltType {
            BoltType::List(BoltList {
                value: vec!["x".repeat(100).into(), 1i64.into(), 1.5f64.into(), true.into()],
            })
        };
        let rows = BoltType::List(BoltList { value: (0..100).map(|_| row()).collect() });
        // In PackStream: 102 for the text, 1 for the small integer, 9 for the float, 1 for the truth, 1 for the list.
        let size = bytes_of(&rows, 0);
        assert!((11_000..12_500).contains(&size), "{size}");
        let mut map = BoltMap::new();
        map.put("text".into(), rows);
        assert!(bytes_of(&BoltType::Map(map), 0) > size);
        let endless = BoltType::List(BoltList { value: vec!["x".repeat(100_000).into(); 9] });
        assert!(bytes_of(&endless, 0) < 210_000);
    }
}
