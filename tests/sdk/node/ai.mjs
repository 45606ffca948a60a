// What the Vercel AI SDK is asked to do with any model: the checks that its scripts share.

import assert from "node:assert/strict";
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { PIXEL, SEEN } from "./common.mjs";

// Its warnings are about models that it does not know.
globalThis.AI_SDK_LOG_WARNINGS = false;

const place = jsonSchema({
  type: "object",
  properties: { place: { type: "string" } },
  required: ["place"],
  additionalProperties: false,
});
export const tools = Object.fromEntries(
  ["weather", "news"].map((name) => [
    name,
    tool({ description: name, inputSchema: place, execute: async ({ place }) => `${name} of ${place}` }),
  ]),
);
const names = (answer) => answer.toolCalls.map((call) => call.toolName);

/** The checks of one way to make a model of a target: `make(target, site)`; `label` stands before their names. */
export function aiChecks(label, make, providerOptions = {}) {
  const ask = (target, site) => ({ model: make(target, site), prompt: "How are you?", maxRetries: 0, providerOptions });
  return {
    async [`${label}: text`](target) {
      const answer = await generateText({ ...ask(target), system: "Be brief.", maxOutputTokens: 500 });
      assert.ok(answer.text);
      assert.equal(answer.finishReason, "stop");
      const { inputTokens, outputTokens, inputTokenDetails } = answer.usage;
      assert.ok(inputTokens > 0 && outputTokens > 0, JSON.stringify(answer.usage));
      assert.equal(inputTokenDetails.cacheReadTokens, Math.floor(inputTokens / 2), JSON.stringify(answer.usage));
    },
    async [`${label}: text, streamed`](target) {
      const answer = streamText(ask(target));
      let text = "";
      for await (const piece of answer.textStream) text += piece;
      assert.ok(text);
      assert.equal(await answer.finishReason, "stop");
      const { inputTokens, outputTokens, inputTokenDetails } = await answer.usage;
      assert.ok(inputTokens > 0 && outputTokens > 0 && inputTokenDetails.cacheReadTokens > 0);
    },
    async [`${label}: tools, called and answered`](target) {
      for (const site of target.steady) {
        const answer = await generateText({ ...ask(target, site), tools, stopWhen: stepCountIs(3) });
        assert.equal(answer.steps.length, 2);
        assert.deepEqual(names(answer.steps[0]), ["weather", "news"]);
        assert.match(answer.text, /^The tool says: .*weather of How are you\?/);
      }
    },
    async [`${label}: tools, streamed and answered`](target) {
      for (const site of target.steady) {
        const answer = streamText({ ...ask(target, site), tools, stopWhen: stepCountIs(3) });
        let text = "";
        for await (const piece of answer.textStream) text += piece;
        assert.match(text, /The tool says: .*news of How are you\?/);
      }
    },
    async [`${label}: tools are chosen`](target) {
      const chosen = async (toolChoice) => names(await generateText({ ...ask(target), tools, toolChoice }));
      assert.deepEqual(await chosen("none"), []);
      assert.deepEqual(await chosen("required"), ["weather", "news"]);
      assert.deepEqual(await chosen({ type: "tool", toolName: "news" }), ["news"]);
    },
    async [`${label}: an image`](target) {
      const content = [{ type: "image", image: PIXEL, mediaType: "image/png" }, { type: "text", text: "What is it?" }];
      const answer = await generateText({ model: make(target), messages: [{ role: "user", content }], maxRetries: 0 });
      assert.ok(answer.text.startsWith(SEEN), answer.text);
    },
    async [`${label}: a schema`](target) {
      const answer = await generateText({ ...ask(target), output: Output.object({ schema: place }) });
      assert.deepEqual(answer.output, { place: "How are you?" });
    },
    async [`${label}: an answer that is cut`](target) {
      assert.equal((await generateText({ ...ask(target), maxOutputTokens: 3 })).finishReason, "length");
    },
    async [`${label}: errors`](target) {
      const fails = (site, status, again) =>
        assert.rejects(generateText(ask(target, site)), (error) => {
          assert.ok(status.includes(error.statusCode), `${error.statusCode}: ${error.message}`);
          assert.equal(error.isRetryable, again);
          return Boolean(error.message);
        });
      await fails("missing", [404], false);
      await fails("limited", [429], true);
      await fails("overloaded", [502, 503, 529], true);
    },
    async [`${label}: a stream that breaks`](target) {
      const errors = [];
      const answer = streamText({ ...ask(target, "broken"), onError: ({ error }) => errors.push(error) });
      await answer.consumeStream();
      assert.equal(errors.length, 1, String(errors));
      if (target.through) {
        const cut = streamText({ ...ask(target, "cut"), onError: ({ error }) => errors.push(error) });
        await cut.consumeStream();
        assert.equal(errors.length, 2, String(errors));
        const elsewhere = streamText(ask(target, "first"));
        assert.ok(await elsewhere.text);
      }
    },
  };
}
