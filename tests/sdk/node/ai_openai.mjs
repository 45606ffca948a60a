// The AI SDK's @ai-sdk/openai, chat and responses, by every provider.

import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs } from "ai";
import { aiChecks, tools } from "./ai.mjs";
import { run, targets } from "./common.mjs";

const { key, targets: over } = targets();
const openai = (target, site) => createOpenAI({ baseURL: `${target.url(site)}/v1`, apiKey: key });

await run(
  {
    ...aiChecks("chat", (target, site) => openai(target, site).chat(target.model(site))),
    ...aiChecks("responses", (target, site) => openai(target, site).responses(target.model(site)), {
      // The gateway keeps no conversation: what has been said is sent, not referred to.
      openai: { store: false },
    }),
    // Of a thought, where nothing is said of `store`, the SDK sends nothing but its id.
    async "responses: tools, after thoughts that are referred to"(target) {
      const site = target.provider === "openai" ? "thinking" : target.steady.at(-1);
      const answer = await generateText({
        model: openai(target, site).responses(target.model(site)),
        prompt: "How are you?",
        maxRetries: 0,
        tools,
        stopWhen: stepCountIs(3),
        providerOptions: { openai: { forceReasoning: true, reasoningEffort: "low", reasoningSummary: "auto" } },
      });
      assert.equal(answer.steps.length, 2);
      assert.match(answer.text, /^The tool says: /);
      const again = JSON.stringify(answer.steps[1].request.body);
      // Chat of a model that is OpenAI's tells no thoughts.
      assert.equal(again.includes("item_reference"), target.name !== "compatible", again);
    },
  },
  over,
);
