"""5,000 requests of openai-python over three endpoints: one refuses, one answers 429, one is healthy.

None may fail, without a retry of the SDK's own. The healthy provider is asked directly as well, in turn with the
gateway and by the same tasks, so that both feel the same machine; p99 through the gateway stays within twice its.
"""

import asyncio
import sys
import time

import openai
from common import arguments

ARGS = arguments()
REQUESTS = 5000
TASKS = 16
ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "How are you?"}]}


async def one(client, streamed):
    """Seconds that one call takes, to its last byte."""
    start = time.monotonic()
    if streamed:
        text = ""
        async for chunk in await client.chat.completions.create(stream=True, **ASK):
            text += chunk.choices[0].delta.content or ""
    else:
        text = (await client.chat.completions.create(**ASK)).choices[0].message.content
    assert text, "an answer without text"
    return time.monotonic() - start


def p99(seconds):
    return sorted(seconds)[int(len(seconds) * 0.99)]


async def main():
    gateway = openai.AsyncOpenAI(base_url=ARGS.base_url, api_key=ARGS.key, max_retries=0)
    provider = openai.AsyncOpenAI(base_url=ARGS.provider_url, api_key="k", max_retries=0)
    numbers = iter(range(REQUESTS))
    through, direct, failures = [], [], []

    async def task():
        for number in numbers:
            streamed = number % 5 == 0
            try:
                through.append(await one(gateway, streamed))
            except Exception as error:
                failures.append(f"request {number}: {type(error).__name__}: {error}")
            # Every fifth of them streamed as well: the two samples must be of one mix.
            if number % 10 in (0, 1, 2, 3, 4):
                direct.append(await one(provider, streamed))

    await asyncio.gather(*(task() for _ in range(TASKS)))
    ours, theirs = p99(through), p99(direct)
    print(f"{len(through)} of {REQUESTS} answered; p99 {ours * 1e3:.1f} ms, healthy alone {theirs * 1e3:.1f} ms")
    for failure in failures[:10]:
        print(failure)
    if failures or len(through) != REQUESTS:
        sys.exit(f"{len(failures)} failed")
    if ours > 2 * theirs:
        sys.exit(f"p99 is {ours / theirs:.2f} times the healthy endpoint's")


asyncio.run(main())
