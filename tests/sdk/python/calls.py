"""openai-python against a running gateway: every call, every class of error.

Only `base_url` and the key differ from talking to the provider itself.
"""

import time

import openai
from common import arguments, check, run, raises

ARGS = arguments()
CHAT = "gpt-4.1"
ASK = [{"role": "user", "content": "How are you?"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather at a place.",
            "parameters": {
                "type": "object",
                "properties": {"place": {"type": "string"}},
                "required": ["place"],
            },
        },
    }
]


def client(**options):
    options.setdefault("api_key", ARGS.key)
    options.setdefault("max_retries", 0)
    return openai.OpenAI(base_url=ARGS.base_url, **options)


def chat(model=CHAT, over=None, **options):
    options.setdefault("messages", ASK)
    return (over or client()).chat.completions.create(model=model, **options)


def coded(error, code):
    """The error has the gateway's code, a message and the request's id."""
    assert error.code == code, f"code {error.code!r}, not {code!r}: {error}"
    assert error.message and error.type, error
    assert error.request_id, "an error without x-request-id"


# --- calls


@check
def chat_whole():
    answer = chat()
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content, answer
    assert choice.finish_reason == "stop", choice
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model == CHAT, answer.model
    assert answer._request_id, "x-request-id is not visible"


@check
def chat_ids_differ():
    assert chat()._request_id != chat()._request_id


@check
def headers_tell_who_answered():
    raw = client().chat.completions.with_raw_response.create(model=CHAT, messages=ASK)
    assert raw.headers["x-breakerbox-endpoint"] == "steady", raw.headers
    assert raw.headers["x-breakerbox-model"] == CHAT, raw.headers
    assert int(raw.headers["x-breakerbox-attempts"]) >= 1, raw.headers


@check
def chat_streamed_without_usage():
    text, reasons = "", []
    for chunk in chat(stream=True):
        assert len(chunk.choices) == 1, f"naive code reads choices[0]: {chunk}"
        assert chunk.usage is None, f"usage that nobody asked for: {chunk}"
        text += chunk.choices[0].delta.content or ""
        reasons.append(chunk.choices[0].finish_reason)
    assert text, "a stream without text"
    assert reasons[-1] == "stop" and not any(reasons[:-1]), reasons


@check
def chat_streamed_with_usage():
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0, chunks[-1]
    assert all(chunk.usage is None for chunk in chunks[:-1])


@check
def chat_stream_helper_assembles():
    with client().chat.completions.stream(model=CHAT, messages=ASK) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content, final


@check
def tools_whole_and_answered():
    answer = chat(tools=TOOLS)
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls", choice
    call = choice.message.tool_calls[0]
    assert call.function.name == "weather" and "place" in call.function.arguments, call
    after = ASK + [
        choice.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "Sunny."},
    ]
    assert chat(tools=TOOLS, messages=after).choices[0].message.content


@check
def tools_streamed():
    name, given, reason = "", "", None
    for chunk in chat(tools=TOOLS, stream=True):
        choice = chunk.choices[0]
        for call in choice.delta.tool_calls or []:
            name += call.function.name or ""
            given += call.function.arguments or ""
        reason = choice.finish_reason or reason
    assert name == "weather" and reason == "tool_calls", (name, reason)
    assert given.startswith("{") and given.endswith("}"), given


@check
def embeddings():
    answer = client().embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert [item.index for item in answer.data] == [0, 1], answer
    assert all(isinstance(item.embedding[0], float) for item in answer.data), answer
    assert answer.usage.total_tokens > 0 and answer._request_id


@check
def embeddings_as_numbers():
    answer = client().embeddings.create(
        model="text-embedding-3-small", input="one", encoding_format="float"
    )
    assert len(answer.data[0].embedding) > 1


@check
def completions():
    answer = client().completions.create(model="gpt-3.5-turbo-instruct", prompt="Once")
    assert answer.choices[0].text and answer.usage.total_tokens > 0, answer
    chunks = list(
        client().completions.create(model="gpt-3.5-turbo-instruct", prompt="Once", stream=True)
    )
    assert "".join(chunk.choices[0].text for chunk in chunks)


@check
def responses():
    answer = client().responses.create(model=CHAT, input="How are you?")
    assert answer.status == "completed" and answer.output_text, answer
    assert answer.usage.total_tokens > 0 and answer._request_id


