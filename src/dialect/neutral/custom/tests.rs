use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

/// Unwraps `arguments` in pieces, each as long as `cuts` says in turn.
fn in_pieces(arguments: &str, cuts: &[usize]) -> String {
    let letters: Vec<char> = arguments.chars().collect();
    let mut unwrapping = Unwrapping::default();
    let mut text = String::new();
    let mut rest = &letters[..];
    for cut in cuts.iter().cycle() {
        let (piece, behind) = rest.split_at((*cut).min(rest.len()));
        text.push_str(&unwrapping.push(&piece.iter().collect::<String>()));
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    text + &unwrapping.rest()
}

#[test]
fn what_is_no_such_object_is_the_text_itself() {
    for (arguments, text) in [
        (r#"{"input":"a\nb"}"#, "a\nb"),
        (" {\n \"input\" : \"*** Begin\" }", "*** Begin"),
        // Members that nobody asked for.
        (r#"{"input":"a","more":1}"#, "a"),
        ("", ""),
        ("{}", ""),
        ("{ }", ""),
        // Cut off.
        (r#"{"input":"a\u00"#, "a"),
        (r#"{"input":"a\ud83c"#, "a"),
        (r#"{"inp"#, r#"{"inp"#),
        // Other than it was told.
        ("*** Begin Patch", "*** Begin Patch"),
        (r#"{"patch":"x"}"#, r#"{"patch":"x"}"#),
        (r#"{"input":["x"]}"#, r#"{"input":["x"]}"#),
        (r#""x""#, r#""x""#),
        // No JSON, but what is meant is plain.
        ("{\"input\":\"a\nb\"}", "a\nb"),
        (
            r#"{"input":"a\qb\u12x4\ud83cz"}"#,
            "aqb\u{fffd}12x4\u{fffd}z",
        ),
        (
            r#"{"input":"\udf89\ud83c\ud83c\udf89"}"#,
            "\u{fffd}\u{fffd}🎉",
        ),
    ] {
        assert_eq!(unwrapped(arguments), text, "{arguments}");
        assert_eq!(in_pieces(arguments, &[1]), text, "{arguments}, by letter");
    }
}

#[test]
fn a_beginning_that_never_ends_is_none() {
    let spaces = " ".repeat(2 * LONGEST);
    assert_eq!(unwrapped(&spaces), spaces);
    assert_eq!(in_pieces(&spaces, &[7]), spaces);
}

#[test]
fn everybody_else_is_told_of_a_function() {
    let grammar = |definition: &str| Grammar {
        syntax: "lark".to_owned(),
        definition: definition.to_owned(),
    };
    let tool = |description: Option<&str>, grammar| {
        let custom = Custom {
            description: description.map(str::to_owned),
            grammar,
        };
        Tool::custom("patch".to_owned(), custom)
    };
    let bare = tool(None, None);
    let schema: serde_json::Value =
        serde_json::from_str(bare.parameters.as_ref().unwrap().get()).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["input"]));
    assert!(bare.description.as_deref().unwrap().starts_with("Call it"));
    let told = tool(Some("Edits files."), Some(grammar("start: /a+/")));
    let words = told.description.as_deref().unwrap();
    assert!(words.starts_with("Edits files.\n\n"), "{words}");
    assert!(words.ends_with("(lark):\n\nstart: /a+/"), "{words}");
    // It is told, but nobody sees to it.
    for (tool, named) in [(bare, ""), (told, "not carried over: tool_grammar")] {
        let mut lost = Lost::default();
        tool.lose_grammar(&mut lost);
        assert_eq!(lost.to_string(), named);
    }
}

proptest! {
    #[test]
    fn every_text_comes_back_however_it_is_cut(
        text in any::<String>(),
        cuts in vec(1..9_usize, 1..4),
    ) {
        let arguments = wrapped(&text);
        prop_assert_eq!(&unwrapped(&arguments), &text);
        prop_assert_eq!(&in_pieces(&arguments, &cuts), &text);
        let letters: Vec<char> = text.chars().collect();
        let pieces = letters.chunks(cuts[0]).map(|it| wrapped_piece(&it.iter().collect::<String>()));
        let pieced = [wrapping_begins()].into_iter().map(str::to_owned).chain(pieces);
        prop_assert_eq!(&(pieced.collect::<String>() + wrapping_ends()), &arguments);
        // As any provider escapes it.
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
        let escaped = format!("{OPEN}{}{CLOSE}", units.collect::<String>());
        prop_assert_eq!(&unwrapped(&escaped), &text);
        prop_assert_eq!(&in_pieces(&escaped, &cuts), &text);
    }

    #[test]
    fn it_is_the_same_in_pieces_whatever_was_written(
        pieces in vec(select(vec!["{", "\"", "input", ":", " ", "\\", "u", "d83c", "df89", "é", "n", "}", "0"]), 0..14),
        begun in any::<bool>(),
        cuts in vec(1..4_usize, 1..4),
    ) {
        let begun = if begun { OPEN } else { "" };
        let arguments = format!("{begun}{}", pieces.concat());
        prop_assert_eq!(in_pieces(&arguments, &cuts), unwrapped(&arguments));
    }
}
