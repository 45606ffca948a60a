"""openai-python's responses, by every provider; and the way the Codex CLI uses them."""

import json
from functools import cache

import openai
from common import PIXEL, SEEN, check, raises, run, targets
from pydantic import BaseModel

KEY, TARGETS = targets()
ASK = [{"role": "user", "content": "How are you?"}]
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
TOOLS = [
    {"type": "function", "name": name, "description": f"The {name}.", "parameters": PLACE, "strict": False}
    for name in ("weather", "news")
]
GIVEN = {"place": "How are you?"}
# As Codex has it.
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /(.|\\n)+/"},
}


class Place(BaseModel):
    place: str


@cache
def client(url, key=KEY):
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def respond(target, site="steady", key=KEY, **options):
    options = {"model": target.model(site), "input": ASK} | options
    return client(target.url(site), key).responses.create(**options)


def calls_of(response):
    return [item for item in response.output if item.type == "function_call"]


def names(response):
    return [call.name for call in calls_of(response)]


def results(calls):
    return [{"type": "function_call_output", "call_id": call.call_id, "output": "Sunny"} for call in calls]


def seen(*urls):
    images = [{"type": "input_image", "image_url": url, "detail": "auto"} for url in urls]
    return [{"role": "user", "content": [{"type": "input_text", "text": "What is this?"}, *images]}]


@check
def text(target):
    answer = respond(target, input="How are you?", instructions="Be brief.", temperature=0.5)
    assert answer.status == "completed" and answer.output_text and answer.id, answer
    assert answer.object == "response" and answer.error is None and answer.created_at > 0, answer
    used = answer.usage
    assert used.input_tokens > 0 and used.total_tokens == used.input_tokens + used.output_tokens, used
    assert used.input_tokens_details.cached_tokens == used.input_tokens // 2, used


@check
def turns(target):
    before = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]},
    ]
    assert respond(target, input=before + ASK).output_text
    first = respond(target)
    # What came out goes back in, as the SDK made it.
    assert respond(target, input=ASK + first.output + ASK).output_text


