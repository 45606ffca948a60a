// The AI SDK straight against a simulated Gemini.

import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { aiChecks, aiFailures } from "./ai.mjs";
import { parsedDirect, run } from "./common.mjs";

const urls = parsedDirect();
const ai = (url, model = "simulated") => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: urls.key })(model);

await run({
  ...aiChecks("gemini", ai(urls.base)),
  ...aiChecks("gemini 3", ai(urls.base, "gemini-3-pro")),
  ...aiFailures("gemini", { limited: ai(urls.limited), overloaded: ai(urls.overloaded), broken: ai(urls.broken) }),
});
