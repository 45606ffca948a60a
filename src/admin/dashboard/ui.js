// What every view is built from: elements, words for numbers and times, and the small pieces that several share.
// Text goes in as text only: nothing here, or anywhere in the page, parses markup.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "circle", "rect", "line", "g"]);

/** An element: `h("button", { class: "x", onclick: f, hidden: false }, "text", child)`. */
export function h(tag, props, ...children) {
  const node = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) set(node, name, value);
  node.append(...present(children));
  return node;
}

const absent = (value) => value === null || value === undefined || value === false;
const present = (children) => children.flat(2).filter((child) => !absent(child));

function set(node, name, value) {
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else attr(node, name, value);
}

export const $ = (id) => document.getElementById(id);

/** Sets text only where it differs: a screen reader and the layout are left alone otherwise. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/** Sets an attribute, or takes it away for null and false, only where it differs. */
export function attr(node, name, value) {
  if (absent(value)) return node.removeAttribute(name);
  const wanted = value === true ? "" : String(value);
  if (node.getAttribute(name) !== wanted) node.setAttribute(name, wanted);
}

/** Replaces what is in `node`. */
export function fill(node, ...children) {
  node.replaceChildren(...present(children));
}

/** The nodes under each parent, by key. */
const kept = new WeakMap();

/**
 * Keeps the children of `parent` in step with `items`, one node a key: takes out what is gone, makes what is new,
 * updates the rest, and moves only what must move, as a node that moves loses the focus.
 */
export function reconcile(parent, items, keyOf, make, update) {
  const nodes = kept.get(parent) ?? new Map();
  kept.set(parent, nodes);
  const wanted = new Set(items.map(keyOf));
  for (const [key, node] of nodes) {
    if (wanted.has(key)) continue;
    node.remove();
    nodes.delete(key);
  }
  let at = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    let node = nodes.get(key);
    if (!node) nodes.set(key, (node = make(item)));
    update?.(node, item);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

export const DASH = "–";
const pad = (value) => String(value).padStart(2, "0");
const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

/** 1234.5 → "1,235"; small numbers keep a digit. */
export function number(value) {
  if (!known(value)) return DASH;
  if (Math.abs(value) >= 0.05 && Math.abs(value) < 10 && !Number.isInteger(value)) return value.toFixed(1);
  return Math.round(value).toLocaleString("en-US");
}

/** 123456 → "123k". */
export function compact(value) {
  if (!known(value)) return DASH;
  if (value >= 1e6) return `${trim(value / 1e6)}M`;
  return value >= 1e4 ? `${trim(value / 1e3)}k` : number(value);
}

const trim = (value) => (value < 10 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value).toString());

