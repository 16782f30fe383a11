//! What is kept of a side, so that a comparison goes on where it was killed: bytes of a version of their own. Pure.

use super::buckets::{Buckets, Sums};
use super::names::{Name, Names, Seen};
use super::sides::{Actual, Expected};
use super::subject::BeyondKind;
use crate::checkpoint::Cursor;
use crate::record::codec::{Reader, Undecodable, Writer};

/// Of the layout below, and of the digests in it.
const VERSION: i64 = 1;

/// How far the reading of a side is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reached {
    /// Up to here.
    Cursor(Cursor),
    /// To its end.
    End,
}

/// A side that can be kept.
pub(super) trait Kept: Sized {
    fn write(&self, out: &mut Writer<'_>);
    fn read(reader: &mut Reader<'_>, buckets: Buckets) -> Result<Self, Undecodable>;
    fn buckets(&self) -> Buckets;
    /// Rows that it has taken.
    fn rows(&self) -> usize;
}

/// A side as bytes.
pub(super) fn encode(side: &impl Kept, reached: &Reached) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = Writer::new(&mut bytes);
    out.long(VERSION);
    match reached {
        Reached::End => out.bytes(b""),
        // A cursor always has a JSON form.
        Reached::Cursor(cursor) => out.bytes(&serde_json::to_vec(cursor).unwrap_or_default()),
    }
    out.length(side.buckets().number());
    side.write(&mut out);
    bytes
}

/// The side that these bytes are; nothing where another version of Regraft wrote them.
pub(super) fn decode<S: Kept>(bytes: &[u8]) -> Option<(S, Reached)> {
    let mut reader = Reader::new(bytes);
    if reader.long().ok()? != VERSION {
        return None;
    }
    let reached = match reader.bytes().ok()? {
        b"" => Reached::End,
        json => Reached::Cursor(serde_json::from_slice(json).ok()?),
    };
    let buckets = Buckets::of_number(reader.number().ok()?)?;
    let side = S::read(&mut reader, buckets).ok()?;
    reader.end().ok()?;
    Some((side, reached))
}

impl Kept for Expected {
    fn write(&self, out: &mut Writer<'_>) {
        write_sums(&self.sums, out);
        write_names(&self.names, out);
        // Counts always have a JSON form.
        out.bytes(&serde_json::to_vec(&self.counts).unwrap_or_default());
        write_digests(&self.dead_ends, out);
        write_digests(&self.found, out);
    }

    fn read(reader: &mut Reader<'_>, buckets: Buckets) -> Result<Self, Undecodable> {
        let sums = read_sums(reader, buckets)?;
        let names = read_names(reader, buckets)?;
        let counts = serde_json::from_slice(reader.bytes()?)
            .map_err(|error| Undecodable { message: error.to_string() })?;
        Ok(Self {
            buckets,
            sums,
            names,
            counts,
            dead_ends: read_digests(reader)?,
            found: read_digests(reader)?,
        })
    }

    fn buckets(&self) -> Buckets {
        self.buckets
    }

    fn rows(&self) -> usize {
        usize::try_from(self.counts.read).unwrap_or(usize::MAX)
    }
}

impl Kept for Actual {
    fn write(&self, out: &mut Writer<'_>) {
        write_sums(&self.sums, out);
        write_names(&self.names, out);
    }

    fn read(reader: &mut Reader<'_>, buckets: Buckets) -> Result<Self, Undecodable> {
        Ok(Self { buckets, sums: read_sums(reader, buckets)?, names: read_names(reader, buckets)? })
    }

    fn buckets(&self) -> Buckets {
        self.buckets
    }

