// 5,000 requests of openai-node over three endpoints: one refuses, one answers 429, one is healthy.
//
// None may fail, without a retry of the SDK's own. The healthy provider is asked directly as well, in turn with the
// gateway and by the same tasks, so that both feel the same machine; p99 through the gateway stays within twice its.

import OpenAI from "openai";
import { parsed } from "./common.mjs";

const args = parsed();
const REQUESTS = 5000;
const TASKS = 16;
const ASK = { model: "gpt-4.1", messages: [{ role: "user", content: "How are you?" }] };

/** Milliseconds that one call takes, to its last byte. */
async function one(client, streamed) {
  const start = performance.now();
  let text = "";
  if (streamed) {
    const stream = await client.chat.completions.create({ ...ASK, stream: true });
    for await (const chunk of stream) text += chunk.choices[0].delta.content ?? "";
  } else {
    text = (await client.chat.completions.create(ASK)).choices[0].message.content;
  }
  if (!text) throw new Error("an answer without text");
  return performance.now() - start;
}

const p99 = (values) => values.sort((a, b) => a - b)[Math.floor(values.length * 0.99)];

const gateway = new OpenAI({ baseURL: args.baseUrl, apiKey: args.key, maxRetries: 0 });
const provider = new OpenAI({ baseURL: args.providerUrl, apiKey: "k", maxRetries: 0 });
const through = [];
const direct = [];
const failures = [];
let next = 0;

async function task() {
  while (next < REQUESTS) {
    const number = next++;
    const streamed = number % 5 === 0;
    try {
      through.push(await one(gateway, streamed));
    } catch (error) {
      failures.push(`request ${number}: ${error}`);
    }
    // Every fifth of them streamed as well: the two samples must be of one mix.
    if (number % 10 < 5) direct.push(await one(provider, streamed));
  }
}

await Promise.all(Array.from({ length: TASKS }, task));
const [ours, theirs] = [p99(through), p99(direct)];
console.log(`${through.length} of ${REQUESTS} answered; p99 ${ours.toFixed(1)} ms, healthy alone ${theirs.toFixed(1)} ms`);
for (const failure of failures.slice(0, 10)) console.log(failure);
if (failures.length || through.length !== REQUESTS) {
  console.log(`${failures.length} failed`);
  process.exit(1);
}
if (ours > 2 * theirs) {
  console.log(`p99 is ${(ours / theirs).toFixed(2)} times the healthy endpoint's`);
  process.exit(1);
}
