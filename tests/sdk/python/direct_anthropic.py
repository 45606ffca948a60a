"""anthropic-sdk-python straight against a simulated provider."""

import anthropic
from common import check, direct_arguments, raises, run

ARGS = direct_arguments()
MODEL = "simulated"
ASK = [{"role": "user", "content": "How are you?"}]
TOOLS = [
    {
        "name": name,
        "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    }
    for name in ("weather", "news")
]


def client(url=ARGS.base_url, **options):
    return anthropic.Anthropic(base_url=url, max_retries=0, **({"api_key": ARGS.key} | options))


def ask(over=None, **options):
    options = {"model": MODEL, "max_tokens": 2000, "messages": ASK} | options
    return (over or client()).messages.create(**options)


@check
def text():
    answer = ask(system="Be brief.")
    assert answer.stop_reason == "end_turn" and answer.content[0].text, answer
    assert answer.usage.output_tokens > 0 and answer.usage.cache_read_input_tokens > 0, answer.usage
    assert answer._request_id.startswith("req_"), answer._request_id


@check
def text_streamed():
    with client().messages.stream(model=MODEL, max_tokens=100, messages=ASK) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said and final.content[0].text == said, final
    assert final.stop_reason == "end_turn" and final.usage.output_tokens > 1, final
    events = [event.type for event in ask(stream=True)]
    assert events[0] == "message_start" and events[-1] == "message_stop", events


@check
def a_bearer_token_is_a_key():
    assert ask(client(api_key=None, auth_token=ARGS.key)).content


@check
def two_calls_and_their_results():
    answer = ask(tools=TOOLS)
    assert answer.stop_reason == "tool_use", answer
    assert [call.name for call in answer.content] == ["weather", "news"], answer
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "Sunny"} for call in answer.content]
    turns = ASK + [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    assert ask(tools=TOOLS, messages=turns).content[0].text.startswith("The tool says: Sunny.")
    raises(anthropic.BadRequestError, lambda: ask(tools=TOOLS, messages=turns[:-1] + ASK))


@check
def calls_streamed():
    with client().messages.stream(model=MODEL, max_tokens=100, messages=ASK, tools=TOOLS) as stream:
        pieces = [event for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    assert len(pieces) > 2, pieces
    assert [call.input for call in final.content] == [{"place": "How are you?"}] * 2, final


@check
def thoughts_streamed_and_returned():
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with client().messages.stream(
        model=MODEL, max_tokens=2000, messages=ASK, tools=TOOLS, thinking=thinking
    ) as stream:
        final = stream.get_final_message()
    assert final.content[0].type == "thinking" and final.content[0].signature, final
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "Sunny"} for call in final.content[1:]]
    turns = ASK + [{"role": "assistant", "content": final.content}, {"role": "user", "content": results}]
    assert ask(tools=TOOLS, thinking=thinking, messages=turns).content


@check
def tokens_are_counted():
    assert client().messages.count_tokens(model=MODEL, messages=ASK).input_tokens > 0


@check
def models():
    assert [model.id for model in client().models.list(limit=1)] == ["gemini-3-pro", "simulated"]
    assert client().models.retrieve(MODEL).id == MODEL


@check
def errors_have_their_classes():
    error = raises(anthropic.AuthenticationError, lambda: ask(client(api_key="wrong")))
    assert error.body["error"]["type"] == "authentication_error" and error.request_id, error
    raises(anthropic.NotFoundError, lambda: ask(model="no-such-model"))
    raises(anthropic.BadRequestError, lambda: ask(extra_body={"n": 1}))
    error = raises(anthropic.RateLimitError, lambda: ask(client(ARGS.limited_url)))
    assert error.response.headers["retry-after"] == "2", error.response.headers
    error = raises(anthropic.OverloadedError, lambda: ask(client(ARGS.overloaded_url)))
    assert error.status_code == 529, error
    error = None
    try:
        list(ask(client(ARGS.broken_url), stream=True))
    except anthropic.APIStatusError as caught:
        error = caught
    assert error and error.body["error"]["type"] == "overloaded_error", error


run()
