// What an operator reads at night: what was counted against what, when it is tried again, what else there is; and the curl for it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { card, eventually, live, quiet, run } from "./house.mjs";

const rewrite = (house, from, to) => {
  const text = readFileSync(house.file, "utf8");
  assert(text.includes(from), text);
  writeFileSync(house.file, text.replace(from, to));
};

/** The value beside a name in what an alert has counted. */
const counted = (alert, name) => alert.locator(".evidence div").filter({ has: alert.page().getByText(name, { exact: true }) }).locator("dd");

await run({
  async "an alert has the threshold that was reached, what was counted, and when it is tried again"(house) {
    await house.provider("pinged");
    const pings = ", probe: { kind: models, interval: 100ms, interval_open: 100ms, unhealthy_threshold: 4 }";
    await house.gateway((await house.endpoint("asked")) + (await house.endpoint("pinged", "other", pings)));
    const page = await house.open();
    await live(page);
    for (let i = 0; i < 3; i++) await house.ask();
    const alert = (name) => page.locator("#alerts > .alerts li").filter({ has: page.getByRole("button", { name: new RegExp(`^${name} `) }) });
    const asked = alert("asked");
    await asked.getByText("What was counted").click();
    assert.equal(await counted(asked, "breaker.failure threshold").textContent(), "3");
    assert.equal(await counted(asked, "counted failures").textContent(), "3");
    await asked.locator(".retry").getByText(/^retry in \d+/).waitFor();
    // Of pings it is another one.
    await house.stop("pinged");
    const pinged = alert("pinged");
    await pinged.getByText("What was counted").click();
    assert.equal(await counted(pinged, "probe.unhealthy threshold").textContent(), "4");
    assert.equal(await counted(pinged, "counted failures").textContent(), "4");
    assert.equal(await counted(pinged, "breaker.failure threshold").count(), 0);
    // What the last ping met is the endpoint's last error.
    await card(page, "pinged").locator(".error").getByText(/to a ping: cannot connect/).waitFor();
    quiet(page);
  },

  async "the timeline has the phases and the reloads, a limit is a gauge that empties"(house) {
    await house.provider("eu");
    await house.gateway((await house.endpoint("eu", "m", ", limits: { rpm: 2 }, weight: 1")) + (await house.endpoint("gone", "n")));
    const page = await house.open();
    await live(page);
    for (let i = 0; i < 2; i++) assert.equal((await house.ask()).status, 200);
    const rpm = card(page, "eu").locator(".window").filter({ hasText: "rpm" });
    await rpm.getByText("2 of 2").waitFor();
    const left = async () => Number(/resets in (\d+) s/.exec(await rpm.textContent())?.[1]);
    const before = await eventually("it resets", left);
    await eventually("and counts down", async () => (await left()) < before);
    for (let i = 0; i < 3; i++) await house.ask("n");
    await card(page, "gone").getByText(/retry in/).waitFor();
    rewrite(house, "weight: 1", "weight: 7");
    const canvas = page.locator("#timeline canvas");
    await eventually("the reload is on the timeline", async () => /gone n.*; 1 reload\./.test(await canvas.getAttribute("aria-label")));
    // Marks and bars say what they are, under the pointer.
    const { x, y, width, height } = await canvas.boundingBox();
    const tip = page.locator("#timeline .tip");
    const points = (what, down) => eventually(what.source, async () => {
      for (let at = x + width - 1; at > x + width - 60; at -= 2) {
        await page.mouse.move(at, y + down);
        if ((await tip.isVisible()) && what.test(await tip.textContent())) return true;
      }
      return false;
    });
    await points(/generation 2 in force/, height - 24);
    await points(/^gone n: unhealthy, .*failures in a row/, 36);
    await page.getByText("List of changes").click();
    await page.getByRole("row").filter({ hasText: "generation 2" }).getByText("endpoint eu: weight: 1 → 7").waitFor();
    quiet(page);
  },

  async "an actor that was restarted says so"(house) {
    await house.provider("eu");
    await house.gateway(await house.endpoint("eu"));
    const page = await house.open({
      hash: "#actors",
      // Nothing an operator can do makes one fall over.
      before: (page) => page.addInitScript(() => {
        window.WebSocket = class extends WebSocket {
          set onmessage(then) {
            super.onmessage = ({ data }) => {
              const frame = JSON.parse(data);
              for (const it of frame.actors ?? frame.state?.actors ?? []) if (it.actor === "prober") Object.assign(it, { restarts: 2, last_restart_reason: "panic" });
              then({ data: JSON.stringify(frame) });
            };
          }
        };
      }),
    });
    await live(page);
    const rows = page.locator("#actor-list tbody tr");
    const prober = rows.filter({ hasText: "prober" });
    await prober.getByText("panic", { exact: true }).waitFor();
    assert.deepEqual(await prober.locator("td").nth(5).textContent(), "2");
    assert.match(await rows.first().textContent(), /prober/, "trouble comes first");
    quiet(page);
  },

  async "the drawer has the fallbacks, and a probe says what it did"(house) {
    await house.provider("eu");
    await house.provider("us");
    const pings = ", probe: { kind: models }";
    await house.gateway((await house.endpoint("eu")) + (await house.endpoint("us", "spare", pings)), "models: [{ name: m, fallbacks: [spare] }]\n");
    const page = await house.open();
    await live(page);
    const fallbacks = () => page.locator("dialog.drawer .numbers div").filter({ hasText: "fallbacks" }).locator("dd").textContent();
    await card(page, "eu").getByRole("button", { name: "eu", exact: true }).click();
    assert.equal(await fallbacks(), "spare");
    await page.getByRole("button", { name: "Close" }).click();
    await card(page, "us").getByRole("button", { name: "us", exact: true }).click();
    assert.equal(await fallbacks(), "none");
    await page.getByRole("button", { name: "Close" }).click();
    await card(page, "eu").getByRole("button", { name: "Probe" }).click();
    await page.locator(".toast").getByText("eu was not asked: its probe is of kind none", { exact: true }).waitFor();
    await card(page, "us").getByRole("button", { name: "Probe" }).click();
    await page.locator(".toast").getByText("us was asked by a ping", { exact: true }).waitFor();
    quiet(page);
  },

  async "every screen has its curl, which works, with a token and without"(house) {
    await house.provider("eu");
    const eu = await house.endpoint("eu");
    for (const token of ["", "a-token-of-32-characters-at-least"]) {
      await house.gateway(eu, "", token && `, token: ${token}`);
      await house.ask();
      const page = await house.open({ before: (page) => token && page.addInitScript((it) => sessionStorage.setItem("breakerbox.token", it), token) });
      await live(page);
      for (const view of ["Overview", "Requests", "Actors", "Configuration", "Explain"]) {
        await page.getByRole("link", { name: view, exact: true }).click();
        await page.locator('nav [aria-current="page"]', { hasText: view }).waitFor();
        await page.locator(".curl:visible").first().waitFor();
        const told = await page.locator(".curl:visible").allInnerTexts();
        assert(view !== "Configuration" || told.some((it) => it.includes("rollback")), told.join());
        for (const line of told) {
          // What a shell makes of it.
          const words = execFileSync("sh", ["-c", `curl() { printf '%s\\n' "$@"; }; ${line}`], { env: { PATH: process.env.PATH, TOKEN: token } }).toString().trim().split("\n");
          const headers = words[0] === "-H" ? Object.fromEntries([words[1].split(": ")]) : {};
          const [method, body] = words.includes("-d") ? ["POST", words[words.indexOf("-d") + 1].replace("N", "99")] : [words.includes("-X") ? "POST" : "GET"];
          if (words.includes("--data-binary")) continue;
          const answer = await fetch(words.at(-1).replace("MODEL", "m"), { method, headers, body });
          // No generation has the number that the line leaves open.
          assert.equal(answer.status, body ? 404 : 200, line);
        }
      }
      quiet(page);
      await page.close();
      await house.stop("gateway");
    }
  },

  async "the verdict counts endpoints, of several models each, and no limit is called so"(house) {
    for (const name of ["eu", "us"]) await house.provider(name);
    await house.gateway((await house.endpoint("eu", "m, n", ", weight: 1000")) + (await house.endpoint("us", "m, n")));
    const page = await house.open();
    await live(page);
    await house.stop("eu");
    await eventually("eu is out", async () => {
      for (const model of ["m", "n"]) await house.ask(model);
      return (await house.api("api/endpoints")).endpoints.filter((it) => it.status === "unhealthy").length === 2;
    });
    await page.locator("#verdict").getByText("1 of 2 endpoints is out", { exact: true }).waitFor();
    await page.getByRole("button", { name: "us", exact: true }).first().click();
    await page.getByRole("dialog").locator("dl.numbers").getByText("no limit", { exact: true }).waitFor();
    quiet(page);
  },
});
