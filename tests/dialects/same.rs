//! A client and a provider of the same dialect: every byte passes as it is, there and back.

use super::{Asks, Says, house};
use crate::support::chat::{chunk, last_chunk, response, stream_head};
use crate::support::client::{Client, Ending};
use crate::support::evil::{Act, Evil};

/// Each dialect with a request, an answer and a stream in it: odd spaces, numbers and escapes, the order of keys,
/// and fields that nobody knows are as they are.
const DIALECTS: [(Says, Asks, &str, &str, &str); 3] = [
    (
        Says::OpenAi,
        Asks::Chat,
        concat!(
            "{ \"model\" :\"m\",\"temperature\": 1.0e0 ,\"messages\":[ {\"role\":\"user\",\"content\":\"\\u0068i 👋\"}],\n",
            "  \"x_new\":{\"b\":1.50,\"a\":[ ] } }\n"
        ),
        concat!(
            "{\"id\":\"c\",\"x_new\": {\"z\":1,\"a\":2.50},\"object\":\"chat.completion\",\n\"created\":1,\"model\":\"x\",\"choices\":[{\"index\":0,",
            "\"finish_reason\":\"tool_calls\",\"message\":{\"content\":null,\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",",
            "\"function\":{\"name\":\"f\",\"arguments\":\"{ \\\"a\\\" : 1.0 }\"}}]}}],\"usage\":{\"completion_tokens\":2,\"prompt_tokens\":7,\"total_tokens\":9}} \n"
        ),
        concat!(
            ": hello\n\n",
            "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\u0068i\"},\"x_new\":1.0}]}\r\n\r\n",
            "event: message\ndata:{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n",
            "id: 7\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
            "data: [DONE]\n\n",
        ),
    ),
    (
        Says::Anthropic,
        Asks::Messages,
        concat!(
            "{ \"max_tokens\":64,\"model\" :\"m\",\"temperature\": 1.0e0 ,\"messages\":[ {\"role\":\"user\",\"content\":[{\"type\":\"text\",",
            "\"text\":\"\\u0068i 👋\",\"cache_control\":{\"type\":\"ephemeral\"}}]},",
            // As servers that resemble Anthropic write it.
            "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"\"},{\"type\":\"text\",\"text\":\"a\"}]},",
            "{\"role\":\"user\",\"content\":\"b\"}],\n  \"x_new\":{\"b\":1.50,\"a\":[ ] } }\n"
        ),
        concat!(
            "{\"id\":\"msg_1\",\"x_new\": {\"z\":1,\"a\":2.50},\"type\":\"message\",\"role\":\"assistant\",\n\"model\":\"x\",\"content\":[",
            "{\"type\":\"thinking\",\"thinking\":\"h\\u006dm\",\"signature\":\"EqQB\"},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{ \"b\":1.0,\"a\":2 }},",
            "{\"type\":\"new_block\",\"x\":1}],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{\"output_tokens\":2,\"input_tokens\":7}} \n"
        ),
        concat!(
            ": hello\n\n",
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"x\",\"content\":[],\"x_new\":1.0,\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n",
            "event: ping\ndata: {\"type\": \"ping\"}\n\n",
            "event: content_block_start\r\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\r\n\r\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{ \\\"\\u0061\\\": 1.0 }\"}}\n\n",
            "event: new_event\ndata: {\"type\":\"new_event\",\"x\": 1}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":2}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
    ),
    (
        Says::Gemini,
        Asks::Content,
        concat!(
            "{ \"generationConfig\":{\"temperature\": 1.0e0 } ,\"contents\":[ {\"role\":\"user\",\"parts\":[{\"text\":\"\\u0068i 👋\"}]}],\n",
            "  \"xNew\":{\"b\":1.50,\"a\":[ ] } }\n"
        ),
        concat!(
            "{\"responseId\":\"r\",\"xNew\": {\"z\":1,\"a\":2.50},\n\"candidates\":[{\"index\":0,\"finishReason\":\"STOP\",\"content\":{\"parts\":[",
            "{\"thought\":true,\"text\":\"h\\u006dm\"},{\"functionCall\":{\"name\":\"f\",\"args\":{ \"b\":1.0,\"a\":2 }},\"thoughtSignature\":\"c2VhbA==\"}],",
            "\"role\":\"model\"}}],\"usageMetadata\":{\"totalTokenCount\":9,\"promptTokenCount\":7,\"candidatesTokenCount\":2},\"modelVersion\":\"x\"} \n"
        ),
        concat!(
            "data: {\"responseId\":\"r\",\"xNew\": 1.0,\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\\u0068i\"}]}}]}\r\n\r\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"args\":{ \"a\":1.0 },\"name\":\"f\"}}],\"role\":\"model\"},\"index\":0}]}\r\n\r\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":7,\"candidatesTokenCount\":2}}\r\n\r\n",
        ),
    ),
];

/// A request that asks for a stream where its body says so.
fn for_a_stream(asks: Asks, body: &str) -> String {
    match asks {
        Asks::Content => body.to_owned(),
        // The usage is asked for as well: of who does not, the gateway would ask for itself.
        Asks::Chat => body.replacen(
            "{ ",
            "{ \"stream\":true, \"stream_options\":{\"include_usage\":true},",
            1,
        ),
        _ => body.replacen("{ ", "{ \"stream\":true, ", 1),
    }
}

#[tokio::test]
async fn requests_answers_and_streams_of_the_same_dialect_pass_byte_for_byte() {
    for (says, asks, request, whole, stream) in DIALECTS {
        let evil = Evil::start(move |_, number| match number {
            0 => vec![Act::Send(response(200, &[], whole)), Act::KeepAlive],
            _ => {
                let acts = [stream_head(), chunk(stream), last_chunk()].map(Act::Send);
                acts.into_iter().chain([Act::KeepAlive]).collect()
            }
        });
        let name = format!("same-{}", says.provider());
        let house = house(says, &name, &evil);
        for (number, answer) in [whole, stream].into_iter().enumerate() {
            let streams = number == 1;
            let body = match streams {
                true => for_a_stream(asks, request),
                false => request.to_owned(),
            };
            let mut client = Client::connect(house.addr()).await;
            let json = [("content-type", "application/json")];
            let path = asks.path(streams);
            client.request("POST", path, &json, body.as_bytes()).await;
            let got = client.answer().await;
            assert_eq!((got.status(), got.ending), (200, Ending::Whole), "{asks:?}");
            assert_eq!(got.text(), answer, "{asks:?}");
            let asked = evil.requests().pop().expect("a request");
            assert_eq!(String::from_utf8_lossy(&asked.body), body, "{asks:?}");
            assert!(got.head.header("x-breakerbox-warnings").is_none());
        }
        assert_eq!(house.outcomes(&name, "success").await, 2.0);
    }
}
