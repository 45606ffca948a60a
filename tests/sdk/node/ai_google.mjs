// The AI SDK's @ai-sdk/google, by every provider.

import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { aiChecks } from "./ai.mjs";
import { run, targets } from "./common.mjs";

const { key, targets: over } = targets();
const google = (target, site) => createGoogleGenerativeAI({ baseURL: `${target.url(site)}/v1beta`, apiKey: key });

await run(aiChecks("content", (target, site) => google(target, site)(target.model(site))), over);
