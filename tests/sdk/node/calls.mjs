// openai-node against a running gateway: every call, every class of error.
//
// Only `baseURL` and the key differ from talking to the provider itself.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { collect, parsed, run, throws } from "./common.mjs";

const args = parsed();
const CHAT = "gpt-4.1";
const ASK = [{ role: "user", content: "How are you?" }];
const TOOLS = [
  {
    type: "function",
    function: {
      name: "weather",
      description: "The weather at a place.",
      parameters: { type: "object", properties: { place: { type: "string" } }, required: ["place"] },
    },
  },
];

const client = (options = {}) => new OpenAI({ baseURL: args.baseUrl, apiKey: args.key, maxRetries: 0, ...options });
const chat = (body = {}, over = client()) => over.chat.completions.create({ model: CHAT, messages: ASK, ...body });

/** The error has the gateway's code, a message and the request's id. */
function coded(error, code) {
  assert.equal(error.code, code, String(error));
  assert.ok(error.message && error.type, String(error));
  assert.ok(error.requestID, "an error without x-request-id");
}

const calls = {
  async "chat, whole"() {
    const answer = await chat();
    const [choice] = answer.choices;
    assert.equal(choice.message.role, "assistant");
    assert.ok(choice.message.content);
    assert.equal(choice.finish_reason, "stop");
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    assert.equal(answer.model, CHAT);
    assert.ok(answer._request_id, "x-request-id is not visible");
  },

  async "headers tell who answered"() {
    const { response } = await chat().withResponse();
    assert.equal(response.headers.get("x-breakerbox-endpoint"), "steady");
    assert.equal(response.headers.get("x-breakerbox-model"), CHAT);
    assert.ok(Number(response.headers.get("x-breakerbox-attempts")) >= 1);
  },

  async "chat, streamed without usage"() {
    let text = "";
    const reasons = [];
    for await (const chunk of await chat({ stream: true })) {
      assert.equal(chunk.choices.length, 1, "naive code reads choices[0]");
      assert.ok(!chunk.usage, "usage that nobody asked for");
      text += chunk.choices[0].delta.content ?? "";
      reasons.push(chunk.choices[0].finish_reason);
    }
    assert.ok(text, "a stream without text");
    assert.equal(reasons.at(-1), "stop");
    assert.ok(!reasons.slice(0, -1).some(Boolean), String(reasons));
  },

  async "chat, streamed with usage"() {
    const chunks = await collect(await chat({ stream: true, stream_options: { include_usage: true } }));
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.ok(chunks.at(-1).usage.completion_tokens > 0);
    assert.ok(chunks.slice(0, -1).every((chunk) => !chunk.usage));
  },

  async "the stream helper assembles"() {
    const final = await client().chat.completions.stream({ model: CHAT, messages: ASK }).finalChatCompletion();
    assert.ok(final.choices[0].message.content);
  },

  async "a stream left half-way ends quietly"() {
    for await (const chunk of await chat({ stream: true })) {
      assert.ok(chunk.id);
      break;
    }
    assert.ok((await chat()).choices[0].message.content);
  },

  async "tools, whole and answered"() {
    const [choice] = (await chat({ tools: TOOLS })).choices;
    assert.equal(choice.finish_reason, "tool_calls");
    const [call] = choice.message.tool_calls;
    assert.equal(call.function.name, "weather");
    assert.ok("place" in JSON.parse(call.function.arguments));
    const messages = [...ASK, choice.message, { role: "tool", tool_call_id: call.id, content: "Sunny." }];
    assert.ok((await chat({ tools: TOOLS, messages })).choices[0].message.content);
  },

  async "tools, streamed"() {
    let name = "";
    let given = "";
    let reason;
    for await (const chunk of await chat({ tools: TOOLS, stream: true })) {
      const [choice] = chunk.choices;
      for (const call of choice.delta.tool_calls ?? []) {
        name += call.function.name ?? "";
        given += call.function.arguments ?? "";
      }
      reason = choice.finish_reason ?? reason;
    }
    assert.equal(name, "weather");
    assert.equal(reason, "tool_calls");
    assert.ok("place" in JSON.parse(given), given);
  },

  async embeddings() {
    const answer = await client().embeddings.create({ model: "text-embedding-3-small", input: ["one", "two"] });
    assert.deepEqual(answer.data.map((item) => item.index), [0, 1]);
    assert.ok(answer.data.every((item) => typeof item.embedding[0] === "number"));
    assert.ok(answer.usage.total_tokens > 0 && answer._request_id);
  },

  async "embeddings, as numbers"() {
    const body = { model: "text-embedding-3-small", input: "one", encoding_format: "float" };
    assert.ok((await client().embeddings.create(body)).data[0].embedding.length > 1);
  },

  async completions() {
    const body = { model: "gpt-3.5-turbo-instruct", prompt: "Once" };
    const answer = await client().completions.create(body);
    assert.ok(answer.choices[0].text && answer.usage.total_tokens > 0);
    const chunks = await collect(await client().completions.create({ ...body, stream: true }));
    assert.ok(chunks.map((chunk) => chunk.choices[0].text).join(""));
  },

  async responses() {
    const answer = await client().responses.create({ model: CHAT, input: "How are you?" });
    assert.equal(answer.status, "completed");
    assert.ok(answer.output_text && answer.usage.total_tokens > 0 && answer._request_id);
  },

  async "responses, streamed"() {
    const events = await collect(await client().responses.create({ model: CHAT, input: "How are you?", stream: true }));
    assert.equal(events[0].type, "response.created");
    assert.equal(events.at(-1).type, "response.completed");
    assert.equal(events.at(-1).response.id, events[0].response.id);
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    assert.ok(deltas.map((event) => event.delta).join(""));
  },

  async models() {
    const listed = (await collect(client().models.list())).map((model) => model.id);
    for (const id of [CHAT, "meta/llama-3", "gpt-dead"]) assert.ok(listed.includes(id), String(listed));
    assert.ok(!listed.includes("private-model"), "a model this key may not use is listed");
    assert.equal((await client().models.retrieve(CHAT)).id, CHAT);
    assert.equal((await client().models.retrieve("meta/llama-3")).id, "meta/llama-3");
  },
};

