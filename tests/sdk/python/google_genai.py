"""google-genai, by every provider; and the way the Gemini CLI uses it."""

import base64
import json
from functools import cache

from common import PIXEL, SEEN, check, raises, run, targets
from google import genai
from google.genai import errors, types

KEY, TARGETS = targets()
PLACE = types.Schema(type="OBJECT", properties={"place": types.Schema(type="STRING")}, required=["place"])
JSON_PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
TOOLS = [
    types.Tool(
        function_declarations=[types.FunctionDeclaration(name=name, parameters=PLACE) for name in ("weather", "news")]
    )
]
GIVEN = {"place": "How are you?"}


# A client that nobody holds closes itself.
@cache
def client(url, key=KEY):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))


def said(text):
    return types.Content(role="user", parts=[types.Part(text=text)])


def ask(target, site="steady", key=KEY, contents="How are you?", model=None, **config):
    return client(target.url(site), key).models.generate_content(
        model=model or target.model(site), contents=contents, config=types.GenerateContentConfig(**config)
    )


def stream(target, site="steady", contents="How are you?", **config):
    return client(target.url(site)).models.generate_content_stream(
        model=target.model(site), contents=contents, config=types.GenerateContentConfig(**config)
    )


def answered(turns, content, calls):
    results = [
        types.Part(
            function_response=types.FunctionResponse(
                id=call.id, name=call.name, response={"result": f"Sunny {call.name}"}
            )
        )
        for call in calls
    ]
    return [*turns, content, types.Content(role="user", parts=results)]


def calling(mode, *names):
    config = types.FunctionCallingConfig(mode=mode, allowed_function_names=list(names) or None)
    return {
        "tools": TOOLS,
        "tool_config": types.ToolConfig(function_calling_config=config),
        "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True),
    }


@check
def text(target):
    turns = [said("Hi"), types.Content(role="model", parts=[types.Part(text="Hello.")]), said("How are you?")]
    answer = ask(target, contents=turns, system_instruction="Be brief.", temperature=0.5)
    candidate = answer.candidates[0]
    assert answer.text and candidate.finish_reason == "STOP" and candidate.content.role == "model", answer
    assert answer.response_id and answer.model_version, answer


@check
def usage(target):
    used = ask(target).usage_metadata
    assert used.total_token_count == used.prompt_token_count + used.candidates_token_count, used
    assert used.cached_content_token_count == used.prompt_token_count // 2, used
    told = list(stream(target))[-1].usage_metadata
    assert told.prompt_token_count == used.prompt_token_count and told.candidates_token_count > 0, told
    assert told.cached_content_token_count == used.cached_content_token_count, told


@check
def text_streamed(target):
    chunks = list(stream(target))
    assert "".join(chunk.text or "" for chunk in chunks), chunks
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks]
    assert reasons[-1] == "STOP" and not any(reasons[:-1]), reasons
    assert len({(chunk.response_id, chunk.model_version) for chunk in chunks}) == 1, chunks


@check
def two_calls_and_their_results(target):
    for site in target.steady():
        answer = ask(target, site, tools=TOOLS)
        calls = answer.function_calls
        assert [call.name for call in calls] == ["weather", "news"], calls
        assert [call.args for call in calls] == [GIVEN] * 2, calls
        assert answer.candidates[0].finish_reason == "STOP", answer
        turns = answered([said("How are you?")], answer.candidates[0].content, calls)
        told = ask(target, site, tools=TOOLS, contents=turns).text
        assert told.startswith("The tool says: Sunny weather. The tool says: Sunny news."), told
        raises(errors.ClientError, lambda: ask(target, site, tools=TOOLS, contents=turns[:-1]))


@check
def results_without_ids(target):
    """Most of Gemini's clients know calls by their names alone."""
    answer = ask(target, tools=TOOLS)
    calls = [types.FunctionCall(name=call.name, args=call.args) for call in answer.function_calls]
    content = types.Content(role="model", parts=[types.Part(function_call=call) for call in calls])
    turns = answered([said("How are you?")], content, calls)
    told = ask(target, tools=TOOLS, contents=turns).text
    assert told.startswith("The tool says: Sunny weather. The tool says: Sunny news."), told


