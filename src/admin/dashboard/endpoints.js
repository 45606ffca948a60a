// All endpoints: cards, or a table when there are many; worst first; filter; what their buttons do.

import { post } from "./api.js";
import { openEndpoint } from "./detail.js";
import { act, confirm } from "./dialogs.js";
import { keyOf, SPARK, STATUSES } from "./store.js";
import { $, ago, attr, breakerGlyph, button, chip, compact, count, curl, empty, fill, frame, h, instant, latency, meter, number, outcome, percent, reconcile, search, setBreaker, setChip, setMeter, setSpark, span, spark, text, wantedOf, words } from "./ui.js";

/** "retry in 7 s", "trial under way", "cooling down, 40 s left"; empty while nothing keeps it back. */
export function waiting(it, now) {
  const { breaker } = it;
  if (it.drained) return "drained by an operator";
  const until = instant(breaker.open_until);
  if (breaker.state === "open") {
    if (!until) return breaker.cause ? words(breaker.cause) : "";
    return until > now ? `retry in ${span(until - now)}` : "retry due";
  }
  const cooled = instant(it.cooldown_until);
  if (cooled > now) return `room in ${span(cooled - now)}`;
  if (breaker.state === "half_open") return breaker.trial_under_way ? "trial under way" : `${count(breaker.half_open_requests, "trial")} to pass`;
  return "";
}

/** Failures against what opens the circuit, as a value of 0–1, a mark and words. */
function failures(breaker) {
  const ratio = breaker.failure_ratio;
  const row = `${number(breaker.failures_in_a_row)} of ${number(breaker.failure_threshold)} in a row`;
  const share = ratio === null ? "too few to tell" : `${percent(ratio)}, opens at ${percent(breaker.failure_rate)}`;
  const near = Math.max((ratio ?? 0) / (breaker.failure_rate || 1), breaker.failures_in_a_row / (breaker.failure_threshold || 1));
  return { ratio, row, share, level: near >= 1 ? "bad" : near >= 0.5 ? "warn" : "" };
}

function drawSpark(svg, it, store) {
  const ring = store.rings.get(keyOf(it));
  if (!ring) return;
  const values = ring.last("latency", SPARK);
  const seen = values.filter((value) => value !== null);
  const said = seen.length ? `latency over two minutes: ${latency(Math.min(...seen))} to ${latency(Math.max(...seen))}` : "latency: nothing seen yet";
  setSpark(svg, values, said, ring.last("status", SPARK));
}

/** The reset of a window; empty where nobody knows it. */
const resets = (it) => (it.resets_in_ms === null ? "" : `resets in ${span(it.resets_in_ms)}`);

function windowRow(it) {
  const used = meter(it.window);
  const node = h("div", { class: "window" }, h("span", { class: "name" }, it.window), used, h("span", { class: "value" }), h("span", { class: "reset" }));
  return Object.assign(node, { used });
}

function setWindow(node, it) {
  const share = it.limit ? it.used / it.limit : null;
  const value = it.limit === null ? `${compact(it.used)}, no limit` : `${compact(it.used)} of ${compact(it.limit)}`;
  setMeter(node.used, share, null, `${value} ${resets(it)}`, share >= 0.95 ? "bad" : share >= 0.8 ? "warn" : "");
  text(node.children[2], value);
  text(node.children[3], resets(it));
}

let cards = 0;

