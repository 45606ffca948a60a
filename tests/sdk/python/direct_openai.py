"""openai-python and langchain-openai straight against a simulated provider that is strict."""

import openai
from common import check, direct_arguments, raises, run
from langchain_openai import ChatOpenAI

ARGS = direct_arguments()
MODEL = "simulated"
ASK = [{"role": "user", "content": "How are you?"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
        },
    }
    for name in ("weather", "news")
]


def client(url=ARGS.base_url, key=ARGS.key):
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def chat(over=None, **options):
    options.setdefault("messages", ASK)
    return (over or client()).chat.completions.create(model=MODEL, **options)


@check
def two_calls_and_their_results():
    choice = chat(tools=TOOLS).choices[0]
    calls = choice.message.tool_calls
    assert [call.function.name for call in calls] == ["weather", "news"], calls
    results = [{"role": "tool", "tool_call_id": call.id, "content": "Sunny"} for call in calls]
    after = ASK + [choice.message.model_dump(exclude_none=True), *results]
    assert chat(tools=TOOLS, messages=after).choices[0].message.content.startswith("The tool says: Sunny.")
    raises(openai.BadRequestError, lambda: chat(tools=TOOLS, messages=after[:-1]))


@check
def the_stream_helper_assembles_calls():
    with client().chat.completions.stream(model=MODEL, messages=ASK, tools=TOOLS) as stream:
        for _ in stream:
            pass
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert [call.function.arguments for call in calls] == ['{"place":"How are you?"}'] * 2, calls


@check
def responses_with_a_thought():
    with client().responses.stream(model=MODEL, input="Hi", reasoning={"effort": "low", "summary": "auto"}) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    assert final.output[0].type == "reasoning" and final.output[0].summary[0].text, final
    assert final.output_text and final.usage.output_tokens_details.reasoning_tokens > 0, final
    assert final.usage.input_tokens_details.cached_tokens > 0, final


@check
def errors_have_their_classes():
    raises(openai.BadRequestError, lambda: chat(extra_body={"system": "no"}))
    raises(openai.AuthenticationError, lambda: chat(client(key="wrong")))
    raises(openai.RateLimitError, lambda: chat(client(ARGS.limited_url)))
    raises(openai.InternalServerError, lambda: chat(client(ARGS.overloaded_url)))
    raises(openai.APIError, lambda: list(chat(client(ARGS.broken_url), stream=True)))


@check
def langchain_has_usage_and_calls():
    model = ChatOpenAI(model=MODEL, base_url=f"{ARGS.base_url}/v1", api_key=ARGS.key, stream_usage=True)
    assert model.invoke("Hi").usage_metadata["total_tokens"] > 0
    chunks = list(model.stream("Hi"))
    assert any(chunk.usage_metadata for chunk in chunks) and "".join(chunk.text for chunk in chunks)
    assert [call["name"] for call in model.bind_tools(TOOLS).invoke("Hi").tool_calls] == ["weather", "news"]


run()
