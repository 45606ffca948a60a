use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// The flat one, and whether less is asked in it.
fn flattened(schema: &str) -> Option<(String, bool)> {
    let mut lost = Lost::default();
    let flat = flat(&Json::parse(schema).unwrap(), &["not", "enum"], &mut lost)?;
    let says = lost.to_string();
    assert!(["", "not carried over: tool_schema"].contains(&&*says));
    Some((flat.get().to_owned(), !lost.is_empty()))
}

#[test]
fn one_object_stays_as_it_is() {
    for schema in [
        "{}",
        "true",
        r#"{"type":"object","properties":{"a":{"anyOf":[{},{}]},"oneOf":{}},"if":{},"then":{}}"#,
    ] {
        assert_eq!(flattened(schema), None, "{schema}");
    }
}

#[test]
fn schemas_that_must_all_be_kept_become_one() {
    let parts = r##"{"$defs":{"B":{"title":"B","properties":{"b":{"type":"integer"}},"required":["b"]}},
        "description":"d","allOf":[{"type":"object","properties":{"z":{},"a":{"type":"string"}},"required":["a"]},
        {"$ref":"#/$defs/B"}],"properties":{"own":{}},"minProperties":2}"##;
    let expected = concat!(
        r#"{"type":"object","$defs":{"B":{"title":"B","properties":{"b":{"type":"integer"}},"required":["b"]}},"#,
        r#""description":"d","minProperties":2,"#,
        r#""properties":{"own":{},"z":{},"a":{"type":"string"},"b":{"type":"integer"}},"required":["a","b"]}"#
    );
    assert_eq!(flattened(parts), Some((expected.to_owned(), false)));
}

#[test]
fn of_schemas_that_may_be_kept_all_have_their_properties() {
    let either = r#"{"type":"object","oneOf":[
        {"properties":{"kind":{"const":"a"},"a":{"type":"string"}},"required":["kind","a"],"additionalProperties":false},
        {"type":"object","properties":{"kind":{"const":"b"},"b":{}},"required":["kind"],"additionalProperties":false},
        {"type":"null"}]}"#;
    let expected = concat!(
        r#"{"type":"object","properties":{"kind":{"anyOf":[{"const":"a"},{"const":"b"}]},"#,
        r#""a":{"type":"string"},"b":{}},"required":["kind"],"additionalProperties":false}"#
    );
    assert_eq!(flattened(either), Some((expected.to_owned(), true)));
    let one_of_two = r#"{"type":"object","properties":{"a":{},"b":{}},"required":["c"],"anyOf":[{"required":["a"]},{"required":["b"]}]}"#;
    let expected = r#"{"type":"object","properties":{"a":{},"b":{}},"required":["c"]}"#;
    assert_eq!(flattened(one_of_two), Some((expected.to_owned(), true)));
}

#[test]
fn what_has_no_place_in_one_object_is_lost() {
    for (schema, expected) in [
        (
            r#"{"properties":{"a":{"type":"string"}},"not":{"required":["b"]}}"#,
            r#"{"type":"object","properties":{"a":{"type":"string"}}}"#,
        ),
        (
            r#"{"properties":{"a":{"type":"string"}},"allOf":[{"if":{},"then":{}}]}"#,
            r#"{"type":"object","properties":{"a":{"type":"string"}}}"#,
        ),
        // What is said first counts.
        (
            r#"{"properties":{"a":{"type":"string"}},"allOf":[{"properties":{"a":{"const":"b"}}}]}"#,
            r#"{"type":"object","properties":{"a":{"type":"string"}}}"#,
        ),
        // Nobody knows what is there.
        (
            r#"{"anyOf":[{"$ref":"https://a.example"},{"required":["a"]}]}"#,
            r#"{"type":"object","properties":{}}"#,
        ),
    ] {
        let expected = Some((expected.to_owned(), true));
        assert_eq!(flattened(schema), expected, "{schema}");
    }
}

