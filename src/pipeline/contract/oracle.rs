//! The datum codec against Avro's own library, for contracts and rows of every shape.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::collection::vec;
use proptest::prelude::*;

use super::datum::instant;
use super::tests::contract;
use super::{Contract, Field, NullBranch, Type};
use crate::record::Value;

/// A contract with a row of its own.
fn cases() -> impl Strategy<Value = (Contract, Vec<Value<'static>>)> {
    vec((types(), nulls()), 0..6).prop_flat_map(|fields| {
        let contract = contract(&json(&fields));
        let row: Vec<_> = contract.fields().iter().map(slot).collect();
        (Just(contract), row)
    })
}

fn types() -> impl Strategy<Value = Type> {
    let enumeration = Type::Enum(["x".into(), "y".into(), "z".into()].into());
    let scalar = prop::sample::select(vec![
        Type::String,
        Type::Int,
        Type::Float,
        Type::Bool,
        Type::Date,
        Type::Instant,
        enumeration,
    ]);
    prop_oneof![3 => scalar.clone(), 1 => scalar.prop_map(|item| Type::List(Box::new(item)))]
}

fn nulls() -> impl Strategy<Value = NullBranch> {
    prop::sample::select(vec![NullBranch::None, NullBranch::First, NullBranch::Second])
}

fn json(fields: &[(Type, NullBranch)]) -> String {
    let field = |(number, (of, null)): (usize, &(Type, NullBranch))| {
        let of = type_json(of, number);
        let of = match null {
            NullBranch::None => of,
            NullBranch::First => format!("[\"null\", {of}]"),
            NullBranch::Second => format!("[{of}, \"null\"]"),
        };
        format!("{{\"name\": \"f{number}\", \"type\": {of}}}")
    };
    fields.iter().enumerate().map(field).collect::<Vec<_>>().join(",")
}

fn type_json(of: &Type, number: usize) -> String {
    match of {
        Type::String => "\"string\"".to_owned(),
        Type::Int => "\"long\"".to_owned(),
        Type::Float => "\"double\"".to_owned(),
        Type::Bool => "\"boolean\"".to_owned(),
        Type::Date => r#"{"type": "int", "logicalType": "date"}"#.to_owned(),
        Type::Instant => r#"{"type": "long", "logicalType": "timestamp-micros"}"#.to_owned(),
        Type::Enum(symbols) => {
            format!("{{\"type\": \"enum\", \"name\": \"E{number}\", \"symbols\": {symbols:?}}}")
        }
        Type::List(item) => format!("{{\"type\": \"array\", \"items\": {}}}", type_json(item, number)),
    }
}

fn slot(field: &Field) -> BoxedStrategy<Value<'static>> {
    let value = value(&field.field_type);
    if field.is_nullable() { prop_oneof![1 => Just(Value::Null), 3 => value].boxed() } else { value }
}

fn value(of: &Type) -> BoxedStrategy<Value<'static>> {
    match of {
        Type::String => any::<String>().prop_map(Value::text).boxed(),
        Type::Int => any::<i64>().prop_map(Value::Integer).boxed(),
        Type::Float => any::<f64>().prop_map(Value::Float).boxed(),
        Type::Bool => any::<bool>().prop_map(Value::Boolean).boxed(),
        Type::Date => any::<i32>().prop_map(|days| Value::Date(days.into())).boxed(),
        Type::Instant => any::<i64>().prop_map(instant).boxed(),
        Type::Enum(symbols) => {
            let symbols: Vec<String> = symbols.iter().map(|symbol| symbol.to_string()).collect();
            prop::sample::select(symbols).prop_map(Value::text).boxed()
        }
        Type::List(item) => vec(value(item), 0..4).prop_map(Value::List).boxed(),
    }
}

