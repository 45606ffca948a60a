// The breakers of all endpoints over time, as on an oscilloscope: a thin line is well, a tall block is not.

import { keyOf } from "./store.js";
import { $, attr, button, chip, clock, colour, count, curl, fill, h, instant, moment, span, table, text, words } from "./ui.js";

const RANGES = [["5 m", 300], ["15 m", 900], ["1 h", 3600], ["6 h", 21_600], ["24 h", 86_400]];
/** How much of a row's height a state takes, and its colour. */
const LOOKS = {
  unhealthy: [1, "--red"], half_open: [0.8, "--red"], rate_limited: [0.62, "--violet"],
  degraded: [0.45, "--amber"], disabled: [0.3, "--dim"], unknown: [0.06, "--dim"], healthy: [0.12, "--green"],
};
/** Longest label, in pixels; rows that are listed without asking. */
const LABEL = 150;
const MANY = 16;
const CHANGES = 50;

const choice = { seconds: Number(localStorage.getItem("breakerbox.range")) || 900, all: null };
let parts = null;
let spots = [];

export function setUp(again) {
  const canvas = h("canvas", { role: "img" });
  const tip = h("div", { class: "tip", hidden: true });
  const note = h("p", { class: "hint" });
  const rows = button("", () => again((choice.all = !choice.all)));
  const ranges = RANGES.map(([name, seconds]) => button(name, () => {
    localStorage.setItem("breakerbox.range", (choice.seconds = seconds));
    again();
  }, { class: "range" }));
  const changes = h("div");
  const details = h("details", { class: "changes", ontoggle: again }, h("summary", null, "List of changes"), changes);
  fill($("timeline-controls"), rows, h("div", { class: "segments", role: "group", "aria-label": "Range" }, ranges));
  fill($("timeline"), h("div", { class: "canvas" }, canvas, tip), note, details, curl("api/status"));
  canvas.addEventListener("mousemove", (event) => point(event, tip, canvas));
  canvas.addEventListener("mouseleave", () => attr(tip, "hidden", true));
  parts = { canvas, note, rows, ranges, changes, details };
}

/** *Returns* what each endpoint was, as [{ from, to, look, reason }], oldest first, and the reloads. */
export function segments(store, start, end) {
  const rows = new Map(store.endpoints.map((it) => [keyOf(it), []]));
  const marks = [];
  for (const event of store.events) {
    const at = instant(event.at);
    if (event.kind === "config_reload") {
      if (at >= start) marks.push({ at, event });
      continue;
    }
    const row = rows.get(keyOf(event));
    if (!row) continue;
    const before = row.at(-1);
    if (before) before.to = at;
    else row.push({ from: -Infinity, to: at, look: event.from, reason: "" });
    row.push({ from: at, to: end, look: event.state === "half_open" ? "half_open" : event.to, reason: event.reason ?? "" });
  }
  for (const it of store.endpoints) {
    const row = rows.get(keyOf(it));
    const look = it.breaker.state === "half_open" ? "half_open" : it.status;
    if (!row.length) row.push({ from: instant(it.status_since) ?? -Infinity, to: end, look, reason: it.reason ?? "" });
    // The list of events is short of what is older than it; the state as it is now is always known.
    else if (row.at(-1).look !== look) row.at(-1).look = look;
  }
  return { rows, marks };
}

export function render(store) {
  const { canvas, note, rows: toggle, ranges, changes, details } = parts;
  const end = store.now();
  const start = end - choice.seconds * 1000;
  const { rows, marks } = segments(store, start, end);
  const moved = (key) => rows.get(key).some((part) => part.to > start && !["healthy", "unknown"].includes(part.look));
  const all = choice.all ?? store.endpoints.length <= MANY;
  const sorted = [...store.endpoints].sort((a, b) => a.endpoint.localeCompare(b.endpoint) || a.model.localeCompare(b.model));
  const shown = all ? sorted : sorted.filter((it) => moved(keyOf(it)));
  ranges.forEach((node, i) => attr(node, "aria-pressed", String(RANGES[i][1] === choice.seconds)));
  attr(toggle, "hidden", store.endpoints.length <= MANY);
  text(toggle, all ? "Only those with trouble" : "All endpoints");
  const well = sorted.length - shown.length;
  text(note, well && !all ? `${shown.length ? `The other ${count(well, "endpoint")}` : `All ${count(well, "endpoint")}`} had no trouble in this time.` : "");
  draw(canvas, shown, rows, marks, start, end);
  const troubled = sorted.filter((it) => moved(keyOf(it)));
  const name = (it) => `${it.endpoint} ${it.model}`;
  attr(canvas, "aria-label", `Breakers over ${RANGES.find(([, s]) => s === choice.seconds)?.[0]}: ${troubled.length ? `trouble at ${troubled.slice(0, 10).map(name).join(", ")}` : "no trouble"}; ${count(marks.length, "reload")}. The list of changes has the same as text.`);
  if (details.open) list(changes, store);
}

