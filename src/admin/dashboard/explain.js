// A dry run of routing, as things are now.

import { ask } from "./api.js";
import { act } from "./dialogs.js";
import { $, chip, curl, empty, fill, h, meter, panel, percent, reconcile, setMeter, table, words } from "./ui.js";
import { keyOf } from "./store.js";

let models = null;

export function setUp() {
  models = h("datalist", { id: "models" });
  const field = (name, label, node) => [h("label", { for: name }, label), node];
  const model = h("input", { id: "model", name: "model", list: "models", required: true, autocomplete: "off" });
  const task = h("input", { id: "task", name: "task", placeholder: "general" });
  const priority = h("select", { id: "priority", name: "priority" }, ["normal", "fast", "high"].map((name) => h("option", null, name)));
  const go = h("button", { class: "primary" }, "Explain");
  const form = $("explain-form");
  fill(form, field("model", "Model", model), models, field("task", "Task", task), field("priority", "Priority", priority), go);
  fill($("explain-result"), curl("api/explain?model=MODEL"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const query = new URLSearchParams({ model: model.value, priority: priority.value });
    if (task.value) query.set("task", task.value);
    const path = `api/explain?${query}`;
    const answer = await act(go, () => ask(path, { accept: [400, 404] }));
    if (answer) fill($("explain-result"), show(answer), curl(path));
  });
}

export function render(store) {
  const names = [...new Set(store.endpoints.map((it) => it.model)), "auto"];
  reconcile(models, names, (name) => name, (name) => h("option", { value: name }));
}

function show(answer) {
  if (answer.error) return empty(answer.error.message);
  const live = new Map((answer.live ?? []).map((it) => [keyOf(it), it]));
  const now = (endpoint, model) => {
    const it = live.get(keyOf({ endpoint, model }));
    return it ? h("span", { class: "with-meter" }, chip(it.status), it.reason ?? "") : "";
  };
  const tiers = answer.tiers.map((tier, i) => {
    const rows = tier.endpoints.map((it) => {
      const bar = meter("share");
      setMeter(bar, it.share, null, percent(it.share));
      return [it.endpoint, h("span", { class: "with-meter" }, bar, percent(it.share)), it.why, now(it.endpoint, tier.model)];
    });
    const title = `${i + 1}. ${tier.model}${i ? " (fallback)" : ""}`;
    return panel(title, rows.length ? table(title, ["Endpoint", "Share when all is well", "Why", "Now"], rows) : empty("No endpoint of its own: on to the fallbacks."));
  });
  const out = answer.out.length ? panel("Out", table("Out", ["Endpoint", "Why"], answer.out.map((it) => [it.endpoint, it.why]))) : null;
  return h("div", null, h("p", null, `${answer.model}: ${words(answer.strategy)}, up to ${answer.max_attempts} attempts`), tiers, out);
}