@check
def responses_streamed():
    events = list(client().responses.create(model=CHAT, input="How are you?", stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds
    assert events[0].response.id == events[-1].response.id
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == events[-1].response.output_text, text
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(numbers), numbers


@check
def models():
    listed = {model.id for model in client().models.list()}
    assert {CHAT, "meta/llama-3", "gpt-dead"} <= listed, listed
    assert "private-model" not in listed, "a model this key may not use is listed"
    assert client().models.retrieve(CHAT).id == CHAT
    assert client().models.retrieve("meta/llama-3").id == "meta/llama-3"


# --- errors


@check
def wrong_key():
    error = raises(openai.AuthenticationError, lambda: chat(over=client(api_key="wrong")))
    coded(error, "invalid_api_key")
    assert "wrong" not in str(error.body), "the key is repeated in the error"


@check
def model_not_allowed():
    coded(raises(openai.PermissionDeniedError, lambda: chat("private-model")), "model_not_allowed")


@check
def model_unknown():
    error = raises(openai.NotFoundError, lambda: chat("gpt-4.11"))
    coded(error, "model_not_found")
    assert error.param == "model" and CHAT in error.message, error
    raises(openai.NotFoundError, lambda: client().models.retrieve("no-such-model"))


@check
def body_invalid():
    post = lambda body: client().post("/chat/completions", body=body, cast_to=object)
    error = raises(openai.BadRequestError, lambda: post({"messages": ASK}))
    assert error.param == "model" and error.request_id, error
    error = raises(openai.BadRequestError, lambda: post({"model": 7, "messages": ASK}))
    assert error.param == "model", error


@check
def upstream_says_the_request_is_wrong():
    error = raises(openai.BadRequestError, lambda: chat("gpt-strict"))
    assert error.request_id and error.message, error
    raises(openai.UnprocessableEntityError, lambda: chat("gpt-picky"))


@check
def every_endpoint_rate_limited():
    error = raises(openai.RateLimitError, lambda: chat("gpt-limited"))
    coded(error, "upstream_rate_limited")
    assert 1 <= int(error.response.headers["retry-after"]) <= 20, error.response.headers


@check
def retry_after_is_obeyed():
    patient = client(max_retries=2)
    chat("gpt-tight", over=patient)
    start = time.monotonic()
    assert chat("gpt-tight", over=patient).choices[0].message.content
    waited = time.monotonic() - start
    assert 0.9 <= waited <= 8, f"waited {waited:.2f} s for a window of 2 s"


@check
def every_endpoint_out():
    for _ in range(20):
        error = raises(openai.InternalServerError, lambda: chat("gpt-dead"))
        assert error.request_id, error
        if error.status_code == 503:
            break
        assert error.status_code == 502 and error.code == "upstream_error", error
    coded(error, "no_endpoint_available")
    assert 1 <= int(error.response.headers["retry-after"]) <= 60, error.response.headers
    assert "refusing" in error.message, f"no reason per endpoint: {error.message}"


@check
def upstream_fails():
    error = raises(openai.InternalServerError, lambda: chat("gpt-failing"))
    assert error.status_code == 502, error
    coded(error, "upstream_error")
    assert error.response.headers["x-should-retry"] == "false", "clients would multiply retries"


@check
def upstream_rejects_our_key():
    error = raises(openai.InternalServerError, lambda: chat("gpt-stranger"))
    assert error.status_code == 502, error
    coded(error, "upstream_auth_error")


@check
def upstream_is_silent():
    error = raises(openai.InternalServerError, lambda: chat("gpt-silent"))
    assert error.status_code == 504, error
    coded(error, "upstream_timeout")


@check
def client_is_impatient():
    raises(openai.APITimeoutError, lambda: chat("gpt-silent", over=client(timeout=0.3)))


@check
def stream_breaks():
    seen = []

    def read():
        for chunk in chat("gpt-cut", stream=True):
            seen.append(chunk)

    error = raises(openai.APIError, read)
    assert seen, "nothing came before the break"
    assert error.code == "upstream_error", error
    assert not any(chunk.choices[0].finish_reason for chunk in seen), "a stop reason was made up"


@check
def response_stream_breaks():
    events = list(client().responses.create(model="gpt-cut", input="Hi", stream=True))
    assert events[-1].type == "response.failed", [event.type for event in events]
    assert events[-1].response.id == events[0].response.id


run()
