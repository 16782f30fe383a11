//! The raw record's encoding (`schemas/raw/record.avsc`).

use std::borrow::Cow;

use uuid::Uuid;

use super::{RAW_FINGERPRINT, Reader, Undecodable, Writer, expect_header, header};
use crate::record::{Finding, RawEntity, RawRecord};

impl<'a> RawRecord<'a> {
    /// Appends the record in single-object encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Writer::new(out);
        header(RAW_FINGERPRINT, &mut out);
        out.raw(self.lineage.as_bytes());
        out.long(i64::from(self.pass));
        out.long(self.read_at_micros);
        out.bytes(self.element_id.as_bytes());
        encode_finding(self.finding, &mut out);
        match &self.entity {
            RawEntity::Node { key, labels, properties, lookups } => {
                out.long(0);
                out.value(key);
                out.texts(labels);
                out.properties(properties);
                out.properties(lookups);
            }
            RawEntity::Relationship { start, end, properties } => {
                out.long(1);
                out.value(start);
                out.value(end);
                out.properties(properties);
            }
        }
    }

    /// Reads a record from a message's value; text borrows from it.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Undecodable> {
        let mut reader = expect_header(bytes, RAW_FINGERPRINT, "raw record")?;
        let record = Self {
            lineage: Uuid::from_bytes(reader.fixed()?),
            pass: reader.number()?,
            read_at_micros: reader.long()?,
            element_id: Cow::Borrowed(reader.text()?),
            finding: decode_finding(&mut reader)?,
            entity: decode_entity(&mut reader)?,
        };
        reader.end()?;
        Ok(record)
    }
}

fn encode_finding(finding: Finding, out: &mut Writer<'_>) {
    match finding {
        Finding::None => out.long(0),
        Finding::Duplicate => out.long(1),
        Finding::Merged => out.long(2),
        Finding::TooLarge { bytes, digest } => {
            out.long(3);
            out.long(i64::try_from(bytes).unwrap_or(i64::MAX));
            out.raw(&digest.to_be_bytes());
        }
    }
}

fn decode_finding(reader: &mut Reader<'_>) -> Result<Finding, Undecodable> {
    Ok(match reader.long()? {
        0 => Finding::None,
        1 => Finding::Duplicate,
        2 => Finding::Merged,
        3 => Finding::TooLarge { bytes: reader.number()?, digest: u128::from_be_bytes(reader.fixed()?) },
        branch => return Err(reader.wrong(&format!("a finding instead of branch {branch}"))),
    })
}

fn decode_entity<'a>(reader: &mut Reader<'a>) -> Result<RawEntity<'a>, Undecodable> {
    Ok(match reader.long()? {
        0 => RawEntity::Node {
            key: reader.value()?,
            labels: reader.texts()?,
            properties: reader.properties()?,
            lookups: reader.properties()?,
        },
        1 => RawEntity::Relationship {
            start: reader.value()?,
            end: reader.value()?,
            properties: reader.properties()?,
        },
        branch => return Err(reader.wrong(&format!("a node or relationship instead of branch {branch}"))),
    })
}
