//! Every type that Neo4j stores goes in and comes out as it was.

use regraft::neo4j::exact::{Element, PropertyOf, exactly, from_parts};
use regraft::neo4j::{Cell, Encoding, Parameter, Statement};
use regraft::record::{Value, Zone};

use super::{clear, source, target};

const LAST_DAY: i64 = 365_241_780_471; // +999999999-12-31
const FIRST_DAY: i64 = -365_243_219_162; // -999999999-01-01
const LAST_SECOND: i64 = 31_556_889_832_780_799; // of that day
const FIRST_SECOND: i64 = -31_557_014_135_596_800;

/// Values of every type but zoned datetimes with a zone's name.
pub fn plain() -> Vec<Value<'static>> {
    let offset = |seconds, nanos, offset| Value::DateTime { seconds, nanos, zone: Zone::Offset(offset) };
    vec![
        Value::Boolean(true),
        Value::Integer(i64::MIN),
        Value::Integer(i64::MAX),
        Value::Float(-0.0),
        Value::Float(f64::INFINITY),
        Value::Float(f64::MIN_POSITIVE),
        Value::text(""),
        Value::text("Zoë 🎧 \r\n\u{0}\u{10FFFF}"),
        Value::text("x".repeat(70_000)),
        Value::Bytes(Vec::new().into()),
        Value::Bytes(vec![0, 255, 1].into()),
        Value::Date(0),
        Value::Date(LAST_DAY),
        Value::Date(FIRST_DAY),
        Value::LocalTime(0),
        Value::LocalTime(86_399_999_999_999),
        Value::Time { nanos: 1, offset_seconds: 64_800 },
        Value::Time { nanos: 86_399_999_999_999, offset_seconds: -64_800 },
        Value::LocalDateTime { seconds: -1, nanos: 999_999_999 },
        Value::LocalDateTime { seconds: LAST_SECOND, nanos: 999_999_999 },
        Value::LocalDateTime { seconds: FIRST_SECOND, nanos: 0 },
        offset(1_761_442_200, 123_456_789, 0),
        offset(1_761_442_200, 1, 19_800),
        offset(-1, 999_999_999, -3_600),
        offset(LAST_SECOND, 999_999_999, 0),
        offset(FIRST_SECOND, 0, 0),
        Value::Duration { months: -14, days: 3, seconds: -7, nanos: 999_999_999 },
        Value::Duration { months: 0, days: 0, seconds: 0, nanos: 0 },
        Value::Point { srid: 4326, x: 13.4, y: 52.5, z: None },
        Value::Point { srid: 4979, x: 13.4, y: 52.5, z: Some(34.0) },
        Value::Point { srid: 7203, x: -1.5, y: f64::MAX, z: None },
        Value::Point { srid: 9157, x: 0.0, y: -0.0, z: Some(1e-300) },
    ]
}

