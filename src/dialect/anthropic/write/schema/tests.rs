//! Schemas that Anthropic takes.

use super::*;

fn written(schema: &str) -> (String, String) {
    let mut lost = Lost::default();
    let json = Json::parse(schema).unwrap();
    let raw = closed(&json, &mut lost).get().to_owned();
    (raw, lost.to_string())
}

#[test]
fn every_object_is_closed_and_the_order_stays() {
    let schema = r##"{"type":"object","properties":{
        "z":{"type":["object","null"],"properties":{"type":{"type":"string"}}},
        "a":{"type":"array","items":{"properties":{"n":{"type":"number","default":1.0}},"additionalProperties":false}},
        "m":{"anyOf":[{"$ref":"#/$defs/x"},true]}},
        "required":["z"],"$defs":{"x":{"type":"object","properties":{}}}}"##;
    let expected = concat!(
        r##"{"type":"object","properties":{"##,
        r##""z":{"type":["object","null"],"properties":{"type":{"type":"string"}},"additionalProperties":false},"##,
        r##""a":{"type":"array","items":{"properties":{"n":{"type":"number","default":1.0}},"additionalProperties":false}},"##,
        r##""m":{"anyOf":[{"$ref":"#/$defs/x"},true]}},"##,
        r##""required":["z"],"$defs":{"x":{"type":"object","properties":{},"additionalProperties":false}},"##,
        r##""additionalProperties":false}"##,
    );
    assert_eq!(written(schema), (expected.to_owned(), String::new()));
}

