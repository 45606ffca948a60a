// The configuration: what is in force, what the last reload said, what changed, how to go back.

import { ask, post } from "./api.js";
import { act, confirm, toast } from "./dialogs.js";
import { $, ago, button, count, curl, empty, facts, fill, h, icon, instant, moment, panel, table, text, words } from "./ui.js";

let parts = null;
let shownFor = null;

export function setUp(store) {
  const reload = button("Reload from file", () => reloadNow(store), { class: "primary", id: "reload" });
  const state = h("div", { class: "reload" });
  const problems = h("div");
  const diff = h("div");
  const history = h("div");
  const whole = h("pre", { tabindex: 0, role: "region", "aria-label": "Configuration in force" });
  const draft = h("textarea", { id: "draft", rows: 8, spellcheck: "false", placeholder: "Paste a configuration (YAML) here" });
  const verdict = h("div", { role: "status" });
  const check = button("Check", () => checkDraft());
  fill($("config-body"),
    h("div", { class: "columns even" },
      h("div", null, panel("In force", state, problems, h("div", { class: "controls" }, reload), curl("api/reload", "-X POST ")), panel("File against what is in force", diff, curl("api/config/diff")), panel("History", history, curl("api/config/history"), curl("api/config/rollback", `-d '{"generation": N}' `))),
      h("div", null, panel("Effective configuration", h("p", { class: "hint" }, "Secrets are hidden; defaults are filled in."), whole, curl("api/config")),
        panel("Check a configuration", h("label", { for: "draft" }, "Nothing is put in force: this only looks for mistakes."), draft, h("div", { class: "controls" }, check), verdict, curl("api/check", "--data-binary @FILE ")))));
  parts = { reload, state, problems, diff, history, whole };

  async function checkDraft() {
    const answer = await act(check, () => post("api/check", { body: draft.value, type: "application/yaml" }));
    if (!answer) return;
    fill(verdict, compared(answer, "It would change nothing."));
  }
}

/** As text a page can show for a problem: where, what, what was expected. */
export function problemList(found) {
  return h("ol", { class: "problems" }, found.map((it) => h("li", null,
    h("p", null, it.line ? h("b", { class: "where" }, `line ${it.line}${it.column ? `, column ${it.column}` : ""}`) : null, it.key ? h("code", null, it.key) : null, h("span", null, it.message)),
    it.text ? h("pre", null, it.text) : null,
    it.expected ? h("p", { class: "hint" }, `expected: ${it.expected}`) : null,
    it.help ? h("p", { class: "hint" }, it.help) : null,
    it.suggestion ? h("p", { class: "hint" }, `did you mean ${it.suggestion}?`) : null)));
}

const changeList = (changes) => h("ul", { class: "diff" }, changes.map((it) => h("li", { "data-kind": it.start_only ? "restart" : it.kind }, it.text)));

export async function reloadNow(store) {
  const { reload } = parts;
  await act(reload, async () => {
    const { ok, changes, problems } = await post("api/reload", { accept: [422] });
    if (ok) toast(changes.length ? `In force: ${count(changes.length, "change")}` : "Reloaded: nothing has changed");
    else toast(`Refused: ${problems[0]?.message ?? "the file has problems"}. Nothing has changed.`, "bad");
  });
  shownFor = null;
  render(store);
}

/** Reads anew only when the configuration or the last try is another. */
export function render(store) {
  if (!store.ready) return;
  const { generation, config_sha: sha, reload } = store.state;
  const now = store.now();
  const at = instant(reload?.at);
  fill(parts.state,
    reload?.ok === false ? h("p", { class: "said", "data-kind": "failed" }, icon("unhealthy"), h("span", null, h("b", null, "The last reload was refused"), ` ${ago(now - at)}. Generation ${generation} stays in force.`)) : null,
    facts([["generation", String(generation)], ["sha", h("code", null, sha ?? "–")], ["last try", reload ? `${reload.ok ? "accepted" : "refused"}${reload.source ? `, by ${words(reload.source)}` : ""}, ${ago(now - at)}` : null]], "numbers"));
  const mark = `${generation} ${reload?.at} ${reload?.ok}`;
  if (mark === shownFor) return;
  shownFor = mark;
  fill(parts.problems, reload?.problems?.length ? problemList(reload.problems) : null);
  showDiff();
  showHistory(store);
  ask("api/config").then(({ config }) => text(parts.whole, JSON.stringify(config, null, 2)), (error) => text(parts.whole, error.message));
}

/** What a configuration would change, or why it cannot be put in force. */
function compared({ problems, changes, notes }, same) {
  const wrong = problems.length ? [h("p", null, "It cannot be put in force:"), problemList(problems)] : [];
  const said = notes.map((note) => h("p", { class: "hint" }, note));
  return [...wrong, changes.length ? changeList(changes) : wrong.length || said.length ? null : empty(same), ...said];
}

async function showDiff() {
  try {
    fill(parts.diff, compared(await ask("api/config/diff"), "The file is what is in force."));
  } catch (error) {
    fill(parts.diff, empty(error.message));
  }
}

async function showHistory(store) {
  try {
    const { history: list } = await ask("api/config/history");
    const now = store.now();
    const rows = list.map((it) => {
      const current = it.generation === store.state.generation;
      const back = button("Roll back", () => rollBack(it.generation, back, store), { "aria-label": `Roll back to generation ${it.generation}` });
      return [String(it.generation), moment(instant(it.at), now), words(it.source), it.changes.length ? changeList(it.changes) : "–", current ? "in force" : back];
    });
    fill(parts.history, rows.length ? table("Generations", ["Generation", "Since", "By", "Changes", ""], rows) : empty("Only what the gateway started with."));
  } catch (error) {
    fill(parts.history, empty(error.message));
  }
}

async function rollBack(generation, node, store) {
  const yes = await confirm(`Roll back to generation ${generation}?`, "It is put in force without touching the file, with the keys and tokens of now; the next change of the file replaces it.", "Roll back");
  if (!yes) return;
  await act(node, () => post("api/config/rollback", { body: JSON.stringify({ generation }) }), `What generation ${generation} was is in force`);
  shownFor = null;
  render(store);
}