#[test]
fn what_no_object_fits_is_the_providers_to_refuse() {
    for schema in [
        r#"{"anyOf":[{"type":"string"},{"type":"array"}]}"#,
        r#"{"anyOf":[]}"#,
        r#"{"type":"array","oneOf":[{}]}"#,
        r#"{"allOf":[false]}"#,
    ] {
        assert_eq!(flattened(schema), None, "{schema}");
    }
}

#[test]
fn what_goes_on_for_ever_comes_to_an_end() {
    let round = r##"{"$defs":{"A":{"anyOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/A"}]}},"anyOf":[{"$ref":"#/$defs/A"}]}"##;
    assert!(flattened(round).unwrap().1);
    let deep = format!("{}{{}}{}", r#"{"allOf":["#.repeat(60), "]}".repeat(60));
    assert!(flattened(&deep).unwrap().1);
    let many = |at| format!(r#"{{"properties":{{"a":{{"const":{at}}}}}}}"#);
    let many: Vec<_> = (0..20_000).map(many).collect();
    let flat = flattened(&format!(r#"{{"anyOf":[{}]}}"#, many.join(","))).unwrap();
    assert_eq!(flat.0, r#"{"type":"object","properties":{"a":{}}}"#);
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A schema of an object: what each of its properties may be, which it requires, and whether there may be others.
type Made = ([Option<u8>; 4], [bool; 4], bool);

fn made() -> impl Strategy<Value = Made> {
    let property = proptest::option::weighted(0.4, 0_u8..2);
    // Little is required: most objects are to fit something.
    let required = proptest::bool::weighted(0.15);
    (
        proptest::array::uniform4(property),
        proptest::array::uniform4(required),
        proptest::bool::weighted(0.3),
    )
}

fn written((properties, required, closed): &Made) -> Value {
    let schemas = [json!({"type": "integer"}), json!({"const": 1})];
    let properties = NAMES.iter().zip(properties);
    let properties = properties.filter_map(|(name, kind)| Some((*name, kind.as_ref()?)));
    let properties: Map<_, _> = properties
        .map(|(name, kind)| (name.to_owned(), schemas[usize::from(*kind)].clone()))
        .collect();
    let required = NAMES.iter().zip(required).filter(|(_, is)| **is);
    let required: Vec<_> = required.map(|(name, _)| name).collect();
    let mut schema = json!({"properties": properties, "required": required});
    if *closed {
        schema["additionalProperties"] = json!(false);
    }
    schema
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever fits a schema fits the flat one, if it is as it is meant: without properties that only others name.
    #[test]
    fn what_fitted_still_fits(
        root in proptest::option::of(made()),
        combined in proptest::collection::vec((0_usize..3, proptest::collection::vec(made(), 1..4)), 1..3),
        object in proptest::array::uniform4(proptest::option::of(0_u8..2)),
    ) {
        let mut schema = root.map_or(json!({"type": "object"}), |root| written(&root));
        let mut meant = schema.clone();
        for (how, parts) in &combined {
            let mut of: Vec<_> = parts.iter().map(written).collect();
            schema[COMBINES[*how]] = json!(of);
            if COMBINES[*how] != "allOf" {
                for ((properties, ..), written) in parts.iter().zip(&mut of) {
                    for (at, name) in NAMES.iter().enumerate() {
                        let others = parts.iter().any(|(others, ..)| others[at].is_some());
                        if properties[at].is_none() && others {
                            written["properties"][name] = json!(false);
                        }
                    }
                }
            }
            meant[COMBINES[*how]] = json!(of);
        }
        let values = [json!(1), json!(2)];
        let object = NAMES.iter().zip(object);
        let object = object.filter_map(|(name, value)| Some((*name, values[usize::from(value?)].clone())));
        let object: Value = object.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into();
        let fits = |schema: &Value| jsonschema::is_valid(schema, &object);
        let (flat, _) = flattened(&schema.to_string()).unwrap();
        let flat: Value = serde_json::from_str(&flat).unwrap();
        if fits(&schema) && fits(&meant) {
            prop_assert!(fits(&flat), "{object} fits {schema}, not {flat}");
        }
        prop_assert!(COMBINES.iter().all(|name| flat.get(name).is_none()));
        prop_assert_eq!(&flat["type"], "object");
    }
}
