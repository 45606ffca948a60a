//! Wherever the reads of a provider are cut, a client of another dialect gets
//! the same bytes and is billed the same.

use super::*;

/// The calls of clients that are streamed to.
const ASKED: [Api; 4] = [
    Api::ChatCompletions,
    Api::Responses,
    Api::Messages,
    Api::GenerateContent,
];

/// Two calls at once whose arguments come in turns, and text in many scripts.
const CALLS_OF_CHAT: &str = concat!(
    "data: {\"id\":\"c-1\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"かんがえ\"}}]}\n\n",
    "data: {\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"日本語 \"}}]}\r\n\r\n",
    "data: {\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"русский 🎉\"}}]}\n\n",
    "data: {\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_a\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"\"}}]}}]}\n\n",
    "data: {\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"city\\\":\"}}]}}]}\n\n",
    "data: {\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"call_b\",\"type\":\"function\",\"function\":{\"name\":\"time\",\"arguments\":\"{\\\"zone\\\":\\\"\"}}]}}]}\n\n",
    "data: {\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"Köln\\\"}\"}}]}}]}\n\n",
    "data: {\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"日本\\\"}\"}}]}}]}\n\n",
    "data: {\"id\":\"c-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data: {\"id\":\"c-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":3}}}\n\n",
    "data: [DONE]\n\n",
);

/// The same, as Anthropic says it.
const CALLS_OF_MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":9,\"cache_read_input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"かんがえ\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EqQB\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"日本語 русский 🎉\"}}\r\n\r\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_a\",\"name\":\"weather\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"city\\\":\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\\\"Köln\\\"}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_b\",\"name\":\"time\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"zone\\\":\\\"日本\\\"}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

/// The same, as Gemini says it: calls are never in pieces, but several may
/// come at once.
const CALLS_OF_GEMINI: &str = concat!(
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"かんがえ\",\"thought\":true}]}}],\"responseId\":\"r\",\"modelVersion\":\"m\",\"usageMetadata\":{\"promptTokenCount\":12,\"cachedContentTokenCount\":3}}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"日本語 русский 🎉\"}]}}],\"responseId\":\"r\",\"modelVersion\":\"m\"}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"weather\",\"args\":{\"city\":\"Köln\"}},\"thoughtSignature\":\"c2VhbA==\"},{\"functionCall\":{\"name\":\"time\",\"args\":{\"zone\":\"日本\"}}}]}}],\"responseId\":\"r\",\"modelVersion\":\"m\"}\n\n",
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\"}],\"responseId\":\"r\",\"modelVersion\":\"m\",\"usageMetadata\":{\"promptTokenCount\":12,\"cachedContentTokenCount\":3,\"candidatesTokenCount\":5}}\n\n",
);

/// The same, as OpenAI's newer API says it.
const CALLS_OF_RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"created_at\":9,\"model\":\"m\"}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"日本語 русский 🎉\"}\r\n\r\n",
    "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":2,\"output_index\":1,\"item\":{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"call_a\",\"name\":\"weather\",\"arguments\":\"\"}}\n\n",
    "event: response.function_call_arguments.delta\ndata: {\"type\":\"response.function_call_arguments.delta\",\"sequence_number\":3,\"output_index\":1,\"delta\":\"{\\\"city\\\":\\\"Köln\\\"}\"}\n\n",
    "event: response.function_call_arguments.done\ndata: {\"type\":\"response.function_call_arguments.done\",\"sequence_number\":4,\"output_index\":1,\"arguments\":\"{\\\"city\\\":\\\"Köln\\\"}\"}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":5,\"response\":{\"id\":\"resp_1\",\"usage\":{\"input_tokens\":12,\"input_tokens_details\":{\"cached_tokens\":3},\"output_tokens\":5}}}\n\n",
);

const SENT: [(Api, &str); 3] = [
    (Api::ChatCompletions, CALLS_OF_CHAT),
    (Api::Messages, CALLS_OF_MESSAGES),
    (Api::GenerateContent, CALLS_OF_GEMINI),
];

fn seen(sent: Api, asked: Api, reads: impl IntoIterator<Item = Bytes>) -> Seen {
    let settings = Settings {
        asked,
        forward_usage: true,
        ..settings(sent)
    };
    relayed(settings, reads.into_iter().map(Step::Send))
}

