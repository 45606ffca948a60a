"""openai-python's chat, by every provider."""

import json
from functools import cache

import openai
from common import PIXEL, SEEN, check, raises, run, targets
from pydantic import BaseModel

KEY, TARGETS = targets()
ASK = [{"role": "user", "content": "How are you?"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"The {name} at a place.",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
        },
    }
    for name in ("weather", "news")
]
GIVEN = {"place": "How are you?"}


class Place(BaseModel):
    place: str


@cache
def client(url, key=KEY):
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def chat(target, site="steady", key=KEY, **options):
    options = {"model": target.model(site), "messages": ASK} | options
    return client(target.url(site), key).chat.completions.create(**options)


def called(answer):
    choice = answer.choices[0]
    return [call.function.name for call in choice.message.tool_calls or []]


def seen(*urls, **options):
    """A message that shows images."""
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, *images]}]


@check
def text(target):
    messages = [{"role": "system", "content": "Be brief."}, *ASK, {"role": "assistant", "content": "Fine."}, *ASK]
    answer = chat(target, messages=messages, temperature=0.5, user="somebody")
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content and choice.finish_reason == "stop", answer
    assert answer.object == "chat.completion" and answer.id and answer.created > 0, answer
    if target.through:
        assert answer._request_id, "x-request-id is not visible"


@check
def usage(target):
    used = chat(target).usage
    assert used.prompt_tokens > 0 and used.completion_tokens > 0, used
    assert used.total_tokens == used.prompt_tokens + used.completion_tokens, used
    assert used.prompt_tokens_details.cached_tokens == used.prompt_tokens // 2, used
    streamed = list(chat(target, stream=True, stream_options={"include_usage": True}))
    last = streamed[-1].usage
    assert (last.prompt_tokens, last.prompt_tokens_details) == (used.prompt_tokens, used.prompt_tokens_details), last
    assert last.completion_tokens > 0 and streamed[-1].choices == [], streamed[-1]
    assert not any(chunk.usage for chunk in streamed[:-1])


@check
def text_streamed(target):
    chunks = list(chat(target, stream=True))
    assert all(len(chunk.choices) == 1 and chunk.usage is None for chunk in chunks), chunks
    assert len({(chunk.id, chunk.model, chunk.created) for chunk in chunks}) == 1, chunks
    assert chunks[0].choices[0].delta.role == "assistant", chunks[0]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons[-1] == "stop" and not any(reasons[:-1]), reasons


@check
def two_calls_and_their_results(target):
    for site in target.steady():
        choice = chat(target, site, tools=TOOLS).choices[0]
        calls = choice.message.tool_calls
        assert choice.finish_reason == "tool_calls" and len({call.id for call in calls}) == 2, choice
        assert [call.function.name for call in calls] == ["weather", "news"], calls
        assert [json.loads(call.function.arguments) for call in calls] == [GIVEN] * 2, calls
        results = [{"role": "tool", "tool_call_id": call.id, "content": f"Sunny {call.function.name}"} for call in calls]
        after = ASK + [choice.message.model_dump(exclude_none=True), *results]
        said = chat(target, site, tools=TOOLS, messages=after).choices[0].message.content
        assert said.startswith("The tool says: Sunny weather. The tool says: Sunny news."), said
        raises(openai.BadRequestError, lambda: chat(target, site, tools=TOOLS, messages=after[:-1]))


@check
def calls_streamed_and_answered(target):
    for site in target.steady():
        chats = client(target.url(site)).chat.completions
        with chats.stream(model=target.model(site), messages=ASK, tools=TOOLS) as stream:
            for _ in stream:
                pass
            choice = stream.get_final_completion().choices[0]
        calls = choice.message.tool_calls
        assert choice.finish_reason == "tool_calls" and len({call.id for call in calls}) == 2, choice
        assert [json.loads(call.function.arguments) for call in calls] == [GIVEN] * 2, calls
        results = [{"role": "tool", "tool_call_id": call.id, "content": "Sunny"} for call in calls]
        after = ASK + [choice.message.model_dump(exclude_none=True, exclude={"parsed"}), *results]
        for call in after[1]["tool_calls"]:
            call["function"].pop("parsed_arguments", None)
        chunks = chat(target, site, tools=TOOLS, messages=after, stream=True)
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert said.startswith("The tool says: Sunny. The tool says: Sunny."), said


@check
def tools_are_chosen(target):
    assert called(chat(target, tools=TOOLS, tool_choice="none")) == []
    assert called(chat(target, tools=TOOLS, tool_choice="required")) == ["weather", "news"]
    news = {"type": "function", "function": {"name": "news"}}
    assert called(chat(target, tools=TOOLS, tool_choice=news)) == ["news"]
    one = chat(target, tools=TOOLS, parallel_tool_calls=False)
    # Gemini cannot be told so; the gateway says that.
    assert called(one) == (["weather", "news"] if target.provider == "gemini" else ["weather"]), one


