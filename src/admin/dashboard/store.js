// What the page knows, kept up to date by frames. Every list has a bound: a tab that is open for a week is as
// large as one that was opened a minute ago.

import { instant } from "./ui.js";

export class Ring {
  #names;
  #columns;
  #at = 0;
  length = 0;

  constructor(most, names) {
    this.#names = names;
    // Seconds since 1970 need the precision of doubles; the rest does not.
    this.#columns = names.map((name) => new (name === "at" ? Float64Array : Float32Array)(most));
  }

  /** Adds one sample of each series; unknown (null) is NaN inside. */
  push(values) {
    const most = this.#columns[0].length;
    this.#columns.forEach((column, i) => (column[this.#at] = values[i] ?? NaN));
    this.#at = (this.#at + 1) % most;
    this.length = Math.min(this.length + 1, most);
  }

  /** The last `n` samples of a series, oldest first; null where unknown. */
  last(name, n = this.length) {
    const column = this.#columns[this.#names.indexOf(name)];
    const most = column.length;
    const wanted = Math.min(n, this.length);
    return Array.from({ length: wanted }, (_, i) => {
      const value = column[(this.#at - wanted + i + most) % most];
      return Number.isNaN(value) ? null : value;
    });
  }
}

/** Bounds, in entries. */
export const MOST = { requests: 1000, events: 2000, alerts: 100 };
/** Samples kept, one a second: two minutes for a sparkline, fifteen for a chart. */
export const SPARK = 120;
export const CHART = 900;

/** From worst to best: how endpoints are sorted and what the verdict counts. */
export const STATUSES = ["unhealthy", "rate_limited", "degraded", "unknown", "disabled", "healthy"];

export const keyOf = (it) => `${it.endpoint}\u0000${it.model}`;

export class Store extends EventTarget {
  ready = false;
  state = null;
  traffic = {};
  endpoints = [];
  actors = [];
  alerts = [];
  events = [];
  requests = [];
  /** History of each endpoint by key, and of the traffic. */
  rings = new Map();
  flow = new Ring(CHART, ["at", "rps", "errors", "p95"]);
  /** Messages of each actor at the last frame, and what that makes a second. */
  #mail = new Map();
  /** The gateway's clock minus ours, in milliseconds. */
  #skew = 0;

  /** Now, by the gateway's clock. */
  now() {
    return Date.now() + this.#skew;
  }

  find(key) {
    return this.endpoints.find((it) => keyOf(it) === key) ?? null;
  }

  apply(frame) {
    const at = instant(frame.timestamp);
    if (at) this.#skew = at - Date.now();
    switch (frame.type) {
      case "init":
        this.#init(frame.state, at);
        break;
      case "health_update":
        this.#health(frame, at);
        break;
      case "status_change":
      case "config_reload":
        this.#event({ ...frame, kind: frame.type, at: frame.at ?? frame.timestamp });
        break;
      case "draining":
        if (this.state) this.state.draining = true;
        break;
      case "alert":
        this.#alert(frame);
        break;
      case "request":
        push(this.requests, frame, MOST.requests);
        break;
    }
    this.dispatchEvent(new CustomEvent("changed", { detail: frame }));
  }

  #init(state, at) {
    this.ready = true;
    this.state = state;
    this.alerts = (state.alerts ?? []).slice(0, MOST.alerts);
    this.events = (state.events ?? []).slice(-MOST.events);
    this.#health(state, at ?? instant(state.now));
  }

  #health(frame, at) {
    this.traffic = frame.traffic ?? this.traffic;
    this.endpoints = frame.endpoints ?? this.endpoints;
    if (frame.actors) this.#actors(frame.actors, at);
    for (const name of ["reload", "generation", "config_sha", "draining"]) {
      if (frame[name] !== undefined && this.state) this.state[name] = frame[name];
    }
    const { requests_per_second: rps, error_ratio: errors, p95_ms: p95 } = this.traffic;
    this.flow.push([at / 1000, rps, errors, p95]);
    const seen = new Set();
    for (const it of this.endpoints) {
      const key = keyOf(it);
      seen.add(key);
      let ring = this.rings.get(key);
      if (!ring) this.rings.set(key, (ring = new Ring(CHART, ["at", "latency", "failures", "in_flight", "status"])));
      ring.push([at / 1000, it.latency_ms, it.breaker?.failure_ratio, it.in_flight, STATUSES.indexOf(it.status)]);
    }
    for (const key of this.rings.keys()) if (!seen.has(key)) this.rings.delete(key);
  }

  #actors(actors, at) {
    const before = this.#mail;
    this.#mail = new Map();
    for (const it of actors) {
      const key = `${it.actor} ${it.name}`;
      const last = before.get(key);
      const apart = last ? (at - last.at) / 1000 : 0;
      it.rate = apart > 0.2 ? Math.max(0, it.messages - last.messages) / apart : (last?.rate ?? null);
      this.#mail.set(key, { at, messages: it.messages, rate: it.rate });
    }
    this.actors = actors;
  }

  #event(event) {
    push(this.events, event, MOST.events);
    if (event.kind === "status_change") return this.#change(event);
    const { ok, generation, source, problems = [] } = event;
    if (!this.state) return;
    this.state.reload = { ok, at: event.at, source: source ?? null, problems };
    if (ok) this.state.generation = generation;
  }

  /** Shown at once: the numbers that go with it come within a second. */
  #change({ at, to, state, reason, ...of }) {
    const it = this.find(keyOf(of));
    if (!it) return;
    Object.assign(it, { status: to, status_since: at, reason });
    if (it.breaker.state !== state) Object.assign(it.breaker, { state, open_until: null });
  }

  #alert(alert) {
    const at = this.alerts.findIndex((it) => it.id === alert.id);
    if (at >= 0) this.alerts[at] = alert;
    else this.alerts = [alert, ...this.alerts];
    // What goes on is the last to be forgotten.
    if (this.alerts.length > MOST.alerts) this.alerts.splice(this.alerts.findLastIndex((it) => it.resolved_at), 1);
  }
}

function push(list, item, most) {
  list.push(item);
  // A tenth at once: shifting a long list for each entry of a storm costs more than the entry.
  if (list.length > most) list.splice(0, Math.ceil(most / 10));
}
