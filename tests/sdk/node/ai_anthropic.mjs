// The AI SDK's @ai-sdk/anthropic, by every provider.

import { createAnthropic } from "@ai-sdk/anthropic";
import { aiChecks } from "./ai.mjs";
import { run, targets } from "./common.mjs";

const { key, targets: over } = targets();
const anthropic = (target, site) => createAnthropic({ baseURL: `${target.url(site)}/v1`, apiKey: key });

await run(aiChecks("messages", (target, site) => anthropic(target, site)(target.model(site))), over);