/** A ratio 0–1 as a percentage; what is not zero never looks like zero. */
export function percent(ratio) {
  if (!known(ratio)) return DASH;
  const value = ratio * 100;
  if (value === 0 || value >= 99.95) return `${Math.round(value)} %`;
  return value < 0.1 ? "< 0.1 %" : `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}

/** Milliseconds as "830 ms" or "1.2 s". */
export function latency(ms) {
  if (!known(ms)) return DASH;
  if (ms > 0 && ms < 1) return "< 1 ms";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** Milliseconds as a span: "7 s", "2 m 05 s", "3 h 10 m", "2 d". Rounded up: "retry in 0 s" says nothing. */
export function span(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${pad(s % 60)} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${pad(Math.floor((s % 3600) / 60))} m`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** How long ago, coarsely: "4 s ago". */
export function ago(ms) {
  if (ms < 1000) return "now";
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} m ago`;
  return s < 86_400 ? `${Math.floor(s / 3600)} h ago` : `${Math.floor(s / 86_400)} d ago`;
}

export function dollars(value) {
  if (!known(value)) return DASH;
  if (value !== 0 && value < 0.01) return `$${value.toFixed(5)}`;
  return `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

/** An instant (milliseconds) as the reader's wall clock, seconds included. */
export function clock(ms) {
  const date = new Date(ms);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** As `clock`, with the date when that is not today. */
export function moment(ms, now) {
  const date = new Date(ms);
  const same = new Date(now).toDateString() === date.toDateString();
  return same ? clock(ms) : `${date.toLocaleDateString("en-CA")} ${clock(ms)}`;
}

/** "rate_limited" → "rate limited". */
export const words = (value) => (known(value) ? String(value).replaceAll("_", " ") : DASH);

/** How an attempt ended, in words. */
export const outcome = (value) => (value === "status" ? "server error" : words(value));

/** "1 endpoint", "2 endpoints". */
export const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

/** Milliseconds since 1970 of an RFC 3339 instant, null of null. */
export const instant = (value) => (value ? Date.parse(value) : null);

/** A shape of its own for each status: colour is never the only sign. */
const ICONS = {
  healthy: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M5 8.2l2.1 2.1L11.2 6",
  degraded: "M8 2 15 14H1zM8 6.5v3.6M8 11.9v.3",
  rate_limited: "M4 1.8h8M4 14.2h8M4.8 1.8c0 4 6.4 4.4 6.4 6.2s-6.4 2.2-6.4 6.2M11.2 1.8c0 4-6.4 4.4-6.4 6.2s6.4 2.2 6.4 6.2",
  unhealthy: "M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3zM5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8",
  disabled: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M6.2 5.5v5M9.8 5.5v5",
  unknown: "M6 6a2 2 0 1 1 2.7 1.9c-.5.2-.7.5-.7 1.1v.6M8 11.6v.3M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13",
};
ICONS.critical = ICONS.unhealthy;
ICONS.warning = ICONS.degraded;
ICONS.resolved = ICONS.healthy;

export const icon = (name) => h("svg", { class: "ico", viewBox: "0 0 16 16", "aria-hidden": "true" }, h("path", { d: ICONS[name] ?? ICONS.unknown }));

export const setIcon = (svg, name) => attr(svg.firstChild, "d", ICONS[name] ?? ICONS.unknown);

/** Icon and word of a status. */
export function chip(status, word = words(status)) {
  return h("span", { class: "chip", "data-status": status }, icon(status), h("span", null, word));
}

export function setChip(node, status, word = words(status)) {
  attr(node, "data-status", status);
  setIcon(node.firstChild, status);
  text(node.lastChild, word);
}

/** The breaker as electricians draw it: closed lets through, open does not. */
export function breakerGlyph() {
  return h("svg", { class: "breaker", viewBox: "0 0 40 16", "aria-hidden": "true" },
    h("path", { d: "M1 11h9M30 11h9" }), h("path", { class: "arm" }), h("circle", { cx: 12, cy: 11, r: 2.2 }), h("circle", { cx: 28, cy: 11, r: 2.2 }));
}

const ARMS = { closed: "M14 11h12", half_open: "M14 10 26 6", open: "M13.5 9 24 1.5" };

export function setBreaker(svg, state) {
  attr(svg, "data-state", state);
  attr(svg.children[1], "d", ARMS[state] ?? ARMS.closed);
}

/** A bar from 0 to 1 with an optional mark at its threshold. */
export function meter(label) {
  const bar = h("rect", { class: "bar", x: 0, y: 0, height: 6, width: 0 });
  const mark = h("line", { class: "mark", y1: -2, y2: 8 });
  const svg = h("svg", { class: "meter", viewBox: "0 0 100 6", preserveAspectRatio: "none", role: "img" }, h("rect", { class: "track", width: 100, height: 6 }), bar, mark);
  return Object.assign(svg, { label, bar, mark });
}

/** Shows `value` (null: unknown) of 1, the threshold at `at`, and says it in words. */
export function setMeter(svg, value, at, said, level = "") {
  attr(svg.bar, "width", Math.min(100, Math.max(0, (value ?? 0) * 100)).toFixed(1));
  attr(svg.mark, "x1", at === null ? null : at * 100);
  attr(svg.mark, "x2", at === null ? null : at * 100);
  attr(svg.mark, "visibility", at === null ? "hidden" : null);
  attr(svg, "data-level", level);
  attr(svg, "aria-label", `${svg.label}: ${said}`);
}

const RIBBONS = ["unhealthy", "rate_limited", "degraded"];

/** A line over the last samples, with a ribbon under it where the status was not good. */
export function spark(width = 120, height = 30) {
  const svg = h("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" },
    h("path", { class: "area" }), h("path", { class: "line" }), RIBBONS.map((status) => h("path", { "data-status": status, class: "ribbon" })));
  return Object.assign(svg, { span: width, tall: height });
}

/** Draws `values` (null: a gap), newest at the right edge; `statuses` are indexes into the list of statuses. */
export function setSpark(svg, values, said, statuses = [], floor = 0) {
  const { span: width, tall: height } = svg;
  const top = Math.max(floor, ...values.map((value) => value ?? 0)) * 1.1 || 1;
  const x = (i) => width - values.length + i + 0.5;
  const y = (value) => (height - 5 - (value / top) * (height - 8)).toFixed(1);
  let line = "";
  let area = "";
  let from = null;
  values.forEach((value, i) => {
    if (value !== null) {
      line += `${from === null ? "M" : "L"}${x(i)} ${y(value)}`;
      from ??= i;
    }
    const ends = value === null ? i - 1 : i === values.length - 1 ? i : null;
    if (from !== null && ends !== null) {
      area += `M${x(from)} ${height - 5}`;
      for (let j = from; j <= ends; j++) area += `L${x(j)} ${y(values[j])}`;
      area += `L${x(ends)} ${height - 5}Z`;
      from = null;
    }
  });
  attr(svg.children[0], "d", area);
  attr(svg.children[1], "d", line);
  RIBBONS.forEach((_, rank) => {
    let d = "";
    statuses.forEach((status, i) => (d += status === rank ? `M${x(i) - 0.5} ${height - 2}h1` : ""));
    attr(svg.children[2 + rank], "d", d);
  });
  attr(svg, "aria-label", said);
}

/** A list of facts: `facts([["in flight", "2 of 64"], …])`; facts whose value is null are left out. */
export function facts(pairs, className = "facts") {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined);
  return h("dl", { class: className }, shown.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
}

/** Where rows go: `body` in a table with a caption for those who do not see where it stands. */
export function frame(caption, columns, body, className) {
  const head = h("tr", null, columns.map((name) => h("th", { scope: "col" }, name)));
  const node = h("table", { class: className }, h("caption", { class: "unseen" }, caption), h("thead", null, head), body);
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, node);
}

