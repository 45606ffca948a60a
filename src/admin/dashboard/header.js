// What one glance must tell: is the page live, is the gateway well, and if not, what is wrong.

import { token } from "./api.js";
import { announce } from "./dialogs.js";
import { waiting } from "./endpoints.js";
import { keyOf, SPARK, STATUSES } from "./store.js";
import { $, ago, attr, clock, count, dollars, fill, h, icon, instant, latency, number, percent, reconcile, setIcon, setSpark, span, spark, text } from "./ui.js";

/** Lines of detail under the verdict; the rest is a number. */
const LINES = 4;
const SERVING = new Set(["healthy", "degraded", "unknown"]);

export function setUp(open) {
  $("verdict-glyph").replaceWith(Object.assign(icon("unknown"), { id: "verdict-glyph" }));
  $("verdict-detail").replaceWith(h("ul", { id: "verdict-detail" }));
  $("verdict-detail").addEventListener("click", (event) => event.target.closest("button")?.open && open(event.target.closest("button").open));
  const list = $("kpis");
  for (const [id, name] of TILES) {
    const tile = h("div", { id: `kpi-${id}` }, h("dt", null, name), h("dd", null, h("b"), h("span", { class: "hint" })));
    if (SPARKS[id]) tile.append(h("dd", { class: "trend" }, spark()));
    list.append(tile);
  }
}

const TILES = [["rps", "Requests"], ["errors", "Errors"], ["p95", "p95 latency"], ["cost", "Cost"], ["flight", "In flight"], ["queue", "Waiting"], ["budget", "Retry budget"]];
/** Which series a tile draws, and the least its axis reaches. */
const SPARKS = { rps: ["rps", 1], errors: ["errors", 0.01], p95: ["p95", 10] };

/** *Returns* what the gateway is like, in a level, a sentence, and lines about what is wrong. */
export function judge(store) {
  const all = store.endpoints;
  const now = store.now();
  const bad = all.filter((it) => it.status === "unhealthy");
  const worse = all.filter((it) => it.status === "rate_limited" || it.status === "degraded");
  const off = all.filter((it) => it.status === "disabled");
  const models = [...new Set(all.map((it) => it.model))];
  const dark = models.filter((model) => !all.some((it) => it.model === model && SERVING.has(it.status)));
  const lines = [...bad, ...worse, ...off].sort((a, b) => STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status)).map((it) => ({ it, wait: waiting(it, now) }));
  const listed = (list) => (list.length > 3 ? `${list.slice(0, 3).join(", ")} and ${list.length - 3} more` : list.join(", "));
  // An endpoint stands in the list once for each of its models.
  const names = (list) => new Set(list.map((it) => it.endpoint)).size;
  const of = (list) => `${names(list)} of ${count(names(all), "endpoint")}`;
  let level = all.length ? "ok" : "warn";
  let said = all.length ? `All ${count(all.length, "circuit")} closed` : "No endpoints";
  if (all.length === 1) said = "The one circuit is closed";
  if (all.length && all.every((it) => it.status === "unknown")) said = `${count(names(all), "endpoint")}, nothing seen yet`;
  if (off.length) [level, said] = ["off", `${of(off)} drained`];
  if (worse.length) [level, said] = ["warn", `${of(worse)} ${names(worse) === 1 ? "is" : "are"} ${kinds(worse)}`];
  if (bad.length) [level, said] = ["bad", `${of(bad)} ${names(bad) === 1 ? "is" : "are"} out`];
  if (dark.length) [level, said] = ["bad", `${listed(dark)}: no endpoint of its own left`];
  const reload = store.state?.reload;
  if (reload?.ok === false && level === "ok") [level, said] = ["warn", "The last reload was refused"];
  if (store.state?.draining) [level, said] = ["warn", "This gateway is draining"];
  return { level, said, lines };
}

function kinds(list) {
  const limited = list.filter((it) => it.status === "rate_limited").length;
  if (limited === list.length) return "rate limited";
  return limited ? "rate limited or degraded" : "degraded";
}

const GLYPHS = { ok: "healthy", warn: "degraded", bad: "unhealthy", off: "disabled" };
let spoken = null;

