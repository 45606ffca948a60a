// What the Vercel AI SDK is asked to do with any model: the checks that its scripts share.

import assert from "node:assert/strict";
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";

// Its warnings are about models that it does not know.
globalThis.AI_SDK_LOG_WARNINGS = false;

const place = jsonSchema({
  type: "object",
  properties: { place: { type: "string" } },
  required: ["place"],
  additionalProperties: false,
});
const tools = Object.fromEntries(
  ["weather", "news"].map((name) => [
    name,
    tool({ description: name, inputSchema: place, execute: async ({ place }) => `${name} of ${place}` }),
  ]),
);

/** Checks that `model` answers, streams, calls tools and fits a schema; `label` stands before their names. */
export function aiChecks(label, model) {
  const ask = { model, prompt: "How are you?", maxRetries: 0 };
  return {
    async [`${label}: text`]() {
      const answer = await generateText({ ...ask, system: "Be brief.", maxOutputTokens: 500 });
      assert.ok(answer.text);
      assert.equal(answer.finishReason, "stop");
      assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0, JSON.stringify(answer.usage));
    },
    async [`${label}: text, streamed`]() {
      const answer = streamText(ask);
      let text = "";
      for await (const piece of answer.textStream) text += piece;
      assert.ok(text);
      assert.equal(await answer.finishReason, "stop");
      assert.ok((await answer.usage).outputTokens > 0);
    },
    async [`${label}: tools, called and answered`]() {
      const answer = await generateText({ ...ask, tools, stopWhen: stepCountIs(3) });
      assert.equal(answer.steps.length, 2);
      assert.deepEqual(answer.steps[0].toolCalls.map((call) => call.toolName), ["weather", "news"]);
      assert.match(answer.text, /^The tool says: .*weather of How are you\?/);
    },
    async [`${label}: tools, streamed and answered`]() {
      const answer = streamText({ ...ask, tools, stopWhen: stepCountIs(3) });
      let text = "";
      for await (const piece of answer.textStream) text += piece;
      assert.match(text, /The tool says: .*news of How are you\?/);
    },
    async [`${label}: a schema`]() {
      const answer = await generateText({ ...ask, output: Output.object({ schema: place }) });
      assert.deepEqual(answer.output, { place: "How are you?" });
    },
  };
}

/** Checks that a model fails as it should: `limited` with 429, `overloaded` with 529, `broken` in its stream. */
export function aiFailures(label, { limited, overloaded, broken }) {
  const failing = (model) => generateText({ model, prompt: "Hi", maxRetries: 0 });
  return {
    async [`${label}: errors`]() {
      await assert.rejects(failing(limited), (error) => error.statusCode === 429 && error.isRetryable);
      await assert.rejects(failing(overloaded), (error) => error.statusCode === 529 && error.isRetryable);
    },
    async [`${label}: a stream that breaks`]() {
      const errors = [];
      const answer = streamText({ model: broken, prompt: "Hi", maxRetries: 0, onError: ({ error }) => errors.push(error) });
      await answer.consumeStream();
      assert.equal(errors.length, 1, String(errors));
    },
  };
}