export function table(caption, columns, rows) {
  const body = rows.map((cells) => h("tr", null, cells.map((cell, i) => h(i ? "td" : "th", i ? null : { scope: "row" }, cell))));
  return frame(caption, columns, h("tbody", null, body));
}

/** A box with a title of its own. */
export const panel = (title, ...children) => h("section", { class: "panel" }, h("div", { class: "head" }, h("h2", null, title)), children);

/** A field that filters a list. */
export const search = (placeholder, props) => h("input", { type: "search", placeholder, "aria-label": placeholder, ...props });

/** What was typed, as lists are filtered by it. */
export const wantedOf = (field) => field.value.trim().toLowerCase();

/** How to get the same on a command line; the token is there where this page has one. */
export function curl(path, extra = "") {
  const url = String(new URL(path, document.baseURI)).replaceAll("'", "%27");
  return h("p", { class: "curl" }, h("code", null, "curl ", h("span", { class: "with-token" }, `-H "Authorization: Bearer $TOKEN" `), `${extra}'${url}'`));
}

export const button = (label, onclick, props = {}) => h("button", { type: "button", onclick, ...props }, label);

export const empty = (...what) => h("p", { class: "empty" }, ...what);

/** A colour of the theme as canvases want it: by value. Asked anew only when the theme is another. */
export function colour(name) {
  const look = valueOf("--ink");
  if (painted.look !== look) painted = { look };
  return (painted[name] ??= valueOf(name));
}

let painted = {};
const probe = h("span", { hidden: true });

function valueOf(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}
