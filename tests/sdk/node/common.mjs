// What the scripts share: their arguments, and checks that run one after another and are counted.

import assert from "node:assert/strict";
import { parseArgs } from "node:util";

/** `baseUrl`: the gateway; `providerUrl`: the healthy provider itself; `key`: one that the gateway knows. */
export function parsed() {
  const text = { type: "string" };
  const { values } = parseArgs({ options: { "base-url": text, "provider-url": text, key: text } });
  return { baseUrl: values["base-url"], providerUrl: values["provider-url"], key: values.key };
}

/** The arguments of a script that talks to providers without a gateway between; URLs without `/v1`. */
export function parsedDirect() {
  const names = ["base", "limited", "overloaded", "broken"].map((name) => `${name}-url`);
  const options = Object.fromEntries([...names, "key"].map((name) => [name, { type: "string" }]));
  const { values } = parseArgs({ options });
  const [base, limited, overloaded, broken] = names.map((name) => values[name]);
  return { base, limited, overloaded, broken, key: values.key };
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

/** Runs every check, tells of each that fails, and exits 1 if one did. */
export async function run(checks) {
  const all = Object.entries(checks);
  let failed = 0;
  for (const [name, check] of all) {
    try {
      await check();
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${error.stack}`);
    }
  }
  console.log(`${all.length - failed} passed, ${failed} failed`);
  process.exit(failed || !all.length ? 1 : 0);
}

export async function collect(iterable) {
  const all = [];
  for await (const item of iterable) all.push(item);
  return all;
}
