"""langchain-openai, by every provider."""

import openai
from common import PIXEL, SEEN, check, raises, run, targets
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

KEY, TARGETS = targets()
QUESTION = HumanMessage("How are you?")


@tool
def weather(place: str) -> str:
    """The weather at a place."""
    return f"Sunny in {place}"


@tool
def news(place: str) -> str:
    """The news of a place."""
    return f"Nothing in {place}"


TOOLS = [weather, news]


class Place(BaseModel):
    """A place."""

    place: str


def model(target, site="steady", key=KEY, **options):
    options = {"max_retries": 0} | options
    return ChatOpenAI(model=target.model(site), base_url=f"{target.url(site)}/v1", api_key=key, **options)


def assembled(chunks):
    """The chunks of a stream as one message."""
    whole = AIMessageChunk("")
    for chunk in chunks:
        whole += chunk
    return whole


def agree(usage):
    assert usage["input_tokens"] > 0 and usage["output_tokens"] > 0, usage
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"], usage
    assert usage["input_token_details"]["cache_read"] == usage["input_tokens"] // 2, usage


@check
def usage_whole_and_streamed(target):
    answer = model(target).invoke([SystemMessage("Be brief."), QUESTION])
    assert answer.text and answer.response_metadata["finish_reason"] == "stop", answer
    agree(answer.usage_metadata)
    answer = assembled(model(target, stream_usage=True).stream([QUESTION]))
    assert answer.text and answer.response_metadata["finish_reason"] == "stop", answer
    agree(answer.usage_metadata)
    # It asks for none by itself where `base_url` is set, and must not get any.
    assert assembled(model(target).stream([QUESTION])).usage_metadata is None


@check
def tools_called_and_answered(target):
    for site in target.steady():
        for ask in ("invoke", "stream"):
            bound = model(target, site).bind_tools(TOOLS)
            answer = getattr(bound, ask)([QUESTION])
            answer = answer if ask == "invoke" else assembled(answer)
            assert [call["name"] for call in answer.tool_calls] == ["weather", "news"], answer
            results = [TOOLS[at].invoke(call) for at, call in enumerate(answer.tool_calls)]
            assert all(isinstance(result, ToolMessage) for result in results), results
            told = bound.invoke([QUESTION, answer, *results]).text
            assert told.startswith("The tool says: Sunny in How are you?. The tool says: Nothing in"), told


@check
def tools_are_chosen(target):
    for choice, names in (("none", []), ("any", ["weather", "news"]), ("news", ["news"])):
        calls = model(target).bind_tools(TOOLS, tool_choice=choice).invoke([QUESTION]).tool_calls
        assert [call["name"] for call in calls] == names, calls


@check
def structured_output(target):
    for method in ("json_schema", "function_calling"):
        answer = model(target).with_structured_output(Place, method=method).invoke([QUESTION])
        assert answer == Place(place="How are you?"), (method, answer)


@check
def images(target):
    image = {"type": "image", "base64": PIXEL, "mime_type": "image/png"}
    message = HumanMessage([{"type": "text", "text": "What is this?"}, image])
    assert model(target).invoke([message]).text.startswith(SEEN)
    assert model(target, stop=["of"]).invoke([message]).text == "I see image/png "


@check
def responses(target):
    asked = model(target, use_responses_api=True).bind_tools(TOOLS)
    answer = asked.invoke([QUESTION])
    agree(answer.usage_metadata)
    results = [TOOLS[at].invoke(call) for at, call in enumerate(answer.tool_calls)]
    chunks = asked.stream([QUESTION, answer, *results])
    answer = assembled(chunks)
    assert answer.text.startswith("The tool says: Sunny in How are you?."), answer
    assert answer.usage_metadata["output_tokens"] > 0, answer.usage_metadata


@check
def errors(target):
    raises(openai.AuthenticationError, lambda: model(target, key="wrong").invoke([QUESTION]))
    raises(openai.NotFoundError, lambda: model(target, "missing").invoke([QUESTION]))
    raises(openai.BadRequestError, lambda: model(target).invoke([QUESTION, ToolMessage("Sunny", tool_call_id="no")]))
    raises(openai.RateLimitError, lambda: model(target, "limited").invoke([QUESTION]))
    raises(openai.InternalServerError, lambda: model(target, "overloaded").invoke([QUESTION]))
    raises(openai.APIError, lambda: list(model(target, "broken").stream([QUESTION])))


@check
def what_breaks_before_its_first_event_is_answered_elsewhere(target):
    if target.through:
        assert assembled(model(target, "first").stream([QUESTION])).text


run(TARGETS)
