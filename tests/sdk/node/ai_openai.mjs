// The AI SDK's @ai-sdk/openai, chat and responses, by every provider.

import { createOpenAI } from "@ai-sdk/openai";
import { aiChecks } from "./ai.mjs";
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
  },
  over,
);
