// openai-node, chat and responses, by every provider.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { collect, PIXEL, run, SEEN, targets, throws } from "./common.mjs";

const { key, targets: over } = targets();
const ASK = [{ role: "user", content: "How are you?" }];
const GIVEN = { place: "How are you?" };
const PLACE = {
  type: "object",
  properties: { place: { type: "string" } },
  required: ["place"],
  additionalProperties: false,
};
const FUNCTIONS = ["weather", "news"].map((name) => ({ name, description: `The ${name}.`, parameters: PLACE }));
const CHAT_TOOLS = FUNCTIONS.map((it) => ({ type: "function", function: it }));
const TOOLS = FUNCTIONS.map((it) => ({ type: "function", ...it, strict: false }));

const client = (target, site, apiKey = key) =>
  new OpenAI({ baseURL: `${target.url(site)}/v1`, apiKey, maxRetries: 0 });
const chat = (target, body = {}, site, apiKey) =>
  client(target, site, apiKey).chat.completions.create({ model: target.model(site), messages: ASK, ...body });
const respond = (target, body = {}, site, apiKey) =>
  client(target, site, apiKey).responses.create({ model: target.model(site), input: ASK, ...body });
const names = (calls) => (calls ?? []).map((call) => (call.function ?? call).name);
const given = (calls) => calls.map((call) => JSON.parse((call.function ?? call).arguments));
const calls = (response) => response.output.filter((item) => item.type === "function_call");
const PATCH = { type: "custom", name: "apply_patch", description: "Edits files.", format: { type: "text" } };
const results = (calls) =>
  calls.map(({ call_id, name }) => ({ type: "function_call_output", call_id, output: `Sunny ${name}` }));
const textOf = (chunks) => chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");

const chats = {
  async "chat: text and usage"(target) {
    const answer = await chat(target, { messages: [{ role: "system", content: "Be brief." }, ...ASK] });
    const { usage } = answer;
    assert.ok(answer.choices[0].message.content);
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    assert.equal(usage.prompt_tokens_details.cached_tokens, Math.floor(usage.prompt_tokens / 2));
  },
  async "chat: streamed"(target) {
    const chunks = await collect(await chat(target, { stream: true, stream_options: { include_usage: true } }));
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assert.ok(last.usage.completion_tokens > 0);
    assert.ok(textOf(chunks));
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    const final = await client(target)
      .chat.completions.stream({ model: target.model(), messages: ASK })
      .finalChatCompletion();
    assert.ok(final.choices[0].message.content);
  },
  async "chat: two calls and their results"(target) {
    for (const site of target.steady) {
      const [{ message, finish_reason }] = (await chat(target, { tools: CHAT_TOOLS }, site)).choices;
      assert.equal(finish_reason, "tool_calls");
      assert.deepEqual(names(message.tool_calls), ["weather", "news"]);
      assert.deepEqual(given(message.tool_calls), [GIVEN, GIVEN]);
      const told = message.tool_calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "Sunny" }));
      const messages = [...ASK, message, ...told];
      const chunks = await collect(await chat(target, { tools: CHAT_TOOLS, messages, stream: true }, site));
      assert.match(textOf(chunks), /^The tool says: Sunny\. The tool says: Sunny\./);
    }
  },
  async "chat: tools run by the SDK, streamed"(target) {
    const asked = [];
    const tools = FUNCTIONS.map((it) => ({
      type: "function",
      function: { ...it, parse: JSON.parse, function: ({ place }) => asked.push(place) && `${it.name} of ${place}` },
    }));
    const runner = client(target).chat.completions.runTools({
      model: target.model(),
      messages: ASK,
      tools,
      stream: true,
    });
    assert.match(await runner.finalContent(), /The tool says: weather of How are you\?/);
    assert.deepEqual(asked, [GIVEN.place, GIVEN.place]);
  },
  async "chat: choices, images, schemas, stops, limits"(target) {
    const chosen = async (tool_choice) => (await chat(target, { tools: CHAT_TOOLS, tool_choice })).choices[0].message;
    assert.deepEqual(names((await chosen("none")).tool_calls), []);
    assert.deepEqual(names((await chosen("required")).tool_calls), ["weather", "news"]);
    assert.deepEqual(names((await chosen({ type: "function", function: { name: "news" } })).tool_calls), ["news"]);
    const image = { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } };
    const seen = await chat(target, { messages: [{ role: "user", content: [image] }] });
    assert.ok(seen.choices[0].message.content.startsWith(SEEN));
    const stopped = await chat(target, { messages: [{ role: "user", content: [image] }], stop: ["of"] });
    assert.equal(stopped.choices[0].message.content, "I see image/png ");
    const format = { type: "json_schema", json_schema: { name: "place", strict: true, schema: PLACE } };
    const parsed = await client(target).chat.completions.parse({
      model: target.model(),
      messages: ASK,
      response_format: format,
    });
    assert.deepEqual(parsed.choices[0].message.parsed, GIVEN);
    assert.equal((await chat(target, { max_tokens: 3 })).choices[0].finish_reason, "length");
  },
};

