// One endpoint in the drawer, and charts over time, drawn by uPlot (vendored).

import { drawer } from "./dialogs.js";
import { makeCard } from "./endpoints.js";
import { keyOf } from "./store.js";
import { chip, colour, curl, empty, facts, fill, h, instant, latency, moment, number, percent, span, table, text, words } from "./ui.js";

/**
 * A chart in `box` that fits its width. `series`: [{ label, colour, scale, fill, dash }]; `scales`: by name
 * { show: how a value reads, side: 1 right | 3 left }. `tell(words)` is called with what is under the cursor.
 */
export class Chart {
  #box;
  #spec;
  #plot = null;
  #look = "";

  constructor(box, spec) {
    this.#box = box;
    this.#spec = spec;
    new ResizeObserver(() => this.#fit()).observe(box);
  }

  draw(columns) {
    // Colours are painted, not styled: another theme is another chart.
    const look = colour("--ink") + colour("--line");
    if (!this.#plot || look !== this.#look) {
      this.#plot?.destroy();
      this.#plot = new uPlot(this.#options(), columns, this.#box);
      this.#look = look;
    } else this.#plot.setData(columns);
    this.#tell();
  }

  destroy() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #fit() {
    const width = Math.floor(this.#box.clientWidth);
    if (this.#plot && width > 50 && width !== this.#plot.width) this.#plot.setSize({ width, height: this.#spec.height });
  }

  #options() {
    const { series, scales, height } = this.#spec;
    const line = { stroke: colour("--line"), width: 1 };
    const text = { stroke: colour("--dim"), font: "12px system-ui, sans-serif" };
    const names = Object.keys(scales);
    return {
      width: Math.max(50, Math.floor(this.#box.clientWidth)),
      height,
      legend: { show: false },
      cursor: { y: false, points: { size: 7 } },
      // Two minutes at the least: a page that has just been opened does not stretch seconds into mountains.
      scales: { x: { time: true, range: (_, low, high) => [Math.min(low, high - 120), high] }, ...Object.fromEntries(names.map((name) => [name, { range: (_, _low, high) => [0, Math.max(scales[name].floor, high * 1.15 || 0)] }])) },
      axes: [
        { ...text, grid: { show: false }, ticks: line, space: 90, values: [[1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1]].reverse() },
        ...names.map((name) => ({ ...text, scale: name, side: scales[name].side, size: 58, space: 36, grid: scales[name].side === 3 ? line : { show: false }, ticks: { show: false }, values: (_, all) => all.map(scales[name].show) })),
      ],
      series: [{}, ...series.map((it) => ({ label: it.label, scale: it.scale, stroke: colour(it.colour), width: 1.6, fill: it.fill ? colour(it.fill) : undefined, dash: it.dash, points: { show: false }, spanGaps: false }))],
      hooks: { setCursor: [() => this.#tell()] },
    };
  }

  #tell() {
    const plot = this.#plot;
    if (!plot || !this.#spec.tell) return;
    const at = plot.cursor.idx ?? plot.data[0].length - 1;
    const told = this.#spec.series.map((it, i) => `${it.label} ${this.#spec.scales[it.scale].show(plot.data[i + 1][at])}`);
    this.#spec.tell(told.join(" · "), plot.data[0][at] ?? null);
  }
}

export const trafficChart = (box, tell) =>
  new Chart(box, {
    height: 190,
    tell,
    scales: { rps: { side: 3, floor: 1, show: (value) => (value === null ? "–" : `${number(value)}/s`) }, ms: { side: 1, floor: 10, show: latency } },
    series: [
      { label: "requests", colour: "--blue", fill: "--blue-soft", scale: "rps" },
      { label: "failing", colour: "--red", fill: "--red-soft", scale: "rps" },
      { label: "p95", colour: "--amber", scale: "ms", dash: [4, 3] },
    ],
  });

export const endpointChart = (box, tell) =>
  new Chart(box, {
    height: 200,
    tell,
    scales: { ms: { side: 3, floor: 10, show: latency }, share: { side: 1, floor: 1, show: percent } },
    series: [
      { label: "latency", colour: "--blue", fill: "--blue-soft", scale: "ms" },
      { label: "failures", colour: "--red", scale: "share" },
      { label: "opens at", colour: "--dim", scale: "share", dash: [5, 4] },
    ],
  });

/** Changes shown, newest first. */
const CHANGES = 30;

export function openEndpoint(store, key, actions) {
  const first = store.find(key);
  if (!first) return;
  const card = makeCard(first, { ...actions, open: () => {} });
  const box = h("div", { class: "chart" });
  const hint = h("p", { class: "hint" });
  const chart = endpointChart(box, (told) => text(hint, told));
  const more = h("div");
  const changes = h("div");
  const gone = h("p", { class: "hint" });
  let shown = null;
  function update() {
    const it = store.find(key);
    if (!it) return text(gone, "This endpoint has left the configuration.");
    card.show(it, store);
    const ring = store.rings.get(key);
    if (ring) {
      const at = ring.last("at");
      chart.draw([at, ring.last("latency"), ring.last("failures"), at.map(() => it.breaker.failure_rate)]);
    }
    fill(more, numbers(it, store.now()));
    const own = store.events.filter((event) => event.kind === "status_change" && keyOf(event) === key).slice(-CHANGES).reverse();
    const mark = `${own.length} ${own[0]?.at}`;
    if (mark !== shown) fill(changes, own.length ? history(own, store.now()) : empty("No change since the gateway started."));
    shown = mark;
  }
  const node = drawer(`${first.endpoint} · ${first.model}`, (body) => {
    fill(body, gone, card, h("h3", null, "Fifteen minutes"), hint, box, h("h3", null, "Numbers"), more, h("h3", null, "Changes"), changes, curl(`api/endpoints/${encodeURIComponent(first.endpoint)}`));
  }, update);
  node.classList.add("one");
  node.addEventListener("close", () => chart.destroy());
  update();
}

function numbers(it, now) {
  const { breaker } = it;
  const since = instant(it.status_since);
  return facts([
    ["status for", since ? span(now - since) : null],
    ["weight", number(it.weight)],
    ["share of traffic", it.share === null ? null : percent(it.share)],
    ["fallbacks", it.fallbacks.join(", ") || "none"],
    ["credits lent to workers", it.credits === null ? "no limit" : number(it.credits)],
    ["opened because of", breaker.cause && words(breaker.cause)],
    ["opens at", `${number(breaker.failure_threshold)} failures in a row, or ${percent(breaker.failure_rate)} of ${number(breaker.min_requests)} or more`],
    ["closes after", `${number(breaker.half_open_requests)} good trials`],
    ["failed trials", breaker.failed_trials ? number(breaker.failed_trials) : null],
  ], "numbers");
}

function history(events, now) {
  const rows = events.map((it) => [moment(instant(it.at), now), h("span", { class: "change" }, chip(it.from), " → ", chip(it.to)), it.reason ?? ""]);
  return table("Changes of this endpoint", ["When", "Change", "Why"], rows);
}
