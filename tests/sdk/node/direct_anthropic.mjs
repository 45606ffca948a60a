// anthropic-sdk-typescript and the AI SDK straight against a simulated provider.

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import Anthropic from "@anthropic-ai/sdk";
import { aiChecks, aiFailures } from "./ai.mjs";
import { collect, parsedDirect, run, throws } from "./common.mjs";

const urls = parsedDirect();
const MODEL = "simulated";
const ASK = [{ role: "user", content: "How are you?" }];
const TOOLS = ["weather", "news"].map((name) => ({
  name,
  input_schema: { type: "object", properties: { place: { type: "string" } }, required: ["place"] },
}));
const client = (url = urls.base, apiKey = urls.key) => new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });
const ask = (body = {}, over = client()) =>
  over.messages.create({ model: MODEL, max_tokens: 2000, messages: ASK, ...body });
const ai = (url) => createAnthropic({ baseURL: `${url}/v1`, apiKey: urls.key })(MODEL);

await run({
  async text() {
    const answer = await ask();
    assert.equal(answer.stop_reason, "end_turn");
    assert.ok(answer.content[0].text && answer.usage.output_tokens > 0);
    assert.match(answer._request_id, /^req_/);
  },
  async "text, streamed"() {
    const events = await collect(await ask({ stream: true }));
    assert.equal(events[0].type, "message_start");
    assert.equal(events.at(-1).type, "message_stop");
    const final = await client().messages.stream({ model: MODEL, max_tokens: 99, messages: ASK }).finalMessage();
    assert.ok(final.content[0].text && final.usage.output_tokens > 1);
  },
  async "two calls and their results"() {
    const body = { model: MODEL, max_tokens: 99, messages: ASK, tools: TOOLS };
    const { content } = await client().messages.stream(body).finalMessage();
    assert.deepEqual(content.map((call) => call.name), ["weather", "news"]);
    assert.deepEqual(content[1].input, { place: "How are you?" });
    const results = content.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: "Sunny" }));
    const messages = [...ASK, { role: "assistant", content }, { role: "user", content: results }];
    const answer = await ask({ tools: TOOLS, messages });
    assert.match(answer.content[0].text, /^The tool says: Sunny\./);
  },
  async "tokens are counted, models listed"() {
    assert.ok((await client().messages.countTokens({ model: MODEL, messages: ASK })).input_tokens > 0);
    const models = await collect(client().models.list({ limit: 1 }));
    assert.deepEqual(models.map((model) => model.id), ["gemini-3-pro", "simulated"]);
  },
  async errors() {
    await throws(Anthropic.AuthenticationError, () => ask({}, client(urls.base, "wrong")));
    await throws(Anthropic.NotFoundError, () => ask({ model: "no-such-model" }));
    await throws(Anthropic.BadRequestError, () => ask({ n: 1 }));
    await throws(Anthropic.RateLimitError, () => ask({}, client(urls.limited)));
    const overloaded = await throws(Anthropic.OverloadedError, () => ask({}, client(urls.overloaded)));
    assert.equal(overloaded.status, 529);
    await assert.rejects(
      async () => collect(await ask({ stream: true }, client(urls.broken))),
      (error) => error.error.error.type === "overloaded_error",
    );
  },
  ...aiChecks("ai", ai(urls.base)),
  ...aiFailures("ai", { limited: ai(urls.limited), overloaded: ai(urls.overloaded), broken: ai(urls.broken) }),
});
