"""anthropic-sdk-python, by every provider; and the way Claude Code uses it."""

from functools import cache

import anthropic
from common import PIXEL, SEEN, check, raises, run, targets

KEY, TARGETS = targets()
ASK = [{"role": "user", "content": "How are you?"}]
PLACE = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
    "additionalProperties": False,
}
TOOLS = [{"name": name, "description": f"The {name}.", "input_schema": PLACE} for name in ("weather", "news")]
GIVEN = {"place": "How are you?"}
THINKING = {"type": "enabled", "budget_tokens": 1024}


@cache
def client(url, key=KEY, **options):
    return anthropic.Anthropic(base_url=url, max_retries=0, **({"api_key": key} | options))


def ask(target, site="steady", over=None, **options):
    options = {"model": target.model(site), "max_tokens": 2000, "messages": ASK} | options
    return (over or client(target.url(site))).messages.create(**options)


def calls_of(message):
    return [block for block in message.content if block.type == "tool_use"]


def names(message):
    return [call.name for call in calls_of(message)]


def answered(message, before=ASK):
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": f"Sunny {call.name}"}]}
        for call in calls_of(message)
    ]
    return [*before, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]


@check
def text(target):
    turns = [*ASK, {"role": "assistant", "content": "Fine."}, *ASK]
    answer = ask(target, system="Be brief.", messages=turns, metadata={"user_id": "somebody"})
    assert answer.type == "message" and answer.role == "assistant" and answer.id, answer
    assert answer.stop_reason == "end_turn" and answer.content[0].text, answer
    assert answer._request_id, "request-id is not visible"


@check
def usage(target):
    used = ask(target).usage
    # What was read from a cache is no input here.
    assert used.cache_read_input_tokens in (used.input_tokens, used.input_tokens - 1), used
    assert used.output_tokens > 0, used
    with client(target.url()).messages.stream(model=target.model(), max_tokens=2000, messages=ASK) as stream:
        told = stream.get_final_message().usage
    counts = (told.input_tokens, told.cache_read_input_tokens)
    assert counts == (used.input_tokens, used.cache_read_input_tokens) and told.output_tokens > 1, told


@check
def text_streamed(target):
    with client(target.url()).messages.stream(model=target.model(), max_tokens=100, messages=ASK) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said and final.content[0].text == said and final.stop_reason == "end_turn", final
    events = [event.type for event in ask(target, stream=True)]
    assert events[0] == "message_start" and events[-2:] == ["message_delta", "message_stop"], events


@check
def a_bearer_token_is_a_key(target):
    assert ask(target, over=client(target.url(), api_key=None, auth_token=KEY)).content


@check
def two_calls_and_their_results(target):
    for site in target.steady():
        answer = ask(target, site, tools=TOOLS)
        assert answer.stop_reason == "tool_use" and names(answer) == ["weather", "news"], answer
        assert [call.input for call in calls_of(answer)] == [GIVEN] * 2, answer
        turns = answered(answer)
        said = ask(target, site, tools=TOOLS, messages=turns).content[0].text
        assert said.startswith("The tool says: Sunny weather. The tool says: Sunny news."), said
        turns[-1]["content"].append({"type": "text", "text": "And now?"})
        assert ask(target, site, tools=TOOLS, messages=turns).content[0].text
        raises(anthropic.BadRequestError, lambda: ask(target, site, tools=TOOLS, messages=turns[:-1] + ASK))


@check
def calls_streamed_and_answered(target):
    for site in target.steady():
        messages = client(target.url(site)).messages
        with messages.stream(model=target.model(site), max_tokens=100, messages=ASK, tools=TOOLS) as stream:
            pieces = [event for event in stream if event.type == "input_json"]
            final = stream.get_final_message()
        assert pieces and [call.input for call in calls_of(final)] == [GIVEN] * 2, final
        with messages.stream(
            model=target.model(site), max_tokens=100, messages=answered(final), tools=TOOLS
        ) as stream:
            assert "".join(stream.text_stream).startswith("The tool says: Sunny weather.")


