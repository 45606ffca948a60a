//! The files we ship.

use super::*;

const REFERENCE: &str = include_str!("../../../config/breakerbox.yaml");
const MINIMAL: &str = include_str!("../../../config/minimal.yaml");

#[test]
fn the_shipped_files_compile_in_an_empty_environment() {
    assert_eq!(good(REFERENCE).endpoints.len(), 5);
    assert_eq!(good(MINIMAL).endpoints.len(), 1);
}

#[test]
fn the_shipped_files_obey_the_published_schema_variables_and_all() {
    let validator = jsonschema::validator_for(&super::super::schema()).unwrap();
    for text in [REFERENCE, MINIMAL] {
        let tree = tree::parse(text).root.unwrap();
        let value = structure::check(&tree, shape::schema(), &mut Vec::new());
        if let Err(error) = validator.validate(&value) {
            panic!("{error}");
        }
    }
}

#[test]
fn the_reference_names_every_key() {
    for (key, _) in keys::leaves(shape::schema()) {
        let word = key
            .trim_end_matches("[]")
            .rsplit(['.', ']'])
            .next()
            .unwrap();
        let named = REFERENCE.lines().any(|line| {
            line.match_indices(&format!("{word}:")).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
            })
        });
        assert!(named, "{key}");
    }
}

#[test]
fn the_sections_of_the_reference_repeat_the_defaults() {
    let reference = good(REFERENCE);
    let least = good(ENDPOINT);
    assert_eq!(reference.server, least.server);
    assert_eq!(reference.admin, least.admin);
    assert_eq!(reference.routing, least.routing);
    // Its endpoint `local` overrides nothing.
    let local = &reference.endpoints[4];
    assert_eq!(local.policy, least.endpoints[0].policy);
    assert_eq!(local.probe_kind, least.endpoints[0].probe_kind);
}

#[test]
fn lines_of_the_reference_fit_a_screen() {
    for line in REFERENCE.lines().chain(MINIMAL.lines()) {
        assert!(line.chars().count() <= 110, "{line}");
    }
}