@check
def custom_tools(target):
    custom = {"name": "apply_patch", "description": "Edits files.", "format": {"type": "text"}}
    # A compatible server is handed the client's own bytes, and this one knows custom tools.
    tools = [{"type": "custom", "custom": custom}]
    for site in target.steady():
        message = chat(target, site, tools=tools).choices[0].message
        (call,) = message.tool_calls
        assert (call.type, call.custom.name, call.custom.input) == ("custom", "apply_patch", "How are you?"), call
        told = {"role": "tool", "tool_call_id": call.id, "content": "Done"}
        after = [*ASK, message.model_dump(exclude_none=True), told]
        assert chat(target, site, tools=tools, messages=after).choices[0].message.content.startswith("The tool says: Done.")
        text = ""
        for chunk in chat(target, site, tools=tools, stream=True):
            for call in chunk.choices[0].delta.tool_calls or []:
                # The SDK has no type for it.
                text += call.model_extra["custom"].get("input", "")
        assert text == "How are you?", text


@check
def images(target):
    message = seen(f"data:image/png;base64,{PIXEL}", "https://example.com/a.png")
    said = chat(target, messages=message).choices[0].message.content
    assert said.startswith(f"{SEEN} I see the image at https://example.com/a.png."), said


@check
def schemas(target):
    chats = client(target.url()).chat.completions
    answer = chats.parse(model=target.model(), messages=ASK, response_format=Place)
    assert answer.choices[0].message.parsed == Place(**GIVEN), answer
    with chats.stream(model=target.model(), messages=ASK, response_format=Place) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.parsed == Place(**GIVEN)


@check
def json_mode(target):
    messages = [{"role": "user", "content": "Say it in JSON."}]
    said = chat(target, messages=messages, response_format={"type": "json_object"}).choices[0].message.content
    if target.provider == "anthropic":
        assert said, "an empty answer"
    else:
        assert isinstance(json.loads(said), dict), said


@check
def stops(target):
    messages = seen(f"data:image/png;base64,{PIXEL}")
    for stop in ("of", ["never said", "of"]):
        choice = chat(target, messages=messages, stop=stop).choices[0]
        assert (choice.message.content, choice.finish_reason) == ("I see image/png ", "stop"), choice
    chunks = list(chat(target, messages=messages, stop="of", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "I see image/png ", chunks


@check
def limits(target):
    for limit in ({"max_tokens": 3}, {"max_completion_tokens": 3}):
        answer = chat(target, **limit)
        assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 3, answer
    assert list(chat(target, max_tokens=3, stream=True))[-1].choices[0].finish_reason == "length"


@check
def reasoning(target):
    answer = chat(target, target.thinking(), reasoning_effort="low")
    assert answer.choices[0].message.content, answer
    # Anthropic does not tell how many of its tokens were thoughts.
    if target.provider != "anthropic":
        assert answer.usage.completion_tokens_details.reasoning_tokens > 0, answer.usage


@check
def models(target):
    listed = [model.id for model in client(target.url()).models.list()]
    assert target.model() in listed and (not target.through or target.model("first") in listed), listed
    assert client(target.url()).models.retrieve(target.model()).id == target.model()


@check
def wrong_requests(target):
    error = raises(openai.AuthenticationError, lambda: chat(target, key="wrong"))
    assert error.code == "invalid_api_key" and error.type, error.body
    error = raises(openai.NotFoundError, lambda: chat(target, model="no-such-model"))
    assert error.code == "model_not_found", error.body
    # The provider's own word, whatever its dialect.
    error = raises(openai.NotFoundError, lambda: chat(target, "missing"))
    assert "missing" in error.message and error.type, error.body
    orphan = [*ASK, {"role": "tool", "tool_call_id": "call_nobody", "content": "Sunny"}]
    for stream in (False, True):
        error = raises(openai.BadRequestError, lambda: chat(target, messages=orphan, tools=TOOLS, stream=stream))
        assert error.message and error.type == "invalid_request_error", error.body


@check
def providers_fail(target):
    error = raises(openai.RateLimitError, lambda: chat(target, "limited"))
    assert 1 <= int(error.response.headers["retry-after"]) <= 2, error.response.headers
    raises(openai.RateLimitError, lambda: chat(target, "limited", stream=True))
    for stream in (False, True, False):
        error = raises(openai.InternalServerError, lambda: chat(target, "overloaded", stream=stream))
        assert error.message and error.type, error.body
    # Its circuit is open by now.
    if target.through:
        assert (error.status_code, error.code) == (503, "no_endpoint_available"), error
        assert 1 <= int(error.response.headers["retry-after"]) <= 60, error.response.headers


@check
def streams_break(target):
    for site in ("broken", "cut"):
        chunks = []
        # A provider that closes a connection has not said why.
        kind = Exception if (site, target.through) == ("cut", False) else openai.APIError
        try:
            for chunk in chat(target, site, stream=True):
                chunks.append(chunk)
            raise AssertionError(f"{site} ends well: {chunks}")
        except kind as error:
            assert not isinstance(error, AssertionError), error
        assert chunks and not any(chunk.choices[0].finish_reason for chunk in chunks), chunks


@check
def what_breaks_before_its_first_event_is_answered_elsewhere(target):
    if not target.through:
        return
    chunks = list(chat(target, "first", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks), chunks
    assert chunks[-1].choices[0].finish_reason == "stop", chunks
    assert chat(target, "first").choices[0].message.content


run(TARGETS)