#[test]
fn a_long_one_in_many_levels_goes_as_it_is() {
    let deep = |levels: usize, length: usize| {
        let leaf = format!(
            r#"{{"type":"string","description":"{}"}}"#,
            "x".repeat(length)
        );
        let open = r#"{"type":"object","properties":{"a":"#;
        open.repeat(levels) + &leaf + &"}}".repeat(levels)
    };
    for (levels, length, is_closed) in [(60, 100, true), (6, 9 << 20, true), (60, 9 << 20, false)] {
        let schema = deep(levels, length);
        let (written, _) = written(&schema);
        let closed = written.matches(r#""additionalProperties":false"#).count();
        assert_eq!(closed, if is_closed { levels } else { 0 }, "{levels}");
        assert_eq!(written == schema, !is_closed, "{levels}");
    }
}

#[test]
fn an_object_that_is_open_is_told_of() {
    for open in [
        r#"{"type":"object"}"#,
        r#"{"type":"object","properties":{},"additionalProperties":{"type":"string"}}"#,
    ] {
        let (schema, lost) = written(open);
        assert!(
            schema.ends_with(r#""additionalProperties":false}"#),
            "{schema}"
        );
        assert_eq!(lost, "not carried over: json_schema");
    }
}

#[test]
fn what_goes_in_other_words_is_said_in_them() {
    for (given, said) in [
        (
            r#"{"oneOf":[{"type":"string"},{"oneOf":[]}],"discriminator":{}}"#,
            r#"{"anyOf":[{"type":"string"},{"anyOf":[]}],"discriminator":{}}"#,
        ),
        (
            r##"{"allOf":[{"$ref":"#/$defs/a"}],"description":"d"}"##,
            r##"{"anyOf":[{"$ref":"#/$defs/a"}],"description":"d"}"##,
        ),
        (
            r#"{"type":"string","nullable":true}"#,
            r#"{"type":["string","null"]}"#,
        ),
        (
            r#"{"type":"string","nullable":false}"#,
            r#"{"type":"string"}"#,
        ),
        (
            r#"{"type":["string","null"],"enum":["a",null]}"#,
            r#"{"enum":["a",null]}"#,
        ),
    ] {
        assert_eq!(written(given), (said.to_owned(), String::new()));
    }
    for kept in [
        r#"{"type":"string","format":"date-time","pattern":"^\\d{3}\\\\b(?:a|b)$"}"#,
        r#"{"allOf":[{"type":"string"},{"description":"a"}]}"#,
        r##"{"$ref":"#/$defs/a","title":"t","default":{"not":[]},"$schema":"s"}"##,
        r#"{"enum":["a",1,null],"const":true}"#,
    ] {
        assert_eq!(written(kept), (kept.to_owned(), String::new()));
    }
}

#[test]
fn what_is_not_taken_is_left_out_and_told_of() {
    let refused = [
        r#""not":{"type":"null"}"#,
        r#""if":{},"then":{},"else":{}"#,
        r#""enum":["a",{"b":1}]"#,
        r#""enum":[["a"]]"#,
        r#""const":{"a":1}"#,
        r#""$ref":"https://example.com/schema""#,
        r#""format":"uri-template""#,
        r#""format":"int32""#,
        r#""format":"enum""#,
        r#""pattern":"^(?=a)""#,
        r#""pattern":"(?<!a)b""#,
        r#""pattern":"\\bword\\b""#,
        r#""pattern":"(a)\\1""#,
        r#""enum":["a"],"nullable":true"#,
        r##""allOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]"##,
        r#""anyOf":[],"oneOf":[{"type":"string"}]"#,
        r#""prefixItems":[{"type":"string"}]"#,
        r#""patternProperties":{"a":{}}"#,
        r#""dependentRequired":{"a":["b"]}"#,
        r#""unevaluatedProperties":false"#,
    ];
    for members in refused {
        let (schema, lost) = written(&format!(r#"{{"title":"t",{members}}}"#));
        let rest = [
            r#"{"title":"t"}"#,
            r#"{"title":"t","enum":["a"]}"#,
            r#"{"title":"t","anyOf":[]}"#,
        ];
        assert!(rest.contains(&&*schema), "{members}: {schema}");
        assert_eq!(lost, "not carried over: json_schema", "{members}");
    }
    // Properties may have any name.
    let named = r#"{"properties":{"not":{"type":"null"},"oneOf":{"type":"null"}},"additionalProperties":false}"#;
    assert_eq!(written(named), (named.to_owned(), String::new()));
}

#[test]
fn bounds_are_left_out_and_told_of() {
    let said = |schema: &str| written(schema).1 == "not carried over: json_schema";
    for (bound, kept) in [
        (r#"{"minimum":0,"type":"integer"}"#, r#"{"type":"integer"}"#),
        (
            r#"{"type":"number","exclusiveMaximum":2.5}"#,
            r#"{"type":"number"}"#,
        ),
        (
            r#"{"type":"string","minLength":1,"maxLength":9}"#,
            r#"{"type":"string"}"#,
        ),
        (
            r#"{"type":"array","items":{"multipleOf":2},"minItems":2,"uniqueItems":true}"#,
            r#"{"type":"array","items":{}}"#,
        ),
    ] {
        assert_eq!(written(bound).0, kept);
        assert!(said(bound), "{bound}");
    }
    // A property of that name is none, and a list may not be empty.
    for kept in [
        r#"{"properties":{"minimum":{"type":"integer"}},"additionalProperties":false}"#,
        r#"{"type":"array","minItems":1}"#,
    ] {
        assert_eq!(written(kept), (kept.to_owned(), String::new()));
    }
}

#[test]
fn a_schema_that_comes_back_to_itself_is_known() {
    let is = |schema: &str| is_recursive(&Json::parse(schema).unwrap());
    for recursive in [
        r##"{"properties":{"next":{"$ref":"#"}}}"##,
        r##"{"$ref":"#/$defs/n","$defs":{"n":{"properties":{"l":{"anyOf":[{"$ref":"#/$defs/n"}]}}}}}"##,
        r##"{"$defs":{"a":{"items":{"$ref":"#/$defs/b"}},"b":{"items":{"$ref":"#/$defs/a"}}}}"##,
    ] {
        assert!(is(recursive), "{recursive}");
    }
    for straight in [
        r#"{"properties":{"$ref":{"type":"string"}}}"#,
        r##"{"properties":{"a":{"$ref":"#/$defs/x"},"b":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string"}}}"##,
        r#"{"$ref":"https://example.com/schema"}"#,
    ] {
        assert!(!is(straight), "{straight}");
    }
    // Twice each, so that without a memory it would take for ever.
    let wide: Vec<_> = (0..60)
        .map(|at| {
            let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, at + 1);
            format!(r#""d{at}":{{"anyOf":[{next},{next}]}}"#)
        })
        .collect();
    let deep = format!(r#"{{"$defs":{{{}}}}}"#, wide.join(","));
    assert!(is(&deep), "too deep to tell");
    let short = format!(r#"{{"$defs":{{{}}}}}"#, wide[40..].join(","));
    assert!(!is(&short));
}

#[test]
fn what_is_no_object_or_too_deep_stays() {
    for schema in [r#"{"type":"string"}"#, "true"] {
        assert_eq!(written(schema), (schema.to_owned(), String::new()));
    }
    let deep = format!(r#"{}{{}}{}"#, r#"{"items":"#.repeat(100), "}".repeat(100));
    assert_eq!(written(&deep).0, deep);
}
