"""The asynchronous clients of all three SDKs, by every provider: several calls at once on one client."""

import asyncio
import json

import anthropic
import openai
from common import check, run, targets
from google import genai
from google.genai import errors, types

KEY, TARGETS = targets()
SAID = "How are you?"
ASK = [{"role": "user", "content": SAID}]
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
GIVEN = [{"place": SAID}] * 2


def at_once(*calls):
    """Awaits all, and returns what each gives or raises."""
    return asyncio.gather(*calls, return_exceptions=True)


@check
def openai_chat(target):
    tools = [{"type": "function", "function": {"name": name, "parameters": PLACE}} for name in ("weather", "news")]

    async def calls():
        async with openai.AsyncOpenAI(base_url=f"{target.url()}/v1", api_key=KEY, max_retries=0) as client:
            create = client.chat.completions.create

            async def streamed():
                given = {}
                async for chunk in await create(model=target.model(), messages=ASK, tools=tools, stream=True):
                    for call in chunk.choices[0].delta.tool_calls or []:
                        given[call.index] = given.get(call.index, "") + (call.function.arguments or "")
                return [json.loads(text) for text in given.values()]

            whole = [create(model=target.model(), messages=ASK) for _ in range(4)]
            return await at_once(streamed(), create(model="no-such-model", messages=ASK), *whole)

    given, error, *answers = asyncio.run(calls())
    assert given == GIVEN, given
    assert isinstance(error, openai.NotFoundError), error
    assert all(answer.choices[0].message.content for answer in answers), answers


@check
def openai_responses(target):
    tools = [{"type": "function", "name": name, "parameters": PLACE, "strict": False} for name in ("weather", "news")]

    async def calls():
        async with openai.AsyncOpenAI(base_url=f"{target.url()}/v1", api_key=KEY, max_retries=0) as client:
            create = client.responses.create

            async def streamed():
                stream = await create(model=target.model(), input=ASK, tools=tools, stream=True)
                return [event async for event in stream][-1]

            whole = [create(model=target.model(), input=ASK) for _ in range(4)]
            return await at_once(streamed(), create(model="no-such-model", input=ASK), *whole)

    last, error, *answers = asyncio.run(calls())
    assert last.type == "response.completed", last
    assert [json.loads(item.arguments) for item in last.response.output] == GIVEN, last
    assert isinstance(error, openai.NotFoundError), error
    assert all(answer.output_text for answer in answers), answers


@check
def anthropic_messages(target):
    tools = [{"name": name, "input_schema": PLACE} for name in ("weather", "news")]

    async def calls():
        async with anthropic.AsyncAnthropic(base_url=target.url(), api_key=KEY, max_retries=0) as client:

            def ask(**options):
                options = {"model": target.model(), "max_tokens": 2000, "messages": ASK} | options
                return client.messages.create(**options)

            async def streamed():
                asked = {"model": target.model(), "max_tokens": 2000, "messages": ASK, "tools": tools}
                async with client.messages.stream(**asked) as stream:
                    return await stream.get_final_message()

            return await at_once(streamed(), ask(model="no-such-model"), *[ask() for _ in range(4)])

    final, error, *answers = asyncio.run(calls())
    assert [block.input for block in final.content if block.type == "tool_use"] == GIVEN, final
    assert isinstance(error, anthropic.NotFoundError), error
    assert all(answer.content[0].text for answer in answers), answers


@check
def google_genai(target):
    declared = [types.FunctionDeclaration(name=name, parameters_json_schema=PLACE) for name in ("weather", "news")]
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=declared)])

    async def calls():
        options = types.HttpOptions(base_url=target.url())
        models = genai.Client(api_key=KEY, http_options=options).aio.models

        async def streamed():
            chunks = await models.generate_content_stream(model=target.model(), contents=SAID, config=config)
            parts = [part async for chunk in chunks for part in chunk.candidates[0].content.parts or []]
            return [part.function_call.args for part in parts if part.function_call]

        whole = [models.generate_content(model=target.model(), contents=SAID) for _ in range(4)]
        wrong = models.generate_content(model="no-such-model", contents=SAID)
        return await at_once(streamed(), wrong, *whole)

    given, error, *answers = asyncio.run(calls())
    assert given == GIVEN, given
    assert isinstance(error, errors.ClientError) and error.code == 404, error
    assert all(answer.text for answer in answers), answers


run(TARGETS)
