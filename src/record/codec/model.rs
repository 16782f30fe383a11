//! The model record's encoding (`schemas/model/record.avsc`).

use std::borrow::Cow;

use uuid::Uuid;

use super::{MODEL_FINGERPRINT, Reader, Undecodable, Writer, expect_header, header};
use crate::record::{Identity, ModelEntity, ModelRecord};

impl<'a> ModelRecord<'a> {
    /// Appends the record in single-object encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Writer::new(out);
        header(MODEL_FINGERPRINT, &mut out);
        out.raw(self.identity.lineage.as_bytes());
        out.long(i64::from(self.identity.partition));
        out.long(self.identity.offset);
        out.long(i64::from(self.identity.output));
        out.long(i64::from(self.identity.epoch));
        out.long(i64::from(self.pass));
        out.long(self.read_at_micros);
        match &self.derived_from {
            None => out.long(0),
            Some(pipeline) => {
                out.long(1);
                out.bytes(pipeline.as_bytes());
            }
        }
        out.raw(&self.contract.to_le_bytes());
        match &self.entity {
            ModelEntity::Node { key, labels } => {
                out.long(0);
                out.bytes(key.as_bytes());
                out.texts(labels);
            }
            ModelEntity::Relationship { start, end } => {
                out.long(1);
                out.bytes(start.as_bytes());
                out.bytes(end.as_bytes());
            }
        }
        out.bytes(&self.body);
        out.properties(&self.kept);
    }

    /// Reads a record from a message's value; text and body borrow from it.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Undecodable> {
        let mut reader = expect_header(bytes, MODEL_FINGERPRINT, "model record")?;
        let identity = Identity {
            lineage: Uuid::from_bytes(reader.fixed()?),
            partition: reader.number()?,
            offset: reader.long()?,
            output: reader.number()?,
            epoch: reader.number()?,
        };
        let record = Self {
            identity,
            pass: reader.number()?,
            read_at_micros: reader.long()?,
            derived_from: decode_origin(&mut reader)?,
            contract: u64::from_le_bytes(reader.fixed()?),
            entity: decode_entity(&mut reader)?,
            body: Cow::Borrowed(reader.bytes()?),
            kept: reader.properties()?,
        };
        reader.end()?;
        Ok(record)
    }
}

fn decode_origin<'a>(reader: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, Undecodable> {
    match reader.long()? {
        0 => Ok(None),
        1 => Ok(Some(Cow::Borrowed(reader.text()?))),
        branch => Err(reader.wrong(&format!("null or a pipeline instead of branch {branch}"))),
    }
}

fn decode_entity<'a>(reader: &mut Reader<'a>) -> Result<ModelEntity<'a>, Undecodable> {
    match reader.long()? {
        0 => Ok(ModelEntity::Node { key: Cow::Borrowed(reader.text()?), labels: reader.texts()? }),
        1 => Ok(ModelEntity::Relationship {
            start: Cow::Borrowed(reader.text()?),
            end: Cow::Borrowed(reader.text()?),
        }),
        branch => Err(reader.wrong(&format!("a node or relationship instead of branch {branch}"))),
    }
}
