// The WebSocket: connects, reconnects with backoff, and knows when what is on the screen is old.

import { ask, Refused, token } from "./api.js";

/** First and longest wait between two attempts to connect, in milliseconds. */
const BACKOFF = { first: 500, most: 10_000 };
/** What may be a subprotocol, as `bearer.TOKEN` must be: a token of RFC 9110. */
const HEAD = /^[\w!#$%&'*+.^`|~-]+$/;
/** The gateway speaks once a second. After `late` without a word the page says so; after `lost` it connects anew. */
const SILENCE = { late: 4_000, lost: 12_000 };

export class Link extends EventTarget {
  /** connecting | live | late | waiting | locked */
  state = "connecting";
  /** When the last frame came, and when the next attempt is due. */
  lastFrame = null;
  nextTry = null;
  /** What the gateway said as it last refused; empty where it said nothing. */
  refusal = "";
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
    if (!(await this.#isLetIn("api/alerts"))) return;
    const url = new URL("ws", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    const shown = token.get();
    // Who shows it in the head needs no seat before the door; not every token may stand there.
    const inHead = shown !== null && HEAD.test(shown);
    const socket = new WebSocket(url, inHead ? ["breakerbox", `bearer.${shown}`] : []);
    let opened = false;
    this.#socket = socket;
    socket.onopen = () => {
      opened = true;
      if (shown && !inHead) this.send({ action: "auth", token: shown });
    };
    socket.onmessage = (event) => this.#receive(event);
    socket.onclose = async ({ reason }) => {
      if (socket !== this.#socket) return;
      if (opened) this.#again(reason);
      else if (await this.#isLetIn("ws", socket)) this.#again();
    };
  }

  /** Asks `path`, unless `socket` is not the latest by then; where the gateway refuses, it waits or locks. */
  async #isLetIn(path, socket = this.#socket) {
    try {
      await ask(path);
    } catch (error) {
      if (socket !== this.#socket) return false;
      if (error.status === 401) this.#lock();
      else if (error.code === "not_a_websocket") this.#again("no WebSocket comes through to it");
      else if (error instanceof Refused) this.#again(error.message, error.retryAfter);
      else this.#again();
      return false;
    }
    return socket === this.#socket;
  }

  #receive(event) {
    const frame = JSON.parse(event.data);
    this.lastFrame = Date.now();
    this.#failures = 0;
    this.refusal = "";
    this.#to("live");
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }

  #again(refusal = "", seconds = 0) {
    this.#drop();
    this.refusal = refusal;
    const most = Math.min(BACKOFF.most, BACKOFF.first * 2 ** this.#failures++);
    // Jitter: many open pages must not all come back in the same moment.
    const wait = seconds * 1000 + most * (0.5 + Math.random() / 2);
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
