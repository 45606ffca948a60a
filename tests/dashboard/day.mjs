// A tab that stays open: a day of frames, pushed as fast as the page takes them, leaves it as large as it was.

import assert from "node:assert/strict";
import { live, quiet, run } from "./house.mjs";

const MINUTES = 24 * 60;
/** After so many minutes every bounded list is full; from there on nothing may grow. */
const FULL = 4 * 60;
/** What the heap may grow by over the rest of the day, in bytes: garbage that a collection has not found yet. */
const SLACK = 1.5 * 1024 * 1024;

/** One minute of a gateway in trouble: numbers every second, requests, changes, alerts. Runs in the page. */
function minute({ number, start }) {
  const { socket, template } = window.tap;
  const push = (type, at, fields) => socket.onmessage({ data: JSON.stringify({ type, timestamp: at, at, ...fields }) });
  for (let second = 0; second < 60; second++) {
    const n = number * 60 + second;
    const at = new Date(start + n * 1000).toISOString();
    const endpoints = template.endpoints.map((it, i) => ({ ...it, latency_ms: 100 + ((n * (i + 7)) % 900), in_flight: n % 9 }));
    socket.onmessage({ data: JSON.stringify({ ...template, endpoints, timestamp: at }) });
    const { endpoint, model } = endpoints[n % endpoints.length];
    for (let i = 0; i < 3; i++) push("request", at, { id: `${n}-${i}`, client: null, user: null, api: "chat_completions", model, served_model: model, endpoint, status: n % 5 ? 200 : 503, stream: false, duration_ms: 12, attempts: n % 5 ? [{ endpoint, model, outcome: "success", duration_ms: 12 }] : [], error: n % 5 ? null : { code: "no_endpoint_available", message: `none at ${n}` }, cost_usd: null, refusal: null });
    if (n % 7 === 0) push("status_change", at, { endpoint, model, from: n % 2 ? "healthy" : "unhealthy", to: n % 2 ? "unhealthy" : "healthy", state: n % 2 ? "open" : "closed", reason: `counted ${n}` });
    if (n % 30 === 0) push("alert", at, { id: `a${n}`, resolved_at: n % 60 ? at : null, severity: "critical", kind: "endpoint_down", endpoint, model, message: `down at ${n}`, evidence: { failures: n }, retry_at: null });
    if (n % 600 === 0) push("config_reload", at, { generation: n, ok: true, changes: [{ what: "endpoint", name: "a", key: "weight", kind: "changed", from: `${n - 1}`, to: `${n}`, start_only: false, text: `endpoint a: weight: ${n - 1} → ${n}` }], problems: [] });
  }
}

await run({
  async "a day of frames leaves the heap and the page as large as they were"(house) {
    await house.provider("eu");
    let endpoints = "";
    for (let i = 0; i < 5; i++) endpoints += (await house.endpoint("eu", `m${i}`)).replace("name: eu", `name: e${i}`);
    await house.gateway(endpoints);
    const page = await house.open({ before: async (page) => {
      await page.clock.install();
      await page.addInitScript(() => {
        window.tap = { socket: null, template: null };
        window.WebSocket = class extends WebSocket {
          set onmessage(then) {
            window.tap.socket = { onmessage: then };
            super.onmessage = (event) => {
              const frame = JSON.parse(event.data);
              if (frame.type === "health_update") window.tap.template ??= frame;
              // From here on the day is told by the test.
              if (!window.tap.template) then(event);
            };
          }
        };
      });
    } });
    await page.clock.runFor(1000);
    await live(page);
    await page.waitForFunction(() => window.tap.template);
    const session = await page.context().newCDPSession(page);
    const size = async () => {
      for (let i = 0; i < 3; i++) await session.send("HeapProfiler.collectGarbage");
      const { usedSize } = await session.send("Runtime.getHeapUsage");
      const { nodes } = await session.send("Memory.getDOMCounters");
      return { usedSize, nodes };
    };
    const start = Date.now();
    let full = null;
    for (let number = 0; number < MINUTES; number++) {
      await page.evaluate(minute, { number, start });
      // Each minute is drawn; each hour in another view.
      if (number % 60 === 0) await page.evaluate((hash) => (location.hash = hash), ["overview", "requests", "actors", "explain"][(number / 60) % 4]);
      await page.clock.runFor(1000);
      if (number === FULL) full = await size();
    }
    const drawn = await page.locator("#requests").count();
    const end = await size();
    const told = `full ${JSON.stringify(full)}, end ${JSON.stringify(end)}`;
    console.log(told);
    assert.equal(drawn, 1);
    assert(end.usedSize - full.usedSize < SLACK, told);
    assert(end.nodes < full.nodes * 1.2 + 500, told);
    quiet(page);
  },
});
