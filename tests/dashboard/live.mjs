// What goes on is on the page within a second: states, requests and the path they took, why one was refused.

import assert from "node:assert/strict";
import { card, eventually, live, quiet, run } from "./house.mjs";

/** The promise, in milliseconds. */
const SOON = 1000;

await run({
  async "a fault is shown within a second, and so is who serves instead"(house) {
    await house.provider("eu");
    await house.provider("us");
    await house.gateway((await house.endpoint("eu", "m", ", weight: 1000")) + (await house.endpoint("us")));
    await house.ask();
    const page = await house.open({
      // Frames carry the gateway's clock; the page's is the same machine's.
      before: (page) => page.addInitScript(() => {
        const seen = (window.seen = { told: null, shown: null });
        window.WebSocket = class extends WebSocket {
          set onmessage(then) {
            super.onmessage = (event) => {
              const frame = JSON.parse(event.data);
              if (frame.type === "status_change" && frame.to === "unhealthy") seen.told ??= Date.parse(frame.at);
              then(event);
            };
          }
        };
        new MutationObserver(() => {
          if (document.querySelector('.card[data-status="unhealthy"]')) seen.shown ??= Date.now();
        }).observe(document, { subtree: true, childList: true, attributes: true });
      }),
    });
    await live(page);
    assert.equal(await card(page, "eu").getAttribute("data-status"), "healthy");
    await house.stop("eu");
    await eventually("eu fails", async () => {
      assert.equal((await house.ask()).status, 200, "us serves");
      return page.evaluate(() => window.seen.told);
    });
    const { told, shown } = await eventually("eu is shown", () => page.evaluate(() => window.seen.shown && window.seen));
    assert(shown - told < SOON, `${shown - told} ms`);
    const eu = card(page, "eu");
    await eu.getByText(/retry in \d+/).waitFor();
    await eu.getByText("open", { exact: true }).waitFor();
    await eu.getByText(/no connection|connect/).first().waitFor();
    assert.match(await page.locator("#verdict").textContent(), /1 of 2 endpoints is out/);
    assert.match(await page.title(), /1 of 2 endpoints is out/);
    await page.locator("#latest").getByText("eu ✗no connection → us ✓").first().waitFor();
    await page.locator("#alerts > .alerts li").first().waitFor();
    // An operator brings it back.
    await house.provider("eu");
    await eu.getByRole("button", { name: "Reset" }).click();
    await page.locator('.card[data-status="unhealthy"]').waitFor({ state: "detached" });
    quiet(page);
  },

  async "drain asks first, and enable undoes it"(house) {
    await house.provider("eu");
    await house.gateway(await house.endpoint("eu"));
    const page = await house.open();
    await live(page);
    await card(page, "eu").getByRole("button", { name: "Drain" }).click();
    const question = page.getByRole("dialog", { name: "Drain eu?" });
    await question.getByText("Nothing else serves m now").waitFor();
    await question.getByRole("button", { name: "Cancel" }).click();
    assert.equal((await house.ask()).status, 200);
    await card(page, "eu").getByRole("button", { name: "Drain" }).click();
    await question.getByRole("button", { name: "Drain" }).click();
    await page.locator('.card[data-status="disabled"]').waitFor();
    assert.equal((await house.ask()).status, 503);
    await card(page, "eu").getByRole("button", { name: "Enable" }).click();
    await page.locator('.card[data-status="disabled"]').waitFor({ state: "detached" });
    assert.equal((await house.ask()).status, 200);
    quiet(page);
  },

  async "a force check asks every endpoint and says when it is done"(house) {
    await house.provider("eu");
    const pings = ", probe: { kind: models }";
    await house.gateway((await house.endpoint("eu", "m", pings)) + (await house.endpoint("us")), "");
    const page = await house.open();
    await live(page);
    await page.getByRole("button", { name: "Force check" }).click();
    await page.locator(".toast").getByText("Force check: 1 asked", { exact: true }).waitFor();
    quiet(page);
  },

  async "requests are filtered, held still, and say why they were refused"(house) {
    await house.provider("eu");
    await house.provider("other");
    await house.gateway((await house.endpoint("eu")) + (await house.endpoint("other", "spare")));
    const page = await house.open({ hash: "#requests" });
    await live(page);
    await house.ask("spare");
    await house.stop("eu");
    let last = null;
    await eventually("eu is left alone", async () => (last = await house.ask()).status === 503);
    const rows = page.locator(".tap tbody tr");
    await rows.filter({ hasText: "503" }).first().waitFor();
    await rows.filter({ hasText: "spare" }).first().waitFor();
    await page.getByLabel(/^Filter by/).fill("spare");
    await rows.filter({ hasText: "503" }).first().waitFor({ state: "detached" });
    await page.getByLabel(/^Filter by/).fill("");
    await page.getByLabel("Outcome").selectOption("refused");
    await rows.filter({ hasText: "spare" }).first().waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Pause" }).click();
    const before = await rows.count();
    await house.ask();
    await page.getByText(/paused; [1-9]/).waitFor();
    assert.equal(await rows.count(), before);
    await page.getByRole("button", { name: "Go on" }).click();
    // In a storm a page is told of a part of the requests only: ask until one of ours is among them.
    await eventually("a refusal is told", async () => {
      // The first each second is a last resort, which is tried.
      await house.ask();
      last = await house.ask();
      await page.getByLabel(/^Filter by/).fill(last.headers.get("x-request-id"));
      return rows.first().waitFor({ timeout: 5000 }).then(() => true, () => false);
    });
    await rows.first().getByRole("button").click();
    const why = page.getByRole("dialog");
    await why.getByRole("heading", { name: "Why was this refused?" }).waitFor();
    await why.getByRole("row").filter({ hasText: "eu" }).getByText(/circuit|open|retry|tried/).first().waitFor();
    await why.getByText(last.headers.get("x-request-id"), { exact: true }).waitFor();
    quiet(page);
  },
});
