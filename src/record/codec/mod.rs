//! Records to bytes and back: Avro's binary form of the fixed schemas under `schemas/raw`, `schemas/model` and
//! `schemas/undo`, in single-object encoding (marker, fingerprint, datum).
//!
//! Written by hand since it is the hottest path there is: text stays where the message has it, nothing is
//! looked up by name. The tests hold it against `apache_avro` with the published schemas, both ways.

mod datum;
mod model;
mod raw;
mod undo;

pub use datum::{Reader, Writer};

use std::fmt;

/// Bytes that are no record of the expected schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable {
    /// What was expected at which byte.
    pub message: String,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Undecodable {}

/// Avro's marker of a single object, version 1 (specification, "Single-object encoding").
const MARKER: [u8; 2] = [0xC3, 0x01];

/// The raw schema's text, for those who read the topic with another tool.
pub const RAW_SCHEMA: &str = include_str!("../../../schemas/raw/record.avsc");
/// The model schema's text.
pub const MODEL_SCHEMA: &str = include_str!("../../../schemas/model/record.avsc");
/// The undo schema's text.
pub const UNDO_SCHEMA: &str = include_str!("../../../schemas/undo/record.avsc");

/// Fingerprints of the schemas (CRC-64-AVRO, little endian); a test holds them against the files.
const RAW_FINGERPRINT: [u8; 8] = [0x4b, 0x61, 0xfe, 0xd2, 0x8e, 0xf6, 0xed, 0xfa];
const MODEL_FINGERPRINT: [u8; 8] = [0xc5, 0xb0, 0x01, 0xca, 0xb0, 0x1b, 0xd6, 0x1d];
const UNDO_FINGERPRINT: [u8; 8] = [0x2d, 0x98, 0x0c, 0xc7, 0x03, 0x1a, 0xe2, 0x54];

fn header(fingerprint: [u8; 8], out: &mut Writer<'_>) {
    out.raw(&MARKER);
    out.raw(&fingerprint);
}

fn expect_header<'a>(bytes: &'a [u8], fingerprint: [u8; 8], what: &str) -> Result<Reader<'a>, Undecodable> {
    let mut reader = Reader::new(bytes);
    if reader.take(2).ok() != Some(&MARKER[..]) {
        return Err(Undecodable {
            message: format!(
                "the bytes don't start as Avro's single-object encoding does (C3 01), so they are no {what}"
            ),
        });
    }
    let found = reader.take(8)?;
    if found != fingerprint {
        return Err(Undecodable {
            message: format!(
                "the schema's fingerprint is {}, not the {what}'s {}",
                hex(found),
                hex(&fingerprint)
            ),
        });
    }
    Ok(reader)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