function list(box, store) {
  const latest = store.events.slice(-CHANGES).reverse();
  const mark = `${store.events.length} ${latest[0]?.at} ${latest[0]?.endpoint}`;
  if (box.mark === mark) return;
  box.mark = mark;
  const now = store.now();
  const rows = latest.map((it) => it.kind === "config_reload"
    ? [moment(instant(it.at), now), "configuration", it.ok ? `generation ${it.generation}` : "reload refused", it.changes.map((change) => change.text).join("; ")]
    : [moment(instant(it.at), now), `${it.endpoint} ${it.model}`, h("span", { class: "change" }, chip(it.from), " → ", chip(it.to)), it.reason ?? ""]);
  fill(box, table("The latest changes", ["When", "What", "Change", "Why"], rows));
}

function draw(canvas, shown, rows, marks, start, end) {
  const width = canvas.parentElement.clientWidth;
  if (width < 50) return;
  const tall = shown.length > 24 ? 15 : 22;
  const label = width < 560 ? 96 : width < 900 ? LABEL : LABEL * 1.3;
  const height = Math.max(1, shown.length) * tall + 22;
  const scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const c = canvas.getContext("2d");
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, width, height);
  c.font = `${tall > 20 ? 12 : 11}px system-ui, sans-serif`;
  c.textBaseline = "middle";
  const x = (at) => label + ((Math.max(at, start) - start) / (end - start)) * (width - label);
  axis(c, start, end, x, height);
  spots = [];
  shown.forEach((it, i) => {
    const top = i * tall + 3;
    const room = tall - 6;
    c.fillStyle = colour("--dim");
    c.fillText(clip(c, `${it.endpoint} ${it.model}`, label - 10), 0, top + room / 2 + 1);
    for (const part of rows.get(keyOf(it))) {
      if (part.to < start) continue;
      const [share, name] = LOOKS[part.look] ?? LOOKS.unknown;
      const [left, high] = [x(part.from), Math.max(1.5, room * share)];
      const wide = Math.max(1.5, x(part.to) - left);
      c.fillStyle = part.look === "half_open" ? hatch(c, colour(name)) : colour(name);
      c.fillRect(left, top + room - high, wide, high);
      spots.push({ left, right: left + wide, top: i * tall, bottom: (i + 1) * tall, it, part });
    }
  });
  for (const { at, event } of marks) mark(c, x(at), event, height);
}

function axis(c, start, end, x, height) {
  const seconds = (end - start) / 1000;
  const step = [60, 180, 900, 3600, 14_400].find((s) => seconds / s <= 8) * 1000;
  c.textAlign = "center";
  for (let at = Math.ceil(start / step) * step; at < end; at += step) {
    c.fillStyle = colour("--line");
    c.fillRect(Math.round(x(at)), 0, 1, height - 20);
    c.fillStyle = colour("--dim");
    const edge = end - at < (end - start) / 40;
    if (!edge) c.fillText(clock(at).slice(0, 5), x(at), height - 8);
  }
  c.textAlign = "left";
}

function mark(c, at, event, height) {
  c.strokeStyle = c.fillStyle = colour(event.ok ? "--blue" : "--red");
  c.setLineDash([3, 3]);
  c.beginPath();
  c.moveTo(at, 0);
  c.lineTo(at, height - 20);
  c.stroke();
  c.setLineDash([]);
  c.beginPath();
  c.moveTo(at - 4, height - 20);
  c.lineTo(at + 4, height - 20);
  c.lineTo(at, height - 27);
  c.fill();
  spots.push({ left: at - 5, right: at + 5, top: height - 30, bottom: height, event });
}

let hatched = {};
function hatch(c, paint) {
  if (hatched.paint === paint) return hatched.pattern;
  const tile = Object.assign(document.createElement("canvas"), { width: 6, height: 6 });
  const t = tile.getContext("2d");
  t.strokeStyle = paint;
  t.lineWidth = 2;
  t.beginPath();
  t.moveTo(-1, 7);
  t.lineTo(7, -1);
  t.stroke();
  hatched = { paint, pattern: c.createPattern(tile, "repeat") };
  return hatched.pattern;
}

function clip(c, label, room) {
  if (c.measureText(label).width <= room) return label;
  let end = label.length;
  while (end > 1 && c.measureText(`${label.slice(0, end)}…`).width > room) end--;
  return `${label.slice(0, end)}…`;
}

function point(event, tip, canvas) {
  const { left, top, width } = canvas.getBoundingClientRect();
  const [x, y] = [event.clientX - left, event.clientY - top];
  const spot = spots.findLast((it) => x >= it.left && x <= it.right && y >= it.top && y < it.bottom);
  attr(tip, "hidden", !spot);
  if (!spot) return;
  const { it, part, event: reload } = spot;
  if (reload) text(tip, `${clock(instant(reload.at))}: ${reload.ok ? `generation ${reload.generation} in force` : "reload refused"}`);
  else {
    const from = Number.isFinite(part.from) ? `${clock(part.from)} – ` : "until ";
    const lasted = Number.isFinite(part.from) ? ` (${span(part.to - part.from)})` : "";
    text(tip, `${it.endpoint} ${it.model}: ${words(part.look)}, ${from}${clock(part.to)}${lasted}${part.reason ? `. ${part.reason}` : ""}`);
  }
  tip.style.left = `${Math.min(x + 12, Math.max(0, width - 280))}px`;
  tip.style.top = `${y + 16}px`;
}
