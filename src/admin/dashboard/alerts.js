// One alert an incident, with what was counted and when it will be tried again; and the actors.

import { waiting } from "./endpoints.js";
import { keyOf } from "./store.js";
import { $, ago, attr, chip, count, curl, empty, fill, frame, h, icon, instant, number, reconcile, search, setChip, setIcon, span, text, wantedOf, words } from "./ui.js";

/** Resolved alerts shown. */
const OVER = 8;
let parts = null;

export function setUp(open) {
  const now = h("ul", { class: "alerts" });
  const over = h("ul", { class: "alerts over" });
  const summary = h("summary");
  const past = h("details", null, summary, over);
  const none = h("div");
  fill($("alerts"), none, now, past, curl("api/alerts"));
  const names = ["Actor", "Kind", "State", "Mailbox", "Messages/s", "Messages", "Restarts", "Last restart"];
  const actors = h("tbody");
  const field = search("Filter actors");
  fill($("actor-list"), h("div", { class: "controls" }, field), frame("Actors", names, actors), curl("api/actors"));
  parts = { now, over, past, summary, none, actors, field, open };
}

export function render(store) {
  const { now, over, past, summary, none, open } = parts;
  const at = store.now();
  const rank = (it) => (it.severity === "critical" ? 0 : 1);
  const current = store.alerts.filter((it) => !it.resolved_at).sort((a, b) => rank(a) - rank(b) || instant(b.at) - instant(a.at));
  const resolved = store.alerts.filter((it) => it.resolved_at).sort((a, b) => instant(b.resolved_at) - instant(a.resolved_at));
  const make = () => row(open);
  const show = (node, it) => node.show(it, at, store);
  reconcile(now, current, (it) => it.id, make, show);
  attr(past, "hidden", !resolved.length);
  text(summary, `${count(resolved.length, "resolved alert")}`);
  reconcile(over, resolved.slice(0, OVER), (it) => it.id, make, show);
  fill(none, current.length ? null : empty("Nothing is wrong."));
}

function row(open) {
  const sign = icon("warning");
  const title = h("b");
  const when = h("span", { class: "sub" });
  const message = h("p");
  const evidence = h("dl", { class: "evidence" });
  const counted = h("details", null, h("summary", null, "What was counted"), evidence);
  const retry = h("p", { class: "retry" });
  const which = h("button", { type: "button", class: "link" });
  const node = h("li", null, h("div", { class: "top" }, sign, title, which, when), message, retry, counted);
  which.addEventListener("click", () => open(`${node.it.endpoint}\u0000${node.it.model}`));
  node.show = (it, now, store) => {
    node.it = it;
    const level = it.resolved_at ? "resolved" : it.severity;
    attr(node, "data-level", level);
    setIcon(sign, level);
    text(title, words(it.kind));
    attr(which, "hidden", !it.endpoint);
    text(which, [it.endpoint, it.model].filter(Boolean).join(" "));
    const from = instant(it.at);
    const until = instant(it.resolved_at);
    text(when, until ? `${ago(now - until)}, lasted ${span(until - from)}` : `for ${span(now - from)}`);
    text(message, it.message);
    const told = counts(it.evidence ?? {});
    attr(counted, "hidden", Boolean(it.resolved_at) || !told.length);
    reconcile(evidence, it.resolved_at ? [] : told, ([name]) => name, ([name]) => h("div", null, h("dt", null, words(name)), h("dd")), (pair, [, value]) => text(pair.lastChild, typeof value === "number" ? number(value) : String(value)));
    const due = instant(it.retry_at);
    // The endpoint itself knows best: it may have been tried again since.
    const target = store.find(keyOf(it));
    text(retry, it.resolved_at ? "" : target ? waiting(target, now) : !due ? "" : due > now ? `next try in ${span(due - now)}` : "next try is due");
  };
  return node;
}

/** What was counted, flat: the threshold by its key, what a first opening was judged by in a line. */
function counts({ threshold, first_opening: first, ...rest }) {
  const told = Object.entries(rest).filter(([, value]) => value !== null && typeof value !== "object");
  const limit = (it) => (it ? [[it.key, it.value]] : []);
  const opened = first ? [["first_opening", [`${first.counted_failures} of ${first.counted_of}`, ...limit(first.threshold).map((it) => it.join(" "))].join(", ")]] : [];
  return [...limit(threshold), ...told, ...opened];
}

/** Actors that are down, restarted or behind come first. */
const trouble = (it) => (it.up ? 0 : 1e9) + it.restarts * 1000 + it.mailbox_depth;

export function renderActors(store) {
  const { actors, field } = parts;
  const wanted = wantedOf(field);
  const list = store.actors.filter((it) => `${it.actor} ${it.name}`.toLowerCase().includes(wanted)).sort((a, b) => trouble(b) - trouble(a) || a.actor.localeCompare(b.actor) || a.name.localeCompare(b.name, "en", { numeric: true }));
  reconcile(actors, list, (it) => `${it.actor} ${it.name}`, () => {
    const node = h("tr", null, h("th", { scope: "row" }), h("td"), h("td", null, chip("healthy", "up")), ...Array.from({ length: 4 }, () => h("td", { class: "num" })), h("td"));
    return node;
  }, (node, it) => {
    const [name, kind, up, depth, rate, messages, restarts, last] = node.children;
    attr(node, "data-status", it.up ? (it.restarts ? "degraded" : "healthy") : "unhealthy");
    text(name, it.name);
    text(kind, it.actor);
    setChip(up.firstChild, it.up ? "healthy" : "unhealthy", it.up ? "up" : "down");
    text(depth, number(it.mailbox_depth));
    text(rate, number(it.rate));
    text(messages, number(it.messages));
    text(restarts, number(it.restarts));
    text(last, it.last_restart_reason ? words(it.last_restart_reason) : "–");
  });
}
