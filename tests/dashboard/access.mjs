// Without a mouse and without eyes: every view, in both themes, and the way through with the keyboard alone.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { card, eventually, live, quiet, run } from "./house.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const VIEWS = ["overview", "requests", "actors", "config", "explain"];

/** No finding that is serious or critical. */
async function sound(page, where) {
  const found = await page.evaluate(`${AXE}; axe.run({ resultTypes: ["violations"] })`);
  const grave = found.violations.filter((it) => ["serious", "critical"].includes(it.impact));
  const told = grave.map((it) => `${it.id}: ${it.help}\n  ${it.nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ""}`).join("\n  ")}`);
  assert.equal(told.join("\n"), "", where);
}

/** Three endpoints of which one is out, one drained, and requests that failed over and were refused. */
async function stormy(house) {
  for (const name of ["eu", "us", "spare"]) await house.provider(name);
  await house.gateway((await house.endpoint("eu", "m, lonely", ", weight: 1000, limits: { rpm: 500 }")) + (await house.endpoint("us")) + (await house.endpoint("spare")));
  await house.ask();
  await house.stop("eu");
  await house.api("api/endpoints/spare/drain", { method: "POST" });
  await eventually("lonely is out", async () => (await house.ask("lonely")).status === 503);
  await eventually("eu is out", async () => (await house.ask()) && (await house.api("api/status")).endpoints.filter((it) => it.status === "unhealthy").length === 2);
}

await run({
  async "axe finds nothing serious in any view, light or dark, wide or narrow"(house) {
    await stormy(house);
    for (const [colorScheme, width] of [["light", 1440], ["dark", 1440], ["dark", 400]]) {
      const page = await house.open({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true, reducedMotion: "reduce" });
      await live(page);
      await house.ask("lonely");
      for (const view of VIEWS) {
        await page.evaluate((to) => (location.hash = to), view);
        await page.locator(`#${view}:not([hidden])`).waitFor();
        if (view === "requests") await page.locator(".tap tbody tr").first().waitFor();
        if (view === "overview") await page.locator("#latest li").first().waitFor();
        await sound(page, `${view}, ${colorScheme}, ${width}`);
      }
      await page.evaluate(() => (location.hash = "overview"));
      await page.locator("#latest li button").first().click();
      await sound(page, `a request, ${colorScheme}, ${width}`);
      await page.keyboard.press("Escape");
      await page.locator(".card .name").first().click();
      await sound(page, `an endpoint, ${colorScheme}, ${width}`);
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Table" }).click();
      await page.locator("table.compact tbody tr").first().waitFor();
      await sound(page, `the table, ${colorScheme}, ${width}`);
      await page.close();
    }
  },

  async "everything can be reached and done with the keyboard, and the focus is seen"(house) {
    await stormy(house);
    const page = await house.open({ reducedMotion: "reduce" });
    await live(page);
    await house.ask("lonely");
    const focused = () => page.evaluate(() => {
      const node = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(node);
      return { top: node === document.body, name: node.getAttribute("aria-label") ?? node.textContent.trim(), id: node.id, ring: outlineStyle !== "none" && outlineWidth !== "0px", dialog: Boolean(node.closest("dialog")) };
    });
    await page.keyboard.press("Tab");
    assert.equal((await focused()).name, "Skip to content");
    await page.keyboard.press("Enter");
    assert.equal((await focused()).id, "main");
    // From the top through the whole page: each stop is visible, and the buttons of a card are among them.
    await page.evaluate(() => document.activeElement.blur());
    await page.evaluate(() => scrollTo(0, 0));
    const names = [];
    await page.locator(".skip").focus();
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press("Tab");
      const at = await focused();
      if (at.top) break;
      assert(at.ring, `the focus on ${at.name} is not seen`);
      names.push(at.name);
    }
    for (const wanted of ["Force check", "Overview", "eu", "Drain", "Enable", "Reset", "Probe", "15 m"]) assert(names.some((it) => it.startsWith(wanted)), `${wanted} in ${names}`);
    // Shortcuts, the drawer and back to where one was.
    await page.locator("body").press("?");
    const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await help.waitFor();
    assert((await focused()).dialog);
    await page.keyboard.press("Escape");
    await help.waitFor({ state: "detached" });
    await page.keyboard.press("2");
    await page.getByRole("heading", { name: "Requests", level: 1 }).waitFor();
    await page.keyboard.press("/");
    assert.equal((await focused()).id, "request-search");
    await page.keyboard.type("lonely");
    await page.locator(".tap tbody tr").first().getByRole("button").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    assert(!(await focused()).dialog);
    await page.locator("#views a").first().focus();
    await page.keyboard.press("1");
    await card(page, "us").getByRole("button", { name: "Drain" }).focus();
    await page.keyboard.press("Enter");
    assert.equal((await focused()).name, "Cancel");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await card(page, "us").getByText("disabled").waitFor();
    await page.keyboard.press("t");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    quiet(page);
  },

  async "a screen reader is told of a fault once, not of every frame"(house) {
    await house.provider("eu");
    await house.gateway((await house.endpoint("eu")) + (await house.endpoint("us", "other")));
    const page = await house.open({ before: (page) => page.addInitScript(() => addEventListener("DOMContentLoaded", () => {
      window.said = [];
      new MutationObserver(() => window.said.push(document.getElementById("announcer").textContent)).observe(document.getElementById("announcer"), { childList: true });
    })) });
    await live(page);
    await house.stop("eu");
    await eventually("eu is out", async () => (await house.ask()).status === 503);
    await eventually("it is said", () => page.evaluate(() => window.said.some((it) => it.includes("no endpoint of its own left"))));
    for (let i = 0; i < 40; i++) await house.ask();
    await page.locator("#latest li").nth(8).waitFor();
    // Three countdowns more: of numbers that move nothing is said.
    for (let i = 0; i < 3; i++) {
      const before = await page.locator("#verdict-detail").textContent();
      await eventually("the countdown goes on", async () => (await page.locator("#verdict-detail").textContent()) !== before);
    }
    const said = await page.evaluate(() => window.said);
    assert.equal(said.filter((it) => it.includes("no endpoint of its own left")).length, 1, JSON.stringify(said));
    assert(said.length <= 4, JSON.stringify(said));
  },
});