const errors = {
  async "wrong key"() {
    const error = await throws(OpenAI.AuthenticationError, () => chat({}, client({ apiKey: "wrong" })));
    coded(error, "invalid_api_key");
  },

  async "model not allowed"() {
    coded(await throws(OpenAI.PermissionDeniedError, () => chat({ model: "private-model" })), "model_not_allowed");
  },

  async "model unknown"() {
    const error = await throws(OpenAI.NotFoundError, () => chat({ model: "gpt-4.11" }));
    coded(error, "model_not_found");
    assert.equal(error.param, "model");
    assert.ok(error.message.includes(CHAT), error.message);
    await throws(OpenAI.NotFoundError, () => client().models.retrieve("no-such-model"));
  },

  async "body invalid"() {
    const error = await throws(OpenAI.BadRequestError, () => chat({ model: undefined }));
    assert.equal(error.param, "model");
    assert.equal((await throws(OpenAI.BadRequestError, () => chat({ model: 7 }))).param, "model");
  },

  async "upstream says the request is wrong"() {
    assert.ok((await throws(OpenAI.BadRequestError, () => chat({ model: "gpt-strict" }))).requestID);
    await throws(OpenAI.UnprocessableEntityError, () => chat({ model: "gpt-picky" }));
  },

  async "every endpoint rate-limited"() {
    const error = await throws(OpenAI.RateLimitError, () => chat({ model: "gpt-limited" }));
    coded(error, "upstream_rate_limited");
    const wait = Number(error.headers.get("retry-after"));
    assert.ok(wait >= 1 && wait <= 20, `retry-after ${wait}`);
  },

  async "retry-after is obeyed"() {
    const patient = client({ maxRetries: 2 });
    await chat({ model: "gpt-tight" }, patient);
    const start = performance.now();
    assert.ok((await chat({ model: "gpt-tight" }, patient)).choices[0].message.content);
    const waited = (performance.now() - start) / 1000;
    assert.ok(waited >= 0.9 && waited <= 8, `waited ${waited.toFixed(2)} s for a window of 2 s`);
  },

  async "every endpoint out"() {
    let error;
    for (let tries = 0; tries < 20 && error?.status !== 503; tries += 1) {
      error = await throws(OpenAI.InternalServerError, () => chat({ model: "gpt-dead" }));
      assert.ok(error.requestID && [502, 503].includes(error.status), String(error));
    }
    coded(error, "no_endpoint_available");
    const wait = Number(error.headers.get("retry-after"));
    assert.ok(wait >= 1 && wait <= 60, `retry-after ${wait}`);
    assert.ok(error.message.includes("refusing"), `no reason per endpoint: ${error.message}`);
  },

  async "upstream fails"() {
    const error = await throws(OpenAI.InternalServerError, () => chat({ model: "gpt-failing" }));
    assert.equal(error.status, 502);
    coded(error, "upstream_error");
    assert.equal(error.headers.get("x-should-retry"), "false");
  },

  async "upstream rejects our key"() {
    const error = await throws(OpenAI.InternalServerError, () => chat({ model: "gpt-stranger" }));
    assert.equal(error.status, 502);
    coded(error, "upstream_auth_error");
  },

  async "upstream is silent"() {
    const error = await throws(OpenAI.InternalServerError, () => chat({ model: "gpt-silent" }));
    assert.equal(error.status, 504);
    coded(error, "upstream_timeout");
  },

  async "client is impatient"() {
    await throws(OpenAI.APIConnectionTimeoutError, () => chat({ model: "gpt-silent" }, client({ timeout: 300 })));
  },

  async "stream breaks"() {
    const seen = [];
    const error = await throws(OpenAI.APIError, async () => {
      for await (const chunk of await chat({ model: "gpt-cut", stream: true })) seen.push(chunk);
    });
    assert.ok(seen.length, "nothing came before the break");
    assert.equal(error.code, "upstream_error");
    assert.ok(!seen.some((chunk) => chunk.choices[0].finish_reason), "a stop reason was made up");
  },

  async "response stream breaks"() {
    const events = await collect(await client().responses.create({ model: "gpt-cut", input: "Hi", stream: true }));
    assert.equal(events.at(-1).type, "response.failed");
    assert.equal(events.at(-1).response.id, events[0].response.id);
  },
};

await run({ ...calls, ...errors });
