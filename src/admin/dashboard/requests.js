// Requests as they happen: the path each took, a filter, and why it was refused.

import { ask } from "./api.js";
import { announce, drawer } from "./dialogs.js";
import { $, attr, button, clock, count, curl, dollars, empty, facts, fill, frame, h, icon, instant, latency, moment, outcome, reconcile, search, table, text, wantedOf, words } from "./ui.js";

/** Short words for how an attempt ended. */
const SHORT = {
  success: "", rate_limited: "429", status: "5xx", timeout: "timeout", connect: "no connection", truncated: "cut off",
  malformed: "malformed", error_event: "error event", key_rejected: "key rejected", client_fault: "4xx", cancelled: "client left",
};

const verdict = ({ outcome }) => (outcome === "success" ? "✓" : outcome === "cancelled" || outcome === "client_fault" ? "–" : "✗");

/** What stands behind the name of an endpoint: "✗429". */
export const mark = (attempt) => {
  const status = attempt.status && attempt.status >= 400 ? String(attempt.status) : null;
  return `${verdict(attempt)}${status ?? SHORT[attempt.outcome] ?? words(attempt.outcome)}`;
};

/** failed | refused | failed_over | ok */
export function kind(record) {
  if (record.status >= 400 || record.error) return record.attempts.length ? "failed" : "refused";
  return record.attempts.length > 1 ? "failed_over" : "ok";
}

/** The path as text, which filters read too. */
export const pathText = (record) =>
  record.attempts.map((it) => `${it.endpoint} ${mark(it)}`).join(" → ") || `refused${record.error ? `: ${record.error.code}` : ""}`;

/** The path as an element. */
export function path(record) {
  if (!record.attempts.length) return h("span", { class: "path" }, h("span", { class: "hop", "data-end": "✗" }, pathText(record)));
  const hops = record.attempts.map((it, i) => [i ? h("span", { class: "arrow" }, " → ") : null, h("span", { class: "hop", "data-end": verdict(it) }, `${it.endpoint} `, h("b", null, mark(it)))]);
  return h("span", { class: "path" }, hops);
}

const TITLES = { ok: "Served", failed_over: "Served after failing over", failed: "Failed", refused: "Why was this refused?" };
const ICONS = { ok: "healthy", failed_over: "healthy", failed: "unhealthy", refused: "unhealthy" };

export function openRecord(record, store) {
  const of = kind(record);
  drawer(TITLES[of], (body) => {
    const { error, refusal } = record;
    const said = error ? h("p", { class: "said", "data-kind": of }, icon(ICONS[of]), h("span", null, h("b", null, error.code), ` ${error.message}`)) : null;
    fill(body, said,
      record.attempts.length ? [h("h3", null, "Path"), hops(record)] : null,
      refusal?.length ? [h("h3", null, error && !record.attempts.length ? "Why each endpoint could not serve" : "Why the others could not serve"), why(refusal)] : null,
      of === "refused" && !refusal?.length ? h("p", { class: "hint" }, "It was refused before any endpoint was considered.") : null,
      h("h3", null, "Request"), about(record, store.now()), curl(`api/requests/${encodeURIComponent(record.id)}`));
  });
}