#[test]
fn a_translated_stream_with_calls_cut_at_every_byte_is_the_same_for_the_client() {
    for (sent, text) in SENT {
        let whole = Bytes::from_static(text.as_bytes());
        for asked in ASKED.into_iter().filter(|asked| *asked != sent) {
            let expected = seen(sent, asked, [whole.clone()]);
            assert_eq!(expected.end, StreamEnd::Complete, "{sent:?} {asked:?}");
            assert_eq!(expected.usage, Some(USAGE), "{sent:?} {asked:?}");
            for said in [
                "かんがえ",
                "日本語 ",
                "русский 🎉",
                "Köln",
                "日本",
                "weather",
                "time",
            ] {
                assert!(expected.bytes.contains(said), "{sent:?} {asked:?}: {said}");
            }
            for at in 1..text.len() {
                let cut = seen(sent, asked, [whole.slice(..at), whole.slice(at..)]);
                assert_eq!(cut.bytes, expected.bytes, "{sent:?} {asked:?} cut at {at}");
                assert_eq!((cut.end, cut.usage), (expected.end, expected.usage));
            }
            let bytes = (0..text.len()).map(|at| whole.slice(at..=at));
            let cut = seen(sent, asked, bytes);
            assert_eq!(cut.bytes, expected.bytes, "{sent:?} {asked:?} byte by byte");
            assert_eq!((cut.end, cut.usage), (expected.end, expected.usage));
        }
    }
}

/// Where client and provider speak the same dialect, the bytes are the provider's own.
#[test]
fn a_stream_with_calls_in_the_clients_dialect_cut_at_every_byte_passes_as_it_is() {
    for (sent, text) in SENT
        .into_iter()
        .chain([(Api::Responses, CALLS_OF_RESPONSES)])
    {
        let whole = Bytes::from_static(text.as_bytes());
        let same = |reads: &[Bytes], what: &dyn std::fmt::Display| {
            let seen = seen(sent, sent, reads.iter().cloned());
            assert_eq!(seen.bytes, text, "{sent:?} {what}");
            let told = (seen.end, seen.usage);
            assert_eq!(told, (StreamEnd::Complete, Some(USAGE)), "{sent:?} {what}");
        };
        for at in 0..text.len() {
            let reads = [whole.slice(..at), whole.slice(at..)];
            same(&reads[usize::from(at == 0)..], &at);
        }
        let bytes: Vec<Bytes> = (0..text.len()).map(|at| whole.slice(at..=at)).collect();
        same(&bytes, &"byte by byte");
    }
}

/// A provider that never ends a call must not fill the memory, and whoever
/// waits for that call is told: the relay knows the stream for a broken one.
#[test]
fn a_call_without_an_end_breaks_the_stream_in_the_clients_dialect() {
    let piece = |index: u32, rest: &str| {
        let call = format!(r#"{{"index":{index},{rest}}}"#);
        let choice = format!(r#"{{"index":0,"delta":{{"tool_calls":[{call}]}}}}"#);
        format!("data: {{\"id\":\"c\",\"choices\":[{choice}]}}\n\n")
    };
    let start =
        |index| format!(r#""id":"c{index}","function":{{"name":"f","arguments":"{{\"a\":\""}}"#);
    let more = format!(r#""function":{{"arguments":"{}"}}"#, "x".repeat(200_000));
    for (asked, form) in [
        (Api::Messages, "event: error\ndata: {\"type\":\"error\""),
        (Api::GenerateContent, "data: {\"error\":{\"code\":502"),
    ] {
        let mut reads = vec![piece(0, &start(0)), piece(1, &start(1))];
        reads.extend((0..90).map(|_| piece(1, &more)));
        let reads = reads.into_iter().map(Bytes::from);
        let seen = seen(Api::ChatCompletions, asked, reads);
        assert_eq!(seen.end, StreamEnd::TooLarge, "{asked:?}");
        let tail: String = seen.bytes.chars().rev().take(400).collect();
        let tail: String = tail.chars().rev().collect();
        assert!(seen.bytes.contains(form), "{asked:?}: {tail}");
    }
}

/// Some servers never say why an answer ended: to whatever client, `[DONE]` is its end.
#[test]
fn a_stream_without_a_reason_is_whole_for_every_client() {
    let text = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n\n";
    for asked in ASKED {
        let seen = seen(
            Api::ChatCompletions,
            asked,
            [Bytes::from_static(text.as_bytes())],
        );
        assert_eq!(seen.end, StreamEnd::Complete, "{asked:?}");
        let stop = match asked {
            Api::Messages => "\"stop_reason\":\"end_turn\"",
            Api::GenerateContent => "\"finishReason\":\"STOP\"",
            Api::Responses => "\"type\":\"response.completed\"",
            _ => "[DONE]",
        };
        assert!(seen.bytes.contains(stop), "{asked:?}: {}", seen.bytes);
    }
}
