// openai-node and the AI SDK straight against a simulated provider that is strict.

import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import OpenAI from "openai";
import { aiChecks, aiFailures } from "./ai.mjs";
import { parsedDirect, run, throws } from "./common.mjs";

const urls = parsedDirect();
const MODEL = "simulated";
const client = (url = urls.base, apiKey = urls.key) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const chat = (over, body = {}) =>
  over.chat.completions.create({ model: MODEL, messages: [{ role: "user", content: "Hi" }], ...body });
const ai = (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: urls.key });
const broken = (of) => ({ limited: of(urls.limited), overloaded: of(urls.overloaded), broken: of(urls.broken) });

await run({
  async "openai-node: text and errors"() {
    assert.ok((await chat(client())).choices[0].message.content);
    await throws(OpenAI.AuthenticationError, () => chat(client(urls.base, "wrong")));
    await throws(OpenAI.BadRequestError, () => chat(client(), { system: "no" }));
    await throws(OpenAI.RateLimitError, () => chat(client(urls.limited)));
  },
  ...aiChecks("chat", ai(urls.base).chat(MODEL)),
  ...aiChecks("responses", ai(urls.base).responses(MODEL)),
  ...aiFailures("chat", broken((url) => ai(url).chat(MODEL))),
  ...aiFailures("responses", broken((url) => ai(url).responses(MODEL))),
});