export function render(store, link) {
  renderLink(link);
  if (!store.ready) return;
  renderFacts(store);
  renderTiles(store.traffic, store.flow);
  const { level, said, lines } = judge(store);
  attr($("verdict-box"), "data-level", level);
  setIcon($("verdict-glyph"), GLYPHS[level]);
  text($("verdict"), said);
  const rest = lines.length - LINES;
  const shown = lines.slice(0, LINES);
  const list = $("verdict-detail");
  reconcile(list, rest > 0 ? [...shown, null] : shown, (line) => (line ? keyOf(line.it) : "rest"), () => h("li", null, h("button", { type: "button", class: "link" }), h("span")), (node, line) => {
    attr(node.firstChild, "hidden", !line);
    if (!line) return text(node.lastChild, `and ${rest} more`);
    node.firstChild.open = keyOf(line.it);
    text(node.firstChild, `${line.it.endpoint} ${line.it.model}`);
    text(node.lastChild, ` ${reasonOf(line)}`);
  });
  const marked = level === "bad" ? "assets/icon-bad.svg" : "assets/icon.svg";
  if (!$("icon").href.endsWith(marked)) $("icon").href = marked;
  const title = level === "ok" ? "Breakerbox" : `${level === "bad" ? "✗" : "!"} ${said} · Breakerbox`;
  if (document.title !== title) document.title = title;
  if (spoken !== said) announce((spoken = said));
}

function reasonOf({ it, wait }) {
  const why = { unhealthy: it.breaker.state === "open" ? "circuit open" : "unhealthy", rate_limited: "rate limited", degraded: it.breaker.state === "half_open" ? "half open" : "degraded", disabled: "" }[it.status];
  return [why, wait].filter(Boolean).join(", ");
}

function renderFacts(store) {
  const { version, generation, config_sha: sha, reload } = store.state;
  const now = store.now();
  const at = instant(reload?.at);
  const state = !reload ? "" : reload.ok ? `loaded ${at ? ago(now - at) : ""}` : `refused ${at ? ago(now - at) : ""}`;
  reconcile($("facts"), [["version", version], ["generation", `${generation}`, sha ?? ""], ["configuration", state, "", reload?.ok === false]], ([name]) => name, ([name]) => h("div", null, h("dt", null, name), h("dd")), (node, [, value, title, bad]) => {
    text(node.lastChild, value);
    attr(node, "title", title || null);
    attr(node, "data-bad", Boolean(bad));
  });
}

function renderTiles(traffic, flow) {
  const budget = traffic.retry_budget;
  const shown = {
    rps: [number(traffic.requests_per_second), "per second"],
    errors: [percent(traffic.error_ratio), "of the last minute", traffic.error_ratio >= 0.05 ? "bad" : traffic.error_ratio >= 0.01 ? "warn" : ""],
    p95: [latency(traffic.p95_ms), "last minute"],
    cost: [dollars(traffic.usd_per_hour), "per hour"],
    flight: [number(traffic.in_flight), "requests"],
    queue: [number(traffic.queue_length), "for room", traffic.queue_length > 0 ? "warn" : ""],
    budget: [number(budget), "attempts", budget < 1 ? "warn" : ""],
  };
  for (const [id, [value, unit, level]] of Object.entries(shown)) {
    const tile = $(`kpi-${id}`);
    attr(tile, "data-level", level || null);
    text(tile.children[1].firstChild, value);
    text(tile.children[1].lastChild, unit);
    if (SPARKS[id]) setSpark(tile.querySelector("svg"), flow.last(SPARKS[id][0], SPARK), `${id} over two minutes`, [], SPARKS[id][1]);
  }
}

const WORDS = { connecting: "connecting", live: "live", late: "silent", waiting: "not connected", locked: "locked" };

function renderLink(link) {
  const { state, lastFrame, nextTry, refusal } = link;
  attr(document.documentElement, "data-token", token.get() !== null);
  const line = $("link");
  attr(line, "data-state", state);
  text(line, WORDS[state]);
  const stale = lastFrame !== null && state !== "live";
  attr(document.documentElement, "data-stale", stale);
  const box = $("stale");
  const hidden = !stale && !(state === "waiting");
  attr(box, "hidden", hidden);
  if (hidden) return void box.replaceChildren();
  if (!box.firstChild) fill(box, h("p"), h("button", { type: "button", onclick: () => link.retry() }, "Try now"));
  const silent = refusal ? `The gateway does not let this page in: ${refusal}.` : "The gateway does not answer.";
  const since = lastFrame === null ? silent : `Stale since ${clock(lastFrame)} (${span(Date.now() - lastFrame)}): what you see is old.${refusal ? ` ${silent}` : ""}`;
  const next = state === "waiting" ? ` Trying again in ${span(Math.max(0, nextTry - Date.now()))}.` : state === "late" ? " The connection is open but silent." : " Connecting …";
  text(box.firstChild, since + next);
  attr(box.lastChild, "hidden", state !== "waiting");
}