/** A card. `actions` has drain, enable, reset, probe and open, each called with the endpoint. */
export function makeCard(first, actions) {
  let it = first;
  // No randomUUID(): browsers keep it from pages over plain HTTP.
  const id = `ep-${++cards}`;
  const status = chip(it.status);
  const name = button(it.endpoint, () => actions.open(it), { class: "name", title: "Details (charts, history)" });
  const sub = h("p", { class: "sub" });
  const reason = h("p", { class: "reason" });
  const glyph = breakerGlyph();
  const state = h("b");
  const retry = h("span", { class: "retry" });
  const inRow = h("span", { class: "row" });
  const share = meter("failure share");
  const shareText = h("span", { class: "value" });
  const line = spark();
  const ms = h("span", { class: "ms" });
  const windows = h("div", { class: "windows" });
  const flight = h("span");
  const traffic = h("span");
  const error = h("p", { class: "error" });
  const drain = button("Drain", () => (it.drained ? actions.enable(it, drain) : actions.drain(it, drain)));
  const reset = button("Reset", () => actions.reset(it, reset), { title: "Close the circuit and forget its failures" });
  const probe = button("Probe", () => actions.probe(it, probe), { title: "Ask the endpoint now whether it is there" });
  const node = h("article", { class: "card", "aria-labelledby": id },
    h("header", null, h("h3", { id }, name), status), sub, reason,
    h("div", { class: "circuit" }, glyph, state, retry, inRow),
    h("div", { class: "share" }, h("span", { class: "name" }, "failures"), share, shareText),
    h("div", { class: "trend" }, line, ms),
    windows, h("p", { class: "small" }, flight, traffic), error,
    h("div", { class: "actions" }, drain, reset, probe));
  node.show = (next, store) => {
    it = next;
    const now = store.now();
    const { breaker } = it;
    attr(node, "data-status", it.status);
    setChip(status, it.status);
    text(name, it.endpoint);
    text(sub, `${it.model} · ${it.provider}`);
    text(reason, it.status === "healthy" ? "" : (it.reason ?? ""));
    setBreaker(glyph, breaker.state);
    text(state, words(breaker.state));
    text(retry, waiting(it, now));
    const told = failures(breaker);
    text(inRow, breaker.state === "closed" ? told.row : "");
    setMeter(share, told.ratio, breaker.failure_rate, told.share, told.level);
    text(shareText, told.share);
    drawSpark(line, it, store);
    text(ms, latency(it.latency_ms));
    // One without a limit limits nothing.
    reconcile(windows, it.windows.filter((w) => w.limit !== null), (w) => w.window, windowRow, setWindow);
    text(flight, `${number(it.in_flight)}${it.max_in_flight === null ? "" : ` of ${number(it.max_in_flight)}`} in flight`);
    text(traffic, it.share === null ? "" : `${percent(it.share)} of ${it.model}`);
    const last = it.last_error;
    text(error, last ? `${ago(now - instant(last.at))}: ${outcome(last.outcome)}${last.message ? ` – ${last.message}` : ""}` : "");
    attr(error, "title", last?.message ?? null);
    text(drain, it.drained ? "Enable" : "Drain");
  };
  return node;
}

/** A row of the compact table: what a card says, in one line. */
export function makeRow(first, actions) {
  let it = first;
  const status = chip(it.status);
  const name = button(it.endpoint, () => actions.open(it), { class: "name" });
  const model = h("span", { class: "sub" });
  const glyph = breakerGlyph();
  const retry = h("span", { class: "retry" });
  const share = meter("failure share");
  const shareText = h("span", { class: "value" });
  const line = spark(120, 20);
  const [ms, flight, fullest, part, error] = ["td", "td", "td", "td", "td"].map((tag) => h(tag));
  const node = h("tr", null,
    h("td", null, status), h("th", { scope: "row" }, name, model), h("td", { class: "circuit" }, h("span", null, glyph, retry)),
    h("td", { class: "share" }, h("span", null, share, shareText)), h("td", { class: "trend" }, line), ms, flight, fullest, part, error);
  for (const cell of [ms, flight, part]) attr(cell, "class", "num");
  attr(error, "class", "last");
  node.show = (next, store) => {
    it = next;
    const now = store.now();
    attr(node, "data-status", it.status);
    setChip(status, it.status);
    text(name, it.endpoint);
    text(model, it.model);
    setBreaker(glyph, it.breaker.state);
    const wait = waiting(it, now);
    text(retry, it.breaker.state === "closed" ? wait : `${words(it.breaker.state)}${wait ? `, ${wait}` : ""}`);
    const told = failures(it.breaker);
    setMeter(share, told.ratio, it.breaker.failure_rate, told.share, told.level);
    text(shareText, percent(told.ratio));
    drawSpark(line, it, store);
    text(ms, latency(it.latency_ms));
    text(flight, number(it.in_flight));
    const limited = it.windows.filter((w) => w.limit).sort((a, b) => b.used / b.limit - a.used / a.limit)[0];
    text(fullest, limited ? `${limited.window} ${percent(limited.used / limited.limit)}` : "");
    text(part, percent(it.share));
    text(error, it.last_error ? `${outcome(it.last_error.outcome)} ${ago(now - instant(it.last_error.at))}` : "");
    attr(error, "title", it.last_error?.message ?? null);
  };
  return node;
}

const COLUMNS = ["Status", "Endpoint", "Breaker", "Failures", "Latency, 2 min", "Latency", "In flight", "Fullest window", "Share", "Last error"];

/** More endpoints than this and the table is what one gets without asking. */
const MANY = 12;
const KEPT = "breakerbox.endpoints";

const SORTS = {
  worst: (a, b) => STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status) || byName(a, b),
  name: (a, b) => byName(a, b),
  slowest: (a, b) => (b.latency_ms ?? -1) - (a.latency_ms ?? -1) || byName(a, b),
  busiest: (a, b) => b.in_flight - a.in_flight || (b.share ?? 0) - (a.share ?? 0) || byName(a, b),
};
const byName = (a, b) => a.endpoint.localeCompare(b.endpoint) || a.model.localeCompare(b.model);

const choice = { sort: "worst", form: null, only: "", ...JSON.parse(localStorage.getItem(KEPT) ?? "{}") };
let order = [];
let parts = null;

