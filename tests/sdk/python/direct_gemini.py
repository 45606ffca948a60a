"""google-genai straight against a simulated provider."""

from functools import cache

from common import check, direct_arguments, raises, run
from google import genai
from google.genai import errors, types

ARGS = direct_arguments()
MODEL = "simulated"
SEALING = "gemini-3-pro"
PLACE = types.Schema(type="OBJECT", properties={"place": types.Schema(type="STRING")}, required=["place"])
TOOLS = [
    types.Tool(
        function_declarations=[types.FunctionDeclaration(name=name, parameters=PLACE) for name in ("weather", "news")]
    )
]


# A client that nobody holds closes itself.
@cache
def client(url=ARGS.base_url, key=ARGS.key):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))


def ask(over=None, contents="How are you?", model=MODEL, **config):
    models = (over or client()).models
    return models.generate_content(model=model, contents=contents, config=types.GenerateContentConfig(**config))


@check
def text():
    answer = ask(system_instruction="Be brief.", temperature=0.5, stop_sequences=["never said"])
    assert answer.text and answer.candidates[0].finish_reason == "STOP", answer
    usage = answer.usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count, usage
    assert usage.cached_content_token_count > 0, usage


@check
def text_streamed():
    chunks = list(client().models.generate_content_stream(model=MODEL, contents="How are you?"))
    assert "".join(chunk.text for chunk in chunks), chunks
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks]
    assert reasons[-1] == "STOP" and not any(reasons[:-1]), reasons
    assert chunks[-1].usage_metadata.total_token_count > 0


@check
def two_calls_and_their_results():
    for model in (MODEL, SEALING):
        answer = ask(model=model, tools=TOOLS)
        calls = answer.function_calls
        assert [call.name for call in calls] == ["weather", "news"], calls
        assert calls[0].args == {"place": "How are you?"}, calls
        results = [
            types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"result": "Sunny"}))
            for call in calls
        ]
        turns = [
            types.Content(role="user", parts=[types.Part(text="How are you?")]),
            answer.candidates[0].content,
            types.Content(role="user", parts=results),
        ]
        assert ask(model=model, tools=TOOLS, contents=turns).text.startswith("The tool says: Sunny.")
        raises(errors.ClientError, lambda: ask(model=model, tools=TOOLS, contents=turns[:-1]))


@check
def a_function_of_the_client_is_called():
    def weather(place: str) -> str:
        """The weather at a place."""
        return f"Sunny in {place}"

    assert ask(tools=[weather]).text.startswith("The tool says: Sunny in How are you?.")


@check
def thoughts_are_shown():
    answer = ask(thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=100))
    parts = answer.candidates[0].content.parts
    assert parts[0].thought and not parts[1].thought, parts
    assert answer.usage_metadata.thoughts_token_count > 0, answer.usage_metadata


@check
def images_and_schemas():
    image = types.Part.from_bytes(data=b"not looked at", mime_type="image/png")
    assert ask(contents=[image, "What is this?"]).text.startswith("I see image/png of 13 bytes.")
    assert ask(response_mime_type="application/json", response_schema=PLACE).parsed == {"place": "How are you?"}


@check
def tokens_are_counted():
    assert client().models.count_tokens(model=MODEL, contents="How are you?").total_tokens > 0


@check
def models():
    listed = [model.name for model in client().models.list(config={"page_size": 1})]
    assert listed == ["models/gemini-3-pro", "models/simulated"], listed
    assert client().models.get(model=MODEL).name == "models/simulated"


@check
def errors_have_their_classes():
    error = raises(errors.ClientError, lambda: ask(client(key="wrong")))
    assert (error.code, error.status) == (400, "INVALID_ARGUMENT"), error
    error = raises(errors.ClientError, lambda: ask(model="no-such-model"))
    assert (error.code, error.status) == (404, "NOT_FOUND"), error
    error = raises(errors.ClientError, lambda: ask(client(ARGS.limited_url)))
    assert (error.code, error.status) == (429, "RESOURCE_EXHAUSTED"), error
    assert error.details["error"]["details"][0]["retryDelay"] == "2s", error.details
    error = raises(errors.ServerError, lambda: ask(client(ARGS.overloaded_url)))
    assert error.code == 529, error
    broken = client(ARGS.broken_url).models
    raises(errors.ServerError, lambda: list(broken.generate_content_stream(model=MODEL, contents="Hi")))


run()
