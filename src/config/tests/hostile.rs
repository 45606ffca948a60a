//! Files that are not what they should be: a clear word, never a panic.

use std::{fs, time::Duration};

use proptest::prelude::*;

use super::*;

/// Compiles and renders `text` in every form, within a bound.
fn survives(text: &str) -> String {
    // Generous for a busy machine; what it guards against takes minutes.
    const BOUND: Duration = Duration::from_secs(20);
    let start = breakerbox_actors::clock::now();
    let rendered = match compile(text) {
        Ok(_) => String::new(),
        Err(problems) => {
            assert!(!problems.list().is_empty());
            let _json = problems.to_json().to_string();
            problems.to_string()
        }
    };
    let took = breakerbox_actors::clock::now() - start;
    assert!(took < BOUND, "{took:?} for {} bytes", text.len());
    rendered
}

#[test]
fn empty_files_say_so() {
    for text in [
        "",
        "\n\n",
        "   ",
        "# nothing\n",
        "---\n",
        "--- ~\n",
        "null",
        "\u{feff}",
    ] {
        let text = survives(text);
        assert!(
            text.starts_with("error[empty]: there is no configuration in it"),
            "{text}"
        );
    }
}

#[test]
fn files_that_are_no_mapping_say_what_was_expected() {
    for text in ["just text", "[1, 2]", "- a\n- b", "42", "%PDF-1.7 …"] {
        let text = survives(text);
        assert!(text.contains("expected: "), "{text}");
        assert!(
            text.contains("endpoints") || text.contains("YAML"),
            "{text}"
        );
    }
}

#[test]
fn deep_nesting_is_refused_where_it_gets_too_deep() {
    for text in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        (0..2_000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect(),
        format!("a: {}{}", "[".repeat(5_000), "]".repeat(5_000)),
    ] {
        let text = survives(&text);
        assert!(text.starts_with("error["), "{text}");
    }
    let text = survives(&format!("a: {}{}", "[".repeat(40), "]".repeat(40)));
    assert!(
        text.starts_with("error[too_deep]: this is nested too deep\n --> test.yaml:1:35"),
        "{text}"
    );
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let before = format!("*a{}", level - 1);
        let items = vec![before; 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let text = survives(&text);
    assert!(
        text.contains("error[too_large]: there are too many values in it"),
        "{text}"
    );
}

#[test]
fn an_alias_within_its_own_anchor_is_refused() {
    let text = survives("a: &a [*a]\n");
    assert!(
        text.starts_with("error[syntax]: this alias has no anchor before it"),
        "{text}"
    );
}

#[test]
fn long_lines_and_many_problems_stay_readable() {
    let text = survives(&format!("{}: 1", "x".repeat(500_000)));
    assert!(text.len() < 2_000, "{}", text.len());
    let text = survives(&format!(
        "server: {{ {}, bad }}",
        vec!["a: 1"; 10_000].join(", ")
    ));
    assert!(text.len() < 100_000, "{}", text.len());
    assert!(text.contains("… and "), "{}", &text[text.len() - 200..]);
    survives(&format!("a: \"{}", "key: ".repeat(100_000)));
    survives(&format!("a: [{}", "key: b, ".repeat(50_000)));
    survives(&"a:\n".repeat(20_000));
    let numbered = |form: fn(usize) -> String| (0..10_000).map(form).collect::<Vec<_>>().join(",");
    survives(&format!(
        "server: {{ {} }}",
        numbered(|n| format!("k{n}: 1"))
    ));
    let names = numbered(|n| format!("m{n}"));
    let text = format!(
        "endpoints: [{{ name: a, provider: openai, api_key: k, models: [{names}] }}]\nmodels: [{{ name: x, fallbacks: [{names}] }}]"
    );
    assert_eq!(survives(&text), "");
    survives(&"a: ${".repeat(10_000));
    survives(&format!("endpoints: [{}]", vec!["{}"; 5_000].join(",")));
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    let read = |path: &Path| load(path, &env(&[])).unwrap_err().to_string();
    let shown = path.display();
    assert_eq!(
        read(&path),
        format!(
            "error[unreadable]: cannot be read: there is no such file\n --> {shown}\n  \
             = help: check the path; `breakerbox serve` without --config builds a configuration \
             from key variables such as OPENAI_API_KEY\n\n{shown}: 1 problem"
        )
    );
    assert!(read(folder.path()).starts_with("error[unreadable]: cannot be read: it is a folder"));
    fs::write(&path, [0x7f, b'E', b'L', b'F', 0, 1]).unwrap();
    assert!(read(&path).starts_with("error[not_text]: this is not text: a NUL at byte 4"));
    fs::write(&path, b"a: \xff").unwrap();
    assert!(
        read(&path)
            .starts_with("error[not_text]: this is not text: an invalid UTF-8 sequence at byte 3")
    );
    fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(read(&path).starts_with("error[too_large]: the file is larger than 1 MiB"));
    fs::write(&path, vec![b'#'; 1 << 20]).unwrap();
    assert!(read(&path).starts_with("error[empty]"));
}

#[test]
fn line_ends_and_byte_order_marks_do_not_matter() {
    let text =
        "# hello\nendpoints:\n  - name: a\n    provider: openai\n    api_key: k\n    models: [m]\n";
    let unix = good(text);
    assert_eq!(good(&text.replace('\n', "\r\n")), unix);
    assert_eq!(good(&format!("\u{feff}{text}")), unix);
    let wrong = text.replace("openai", "opnai").replace('\n', "\r\n");
    assert!(
        bad(&wrong).contains("4 |     provider: opnai\n"),
        "{}",
        bad(&wrong)
    );
}

#[test]
fn a_file_cannot_write_to_the_terminal() {
    let text =
        bad("\"\\e[31mred\": 1\n\"a\\u202Eb\": 2\nserver: { listen: \"\u{1b}]0;x\u{7}\" }\n");
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
}

const REFERENCE: &str = include_str!("../../../config/breakerbox.yaml");

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn text_of_yaml_signs_never_panics(text in "[-:{}\\[\\],#&*!|>'\"%@`?~<= \\n\\r\\ta0${}\u{feff}\u{85}é]{0,120}") {
        survives(&text);
    }

    #[test]
    fn a_reference_with_a_piece_replaced_never_panics(
        from in 0..REFERENCE.len(),
        length in 0..60_usize,
        piece in "[-:{}\\[\\],#&*!|>'\" \\n\\ta0${é]{0,8}",
    ) {
        let from = REFERENCE.floor_char_boundary(from);
        let to = REFERENCE.floor_char_boundary((from + length).min(REFERENCE.len())).max(from);
        survives(&format!("{}{piece}{}", &REFERENCE[..from], &REFERENCE[to..]));
    }
}