@check
def calls_streamed_and_answered(target):
    for site in target.steady():
        parts = [part for chunk in stream(target, site, tools=TOOLS) for part in chunk.candidates[0].content.parts or []]
        calls = [part.function_call for part in parts if part.function_call]
        assert [call.args for call in calls] == [GIVEN] * 2, parts
        turns = answered([said("How are you?")], types.Content(role="model", parts=parts), calls)
        told = "".join(chunk.text or "" for chunk in stream(target, site, tools=TOOLS, contents=turns))
        assert told.startswith("The tool says: Sunny weather. The tool says: Sunny news."), told


@check
def a_function_of_the_client_is_called(target):
    def weather(place: str) -> str:
        """The weather at a place."""
        return f"Sunny in {place}"

    assert ask(target, tools=[weather]).text.startswith("The tool says: Sunny in How are you?.")


@check
def tools_are_chosen(target):
    names = lambda answer: [call.name for call in answer.function_calls or []]
    assert names(ask(target, **calling("NONE"))) == []
    assert names(ask(target, **calling("ANY"))) == ["weather", "news"]
    assert names(ask(target, **calling("ANY", "news"))) == ["news"]
    assert names(ask(target, **calling("VALIDATED"))) == ["weather", "news"]


@check
def images(target):
    image = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    there = types.Part.from_uri(file_uri="https://example.com/a.png", mime_type="image/png")
    told = ask(target, contents=[image, there, "What is this?"]).text
    assert told.startswith(f"{SEEN} I see the image at https://example.com/a.png."), told


@check
def schemas(target):
    for schema in ({"response_schema": PLACE}, {"response_json_schema": JSON_PLACE}):
        answer = ask(target, response_mime_type="application/json", **schema)
        assert answer.parsed == GIVEN, answer
    # Without one, where providers have that.
    answer = ask(target, response_mime_type="application/json").text
    assert answer and (target.provider == "anthropic" or isinstance(json.loads(answer), dict)), answer


@check
def stops_and_limits(target):
    image = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    answer = ask(target, contents=[image, "What is this?"], stop_sequences=["never said", "of"])
    assert (answer.text, answer.candidates[0].finish_reason) == ("I see image/png ", "STOP"), answer
    assert ask(target, max_output_tokens=3).candidates[0].finish_reason == "MAX_TOKENS"


@check
def thoughts_are_shown(target):
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    answer = ask(target, target.thinking(), thinking_config=thinking)
    parts = answer.candidates[0].content.parts
    assert parts[-1].text and not parts[-1].thought, parts
    # OpenAI keeps its thoughts to itself, Anthropic their number.
    if target.provider != "openai":
        assert parts[0].thought and parts[0].text, parts
    if target.provider != "anthropic":
        assert answer.usage_metadata.thoughts_token_count > 0, answer.usage_metadata


