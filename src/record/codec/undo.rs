//! The undo entry's encoding (`schemas/undo/record.avsc`).

use std::borrow::Cow;

use uuid::Uuid;

use super::{Reader, UNDO_FINGERPRINT, Undecodable, Writer, expect_header, header};
use crate::record::{
    Author, Before, Gap, GapReason, Identity, Mark, Names, NodeRef, RelationshipBefore, Subject, UndoEntry,
    UndoRecord, Written,
};

impl<'a> UndoEntry<'a> {
    /// Appends the entry in single-object encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            UndoEntry::Image(record) => record.encode(out),
            UndoEntry::Gap(gap) => {
                let mut out = branch(1, out);
                out.bytes(gap.pipeline.as_bytes());
                out.long(gap.claim);
                out.long(match gap.reason {
                    GapReason::JournalOff => 0,
                    GapReason::ImageTooLarge => 1,
                    GapReason::Unkeyed => 2,
                });
                out.long(i64::try_from(gap.rows).unwrap_or(i64::MAX));
                match &gap.subject {
                    None => out.long(0),
                    Some(subject) => {
                        out.long(1);
                        encode_subject(subject, &mut out);
                    }
                }
            }
            UndoEntry::Mark(mark) => {
                let mut out = branch(2, out);
                out.raw(mark.run.as_bytes());
                out.boolean(mark.ends);
            }
        }
    }

    /// Reads an entry from a message's value; text borrows from it.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Undecodable> {
        let mut reader = expect_header(bytes, UNDO_FINGERPRINT, "undo entry")?;
        let entry = match reader.long()? {
            0 => UndoEntry::Image(decode_image(&mut reader)?),
            1 => UndoEntry::Gap(decode_gap(&mut reader)?),
            2 => UndoEntry::Mark(Mark { run: Uuid::from_bytes(reader.fixed()?), ends: reader.boolean()? }),
            branch => return Err(reader.wrong(&format!("an image, gap or mark instead of branch {branch}"))),
        };
        reader.end()?;
        Ok(entry)
    }
}

impl UndoRecord<'_> {
    /// Appends the record as an entry in single-object encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut out = branch(0, out);
        out.long(match self.author {
            Author::Load => 0,
            Author::Repair => 1,
            Author::Rollback => 2,
        });
        out.bytes(self.pipeline.as_bytes());
        out.raw(self.identity.lineage.as_bytes());
        out.long(i64::from(self.identity.partition));
        out.long(self.identity.offset);
        out.long(i64::from(self.identity.output));
        out.long(i64::from(self.identity.epoch));
        out.long(i64::from(self.pass));
        out.long(self.read_at_micros);
        out.long(self.claim);
        encode_subject(&self.subject, &mut out);
        out.boolean(self.written.deletes);
        out.texts(&self.written.properties);
        out.texts(&self.written.labels);
        match &self.before {
            Before::Absent => out.long(0),
            Before::Node { labels, properties } => {
                out.long(1);
                out.texts(labels);
                out.properties(properties);
            }
            Before::Relationships(all) => {
                out.long(2);
                out.array(all, |out, one| {
                    out.bytes(one.element_id.as_bytes());
                    out.properties(&one.properties);
                });
            }
        }
    }
}

fn branch(number: i64, out: &mut Vec<u8>) -> Writer<'_> {
    let mut out = Writer::new(out);
    header(UNDO_FINGERPRINT, &mut out);
    out.long(number);
    out
}

fn encode_subject(subject: &Subject<'_>, out: &mut Writer<'_>) {
    match subject {
        Subject::Node(node) => {
            out.long(0);
            encode_node(node, out);
        }
        Subject::Relationship { relationship_type, start, end } => {
            out.long(1);
            out.bytes(relationship_type.as_bytes());
            encode_node(start, out);
            encode_node(end, out);
        }
    }
}

fn encode_node(node: &NodeRef<'_>, out: &mut Writer<'_>) {
    [&node.label, &node.key_property, &node.key].into_iter().for_each(|text| out.bytes(text.as_bytes()));
}

fn decode_image<'a>(reader: &mut Reader<'a>) -> Result<UndoRecord<'a>, Undecodable> {
    Ok(UndoRecord {
        author: match reader.long()? {
            0 => Author::Load,
            1 => Author::Repair,
            2 => Author::Rollback,
            other => return Err(reader.wrong(&format!("an author instead of symbol {other}"))),
        },
        pipeline: Cow::Borrowed(reader.text()?),
        identity: Identity {
            lineage: Uuid::from_bytes(reader.fixed()?),
            partition: reader.number()?,
            offset: reader.long()?,
            output: reader.number()?,
            epoch: reader.number()?,
        },
        pass: reader.number()?,
        read_at_micros: reader.long()?,
        claim: reader.long()?,
        subject: decode_subject(reader)?,
        written: Written {
            deletes: reader.boolean()?,
            properties: Names::Own(reader.texts()?),
            labels: reader.texts()?,
        },
        before: decode_before(reader)?,
    })
}

fn decode_subject<'a>(reader: &mut Reader<'a>) -> Result<Subject<'a>, Undecodable> {
    match reader.long()? {
        0 => Ok(Subject::Node(decode_node(reader)?)),
        1 => Ok(Subject::Relationship {
            relationship_type: Cow::Borrowed(reader.text()?),
            start: decode_node(reader)?,
            end: decode_node(reader)?,
        }),
        branch => Err(reader.wrong(&format!("a node or relationship instead of branch {branch}"))),
    }
}

fn decode_node<'a>(reader: &mut Reader<'a>) -> Result<NodeRef<'a>, Undecodable> {
    let mut text = || reader.text().map(Cow::Borrowed);
    Ok(NodeRef { label: text()?, key_property: text()?, key: text()? })
}

fn decode_before<'a>(reader: &mut Reader<'a>) -> Result<Before<'a>, Undecodable> {
    match reader.long()? {
        0 => Ok(Before::Absent),
        1 => Ok(Before::Node { labels: reader.texts()?, properties: reader.properties()? }),
        2 => {
            let all = reader.array(|reader| {
                Ok(RelationshipBefore {
                    element_id: Cow::Borrowed(reader.text()?),
                    properties: reader.properties()?,
                })
            });
            Ok(Before::Relationships(all?))
        }
        branch => Err(reader.wrong(&format!("what was before instead of branch {branch}"))),
    }
}

fn decode_gap<'a>(reader: &mut Reader<'a>) -> Result<Gap<'a>, Undecodable> {
    Ok(Gap {
        pipeline: Cow::Borrowed(reader.text()?),
        claim: reader.long()?,
        reason: match reader.long()? {
            0 => GapReason::JournalOff,
            1 => GapReason::ImageTooLarge,
            2 => GapReason::Unkeyed,
            other => return Err(reader.wrong(&format!("a reason instead of symbol {other}"))),
        },
        rows: reader.number()?,
        subject: match reader.long()? {
            0 => None,
            1 => Some(decode_subject(reader)?),
            branch => return Err(reader.wrong(&format!("null or a subject instead of branch {branch}"))),
        },
    })
}
