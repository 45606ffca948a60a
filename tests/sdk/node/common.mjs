// What the scripts share: their arguments, and checks that run one after another and are counted.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

/** An image of one pixel, and what every provider says of it first. */
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const SEEN = "I see image/png of 70 bytes.";

/** `baseUrl`: the gateway; `providerUrl`: the healthy provider itself; `key`: one that the gateway knows. */
export function parsed() {
  const text = { type: "string" };
  const { values } = parseArgs({ options: { "base-url": text, "provider-url": text, key: text } });
  return { baseUrl: values["base-url"], providerUrl: values["provider-url"], key: values.key };
}

/**
 * The key that all know, and the targets of this run: each a provider of some dialect, asked directly or `through`
 * the gateway, whose sites differ in what is the matter.
 */
export function targets() {
  const { values } = parseArgs({ options: { targets: { type: "string" } } });
  const { key, targets } = JSON.parse(readFileSync(values.targets, "utf8"));
  const target = ({ name, provider, sites }) => ({
    name,
    provider,
    through: name !== "direct",
    url: (site = "steady") => sites[site].url,
    model: (site = "steady") => sites[site].model,
    /** The sites that answer well. */
    steady: provider === "gemini" ? ["steady", "sealing"] : ["steady"],
  });
  return { key, targets: targets.map(target) };
}

/** Returns the error of exactly this class that `call` throws. */
export async function throws(kind, call) {
  let value;
  try {
    value = await call();
  } catch (error) {
    assert.equal(error.constructor.name, kind.name, String(error));
    return error;
  }
  assert.fail(`no ${kind.name}, but ${JSON.stringify(value)}`);
}

/** Runs every check, for every one of `over` if there are any; tells of each that fails, and exits 1 if one did. */
export async function run(checks, over = [undefined]) {
  let done = 0;
  let failed = 0;
  for (const [title, check] of Object.entries(checks)) {
    for (const target of over) {
      const name = target ? `${target.name}: ${title}` : title;
      done += 1;
      try {
        await check(target);
        console.log(`ok      ${name}`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED  ${name}\n${error.stack}`);
      }
    }
  }
  console.log(`${done - failed} passed, ${failed} failed`);
  process.exit(failed || !done ? 1 : 0);
}

export async function collect(iterable) {
  const all = [];
  for await (const item of iterable) all.push(item);
  return all;
}