@check
def as_the_gemini_cli_asks(target):
    """Counts, then streams with thoughts and JSON Schema tools, then asks in JSON who speaks next."""
    declared = [
        types.FunctionDeclaration(name=name, description=f"The {name}.", parameters_json_schema=JSON_PLACE)
        for name in ("weather", "news")
    ]
    session = {
        "system_instruction": types.Content(role="user", parts=[types.Part(text="You are an interactive CLI agent.")]),
        "tools": [types.Tool(function_declarations=declared)],
        "temperature": 0,
        "top_p": 1,
        "http_options": types.HttpOptions(headers={"user-agent": "GeminiCLI/0.9.0 (linux; x64)"}),
    }
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=-1)
    for site in target.steady():
        turns = [said("This is the Gemini CLI."), types.Content(role="model", parts=[types.Part(text="Got it.")])]
        turns.append(said("How are you?"))
        counted = client(target.url(site)).models.count_tokens(model=target.model(site), contents=turns)
        assert counted.total_tokens > 0, counted
        for turn in range(2):
            chunks = list(stream(target, site, contents=turns, thinking_config=thinking, **session))
            parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or []]
            # Thoughts do not go back, seals do.
            parts = [part for part in parts if not part.thought]
            if turn == 0:
                calls = [part.function_call for part in parts if part.function_call]
                assert len(calls) == 2, parts
                turns = answered(turns, types.Content(role="model", parts=parts), calls)
        told = "".join(part.text for part in parts)
        assert told.startswith("The tool says: Sunny weather."), told
        turns += [types.Content(role="model", parts=[types.Part(text=told)]), said("Who speaks next? Say it in JSON.")]
        answer = ask(
            target,
            site,
            contents=turns,
            response_mime_type="application/json",
            response_json_schema={
                "type": "object",
                "properties": {"next_speaker": {"type": "string", "enum": ["user", "model"]}},
                "required": ["next_speaker"],
            },
        )
        assert answer.parsed == {"next_speaker": "user"}, answer


@check
def tokens_are_counted(target):
    counted = client(target.url()).models.count_tokens(model=target.model(), contents="How are you?")
    assert counted.total_tokens > 0, counted


@check
def models(target):
    models = client(target.url()).models
    listed = [model.name for model in models.list(config={"page_size": 1})]
    assert f"models/{target.model()}" in listed, listed
    assert models.get(model=target.model()).name == f"models/{target.model()}"


@check
def wrong_requests(target):
    error = raises(errors.ClientError, lambda: ask(target, key="wrong"))
    # Google has a status of its own for a wrong key.
    known = (401, "UNAUTHENTICATED") if target.through else (400, "INVALID_ARGUMENT")
    assert (error.code, error.status) == known, error
    error = raises(errors.ClientError, lambda: ask(target, model="no-such-model"))
    assert (error.code, error.status) == (404, "NOT_FOUND"), error
    error = raises(errors.ClientError, lambda: ask(target, "missing"))
    assert (error.code, error.status) == (404, "NOT_FOUND") and "missing" in error.message, error
    orphan = answered([said("How are you?")], types.Content(role="model", parts=[types.Part(text="No.")]), [
        types.FunctionCall(id="nobody", name="weather", args={})
    ])
    for call in (ask, lambda *args, **options: list(stream(*args, **options))):
        error = raises(errors.ClientError, lambda: call(target, contents=orphan, tools=TOOLS))
        assert (error.code, error.status) == (400, "INVALID_ARGUMENT"), error


@check
def providers_fail(target):
    error = raises(errors.ClientError, lambda: ask(target, "limited"))
    assert (error.code, error.status) == (429, "RESOURCE_EXHAUSTED"), error
    delay = error.details["error"]["details"][0]["retryDelay"]
    assert 1 <= int(delay.removesuffix("s")) <= 2, error.details
    raises(errors.ServerError, lambda: ask(target, "overloaded"))
    raises(errors.ServerError, lambda: list(stream(target, "overloaded")))
    error = raises(errors.ServerError, lambda: ask(target, "overloaded"))
    # Its circuit is open by now.
    if target.through:
        assert (error.code, error.status) == (503, "UNAVAILABLE"), error


@check
def streams_break(target):
    for site in ("broken", "cut"):
        chunks = []
        try:
            for chunk in stream(target, site):
                chunks.append(chunk)
            raise AssertionError(f"{site} ends well: {chunks}")
        except errors.APIError as error:
            assert error.message, error
        except Exception as error:
            # A provider that closes a connection has not said why.
            assert (site, target.through) == ("cut", False), repr(error)
        assert chunks and not any(chunk.candidates[0].finish_reason for chunk in chunks), chunks


@check
def what_breaks_before_its_first_event_is_answered_elsewhere(target):
    if target.through:
        assert "".join(chunk.text or "" for chunk in stream(target, "first"))
        assert ask(target, "first").text


run(TARGETS)
