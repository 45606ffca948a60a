// A change of the file is on the page by itself: the new generation, or what is wrong with it and where.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { card, live, quiet, run } from "./house.mjs";

const rewrite = (house, from, to) => {
  const text = readFileSync(house.file, "utf8");
  assert(text.includes(from), text);
  writeFileSync(house.file, text.replace(from, to));
};

/** What the breaker's first key is replaced with, where that is wrong, what is expected, and what was meant. */
const MISTAKES = [
  ["failure_threshold: 0", 4, 31, /^expected: a whole number, 1 to 4294967295$/],
  ["failure_threshold: three", 4, 31, /^expected: a whole number, 1 to 4294967295$/],
  ["failure_rate: 1.5", 4, 26, /^expected: a number, above 0, up to 1$/],
  ["windou: 10s", 4, 12, /^expected: one of failure_rate, .*, window$/, "window"],
  ["window: 10", 4, 20, /^expected: a duration such as 250ms, 10s, 5m or 24h, 10ms to 366d$/],
  ["recovery_timeout: 1s", 4, 34, /^expected: each key once$/],
];

await run({
  async "a good file is in force, a bad one is shown with line and column, and undone"(house) {
    await house.provider("eu");
    await house.gateway(await house.endpoint("eu"));
    const page = await house.open();
    await live(page);
    const generation = page.locator("#facts div").filter({ hasText: "generation" }).locator("dd");
    assert.equal(await generation.textContent(), "1");
    rewrite(house, "failure_threshold: 3", "failure_threshold: 7");
    await page.locator("#facts dd").getByText("2", { exact: true }).waitFor();
    await card(page, "eu").getByText("0 of 7 in a row").waitFor();
    // The file that is in force must stay so: this one is not YAML that means anything.
    rewrite(house, "failure_threshold: 7", "failure_treshold: 7");
    await page.locator("#facts [data-bad]").getByText(/^refused/).waitFor();
    await page.getByRole("heading", { name: "The last reload was refused" }).waitFor();
    assert.equal(await generation.textContent(), "2");
    await page.getByRole("link", { name: "Configuration" }).click();
    const problem = page.locator("#config .problems li").first();
    await problem.getByText(/line 4, column \d+/).waitFor();
    await problem.getByText(/failure_threshold/).first().waitFor();
    // Each with its place, what was expected and, where one can guess, what was meant.
    let wrong = "failure_treshold: 7";
    for (const [next, line, column, expected, meant] of MISTAKES) {
      rewrite(house, wrong, next);
      wrong = next;
      await problem.getByText(`line ${line}, column ${column}`, { exact: true }).waitFor();
      await problem.getByText(expected).waitFor();
      assert.equal(await problem.getByText(/^did you mean/).count(), meant ? 1 : 0, next);
      if (meant) await problem.getByText(`did you mean ${meant}?`, { exact: true }).waitFor();
      assert.equal(await generation.textContent(), "2");
    }
    rewrite(house, wrong, "failure_threshold: 5");
    await page.locator("#facts dd").getByText("3", { exact: true }).waitFor();
    await problem.waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Overview" }).click();
    await page.getByRole("heading", { name: "The last reload was refused" }).waitFor({ state: "detached" });
    quiet(page);
  },

  async "the button reloads, a draft is checked, and there is a way back"(house) {
    await house.provider("eu");
    await house.gateway(await house.endpoint("eu"));
    const page = await house.open({ hash: "#config", may: [/422/] });
    await live(page);
    const panel = (title) => page.locator("#config .panel").filter({ has: page.getByRole("heading", { name: title }) });
    await panel("Effective configuration").getByText('"failure_threshold": 3').waitFor();
    assert(!(await panel("Effective configuration").textContent()).includes("secret-of-eu"));
    await panel("File against").getByText("The file is what is in force.").waitFor();
    const reload = page.getByRole("button", { name: "Reload from file" });
    rewrite(house, "failure_threshold: 3", "failure_threshold: 4");
    await reload.click();
    await page.locator(".toast").first().waitFor();
    await panel("In force").locator(".numbers dd").getByText("2", { exact: true }).waitFor();
    await panel("History").getByText(/failure_threshold/).first().waitFor();
    rewrite(house, "failure_threshold: 4", "failure_threshold: many");
    await reload.click();
    await page.locator('.toast[data-kind="bad"]').getByText(/^Refused: .* Nothing has changed\.$/).waitFor();
    await panel("File against").getByText(/line 4, column/).waitFor();
    // What only a restart can change is shown with its line, and beside it what else would change.
    rewrite(house, "failure_threshold: many", "failure_threshold: 9");
    rewrite(house, "workers: 1", "workers: 2");
    await reload.click();
    await page.locator('.toast[data-kind="bad"]').getByText(/only a restart/).waitFor();
    await panel("File against").locator(".problems li").filter({ hasText: "server.workers" }).getByText("line 1, column", { exact: false }).waitFor();
    await panel("File against").locator('.diff [data-kind="restart"]').getByText("server.workers: 1 → 2", { exact: true }).waitFor();
    await panel("File against").locator('.diff [data-kind="changed"]').getByText("endpoint eu: breaker.failure_threshold: 4 → 9", { exact: true }).waitFor();
    rewrite(house, "workers: 2", "workers: 1");
    rewrite(house, "failure_threshold: 9", "failure_threshold: 4");
    await panel("History").getByRole("button", { name: "Roll back to generation 1" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Roll back" }).click();
    await panel("Effective configuration").getByText('"failure_threshold": 3').waitFor();
    await page.getByLabel(/Nothing is put in force/).fill("endpoints: [{ name: a, provider: opnai }]");
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await panel("Check a configuration").getByText("line 1, column", { exact: false }).first().waitFor();
    await panel("Check a configuration").getByText("did you mean", { exact: false }).first().waitFor();
    await page.getByLabel(/Nothing is put in force/).fill("endpoints: [{ name: a, provider: gemini, responses: native }]");
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await panel("Check a configuration").getByText("remove it: the gateway translates", { exact: true }).waitFor();
    await page.getByLabel(/Nothing is put in force/).fill(readFileSync(house.file, "utf8").replace("models: [m]", 'models: ["${NO_SUCH:-n}"]'));
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await panel("Check a configuration").getByText(/not shown, since the text has variables/).waitFor();
    quiet(page);
  },

  async "explain says who would serve, with what share, and how they are now"(house) {
    await house.provider("eu");
    await house.gateway((await house.endpoint("eu", "m", ", weight: 3")) + (await house.endpoint("us")) + (await house.endpoint("far", "other")));
    await house.ask();
    const page = await house.open({ hash: "#explain" });
    await live(page);
    await page.getByRole("combobox", { name: "Model" }).fill("m");
    await page.getByRole("button", { name: "Explain" }).click();
    const row = page.getByRole("row").filter({ hasText: "eu" });
    await row.getByText("75 %").waitFor();
    await row.getByText("healthy").waitFor();
    await page.getByRole("row").filter({ hasText: "far" }).first().waitFor();
    quiet(page);
  },
});