@check
def text_streamed(target):
    events = list(respond(target, stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds
    first, last = events[0].response, events[-1].response
    assert first.id == last.id and first.status == "in_progress" and last.status == "completed"
    assert [event.sequence_number for event in events] == list(range(len(events))), kinds
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said and said == last.output_text, said
    assert last.usage.output_tokens > 0 and last.usage.input_tokens_details.cached_tokens > 0, last.usage
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") == 1, kinds


@check
def two_calls_and_their_results(target):
    for site in target.steady():
        answer = respond(target, site, tools=TOOLS)
        calls = calls_of(answer)
        assert [call.name for call in calls] == ["weather", "news"] and len({call.call_id for call in calls}) == 2, calls
        assert [json.loads(call.arguments) for call in calls] == [GIVEN] * 2, calls
        after = ASK + answer.output + results(calls)
        said = respond(target, site, tools=TOOLS, input=after).output_text
        assert said.startswith("The tool says: Sunny. The tool says: Sunny."), said
        raises(openai.BadRequestError, lambda: respond(target, site, tools=TOOLS, input=after[:-1]))


@check
def calls_streamed_and_answered(target):
    for site in target.steady():
        responses = client(target.url(site)).responses
        with responses.stream(model=target.model(site), input=ASK, tools=TOOLS) as stream:
            kinds = [event.type for event in stream]
            answer = stream.get_final_response()
        assert kinds.count("response.function_call_arguments.done") == 2, kinds
        calls = calls_of(answer)
        assert [json.loads(call.arguments) for call in calls] == [GIVEN] * 2, calls
        plain = [
            {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
            for call in calls
        ]
        events = list(respond(target, site, tools=TOOLS, input=ASK + plain + results(calls), stream=True))
        assert events[-1].response.output_text.startswith("The tool says: Sunny. The tool says: Sunny."), events[-1]


@check
def tools_are_chosen(target):
    assert names(respond(target, tools=TOOLS, tool_choice="none")) == []
    assert names(respond(target, tools=TOOLS, tool_choice="required")) == ["weather", "news"]
    assert names(respond(target, tools=TOOLS, tool_choice={"type": "function", "name": "news"})) == ["news"]


def patched(calls):
    return [{"type": "custom_tool_call_output", "call_id": call.call_id, "output": "Done"} for call in calls]


@check
def custom_tools(target):
    for site in target.steady():
        answer = respond(target, site, tools=[PATCH, *TOOLS])
        # Gemini 3 seals its calls, in a thought ahead of them.
        call, other = (item for item in answer.output if item.type != "reasoning")
        assert (call.type, call.name, call.input) == ("custom_tool_call", "apply_patch", "How are you?"), call
        assert (other.type, json.loads(other.arguments)) == ("function_call", GIVEN), other
        after = ASK + answer.output + patched([call]) + results([other])
        said = respond(target, site, tools=[PATCH, *TOOLS], input=after).output_text
        assert said.startswith("The tool says: Done. The tool says: Sunny."), said
        chosen = respond(target, site, tools=[PATCH, *TOOLS], tool_choice={"type": "custom", "name": "apply_patch"})
        assert [item.type for item in chosen.output if item.type != "reasoning"] == ["custom_tool_call"], chosen


@check
def custom_tools_streamed(target):
    for site in target.steady():
        with client(target.url(site)).responses.stream(model=target.model(site), input=ASK, tools=[PATCH]) as stream:
            events = list(stream)
            answer = stream.get_final_response()
        pieces = [it.delta for it in events if it.type == "response.custom_tool_call_input.delta"]
        done = [it.input for it in events if it.type == "response.custom_tool_call_input.done"]
        assert "".join(pieces) == "How are you?" and done == ["How are you?"], events
        (call,) = (item for item in answer.output if item.type != "reasoning")
        assert (call.type, call.input) == ("custom_tool_call", "How are you?"), call
        told = [item.model_dump(exclude_none=True, exclude={"id", "status"}) for item in answer.output]
        after = ASK + told + patched([call])
        events = list(respond(target, site, tools=[PATCH], input=after, stream=True))
        assert events[-1].response.output_text.startswith("The tool says: Done."), events[-1]


@check
def images(target):
    said = respond(target, input=seen(f"data:image/png;base64,{PIXEL}", "https://example.com/a.png")).output_text
    assert said.startswith(f"{SEEN} I see the image at https://example.com/a.png."), said


@check
def schemas(target):
    answer = client(target.url()).responses.parse(model=target.model(), input=ASK, text_format=Place)
    assert answer.output_parsed == Place(**GIVEN), answer
    assert answer.output_text


@check
def limits(target):
    answer = respond(target, max_output_tokens=20, input=seen(f"data:image/png;base64,{PIXEL}"))
    assert answer.status in ("completed", "incomplete"), answer
    answer = respond(target, max_output_tokens=3)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens"), answer
    last = list(respond(target, max_output_tokens=3, stream=True))[-1]
    assert last.type == "response.incomplete", last


@check
def reasoning(target):
    thinking = {"effort": "low", "summary": "auto"}
    model = target.model(target.thinking())
    with client(target.url()).responses.stream(model=model, input="Hi", reasoning=thinking) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_response()
    assert answer.output_text, answer
    # A provider that is asked by chat tells nothing of its thoughts but their number.
    if target.name != "compatible":
        assert answer.output[0].type == "reasoning" and answer.output[0].summary[0].text, answer
        assert "response.reasoning_summary_text.delta" in kinds, kinds
    if target.provider != "anthropic":
        assert answer.usage.output_tokens_details.reasoning_tokens > 0, answer.usage


@check
def as_codex_asks(target):
    """Stateless, streamed, with a thought, calls and their results; every item comes back as it was told."""
    session = {
        "instructions": "You are Codex, a coding agent.",
        "tools": TOOLS,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199-session",
        "extra_headers": {"originator": "codex_cli_rs", "session_id": "0199", "OpenAI-Beta": "responses=experimental"},
    }
    told = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context/>"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "How are you?"}]},
    ]
    for site in target.steady():
        history = list(told)
        for turn in range(2):
            events = list(respond(target, site, input=history, **session))
            assert events[0].type == "response.created" and events[-1].type == "response.completed", events[-1]
            assert events[-1].response.id == events[0].response.id
            done = [event.item for event in events if event.type == "response.output_item.done"]
            history += [item.model_dump(exclude_none=True, exclude={"id", "status"}) for item in done]
            if turn == 0:
                calls = [item for item in done if item.type == "function_call"]
                assert len(calls) == 2, done
                history += results(calls)
        assert history[-1]["content"][0]["text"].startswith("The tool says: Sunny."), history[-1]


@check
def wrong_requests(target):
    error = raises(openai.AuthenticationError, lambda: respond(target, key="wrong"))
    assert error.code == "invalid_api_key" and error.type, error.body
    raises(openai.NotFoundError, lambda: respond(target, model="no-such-model"))
    error = raises(openai.NotFoundError, lambda: respond(target, "missing"))
    assert "missing" in error.message, error.body
    orphan = [*ASK, {"type": "function_call_output", "call_id": "call_nobody", "output": "Sunny"}]
    for stream in (False, True):
        raises(openai.BadRequestError, lambda: respond(target, input=orphan, tools=TOOLS, stream=stream))


@check
def providers_fail(target):
    error = raises(openai.RateLimitError, lambda: respond(target, "limited"))
    assert 1 <= int(error.response.headers["retry-after"]) <= 2, error.response.headers
    for stream in (False, True, False):
        error = raises(openai.InternalServerError, lambda: respond(target, "overloaded", stream=stream))
        assert error.message and error.type, error.body


@check
def streams_break(target):
    for site in ("broken", "cut"):
        events = []
        try:
            for event in respond(target, site, stream=True):
                events.append(event)
        except Exception as error:
            # A provider that closes a connection has not said why.
            assert (site, target.through) == ("cut", False), error
        if target.through or site == "broken":
            last = events[-1]
            assert last.type == "response.failed" and last.response.error.message, last
            assert last.response.id == events[0].response.id and last.response.status == "failed", last


@check
def what_breaks_before_its_first_event_is_answered_elsewhere(target):
    if target.through:
        assert list(respond(target, "first", stream=True))[-1].response.output_text
        assert respond(target, "first").output_text


run(TARGETS)
