use super::*;
use crate::simulator::Tokens;

fn answer(ask: &Ask) -> Answer {
    let script = Script {
        tokens: Tokens { min: 20, max: 20 },
        cached: 0.5,
        ..Script::default()
    };
    Answer::new(&script, b"body", ask)
}

#[test]
fn a_limit_cuts_and_counts_the_thought() {
    let ask = Ask {
        limit: Some(10),
        prompt_tokens: 9,
        ..Ask::default()
    };
    let made = answer(&ask);
    assert_eq!((made.tokens(), made.ended.clone()), (10, Ended::Limit));
    assert_eq!((made.total(), made.cached_tokens), (19, 4));
    let thinking = answer(&Ask {
        thinks: true,
        ..ask
    });
    assert_eq!(
        (thinking.tokens(), thinking.thought_tokens()),
        (10, THOUGHT)
    );
}

#[test]
fn a_stop_text_ends_an_answer_before_itself() {
    let whole = answer(&Ask::default()).text();
    let stop = whole.split(' ').nth(5).expect("words")[..2].to_owned();
    let ask = Ask {
        stops: vec!["never said".to_owned(), stop.clone()],
        ..Ask::default()
    };
    let made = answer(&ask);
    assert_eq!(made.ended, Ended::Stop(stop.clone()));
    let text = made.text();
    assert!(whole.starts_with(&format!("{text}{stop}")), "{text}");
}

#[test]
fn what_was_seen_comes_first() {
    let ask = Ask {
        seen: vec!["I see it.".to_owned()],
        ..Ask::default()
    };
    let made = answer(&ask);
    assert!(made.text().starts_with("I see it. "), "{}", made.text());
    assert_eq!(made.tokens(), 21);
}

#[test]
fn json_fits_its_schema() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let ask = Ask {
        format: Format::Schema(schema),
        ..Ask::default()
    };
    assert_eq!(answer(&ask).text(), r#"{"a":7}"#);
    let ask = Ask {
        format: Format::Json,
        said: "so".to_owned(),
        ..Ask::default()
    };
    assert_eq!(answer(&ask).text(), r#"{"answer":"so","seen":[]}"#);
}