fn to_avro(of: &Type, value: &Value<'_>) -> Avro {
    match (of, value) {
        (Type::Enum(symbols), Value::String(text)) => {
            let position = symbols.iter().position(|symbol| symbol.as_ref() == text).unwrap();
            Avro::Enum(position.try_into().unwrap(), text.to_string())
        }
        (Type::List(item), Value::List(values)) => {
            Avro::Array(values.iter().map(|value| to_avro(item, value)).collect())
        }
        (_, Value::Null) => Avro::Null,
        (_, Value::String(text)) => Avro::String(text.to_string()),
        (_, Value::Integer(number)) => Avro::Long(*number),
        (_, Value::Float(number)) => Avro::Double(*number),
        (_, Value::Boolean(flag)) => Avro::Boolean(*flag),
        (_, Value::Date(days)) => Avro::Date((*days).try_into().unwrap()),
        (_, Value::DateTime { seconds, nanos, .. }) => {
            let micros = i128::from(*seconds) * 1_000_000 + i128::from(nanos / 1000);
            Avro::TimestampMicros(micros.try_into().unwrap())
        }
        other => panic!("no value of a row: {other:?}"),
    }
}

fn avro_record(contract: &Contract, row: &[Value<'_>]) -> Avro {
    let field = |(field, value): (&Field, &Value<'_>)| {
        let inner = to_avro(&field.field_type, value);
        let union = |branch| Avro::Union(branch, Box::new(inner.clone()));
        let value = match (field.null, value.is_null()) {
            (NullBranch::None, _) => inner,
            (NullBranch::First, true) | (NullBranch::Second, false) => union(0),
            (NullBranch::First, false) | (NullBranch::Second, true) => union(1),
        };
        (field.name.to_string(), value)
    };
    Avro::Record(contract.fields().iter().zip(row).map(field).collect())
}

/// Floats by their bits: −0.0 stays what it is, and NaN is NaN.
fn same(a: &[Value<'_>], b: &[Value<'_>]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|pair| match pair {
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::List(a), Value::List(b)) => same(a, b),
            (a, b) => a == b,
        })
}

proptest! {
    #[test]
    fn both_libraries_write_the_same_bytes_and_read_each_other((contract, row) in cases()) {
        let mut ours = vec![7];
        contract.encode(&row, &mut ours).unwrap();
        let ours = &ours[1..];
        let record = avro_record(&contract, &row);
        let writer = GenericDatumWriter::builder(contract.schema()).build().unwrap();
        let theirs = writer.write_value_to_vec(record.clone()).unwrap();
        prop_assert_eq!(ours, theirs.as_slice());
        prop_assert!(same(&contract.decode(&theirs).unwrap(), &row));
        prop_assert!(same(&contract.decode_with(contract.schema(), &theirs).unwrap(), &row));
        let reader = GenericDatumReader::builder(contract.schema()).build().unwrap();
        let read = reader.read_value(&mut &*ours).unwrap();
        prop_assert_eq!(format!("{read:?}"), format!("{record:?}"));
    }

    #[test]
    fn a_cut_or_foreign_datum_is_an_error_and_never_a_panic(
        (contract, row) in cases(),
        cut in any::<prop::sample::Index>(),
        noise in vec(any::<u8>(), 0..40),
    ) {
        let mut datum = Vec::new();
        contract.encode(&row, &mut datum).unwrap();
        if !datum.is_empty() {
            let cut = cut.index(datum.len());
            prop_assert!(contract.decode(&datum[..cut]).is_err());
        }
        datum.push(0);
        prop_assert!(contract.decode(&datum).is_err());
        let _ = contract.decode(&noise);
        let _ = contract.decode_with(contract.schema(), &noise);
    }
}

#[test]
fn a_list_in_several_blocks_and_one_that_lies_about_its_length() {
    let contract = contract(r#"{"name": "l", "type": {"type": "array", "items": "long"}}"#);
    // Two elements in a plain block, one in a block with its size in bytes, then the end.
    let datum = [4, 2, 4, 1, 2, 6, 0];
    let expected = Value::List(vec![Value::Integer(1), Value::Integer(2), Value::Integer(3)]);
    assert_eq!(contract.decode(&datum), Ok(vec![expected]));
    let lying = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 2];
    let said = contract.decode(&lying).unwrap_err().to_string();
    assert_eq!(said, "l of the contract `thing`: expected a block's count at byte 10 of 11");
}

#[test]
fn a_row_that_does_not_fit_is_named() {
    let contract = contract(r#"{"name": "n", "type": "long"}"#);
    let said = contract.encode(&[Value::Null], &mut Vec::new()).unwrap_err().to_string();
    assert_eq!(said, "n of the contract `thing`: null where int is due");
    assert!(contract.encode(&[], &mut Vec::new()).is_err());
}
