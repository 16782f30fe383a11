//! What the writer of a datum is recognised by. Persisted with every model record.
//!
//! Made here and not by the Avro library, whose canonical form keeps `{"type":"long"}` for a logical type
//! where the specification has `"long"`: a corrected library would disown every record on a topic.

use serde_json::Value as Json;

use super::{Field, Type};

/// CRC-64-AVRO of the schema's parsing canonical form. That form drops logical types, so the properties that
/// are instants follow it, line by line: an integer that became an instant is another contract.
pub(super) fn fingerprint(schema: &Json, fields: &[Field]) -> u64 {
    let mut form = String::new();
    canonical_form(schema, "", &mut form);
    for field in fields {
        let item = match &field.field_type {
            Type::List(item) => item,
            other => other,
        };
        if *item == Type::Instant {
            form.push('\n');
            form.push_str(&field.name);
        }
    }
    crc_64_avro(form.as_bytes())
}

/// The parsing canonical form of what contracts take.
fn canonical_form(schema: &Json, namespace: &str, out: &mut String) {
    match schema {
        Json::Array(branches) => list(branches, out, |branch, out| canonical_form(branch, namespace, out)),
        Json::Object(keys) => match keys.get("type") {
            Some(Json::String(kind)) if kind == "record" || kind == "enum" => {
                named(kind, schema, namespace, out);
            }
            Some(Json::String(kind)) if kind == "array" => {
                out.push_str("{\"type\":\"array\",\"items\":");
                canonical_form(keys.get("items").unwrap_or(&Json::Null), namespace, out);
                out.push('}');
            }
            Some(inner) => canonical_form(inner, namespace, out),
            None => {}
        },
        primitive => out.push_str(&primitive.to_string()),
    }
}

fn named(kind: &str, schema: &Json, enclosing: &str, out: &mut String) {
    let text = |key: &str| schema.get(key).and_then(Json::as_str);
    let namespace = text("namespace").unwrap_or(enclosing);
    let name = text("name").unwrap_or_default();
    let dot = if namespace.is_empty() { "" } else { "." };
    out.push_str(&format!("{{\"name\":\"{namespace}{dot}{name}\",\"type\":\"{kind}\","));
    let elements = |key: &str| schema.get(key).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    if kind == "enum" {
        out.push_str("\"symbols\":");
        list(elements("symbols"), out, |symbol, out| out.push_str(&symbol.to_string()));
    } else {
        out.push_str("\"fields\":");
        list(elements("fields"), out, |field, out| {
            let part = |key: &str| field.get(key).unwrap_or(&Json::Null);
            out.push_str(&format!("{{\"name\":{},\"type\":", part("name")));
            canonical_form(part("type"), namespace, out);
            out.push('}');
        });
    }
    out.push('}');
}

fn list(items: &[Json], out: &mut String, mut each: impl FnMut(&Json, &mut String)) {
    out.push('[');
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        each(item, out);
    }
    out.push(']');
}

/// Rabin's fingerprint as Avro's specification gives it.
fn crc_64_avro(bytes: &[u8]) -> u64 {
    const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
    bytes.iter().fold(EMPTY, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| {
            let carry = if crc & 1 == 1 { EMPTY } else { 0 };
            (crc >> 1) ^ carry
        })
    })
}

#[cfg(test)]
mod tests {
    use apache_avro::rabin::Rabin;

    use super::*;
    use crate::pipeline::contract::Contract;
    use crate::pipeline::contract::tests::contract;

    /// From Avro's own `schema-tests.txt`.
    #[test]
    fn the_hash_is_the_specifications() {
        assert_eq!(crc_64_avro(b"\"null\""), 7_195_948_357_588_979_594);
        let fixed = br#"{"name":"foo","type":"fixed","size":15}"#;
        assert_eq!(crc_64_avro(fixed), 1_756_455_273_707_447_556);
    }

    #[test]
    fn without_logical_types_it_is_the_librarys() {
        let text = r#"{"type": "record", "namespace": "a.b", "name": "Thing", "doc": "x", "fields": [
            {"name": "s", "type": {"type": "string"}, "doc": "y"},
            {"name": "e", "type": ["null", {"type": "enum", "name": "E", "symbols": ["x", "y"]}], "default": null},
            {"name": "l", "type": {"type": "array", "items": "double"}}]}"#;
        let contract = Contract::parse("thing", text).unwrap();
        let avro = contract.schema().fingerprint::<Rabin>();
        assert_eq!(contract.fingerprint().to_le_bytes().as_slice(), avro.bytes);
    }

    #[test]
    fn an_integer_that_became_an_instant_is_another_contract() {
        let long = contract(r#"{"name": "at", "type": "long"}"#);
        let instant =
            contract(r#"{"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}}"#);
        assert_ne!(instant.fingerprint(), long.fingerprint());
    }

    #[test]
    fn documentation_and_defaults_are_no_other_contract() {
        let bare = contract(r#"{"name": "a", "type": "long"}"#);
        let more = contract(r#"{"name": "a", "type": "long", "doc": "An a.", "default": 1}"#);
        assert_eq!(bare.fingerprint(), more.fingerprint());
        assert_eq!(bare.fingerprint(), 0x667a_1d6e_47c9_0c00, "persisted: it stays what it is");
    }
}
