// What opens over the page: the drawer with details, questions, the token prompt, shortcuts; and toasts.

import { $, attr, button, fill, h } from "./ui.js";

function dialog(className, title, ...children) {
  const id = `title-${className}`;
  const node = h("dialog", { class: className, "aria-labelledby": id }, h("div", { class: "head" }, h("h2", { id }, title)), ...children);
  node.addEventListener("close", () => node.remove());
  document.body.append(node);
  return node;
}

const closer = (node) => button("Close", () => node.close(), { class: "quiet", "data-close": true });

let open = null;

/** The drawer at the right edge. `build(body)` fills it; `update` is called with each frame while it is open. */
export function drawer(title, build, update = null) {
  open?.node.close();
  const body = h("div", { class: "body" });
  const node = dialog("drawer", title, body);
  node.firstChild.append(closer(node));
  // A click beside it closes it, as people expect.
  node.addEventListener("click", (event) => event.target === node && node.close());
  const mine = { node, update };
  open = mine;
  node.addEventListener("close", () => open === mine && (open = null));
  build(body, node);
  node.showModal();
  return node;
}

export const updateDrawer = () => open?.update?.();

/** Asks before something that a slip of the hand should not do. *Returns* whether to go on. */
export function confirm(title, message, verb) {
  return new Promise((done) => {
    const node = dialog("question", title, h("p", null, message));
    const go = button(verb, () => node.close("yes"), { class: "danger" });
    node.append(h("div", { class: "controls end" }, button("Cancel", () => node.close(""), { autofocus: true }), go));
    node.addEventListener("close", () => done(node.returnValue === "yes"));
    node.showModal();
  });
}

/** Asks for the admin token. *Returns* it. Cannot be dismissed: without it there is nothing to see. */
export function askForToken(wasWrong) {
  return new Promise((done) => {
    const field = h("input", { type: "password", name: "token", autocomplete: "current-password", required: true, autofocus: true, id: "token-field", "aria-describedby": "token-hint" });
    const hint = h("p", { id: "token-hint", class: wasWrong ? "hint bad" : "hint" }, wasWrong ? "The gateway did not take that token." : "It is admin.token of the configuration, and stays in this tab.");
    // The method matters: a form with method=dialog submits nowhere, which the content policy would refuse.
    const form = h("form", { method: "dialog" }, h("label", { for: "token-field" }, "Token"), field, hint, h("div", { class: "controls end" }, h("button", { class: "primary" }, "Unlock")));
    const node = dialog("token", "This gateway asks for its admin token", form);
    // A browser may close it all the same, as on a second Escape.
    node.addEventListener("close", () => done(field.value.trim() || askForToken(wasWrong)));
    node.addEventListener("cancel", (event) => event.preventDefault());
    node.showModal();
  });
}

export function showShortcuts(list) {
  drawer("Keyboard shortcuts", (body) => {
    const rows = list.map(([keys, what]) => h("div", null, h("dt", null, keys.split(" ").map((key) => h("kbd", null, key))), h("dd", null, what)));
    fill(body, h("dl", { class: "shortcuts" }, rows), h("p", { class: "hint" }, "Tab and shift+Tab move between controls, Enter and Space press them, Esc closes what is open."));
  });
}

/** Says something for a moment, to eyes and ears. Errors stay until they are closed. */
export function toast(message, kind = "ok") {
  const node = h("div", { class: "toast", "data-kind": kind }, h("p", null, message));
  node.append(button("Close", () => node.remove(), { class: "quiet" }));
  const all = $("toasts");
  all.append(node);
  while (all.children.length > 4) all.firstChild.remove();
  announce(message);
  if (kind === "ok") setTimeout(() => node.remove(), 6000);
}

/** At most one announcement in so many milliseconds: a storm of them helps nobody. */
const QUIET = 4000;
let last = 0;
let pending = null;

/** Tells a screen reader, politely; of many in a row only the last is spoken. */
export function announce(message) {
  clearTimeout(pending);
  const say = () => {
    last = Date.now();
    fill($("announcer"), message);
  };
  pending = setTimeout(say, Math.max(50, last + QUIET - Date.now()));
}

/** Runs an action of a button: the button waits, and what came of it is said. */
export async function act(node, work, done) {
  attr(node, "aria-busy", "true");
  node.disabled = true;
  try {
    const answer = await work();
    if (done) toast(typeof done === "function" ? done(answer) : done);
    return answer;
  } catch (error) {
    toast(error.message || "the gateway did not answer", "bad");
    return null;
  } finally {
    node.disabled = false;
    attr(node, "aria-busy", null);
  }
}
