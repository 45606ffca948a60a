// The page and its connection: what is old says so, the token is asked for, and nothing that comes in is markup.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { eventually, live, NAME, quiet, run } from "./house.mjs";

/** What a browser itself says of a gateway that is not there, or that wants a token. */
const AWAY = [/ERR_CONNECTION|WebSocket connection|ERR_EMPTY_RESPONSE|ERR_SOCKET/];
const LOCKED = [/401/];

await run({
  async "a gateway that goes away makes the page stale, and its return live again"(house) {
    await house.provider("eu");
    await house.gateway(await house.endpoint("eu"));
    const page = await house.open({ may: AWAY });
    await live(page);
    await house.stop("gateway");
    await page.locator("#stale").getByText(/Stale since \d\d:\d\d:\d\d/).waitFor();
    await page.locator('#link[data-state="waiting"]').getByText("not connected").waitFor();
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector("main")).filter), "grayscale(1)");
    await house.start();
    await page.getByRole("button", { name: "Try now" }).click().catch(() => {});
    await live(page);
    await page.locator("#stale").waitFor({ state: "hidden" });
    await house.ask();
    await page.locator("#latest li").first().waitFor();
    quiet(page);
  },

  async "a gateway that hangs with its connection open makes the page stale too"(house) {
    await house.provider("eu");
    await house.gateway(await house.endpoint("eu"));
    const page = await house.open({ may: AWAY });
    await live(page);
    house.signal("gateway", "SIGSTOP");
    await page.locator("#stale").getByText(/Stale since/).waitFor();
    house.signal("gateway", "SIGCONT");
    await live(page);
    quiet(page);
  },

  async "the token is asked for, a wrong one again, and it stays in this tab"(house) {
    await house.provider("eu");
    await house.gateway(await house.endpoint("eu"), "", ", token: a-token-of-32-characters-at-least");
    const page = await house.open({ may: LOCKED });
    const prompt = page.getByRole("dialog", { name: /admin token/ });
    await prompt.waitFor();
    assert.equal(await page.locator(".card").count(), 0);
    await page.keyboard.press("Escape");
    await prompt.getByLabel("Token").fill("wrong");
    await page.keyboard.press("Enter");
    await prompt.getByText("The gateway did not take that token.").waitFor();
    await prompt.getByLabel("Token").fill("a-token-of-32-characters-at-least");
    await prompt.getByRole("button", { name: "Unlock" }).click();
    await live(page);
    await page.locator(".card").first().waitFor();
    const kept = await page.evaluate(() => [JSON.stringify(localStorage), document.cookie, location.href, Object.keys(sessionStorage)]);
    assert.deepEqual([kept[0].includes("a-token"), kept[1], kept[2], kept[3]], [false, "", house.url, ["breakerbox.token"]]);
    // Asked once in a tab: a reload goes on with it.
    await page.reload();
    await live(page);
    quiet(page);
  },

  async "a token goes with the head of the socket where it may stand there, else in its first frame"(house) {
    await house.provider("eu");
    const eu = await house.endpoint("eu");
    for (const [token, frames] of [["a-token-of-32-characters-at-least", 0], ["a/token-of-32-characters-at-least", 1]]) {
      await house.gateway(eu, "", `, token: ${token}`);
      let sent = 0;
      const page = await house.open({ may: LOCKED, before: (page) => page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => (sent += String(payload).includes(token)))) });
      await page.getByRole("dialog").getByLabel("Token").fill(token);
      await page.keyboard.press("Enter");
      await live(page);
      assert.equal(sent, frames, token);
      quiet(page);
      await house.stop("gateway");
    }
  },

  async "a page that is not let in says why, and comes in when it may"(house) {
    await house.provider("eu");
    const eu = await house.endpoint("eu");
    await house.gateway(eu, "", ", token: a-token-of-32-characters-at-least");
    const guessed = await house.open({ may: [/401|429/] });
    await guessed.getByRole("dialog").waitFor();
    let guessing = true;
    const guesses = (async () => {
      while (guessing) await house.api("api/alerts", { headers: { authorization: "Bearer wrong" } });
    })();
    await eventually("guesses have to wait", async () => (await house.api("api/alerts", { headers: { authorization: "Bearer wrong" } })).error.code === "too_many_guesses");
    await guessed.getByRole("dialog").getByLabel("Token").fill("a-token-of-32-characters-at-least");
    await guessed.keyboard.press("Enter");
    await eventually("it says why", async () => {
      if (await guessed.locator("#stale").getByText(/does not let this page in: too many wrong admin tokens/).isVisible()) return true;
      // It may have found the one guess a second that is free.
      if (await guessed.locator('#link[data-state="live"]').isVisible()) await guessed.reload();
      return false;
    });
    guessing = false;
    await guesses;
    await live(guessed);
    quiet(guessed);
    await guessed.close();
    await house.stop("gateway");
    await house.gateway(eu);
    const others = await house.open();
    await live(others);
    await others.evaluate(() => Promise.all(Array.from({ length: 63 }, () => new Promise((done) => (new WebSocket("/ws").onmessage = done)))));
    const full = await house.open({ may: [/503/] });
    await full.locator("#stale").getByText(/does not let this page in: too many sockets are open/).waitFor();
    await others.close();
    await live(full);
    quiet(full);
  },

  async "all of it works over plain HTTP under a name, where browsers keep much from a page"(house) {
    const token = "a-token-of-32-characters-at-least";
    await house.provider("eu");
    await house.gateway(await house.endpoint("eu"), "", `, token: ${token}`);
    house.url = house.url.replace("127.0.0.1", NAME);
    // The opener policy is for who comes by https: browsers say that it is not theirs here.
    const page = await house.open({ may: [...LOCKED, /Cross-Origin-Opener-Policy/] });
    assert.equal(await page.evaluate(() => isSecureContext), false);
    await page.getByRole("dialog").getByLabel("Token").fill(token);
    await page.keyboard.press("Enter");
    await live(page);
    await page.locator(".card").first().waitFor();
    await page.locator(".card .name").first().click();
    await page.getByRole("dialog").waitFor();
    quiet(page);
  },

  async "what comes from outside is text, whatever it looks like"(house) {
    const bad = `<img src=x onerror="alert(1)"><script>alert(2)</script>`;
    const evil = createServer((_, answer) => {
      answer.writeHead(500, { "content-type": "application/json" });
      answer.end(JSON.stringify({ error: { message: bad } }));
    }).listen(await house.port("eu"), "127.0.0.1");
    await once(evil, "listening");
    const model = `'m<b/id=planted>'`;
    await house.gateway((await house.endpoint("eu", model)) + (await house.endpoint("us", "other")));
    const page = await house.open();
    await live(page);
    await eventually("the endpoint fails", async () => {
      await house.ask("m<b/id=planted>");
      return (await page.locator(".card").filter({ hasText: "m<b/id=planted>" }).getAttribute("data-status")) === "unhealthy";
    });
    await house.ask(bad);
    for (const hash of ["#requests", "#actors", "#config", "#explain", "#overview"]) {
      await page.evaluate((to) => (location.hash = to), hash);
      await page.locator(`${hash}:not([hidden])`).waitFor();
    }
    await page.locator("#latest li button").first().click();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".card .name").first().click();
    await page.getByRole("dialog").waitFor();
    assert.equal(await page.locator("#planted, main img, main script, dialog img, dialog script").count(), 0);
    quiet(page);
    evil.close();
    evil.closeAllConnections();
  },

  async "the policy holds: no inline script, no markup from text, no other address"(house) {
    await house.provider("eu");
    await house.gateway(await house.endpoint("eu"));
    const page = await house.open({ may: [/policy: |Content Security Policy|Trusted|Refused to|violates/] });
    await live(page);
    const tried = await page.evaluate(async () => {
      const script = Object.assign(document.createElement("script"), { async: true });
      try {
        script.textContent = "window.ran = true";
        document.body.append(script);
      } catch {
        // Refused even earlier.
      }
      let parsed = true;
      try {
        document.createElement("div").innerHTML = "<b>x</b>";
      } catch {
        parsed = false;
      }
      const left = await fetch("http://localhost:1/").then(() => true, () => false);
      return { ran: window.ran === true, parsed, left };
    });
    assert.deepEqual(tried, { ran: false, parsed: false, left: false });
    assert(page.complaints.length === 0);
  },
});
