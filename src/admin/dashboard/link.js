// The WebSocket: connects, reconnects with backoff, and knows when what is on the screen is old.

import { ask, Refused, token } from "./api.js";

/** First and longest wait between two attempts to connect, in milliseconds. */
const BACKOFF = { first: 500, most: 10_000 };
/** The gateway speaks once a second. After `late` without a word the page says so; after `lost` it connects anew. */
const SILENCE = { late: 4_000, lost: 12_000 };

export class Link extends EventTarget {
  /** connecting | live | late | waiting | locked */
  state = "connecting";
  /** When the last frame came, and when the next attempt is due. */
  lastFrame = null;
  nextTry = null;
  #socket = null;
  #failures = 0;
  #timer = null;

  start() {
    setInterval(() => this.#watch(), 500);
    // A laptop that wakes up, or a network that comes back: no reason to wait out the backoff.
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
    this.#connect();
  }

  /** Tries at once if it is waiting. */
  retry() {
    if (this.state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  /** Tries anew with the token that has just been given. */
  unlock() {
    this.#failures = 0;
    this.#connect();
  }

  /** *Returns* whether it could be sent. */
  send(message) {
    const open = this.#socket?.readyState === WebSocket.OPEN;
    if (open) this.#socket.send(JSON.stringify(message));
    return open;
  }

  async #connect() {
    this.#to("connecting");
    // A browser does not tell a page why an upgrade was refused; a plain request does.
    try {
      await ask("api/alerts");
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return this.#lock();
      return this.#again();
    }
    const url = new URL("ws", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => token.get() && this.send({ action: "auth", token: token.get() });
    socket.onmessage = (event) => this.#receive(event);
    socket.onclose = () => socket === this.#socket && this.#again();
  }

  #receive(event) {
    const frame = JSON.parse(event.data);
    this.lastFrame = Date.now();
    this.#failures = 0;
    this.#to("live");
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }

  #again() {
    this.#drop();
    const most = Math.min(BACKOFF.most, BACKOFF.first * 2 ** this.#failures++);
    // Jitter: many open pages must not all come back in the same moment.
    const wait = most * (0.5 + Math.random() / 2);
    this.nextTry = Date.now() + wait;
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#to("waiting");
  }

  #lock() {
    this.#drop();
    token.forget();
    this.#to("locked");
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#timer);
    socket?.close();
  }

  #watch() {
    if (this.state !== "live" && this.state !== "late") return;
    const silent = Date.now() - this.lastFrame;
    if (silent > SILENCE.lost) this.#again();
    else this.#to(silent > SILENCE.late ? "late" : "live");
  }

  #to(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