const responses = {
  async "responses: text and usage"(target) {
    const answer = await respond(target, { instructions: "Be brief." });
    assert.equal(answer.status, "completed");
    assert.ok(answer.output_text);
    assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
    assert.ok(answer.usage.input_tokens_details.cached_tokens > 0);
  },
  async "responses: streamed, two calls and their results"(target) {
    for (const site of target.steady) {
      const stream = client(target, site).responses.stream({ model: target.model(site), input: ASK, tools: TOOLS });
      const answer = await stream.finalResponse();
      assert.deepEqual(names(calls(answer)), ["weather", "news"]);
      assert.deepEqual(given(calls(answer)), [GIVEN, GIVEN]);
      const output = answer.output.map(({ parsed_arguments, ...item }) => item);
      const input = [...ASK, ...output, ...results(calls(answer))];
      const told = await respond(target, { tools: TOOLS, input }, site);
      assert.match(told.output_text, /^The tool says: Sunny weather\. The tool says: Sunny news\./);
      const events = await collect(await respond(target, { tools: TOOLS, input, stream: true }, site));
      assert.equal(events[0].type, "response.created");
      assert.equal(events.at(-1).type, "response.completed");
      assert.match(events.at(-1).response.output[0].content[0].text, /^The tool says: Sunny weather\./);
    }
  },
  async "responses: a custom tool and its result"(target) {
    for (const site of target.steady) {
      const events = await collect(await respond(target, { tools: [PATCH], stream: true }, site));
      const pieces = events.filter((event) => event.type === "response.custom_tool_call_input.delta");
      assert.equal(pieces.map((event) => event.delta).join(""), "How are you?");
      const { output: said } = events.at(-1).response;
      const [call] = said.filter((item) => item.type !== "reasoning");
      assert.deepEqual([call.type, call.name, call.input], ["custom_tool_call", "apply_patch", "How are you?"]);
      const output = { type: "custom_tool_call_output", call_id: call.call_id, output: "Done" };
      const told = await respond(target, { tools: [PATCH], input: [...ASK, ...said, output] }, site);
      assert.match(told.output_text, /^The tool says: Done\./);
    }
  },
  async "responses: choices, images, schemas, limits"(target) {
    const one = await respond(target, { tools: TOOLS, tool_choice: { type: "function", name: "news" } });
    assert.deepEqual(names(calls(one)), ["news"]);
    const image = { type: "input_image", image_url: `data:image/png;base64,${PIXEL}`, detail: "auto" };
    const seen = await respond(target, { input: [{ role: "user", content: [image] }] });
    assert.ok(seen.output_text.startsWith(SEEN));
    const format = { type: "json_schema", name: "place", strict: true, schema: PLACE };
    assert.deepEqual(JSON.parse((await respond(target, { text: { format } })).output_text), GIVEN);
    assert.equal((await respond(target, { max_output_tokens: 3 })).status, "incomplete");
  },
};

const failures = {
  async "wrong requests"(target) {
    for (const call of [chat, respond]) {
      const error = await throws(OpenAI.AuthenticationError, () => call(target, {}, "steady", "wrong"));
      assert.equal(error.code, "invalid_api_key");
      await throws(OpenAI.NotFoundError, () => call(target, { model: "no-such-model" }));
      assert.match((await throws(OpenAI.NotFoundError, () => call(target, {}, "missing"))).message, /missing/);
    }
    const messages = [...ASK, { role: "tool", tool_call_id: "call_nobody", content: "Sunny" }];
    await throws(OpenAI.BadRequestError, () => chat(target, { tools: CHAT_TOOLS, messages }));
    await throws(OpenAI.BadRequestError, () => chat(target, { tools: CHAT_TOOLS, messages, stream: true }));
  },
  async "providers that fail"(target) {
    const limited = await throws(OpenAI.RateLimitError, () => chat(target, {}, "limited"));
    assert.ok(["1", "2"].includes(limited.headers.get("retry-after")), limited.headers.get("retry-after"));
    for (const call of [chat, respond]) {
      await throws(OpenAI.RateLimitError, () => call(target, { stream: true }, "limited"));
      await throws(OpenAI.InternalServerError, () => call(target, {}, "overloaded"));
    }
    const error = await throws(OpenAI.InternalServerError, () => chat(target, {}, "overloaded"));
    if (target.through) assert.equal(error.code, "no_endpoint_available");
  },
  async "streams that break"(target) {
    for (const site of ["broken", "cut"]) {
      const chunks = [];
      await assert.rejects(
        async () => {
          for await (const chunk of await chat(target, { stream: true }, site)) chunks.push(chunk);
        },
        // A provider that closes a connection has not said why.
        (error) => error instanceof OpenAI.APIError || (site === "cut" && !target.through),
      );
      assert.ok(chunks.length && chunks.every((chunk) => !chunk.choices[0].finish_reason));
      if (site === "cut" && !target.through) continue;
      const events = await collect(await respond(target, { stream: true }, site));
      assert.equal(events.at(-1).type, "response.failed");
    }
  },
  async "what breaks before its first event is answered elsewhere"(target) {
    if (!target.through) return;
    assert.ok(textOf(await collect(await chat(target, { stream: true }, "first"))));
    assert.equal((await collect(await respond(target, { stream: true }, "first"))).at(-1).type, "response.completed");
  },
};

await run({ ...chats, ...responses, ...failures }, over);
