// anthropic-sdk-typescript, by every provider.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
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
const TOOLS = ["weather", "news"].map((name) => ({ name, description: `The ${name}.`, input_schema: PLACE }));
const IMAGE = { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } };

const client = (target, site, apiKey = key) => new Anthropic({ baseURL: target.url(site), apiKey, maxRetries: 0 });
const asked = (target, body, site) => ({ model: target.model(site), max_tokens: 2000, messages: ASK, ...body });
const ask = (target, body = {}, site, apiKey) =>
  client(target, site, apiKey).messages.create(asked(target, body, site));
const final = (target, body = {}, site) =>
  client(target, site).messages.stream(asked(target, body, site)).finalMessage();
const calls = (message) => message.content.filter((block) => block.type === "tool_use");
const names = (message) => calls(message).map((call) => call.name);
const answered = (message) => {
  const results = calls(message).map(({ id, name }) => ({
    type: "tool_result",
    tool_use_id: id,
    content: `Sunny ${name}`,
  }));
  return [...ASK, { role: "assistant", content: message.content }, { role: "user", content: results }];
};

await run(
  {
    async "text and usage"(target) {
      const answer = await ask(target, { system: "Be brief." });
      assert.equal(answer.stop_reason, "end_turn");
      assert.ok(answer.content[0].text && answer._request_id);
      assert.ok(answer.usage.output_tokens > 0 && answer.usage.cache_read_input_tokens > 0);
    },
    async "text, streamed"(target) {
      const events = (await collect(await ask(target, { stream: true }))).map((event) => event.type);
      assert.equal(events[0], "message_start");
      assert.equal(events.at(-1), "message_stop");
      const answer = await final(target);
      assert.ok(answer.content[0].text && answer.usage.output_tokens > 1);
      assert.ok(answer.usage.cache_read_input_tokens > 0, JSON.stringify(answer.usage));
    },
    async "two calls and their results"(target) {
      for (const site of target.steady) {
        for (const call of [ask, final]) {
          const answer = await call(target, { tools: TOOLS }, site);
          assert.equal(answer.stop_reason, "tool_use");
          assert.deepEqual(names(answer), ["weather", "news"]);
          assert.deepEqual(calls(answer).map((it) => it.input), [GIVEN, GIVEN]);
          const told = await call(target, { tools: TOOLS, messages: answered(answer) }, site);
          assert.match(told.content[0].text, /^The tool says: Sunny weather\. The tool says: Sunny news\./);
        }
      }
    },
    async "thoughts, streamed and returned"(target) {
      for (const site of target.steady) {
        const body = { tools: TOOLS, thinking: { type: "enabled", budget_tokens: 1024 } };
        const answer = await final(target, body, site);
        // OpenAI keeps its thoughts to itself.
        if (target.provider !== "openai") assert.ok(answer.content[0].thinking, JSON.stringify(answer.content));
        const told = await final(target, { ...body, messages: answered(answer) }, site);
        assert.match(told.content.at(-1).text, /^The tool says: Sunny weather\./);
      }
    },
    async "choices, images, stops, limits"(target) {
      assert.deepEqual(names(await ask(target, { tools: TOOLS, tool_choice: { type: "none" } })), []);
      assert.deepEqual(names(await ask(target, { tools: TOOLS, tool_choice: { type: "any" } })), ["weather", "news"]);
      const named = { type: "tool", name: "news" };
      assert.deepEqual(names(await ask(target, { tools: TOOLS, tool_choice: named })), ["news"]);
      const messages = [{ role: "user", content: [IMAGE] }];
      assert.ok((await ask(target, { messages })).content[0].text.startsWith(SEEN));
      assert.equal((await ask(target, { messages, stop_sequences: ["of"] })).content[0].text, "I see image/png ");
      assert.equal((await ask(target, { max_tokens: 3 })).stop_reason, "max_tokens");
      const format = { type: "json_schema", schema: PLACE };
      assert.deepEqual(JSON.parse((await ask(target, { output_config: { format } })).content[0].text), GIVEN);
    },
    async "tokens are counted, models listed"(target) {
      const counted = await client(target).messages.countTokens({ model: target.model(), messages: ASK });
      assert.ok(counted.input_tokens > 0);
      const models = await collect(client(target).models.list({ limit: 1 }));
      assert.ok(models.map((model) => model.id).includes(target.model()));
    },
    async "wrong requests"(target) {
      const wrong = await throws(Anthropic.AuthenticationError, () => ask(target, {}, "steady", "wrong"));
      assert.equal(wrong.error.error.type, "authentication_error");
      await throws(Anthropic.NotFoundError, () => ask(target, { model: "no-such-model" }));
      assert.match((await throws(Anthropic.NotFoundError, () => ask(target, {}, "missing"))).message, /missing/);
      const result = { type: "tool_result", tool_use_id: "toolu_nobody", content: "Sunny" };
      const body = { tools: TOOLS, messages: [...ASK, { role: "user", content: [result] }] };
      await throws(Anthropic.BadRequestError, () => ask(target, body));
      await throws(Anthropic.BadRequestError, () => ask(target, { ...body, stream: true }));
    },
    async "providers that fail"(target) {
      const limited = await throws(Anthropic.RateLimitError, () => ask(target, {}, "limited"));
      assert.ok(["1", "2"].includes(limited.headers.get("retry-after")));
      for (const stream of [false, true]) {
        await assert.rejects(ask(target, { stream }, "overloaded"), (error) => error.status >= 500);
      }
      // Its circuit is open by now.
      const overloaded = await throws(Anthropic.OverloadedError, () => ask(target, {}, "overloaded"));
      assert.equal(overloaded.status, 529);
    },
    async "streams that break"(target) {
      for (const site of ["broken", "cut"]) {
        const events = [];
        await assert.rejects(
          async () => {
            for await (const event of await ask(target, { stream: true }, site)) events.push(event.type);
          },
          // A provider that closes a connection has not said why.
          (error) => Boolean(error.error?.error?.message) || (site === "cut" && !target.through),
        );
        assert.ok(events.length && !events.includes("message_delta"), String(events));
      }
    },
    async "what breaks before its first event is answered elsewhere"(target) {
      if (target.through) assert.ok((await final(target, {}, "first")).content[0].text);
    },
  },
  over,
);