@check
def tools_are_chosen(target):
    assert names(ask(target, tools=TOOLS, tool_choice={"type": "none"})) == []
    assert names(ask(target, tools=TOOLS, tool_choice={"type": "any"})) == ["weather", "news"]
    assert names(ask(target, tools=TOOLS, tool_choice={"type": "tool", "name": "news"})) == ["news"]
    one = ask(target, tools=TOOLS, tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    # Gemini cannot be told so; the gateway says that.
    assert names(one) == (["weather", "news"] if target.provider == "gemini" else ["weather"]), one


@check
def images(target):
    sources = [
        {"type": "base64", "media_type": "image/png", "data": PIXEL},
        {"type": "url", "url": "https://example.com/a.png"},
    ]
    content = [{"type": "image", "source": source} for source in sources] + [{"type": "text", "text": "What is it?"}]
    said = ask(target, messages=[{"role": "user", "content": content}]).content[0].text
    assert said.startswith(f"{SEEN} I see the image at https://example.com/a.png."), said


@check
def an_image_as_a_result(target):
    answer = ask(target, tools=TOOLS[:1])
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": [image]} for call in calls_of(answer)]
    turns = [*ASK, {"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    said = ask(target, tools=TOOLS[:1], messages=turns).content[0].text
    assert SEEN in said, said


@check
def schemas(target):
    answer = ask(target, output_config={"format": {"type": "json_schema", "schema": PLACE}})
    assert answer.content[0].text == '{"place":"How are you?"}', answer


@check
def stops_and_limits(target):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    answer = ask(target, messages=[{"role": "user", "content": [image]}], stop_sequences=["never said", "of"])
    assert answer.content[0].text == "I see image/png ", answer
    # No other provider tells which text it came to, or that it was one.
    known = target.provider == "anthropic"
    assert (answer.stop_reason, answer.stop_sequence) == (("stop_sequence", "of") if known else ("end_turn", None))
    assert ask(target, max_tokens=3).stop_reason == "max_tokens"


@check
def thoughts_streamed_and_returned(target):
    for site in target.steady():
        messages = client(target.url(site)).messages
        options = {"model": target.model(site), "max_tokens": 2000, "tools": TOOLS, "thinking": THINKING}
        with messages.stream(messages=ASK, **options) as stream:
            final = stream.get_final_message()
        assert names(final) == ["weather", "news"], final
        # OpenAI keeps its thoughts to itself.
        if target.provider != "openai":
            assert final.content[0].type == "thinking" and final.content[0].thinking, final
        with messages.stream(messages=answered(final), **options) as stream:
            assert stream.get_final_message().content[-1].text.startswith("The tool says: Sunny weather.")


@check
def as_claude_code_asks(target):
    """System in blocks that are cached, tools that are cached, thoughts, betas, unknown fields, and counts before."""
    cached = {"cache_control": {"type": "ephemeral"}}
    session = {
        "system": [
            {"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude.", **cached},
            {"type": "text", "text": "Be brief.", **cached},
        ],
        "tools": [TOOLS[0], TOOLS[1] | cached],
        "thinking": THINKING,
        "metadata": {"user_id": "user_0_account__session_0"},
    }
    over = client(target.url()).with_options(
        default_headers={
            "user-agent": "claude-cli/2.1.0 (external, cli)",
            "x-app": "cli",
            "anthropic-dangerous-direct-browser-access": "true",
        }
    )
    betas = ["claude-code-20250219", "interleaved-thinking-2025-05-14", "context-management-2025-06-27"]
    turns = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "<system-reminder>\nNo files.\n</system-reminder>"},
                {"type": "text", "text": "How are you?", **cached},
            ],
        }
    ]
    counted = over.beta.messages.count_tokens(
        model=target.model(), messages=turns, system=session["system"], tools=session["tools"], betas=betas
    )
    assert counted.input_tokens > 0
    for turn in range(2):
        with over.beta.messages.stream(
            model=target.model(),
            max_tokens=32000,
            messages=turns,
            betas=betas,
            context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            **session,
        ) as stream:
            final = stream.get_final_message()
        if turn == 0:
            assert final.stop_reason == "tool_use" and len(names(final)) == 2, final
            turns = answered(final, turns)
            turns[-1]["content"][-1] |= cached
    assert final.stop_reason == "end_turn" and "Sunny weather" in final.content[-1].text, final
    if target.through:
        listed = [model.id for model in over.models.list(limit=1000)]
        assert target.model() in listed, listed


@check
def tokens_are_counted(target):
    assert client(target.url()).messages.count_tokens(model=target.model(), messages=ASK).input_tokens > 0


@check
def models(target):
    assert target.model() in [model.id for model in client(target.url()).models.list(limit=1)]
    assert client(target.url()).models.retrieve(target.model()).id == target.model()


@check
def wrong_requests(target):
    error = raises(anthropic.AuthenticationError, lambda: ask(target, over=client(target.url(), "wrong")))
    assert error.body["error"]["type"] == "authentication_error" and error.request_id, error.body
    raises(anthropic.NotFoundError, lambda: ask(target, model="no-such-model"))
    error = raises(anthropic.NotFoundError, lambda: ask(target, "missing"))
    assert error.body["error"]["type"] == "not_found_error" and "missing" in error.message, error.body
    result = {"type": "tool_result", "tool_use_id": "toolu_nobody", "content": "Sunny"}
    orphan = [*ASK, {"role": "user", "content": [result]}]
    for stream in (False, True):
        error = raises(
            anthropic.BadRequestError, lambda: ask(target, messages=orphan, tools=TOOLS, stream=stream)
        )
        assert error.body["error"]["type"] == "invalid_request_error" and error.request_id, error.body


@check
def providers_fail(target):
    error = raises(anthropic.RateLimitError, lambda: ask(target, "limited"))
    assert error.body["error"]["type"] == "rate_limit_error", error.body
    assert 1 <= int(error.response.headers["retry-after"]) <= 2, error.response.headers
    for stream in (False, True):
        try:
            ask(target, "overloaded", stream=stream)
            raise AssertionError("an answer")
        except (anthropic.InternalServerError, anthropic.OverloadedError) as caught:
            assert caught.body["type"] == "error" and caught.request_id, caught.body
    # Its circuit is open by now.
    error = raises(anthropic.OverloadedError, lambda: ask(target, "overloaded"))
    assert (error.status_code, error.body["error"]["type"]) == (529, "overloaded_error"), error


@check
def streams_break(target):
    for site in ("broken", "cut"):
        events = []
        try:
            for event in ask(target, site, stream=True):
                events.append(event)
            raise AssertionError(f"{site} ends well")
        except anthropic.APIStatusError as error:
            assert error.body["type"] == "error" and error.body["error"]["message"], error.body
        except anthropic.APIError as error:
            raise AssertionError(f"not as a status: {error!r}") from error
        except Exception as error:
            # A provider that closes a connection has not said why.
            assert (site, target.through) == ("cut", False), repr(error)
        assert events and not any(event.type == "message_delta" for event in events), events


@check
def what_breaks_before_its_first_event_is_answered_elsewhere(target):
    if target.through:
        with client(target.url()).messages.stream(
            model=target.model("first"), max_tokens=100, messages=ASK
        ) as stream:
            assert stream.get_final_message().content[0].text
        assert ask(target, "first").content[0].text


run(TARGETS)