fn named(seconds: i64, nanos: u32, zone: &'static str) -> Value<'static> {
    Value::DateTime { seconds, nanos, zone: Zone::Named(zone.into()) }
}

/// Lists of each type, beside the values themselves.
pub fn with_lists(values: Vec<Value<'static>>) -> Vec<Value<'static>> {
    let mut all = values.clone();
    all.push(Value::List(Vec::new()));
    for value in values {
        // Neo4j has no lists of byte arrays.
        if !matches!(value, Value::Bytes(_)) {
            all.push(Value::List(vec![value.clone(), value]));
        }
    }
    all
}

#[tokio::test]
async fn every_type_survives_writing_and_reading() {
    let (target, source) = (target().await, source().await);
    clear(&target, "EveryType").await;
    let values = with_lists(plain());
    for (index, value) in values.iter().enumerate() {
        assert_eq!(Encoding::of(value), Encoding::AsIs);
        let statement = Statement::new("CREATE (:EveryType {i: $i, v: $v})")
            .param("i", i64::try_from(index).unwrap())
            .param("v", value.clone());
        target.run(statement).await.unwrap_or_else(|error| panic!("{value:?}: {error:?}"));
    }
    let rows =
        source.rows(Statement::new("MATCH (n:EveryType) RETURN [n.v, properties(n)] AS r ORDER BY n.i"));
    let rows = rows.await.unwrap();
    assert_eq!(rows.len(), values.len());
    for (row, value) in rows.into_iter().zip(values) {
        let [cell, properties] = <[Cell; 2]>::try_from(row).unwrap();
        // -0.0 equals 0.0, so what is shown is compared too.
        assert_eq!(format!("{cell:?}"), format!("{:?}", Cell::Value(value.clone())));
        assert_eq!(cell, Cell::Value(value.clone()));
        assert_eq!(properties.into_map().unwrap()[1], ("v".into(), Cell::Value(value)));
    }
}

#[tokio::test]
async fn not_a_number_stays_none() {
    let target = target().await;
    let statement = Statement::new("RETURN [$v] AS r").param("v", Value::Float(f64::NAN));
    let rows = target.rows(statement).await.unwrap();
    assert!(matches!(rows[0][0], Cell::Value(Value::Float(number)) if number.is_nan()));
}

#[tokio::test]
async fn the_server_understands_times_as_they_were_meant() {
    let target = target().await;
    let cases = [
        (Value::Date(LAST_DAY), "+999999999-12-31"),
        (Value::Time { nanos: 1, offset_seconds: 19_800 }, "00:00:00.000000001+05:30"),
        (Value::LocalDateTime { seconds: FIRST_SECOND, nanos: 0 }, "-999999999-01-01T00:00:00"),
        (
            Value::DateTime { seconds: 0, nanos: 5, zone: Zone::Offset(3600) },
            "1970-01-01T01:00:00.000000005+01:00",
        ),
        (Value::Duration { months: 14, days: 3, seconds: 7, nanos: 1 }, "P1Y2M3DT7.000000001S"),
        (named(1_761_442_200, 0, "Europe/Berlin"), "2025-10-26T02:30:00+01:00[Europe/Berlin]"),
        (named(1_761_438_600, 0, "Europe/Berlin"), "2025-10-26T02:30:00+02:00[Europe/Berlin]"),
    ];
    for (value, expected) in cases {
        let text = format!("WITH {} AS v RETURN [toString(v)] AS r", Encoding::of(&value).expression("$v"));
        let rows = target.rows(Statement::new(text).param("v", value)).await.unwrap();
        let shown = rows[0][0].as_str().unwrap();
        assert_eq!(shown.trim_end_matches(":00Z"), expected.trim_end_matches(":00Z"));
    }
}

/// Both hours that a clock change repeats, a zone that is no place, the far future, mixed lists.
pub fn zones() -> Vec<Value<'static>> {
    let offset = Value::DateTime { seconds: 5, nanos: 6, zone: Zone::Offset(7200) };
    vec![
        named(1_761_438_600, 1, "Europe/Berlin"),
        named(1_761_442_200, 999_999_999, "Europe/Berlin"),
        named(0, 0, "UTC"),
        named(0, 0, "Etc/GMT-14"),
        // Years 200,000 and -200,000. Near its ends Neo4j itself stores a named zone's seconds wrongly.
        named(6_249_000_000_000, 7, "Pacific/Kiritimati"),
        named(-6_373_000_000_000, 7, "America/New_York"),
        named(-3_000_000_000, 7, "Asia/Kathmandu"),
        // Before 1970 with a fraction, which Cypher's `epochSeconds` cuts off towards zero.
        named(-1, 999_000_000, "Europe/Berlin"),
        named(-3_000_000_000, 500_000_001, "Europe/Berlin"),
        Value::List(vec![named(1, 2, "Asia/Tokyo"), named(3, 4, "Europe/London")]),
        Value::List(vec![named(1, 2, "Asia/Tokyo"), offset.clone()]),
        Value::List(vec![offset, named(1, 2, "Asia/Tokyo")]),
    ]
}

#[tokio::test]
async fn zone_names_are_read_again_exactly() {
    let (target, source) = (target().await, source().await);
    clear(&target, "Zoned").await;
    let values = zones();
    for (index, value) in values.iter().enumerate() {
        let text = format!(
            "CREATE (a:Zoned {{i: $i, v: {0}}})-[:ZONED {{v: {0}}}]->(a)",
            Encoding::of(value).expression("$v")
        );
        let statement =
            Statement::new(text).param("i", i64::try_from(index).unwrap()).param("v", value.clone());
        target.run(statement).await.unwrap_or_else(|error| panic!("{value:?}: {error:?}"));
    }
    let text = format!(
        "MATCH (n:Zoned)-[r:ZONED]->() RETURN [elementId(n), elementId(r), n.v, properties(r), {}] AS row ORDER BY n.i",
        exactly("head([n.v])")
    );
    let (mut nodes, mut relationships) = (Vec::new(), Vec::new());
    for (row, value) in source.rows(Statement::new(text)).await.unwrap().into_iter().zip(&values) {
        let [node, relationship, cell, properties, parts] = <[Cell; 5]>::try_from(row).unwrap();
        assert_eq!(cell, Cell::Reread);
        assert_eq!(properties.into_map().unwrap(), [("v".into(), Cell::Reread)]);
        assert_eq!(from_parts(parts).as_ref(), Some(value));
        let place = |id: Cell| PropertyOf { element_id: id.as_str().unwrap().into(), property: "v".into() };
        nodes.push(place(node));
        relationships.push(place(relationship));
    }
    assert_eq!(source.reread(Element::Node, nodes.clone()).await.unwrap(), values);
    assert_eq!(source.reread(Element::Relationship, relationships).await.unwrap(), values);
    // What is gone meanwhile is null, the others keep their places.
    nodes[1].element_id = "4:00000000-0000-0000-0000-000000000000:999999".into();
    nodes[2].property = "missing".into();
    let again = source.reread(Element::Node, nodes).await.unwrap();
    assert_eq!(again[..4], [values[0].clone(), Value::Null, Value::Null, values[3].clone()]);
}

#[tokio::test]
async fn rows_hold_maps_and_lists_of_any_shape() {
    let target = target().await;
    let text = "RETURN [null, {b: [1, {c: 2}], a: [[1], []]}, [], ['x', null], $p] AS whatever";
    let nested =
        Parameter::list(vec![Parameter::map([("k".to_owned(), Parameter::from(true))]), 1_i64.into()]);
    let rows = target.rows(Statement::new(text).param("p", nested)).await.unwrap();
    let integer = |number| Cell::Value(Value::Integer(number));
    let [null, map, empty, texts, parameter] = <[Cell; 5]>::try_from(rows[0].clone()).unwrap();
    assert!(null.is_null());
    let nested = Value::List(vec![Value::List(vec![Value::Integer(1)]), Value::List(Vec::new())]);
    let with_map = Cell::List(vec![integer(1), Cell::Map(vec![("c".into(), integer(2))])]);
    assert_eq!(map, Cell::Map(vec![("a".into(), Cell::Value(nested)), ("b".into(), with_map)]));
    assert_eq!(empty, Cell::Value(Value::List(Vec::new())));
    assert_eq!(texts, Cell::Value(Value::List(vec![Value::text("x"), Value::Null])));
    let inner = Cell::Map(vec![("k".into(), Cell::Value(Value::Boolean(true)))]);
    assert_eq!(parameter, Cell::List(vec![inner, integer(1)]));
}

/// Beyond 292 million years `epochSeconds` and `epochMillis` fail (Neo4j 5.26), and with them every row beside.
#[tokio::test]
async fn what_is_far_away_can_be_read() {
    let far = "datetime({year: 300000000, month: 1, day: 1, timezone: 'Europe/Berlin'})";
    // In a map: its type is not known to the planner, as that of a property is not.
    let text = format!("WITH {{v: {far}}} AS map RETURN [{}] AS row", exactly("map.v"));
    let row = source().await.rows(Statement::new(text)).await.unwrap().remove(0).remove(0);
    let Some(Value::DateTime { seconds, .. }) = from_parts(row) else { panic!("nothing was read") };
    assert_eq!(seconds, 9_467_023_432_777_200);
}