    fn rows(&self) -> usize {
        usize::try_from(self.sums.total()).unwrap_or(usize::MAX)
    }
}

fn write_sums(sums: &Sums, out: &mut Writer<'_>) {
    sums.digests.iter().for_each(|sum| out.raw(&sum.to_be_bytes()));
    sums.counts.iter().for_each(|count| out.long(count.cast_signed()));
}

fn read_sums(reader: &mut Reader<'_>, buckets: Buckets) -> Result<Sums, Undecodable> {
    let mut sums = Sums::new(buckets);
    for sum in &mut sums.digests {
        *sum = u128::from_be_bytes(reader.fixed()?);
    }
    for count in &mut sums.counts {
        *count = reader.long()?.cast_unsigned();
    }
    Ok(sums)
}

fn write_names(names: &Names, out: &mut Writer<'_>) {
    out.length(names.each.len());
    for ((kind, name), seen) in &names.each {
        out.boolean(*kind == BeyondKind::Property);
        out.bytes(name.as_bytes());
        write_seen(seen, out);
    }
    out.boolean(names.rest.is_some());
    names.rest.iter().for_each(|seen| write_seen(seen, out));
}

fn read_names(reader: &mut Reader<'_>, buckets: Buckets) -> Result<Names, Undecodable> {
    let mut names = Names::new(buckets);
    let number: usize = reader.number()?;
    for _ in 0..number {
        let kind = if reader.boolean()? { BeyondKind::Property } else { BeyondKind::Label };
        let name: Name = (kind, reader.text()?.into());
        names.each.insert(name, read_seen(reader, buckets)?);
    }
    if reader.boolean()? {
        names.rest = Some(read_seen(reader, buckets)?);
    }
    Ok(names)
}

fn write_seen(seen: &Seen, out: &mut Writer<'_>) {
    write_sums(&seen.sums, out);
    out.length(seen.examples.len());
    seen.examples.iter().for_each(|example| out.bytes(example.as_bytes()));
}

fn read_seen(reader: &mut Reader<'_>, buckets: Buckets) -> Result<Seen, Undecodable> {
    let sums = read_sums(reader, buckets)?;
    let number: usize = reader.number()?;
    let examples = (0..number).map(|_| Ok(reader.text()?.into())).collect::<Result<_, Undecodable>>()?;
    Ok(Seen { sums, examples })
}

fn write_digests(digests: &[u128], out: &mut Writer<'_>) {
    out.length(digests.len());
    digests.iter().for_each(|digest| out.raw(&digest.to_be_bytes()));
}

fn read_digests(reader: &mut Reader<'_>) -> Result<Vec<u128>, Undecodable> {
    let number: usize = reader.number()?;
    (0..number).map(|_| Ok(u128::from_be_bytes(reader.fixed()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::subject::Beyond;
    use super::*;
    use crate::checkpoint::LastKey;
    use crate::record::Reason;

    fn expected() -> Expected {
        let mut side = Expected::new(Buckets::for_records(0));
        side.sums.add(3, u128::MAX);
        side.sums.add(3, 5);
        let label = Beyond { kind: BeyondKind::Label, name: "Archived", digest: 7 };
        let property = Beyond { kind: BeyondKind::Property, name: "note", digest: 8 };
        side.names.add(2, "k", &[label, property]);
        side.counts.read = 9;
        side.counts.expected = 8;
        side.counts.dead_letter(Reason::RuleViolated);
        side.dead_ends = vec![1, u128::MAX];
        side.found = vec![2];
        side
    }

    /// Kept for good: a comparison that an earlier release began is gone on with, or begun anew, never misread.
    const GOLDEN: &str = include_str!("../../tests/golden/verify_side.v1.hex");

    #[test]
    fn a_side_reads_back_and_is_written_as_the_first_release_did() {
        let cursor =
            Cursor::Keyed { after: Some(LastKey::Relationship { start: "a".into(), end: "b".into() }) };
        let reached = Reached::Cursor(cursor);
        let bytes = encode(&expected(), &reached);
        assert_eq!(decode(&bytes), Some((expected(), reached)));
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, GOLDEN.trim());
        let mut actual = Actual::new(Buckets::for_records(0));
        actual.sums.add(1, 4);
        assert_eq!(decode(&encode(&actual, &Reached::End)), Some((actual, Reached::End)));
    }

    #[test]
    fn what_is_cut_off_or_of_another_version_is_nothing() {
        let bytes = encode(&expected(), &Reached::End);
        for end in 0..bytes.len() {
            assert_eq!(decode::<Expected>(&bytes[..end]), None, "{end}");
        }
        let mut newer = bytes;
        newer[0] = 4;
        assert_eq!(decode::<Expected>(&newer), None);
    }
}
