//! The corpus of the fuzz target `translation`, as it is and a little damaged.

use std::sync::LazyLock;

use proptest::prelude::*;

use crate::dialect;

#[path = "../../../tests/fuzz/translation.rs"]
mod translation;

static CORPUS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus/translation");
    let files = std::fs::read_dir(folder).unwrap().map(|file| {
        let path = file.unwrap().path();
        let name = path.display().to_string();
        (name, std::fs::read(&path).unwrap())
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
});

#[test]
fn the_fuzzers_corpus_comes_out_well() {
    for (name, input) in &*CORPUS {
        translation::check(input).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    assert!(CORPUS.len() >= 14, "{}", CORPUS.len());
}

proptest! {
    #[test]
    fn damage_is_refused_or_comes_out_well(
        of in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        cut in 0..40_usize,
        with in prop_oneof![
            Just(Vec::new()),
            "[\\[\\]{}\",:0-9nul -]{0,4}".prop_map(String::into_bytes),
            prop::sample::select(vec!["null", "\"\"", "\" \"", "[]", "{}", "0", "-1", "1e9", "\"\u{a0}\"", "true"])
                .prop_map(|it| it.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ],
    ) {
        let (name, mut input) = of.get(&CORPUS).clone();
        let at = at.index(input.len());
        let end = (at + cut).min(input.len());
        input.splice(at..end, with);
        let checked = translation::check(&input);
        prop_assert!(checked.is_ok(), "{name}: {checked:?}\n{}", String::from_utf8_lossy(&input));
    }

    /// Values for values: what is there, as something else.
    #[test]
    fn other_values_are_refused_or_come_out_well(
        of in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        with in prop::sample::select(vec![
            "null", "\"\"", "\" \"", "\"\u{a0}\"", "\"x\"", "[]", "[\"\"]", "{}", "0", "-1", "1.5", "1e300", "99999999999999999999",
            "true", "false", "[{}]", "[null]", "\"\\u0000\"",
        ]),
    ) {
        let (name, input) = of.get(&CORPUS).clone();
        let text = String::from_utf8_lossy(&input).into_owned();
        // Behind a colon, up to what ends a simple value.
        let colons: Vec<_> = text.match_indices(':').map(|(at, _)| at + 1).collect();
        prop_assume!(!colons.is_empty());
        let at = *at.get(&colons);
        let rest = &text[at..];
        let end = match rest.strip_prefix('"') {
            Some(said) => said.find('"').map_or(rest.len(), |end| end + 2),
            None => rest.find([',', '}', ']', '\n']).unwrap_or(rest.len()),
        };
        let input = [&text[..at], with, &rest[end..]].concat();
        let checked = translation::check(input.as_bytes());
        prop_assert!(checked.is_ok(), "{name}: {checked:?}\n{input}");
    }
}