/** Each attempt with a bar as long as it took. */
function hops(record) {
  const whole = Math.max(record.duration_ms ?? 0, record.attempts.reduce((sum, it) => sum + (it.duration_ms ?? 0), 0)) || 1;
  let from = 0;
  const rows = record.attempts.map((it) => {
    const wide = ((it.duration_ms ?? 0) / whole) * 100;
    const bar = h("svg", { class: "span", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" }, h("rect", { class: "track", width: 100, height: 6 }), h("rect", { class: it.outcome === "success" ? "good" : "bad", x: Math.min(from, 99), width: Math.max(1, wide), height: 6 }));
    from += wide;
    return h("li", null, h("b", null, it.endpoint), h("span", { class: "sub" }, it.model), h("span", { class: "hop", "data-end": mark(it)[0], title: outcome(it.outcome) }, mark(it)), bar, h("span", { class: "ms" }, latency(it.duration_ms)));
  });
  return h("ol", { class: "hops" }, rows);
}

const why = (refusal) => table("Why each endpoint could not serve", ["Endpoint", "Model", "Why"], refusal.map((it) => [it.endpoint, it.model, it.why]));

function about(record, now) {
  const { served_model: served, model } = record;
  return facts([
    ["id", h("code", null, record.id)],
    ["at", moment(instant(record.at), now)],
    ["status", record.status === null ? "client left" : String(record.status)],
    ["asked for", model],
    ["served by", record.endpoint && `${record.endpoint}${served ? ` with ${served}` : ""}`],
    ["api", `${words(record.api)}${record.stream ? ", streaming" : ""}`],
    ["client", record.client],
    ["user", record.user],
    ["took", latency(record.duration_ms)],
    ["cost", record.cost_usd === null || record.cost_usd === undefined ? null : dollars(record.cost_usd)],
  ], "numbers");
}

/** Rows shown: more than anyone reads, few enough to draw several times a second. */
const ROWS = 150;
const LATEST = 9;

const KINDS = [["", "every outcome"], ["trouble", "failed or refused"], ["failed", "failed"], ["refused", "refused"], ["failed_over", "failed over"], ["ok", "at the first try"]];
let parts = null;
let frozen = null;

export function setUp(store, again) {
  const field = search("model, endpoint, client, status, id …", { id: "request-search", "aria-label": "Filter by model, endpoint, client, status, error or id", oninput: again });
  const which = h("select", { "aria-label": "Outcome", onchange: again }, KINDS.map(([value, name]) => h("option", { value }, name)));
  const pause = button("Pause", () => {
    frozen = frozen ? null : [...store.requests];
    announce(frozen ? "Requests paused" : "Requests live");
    again();
  }, { "aria-keyshortcuts": "p", title: "Hold still (p)", "aria-pressed": "false" });
  const find = button("Find by id", () => lookUp(field.value.trim()), { title: "Ask the gateway for the request with this id" });
  const shown = h("span", { class: "hint", role: "status" });
  const form = $("request-filter");
  fill(form, field, which, find, pause, shown);
  // Enter looks an id up that is not on the page; a submit itself has nowhere to go.
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("keydown", (event) => event.key === "Enter" && !body.firstChild && lookUp(field.value.trim()));
  const body = h("tbody");
  const names = ["Time", "Status", "Path", "Model", "Client", "Took", "Cost"];
  const none = h("div");
  fill($("tap"), frame("Requests, newest first", names, body, "tap"), none, curl("api/requests?limit=200"));
  const latest = h("ul", { class: "latest" });
  const quiet = h("div");
  fill($("latest"), latest, quiet);
  parts = { field, which, pause, shown, body, none, latest, quiet };
  async function lookUp(id) {
    if (!id) return;
    try {
      openRecord(await ask(`api/requests/${encodeURIComponent(id)}`), store);
    } catch (error) {
      announce(error.message);
      fill(none, empty(`${id}: ${error.message}`));
    }
  }
}

export const togglePause = () => parts.pause.click();

/** The records that were there before this page was: asked for once a connection. */
export async function backfill(store) {
  const answer = await ask("api/requests?limit=200").catch(() => null);
  const older = answer?.requests ?? [];
  const known = new Set(store.requests.map((it) => `${it.id} ${it.at}`));
  const fresh = older.filter((it) => !known.has(`${it.id} ${it.at}`));
  store.requests = [...fresh, ...store.requests].sort((a, b) => instant(a.at) - instant(b.at)).slice(-1000);
}

const fitting = (record, wanted, which) => {
  const of = kind(record);
  if (which === "trouble" ? of !== "failed" && of !== "refused" : which && which !== of) return false;
  if (!wanted) return true;
  const { id, client, user, model, served_model: served, status, error, api } = record;
  return `${id} ${client ?? ""} ${user ?? ""} ${model} ${served ?? ""} ${status} ${error?.code ?? ""} ${error?.message ?? ""} ${api} ${pathText(record)}`.toLowerCase().includes(wanted);
};

export function render(store) {
  const { field, which, pause, shown, body, none } = parts;
  const all = frozen ?? store.requests;
  const wanted = wantedOf(field);
  const list = [];
  let fit = 0;
  for (let i = all.length - 1; i >= 0; i--) {
    if (!fitting(all[i], wanted, which.value)) continue;
    if (fit++ < ROWS) list.push(all[i]);
  }
  text(pause, frozen ? "Go on" : "Pause");
  attr(pause, "aria-pressed", String(Boolean(frozen)));
  text(shown, frozen ? `paused; ${count(Math.max(0, store.requests.length - all.length), "newer request")}` : wanted || which.value ? `${count(fit, "request")} of ${all.length}` : "");
  reconcile(body, list, seqOf, (record) => row(record, store));
  if (list.length) none.replaceChildren();
  else if (!none.firstChild || !wanted) fill(none, empty(all.length ? "No request fits the filter." : "No requests yet."));
}

export function renderLatest(store) {
  const { latest, quiet } = parts;
  const list = store.requests.slice(-LATEST).reverse();
  reconcile(latest, list, seqOf, (record) => h("li", { "data-kind": kind(record) }, h("time", null, clock(instant(record.at))), button([path(record), h("span", { class: "sub" }, record.model)], () => openRecord(record, store), { class: "link" }), h("span", { class: "ms" }, latency(record.duration_ms))));
  fill(quiet, list.length ? null : empty("No requests yet."));
}

/** A number of our own: ids come from clients and need not be unique. */
let made = 0;
const seqs = new WeakMap();
const seqOf = (record) => {
  if (!seqs.has(record)) seqs.set(record, ++made);
  return seqs.get(record);
};

function row(record, store) {
  const open = button([path(record)], () => openRecord(record, store), { class: "link", "aria-label": `${pathText(record)}: details` });
  return h("tr", { "data-kind": kind(record) },
    h("td", { class: "num" }, clock(instant(record.at))),
    h("td", { class: "num status" }, record.status ?? "–"),
    h("th", { scope: "row" }, open),
    h("td", null, record.model, record.served_model && record.served_model !== record.model ? h("span", { class: "sub" }, ` → ${record.served_model}`) : null),
    h("td", null, record.client ?? "–"),
    h("td", { class: "num" }, latency(record.duration_ms), record.stream ? h("span", { class: "sub" }, " stream") : null),
    h("td", { class: "num" }, dollars(record.cost_usd)));
}
