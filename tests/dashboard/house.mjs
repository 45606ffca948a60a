// What the checks share: a gateway and its providers as processes, a browser, and checks that run one after another.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const BINARY = process.env.BREAKERBOX_BINARY;
const CHROMIUM = execFileSync("sh", ["-c", "command -v chromium"]).toString().trim();
/** Longest that anything may take to come about before a check counts as failed, in milliseconds. */
export const PATIENCE = 30_000;

/** Runs every check, tells of each that fails, and exits 1 if one did. */
export async function run(checks) {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    const house = new House();
    try {
      await check(house);
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${error.stack}\n${house.logs()}`);
    } finally {
      await house.close();
    }
  }
  process.exit(failed ? 1 : 0);
}

/** Waits until `check` returns something true; *returns* that. */
export async function eventually(what, check, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const value = await check();
    if (value) return value;
    assert(Date.now() < end, `not within ${patience} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** A port that is free, and not one of those that a kernel gives to whoever asks for any. */
async function free() {
  for (;;) {
    const port = randomInt(20_000, 32_768);
    const server = createServer().listen(port, "127.0.0.1");
    const found = await once(server, "listening").then(() => true, () => false);
    if (!found) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

/** A name that the browser finds here, as it would find a gateway of one's network. */
export const NAME = "gateway.test";

/** Chromium does without what a test machine lacks, and calls nobody. */
const FLAGS = [`--host-resolver-rules=MAP ${NAME} 127.0.0.1`, "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export class House {
  folder = mkdtempSync(join(tmpdir(), "breakerbox-dashboard-"));
  /** Running processes by name, with what they wrote. */
  #processes = new Map();
  #browser = null;
  #pages = [];
  #ports = {};

  async port(name) {
    return (this.#ports[name] ??= await free());
  }

  /** A simulated provider, with a script of its own. */
  async provider(name, script = "{}") {
    const file = this.write(`${name}.yaml`, script);
    const port = await this.port(name);
    this.spawn(name, ["upstream", "--listen", `127.0.0.1:${port}`, "--script", file]);
    await listening(port);
  }

  /** An endpoint's lines in a configuration; `rest` is more of them. */
  async endpoint(name, model = "m", rest = "") {
    return `  - { name: ${name}, provider: openai-compatible, base_url: "http://127.0.0.1:${await this.port(name)}/v1", api_key: secret-of-${name}, models: [${model}]${rest} }\n`;
  }

  /** Writes the gateway's configuration and starts it; `more` is what the file has beside the usual. */
  async gateway(endpoints, more = "", admin = "") {
    await this.configure(endpoints, more, admin);
    await this.start();
  }

  async configure(endpoints, more = "", admin = "") {
    const [data, own] = [await this.port("data"), await this.port("admin")];
    this.file = this.write("breakerbox.yaml", `server: { listen: "127.0.0.1:${data}", workers: 1 }\nadmin: { listen: "127.0.0.1:${own}"${admin} }\nprobe: { kind: none }\nbreaker: { failure_threshold: 3, recovery_timeout: 60s }\nrouting: { queue: { max_wait: 0s } }\n${more}endpoints:\n${endpoints}`);
    this.url = `http://127.0.0.1:${own}/`;
  }

  async start() {
    this.spawn("gateway", ["serve", "--config", this.file]);
    await listening(await this.port("admin"));
  }

  spawn(name, args) {
    const child = spawn(BINARY, args, { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env.PATH } });
    const lines = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => lines.push(String(data)));
    this.#processes.set(name, { child, lines });
  }

  /** Ends a process and waits for its end. */
  async stop(name, signal = "SIGKILL") {
    const { child } = this.#processes.get(name);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  signal(name, signal) {
    this.#processes.get(name).child.kill(signal);
  }

  write(name, text) {
    const file = join(this.folder, name);
    writeFileSync(file, text);
    return file;
  }

  /** One request to the gateway; *returns* its answer. */
  async ask(model = "m", headers = {}) {
    const body = JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] });
    const answer = await fetch(`http://127.0.0.1:${await this.port("data")}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
    await answer.text();
    return answer;
  }

  /** What the admin API answers. */
  async api(path, options = {}) {
    const answer = await fetch(new URL(path, this.url), options);
    return answer.json();
  }

  /** Opens the dashboard in a tab of its own, which must not complain of anything. `before(page)` runs first. */
  async open({ hash = "", before = null, may = [], ...context } = {}) {
    this.#browser ??= await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    const page = await this.#browser.newPage({ viewport: { width: 1440, height: 1000 }, ...context });
    page.setDefaultTimeout(PATIENCE);
    page.complaints = [];
    this.#pages.push(page);
    const note = (text) => may.some((it) => it.test(text)) || page.complaints.push(text);
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && note(`${message.text()} ${message.location().url}`));
    page.on("pageerror", (error) => note(error.stack));
    page.on("dialog", (dialog) => note(`a dialog: ${dialog.message()}`) && dialog.dismiss());
    await page.addInitScript(() => addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)));
    await before?.(page);
    await page.goto(this.url + hash);
    return page;
  }

  /** What the pages complained of, and the last lines of every process. */
  logs() {
    const pages = this.#pages.map((page) => `--- the page\n${page.complaints.join("\n")}`);
    const processes = [...this.#processes].map(([name, { lines }]) => `--- ${name}\n${lines.join("").split("\n").slice(-30).join("\n")}`);
    return [...pages, ...processes].join("\n");
  }

  async close() {
    await this.#browser?.close();
    for (const name of this.#processes.keys()) await this.stop(name);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits until somebody takes connections at `port`. */
const listening = (port) => eventually(`nobody listens at ${port}`, () => fetch(`http://127.0.0.1:${port}/livez`).then(() => true, () => false));

/** The card of an endpoint. */
export const card = (page, name) => page.locator(".cards .card").filter({ has: page.getByRole("button", { name, exact: true }) });

/** Waits until the page is live. */
export const live = (page) => page.locator('#link[data-state="live"]').waitFor();

export const quiet = (page) => assert.deepEqual(page.complaints, []);