export function setUp(store, again) {
  const root = $("endpoints");
  const field = search("Filter endpoints", { "aria-label": "Filter endpoints by name, model, provider or status", id: "endpoint-search", oninput: again });
  const sort = h("select", { "aria-label": "Sort endpoints", onchange: () => keep({ sort: sort.value }) }, Object.keys(SORTS).map((name) => h("option", { value: name, selected: name === choice.sort }, `${name} first`)));
  sort.options[1].textContent = "by name";
  const only = h("select", { "aria-label": "Show which endpoints", onchange: () => keep({ only: only.value }) }, h("option", { value: "" }, "all"), h("option", { value: "bad" }, "not healthy"));
  only.value = choice.only;
  const form = button("", () => keep({ form: isCompact(store) ? "cards" : "table" }), { "aria-keyshortcuts": "c" });
  const shown = h("span", { class: "hint", role: "status" });
  fill($("endpoint-controls"), shown, field, only, sort, form);
  const cards = h("div", { class: "cards" });
  const rows = h("tbody");
  const table = frame("Endpoints", COLUMNS, rows, "compact");
  const none = h("div");
  fill(root, cards, table, none, curl("api/endpoints"));
  parts = { root, field, form, shown, cards, table, rows, none };
  function keep(change) {
    Object.assign(choice, change);
    localStorage.setItem(KEPT, JSON.stringify(choice));
    order = [];
    again();
  }
}

const isCompact = (store) => (choice.form ? choice.form === "table" : store.endpoints.length > MANY);

export const toggleForm = () => parts.form.click();

export function render(store) {
  const { root, field, form, shown, cards, table, rows, none } = parts;
  const compact = isCompact(store);
  text(form, compact ? "Cards" : "Table");
  attr(form, "title", compact ? "Show cards (c)" : "Show a table (c)");
  const wanted = wantedOf(field);
  const fits = (it) => (!wanted || `${it.endpoint} ${it.model} ${it.provider} ${words(it.status)}`.toLowerCase().includes(wanted)) && (choice.only !== "bad" || it.status !== "healthy");
  const list = inOrder(store.endpoints.filter(fits), root);
  text(shown, list.length === store.endpoints.length ? "" : `${count(list.length, "endpoint")} of ${store.endpoints.length}`);
  attr(cards, "hidden", compact);
  attr(table, "hidden", !compact);
  // What is not shown is not kept either.
  const show = (node, it) => node.show(it, store);
  const actions = actionsOf(store);
  reconcile(cards, compact ? [] : list, keyOf, (it) => makeCard(it, actions), show);
  reconcile(rows, compact ? list : [], keyOf, (it) => makeRow(it, actions), show);
  const why = !store.ready ? "" : store.endpoints.length ? "No endpoint fits the filter." : "This gateway has no endpoints.";
  fill(none, list.length || !why ? null : empty(why));
}

/** Sorted; but nothing moves under a pointer that is about to click, or away from the focus. */
function inOrder(list, root) {
  const sorted = [...list].sort(SORTS[choice.sort]);
  const held = root.matches(":hover") || root.contains(document.activeElement);
  if (held && order.length) {
    const place = new Map(order.map((key, i) => [key, i]));
    const at = (it) => place.get(keyOf(it)) ?? order.length;
    sorted.sort((a, b) => at(a) - at(b));
  }
  order = sorted.map(keyOf);
  return sorted;
}

export function actionsOf(store) {
  const call = (it, what, node, done) => act(node, () => post(`api/endpoints/${encodeURIComponent(it.endpoint)}/${what}`), done);
  return {
    open: (it) => openEndpoint(store, keyOf(it), actionsOf(store)),
    async drain(it, node) {
      const siblings = store.endpoints.filter((other) => other.endpoint === it.endpoint);
      const lost = siblings.filter((own) => !store.endpoints.some((other) => other.model === own.model && other.endpoint !== own.endpoint && ["healthy", "degraded", "unknown"].includes(other.status)));
      const what = siblings.length > 1 ? `It has ${count(siblings.length, "model")}: ${siblings.map((own) => own.model).join(", ")}. ` : "";
      const warning = lost.length ? ` Nothing else serves ${lost.map((own) => own.model).join(", ")} now: requests will go to fallbacks or be refused.` : "";
      const yes = await confirm(`Drain ${it.endpoint}?`, `${what}Requests under way finish; no new ones are sent until it is enabled.${warning}`, "Drain");
      if (yes) await call(it, "drain", node, `${it.endpoint} is drained`);
    },
    enable: (it, node) => call(it, "enable", node, `${it.endpoint} is enabled`),
    reset: (it, node) => call(it, "reset", node, `${it.endpoint}: circuit closed, failures forgotten`),
    probe: (it, node) => call(it, "probe", node, (answer) => answer.message),
  };
}
