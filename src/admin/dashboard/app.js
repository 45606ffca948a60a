// The page: what it shows when, and what each key does. Data comes in by link.js and is kept in store.js.

import * as alerts from "./alerts.js";
import { ask, token } from "./api.js";
import * as config from "./config.js";
import { openEndpoint, trafficChart } from "./detail.js";
import { announce, askForToken, showShortcuts, toast, updateDrawer } from "./dialogs.js";
import * as endpoints from "./endpoints.js";
import * as explain from "./explain.js";
import * as header from "./header.js";
import { Link } from "./link.js";
import * as requests from "./requests.js";
import { Store } from "./store.js";
import * as timeline from "./timeline.js";
import { $, attr, clock, fill, h, text } from "./ui.js";

const VIEWS = { overview: "Overview", requests: "Requests", actors: "Actors", config: "Configuration", explain: "Explain" };
const THEMES = { auto: ["dark", "◐", "as the system"], dark: ["light", "☾", "dark"], light: ["auto", "☀", "light"] };
/** The page draws at most so often, in milliseconds, however many frames come. */
const PACE = 200;

const store = new Store();
const link = new Link();
const open = (key) => openEndpoint(store, key, endpoints.actionsOf(store));
const again = () => schedule();

header.setUp(open);
endpoints.setUp(store, again);
timeline.setUp(again);
requests.setUp(store, again);
alerts.setUp(open);
config.setUp(store);
explain.setUp();
const traffic = trafficChart($("traffic"), (told, at) => text($("traffic-hint"), at === null ? "" : `${clock(at * 1000)} · ${told}`));

const view = () => (location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "overview");

const RENDER = {
  overview() {
    endpoints.render(store);
    timeline.render(store);
    const { flow } = store;
    const rates = flow.last("rps");
    if (flow.length) traffic.draw([flow.last("at"), rates, flow.last("errors").map((ratio, i) => (ratio === null ? null : ratio * (rates[i] ?? 0))), flow.last("p95")]);
    alerts.render(store);
    requests.renderLatest(store);
  },
  requests: () => requests.render(store),
  actors: () => alerts.renderActors(store),
  config: () => config.render(store),
  explain: () => explain.render(store),
};

let drawn = 0;
let whole = 0;
let due = null;
let dirty = true;

/**
 * Draws soon: once for any number of frames, and not at all while nobody can see it. Of many requests a second only
 * the lists of requests are drawn, as the rest has not changed.
 */
function schedule(all = true) {
  dirty ||= all;
  due ??= setTimeout(() => requestAnimationFrame(draw), Math.max(0, drawn + PACE - Date.now()));
}

function draw() {
  due = null;
  drawn = Date.now();
  if (dirty) {
    dirty = false;
    whole = drawn;
    header.render(store, link);
    if (store.ready) RENDER[view()]();
    updateDrawer();
  } else if (view() === "overview") requests.renderLatest(store);
  else if (view() === "requests") requests.render(store);
}

/** What no frame tells: who asked for the reload, and the sum of the configuration. */
async function refresh() {
  const { version, generation, config_sha, draining, reload } = await ask("api/status").catch(() => store.state);
  Object.assign(store.state, { version, generation, config_sha, draining, reload });
  schedule();
}

store.addEventListener("changed", ({ detail: frame }) => {
  if (frame.type === "init") requests.backfill(store).then(() => schedule());
  if (frame.type === "force_check_complete") toast(frame.checked ? `Force check: ${frame.checked} asked` : "Force check: nobody asked, no probe is of a kind that asks");
  if (frame.type === "error") toast(frame.message, "bad");
  if (frame.type === "config_reload") {
    refresh();
    announce(frame.ok ? `Generation ${frame.generation} is in force` : "A reload was refused");
  }
  schedule(frame.type !== "request");
});
link.addEventListener("frame", ({ detail: frame }) => store.apply(frame));

let wasWrong = false;
link.addEventListener("change", () => {
  schedule();
  if (link.state === "waiting") announce("Not connected: what you see is old");
  if (link.state === "live") wasWrong = false;
  if (link.state !== "locked") return;
  askForToken(wasWrong).then((given) => {
    wasWrong = true;
    token.set(given);
    link.unlock();
  });
});
// Countdowns go on between frames, and "stale since" without any.
setInterval(() => Date.now() - whole > 900 && schedule(), 500);

const views = Object.entries(VIEWS).map(([id, name]) => h("a", { href: `#${id}` }, name));
fill($("views"), views);
function show() {
  const current = view();
  for (const id of Object.keys(VIEWS)) attr($(id), "hidden", id !== current);
  views.forEach((node) => attr(node, "aria-current", node.hash === `#${current}` ? "page" : null));
  schedule();
}
addEventListener("hashchange", () => {
  show();
  scrollTo(0, 0);
});

const theme = $("theme");
function dress(name) {
  document.documentElement.dataset.theme = name;
  const [, sign, said] = THEMES[name];
  text(theme, sign);
  attr(theme, "aria-label", `Theme: ${said}`);
  attr(theme, "title", `Theme: ${said} (t)`);
}
function nextTheme() {
  const [next] = THEMES[document.documentElement.dataset.theme] ?? THEMES.auto;
  localStorage.setItem("breakerbox.theme", next);
  dress(next);
  schedule();
}
dress(document.documentElement.dataset.theme in THEMES ? document.documentElement.dataset.theme : "auto");

function forceCheck() {
  if (link.send({ action: "force_check" })) announce("Asking every endpoint");
  else toast("Not connected: nobody was asked", "bad");
}

const go = (id) => () => (location.hash = id);
const focus = (id, place) => () => {
  location.hash = place;
  show();
  $(id).focus();
};
const KEYS = {
  1: [go("overview"), "Overview"], 2: [go("requests"), "Requests"], 3: [go("actors"), "Actors"], 4: [go("config"), "Configuration"], 5: [go("explain"), "Explain"],
  "/": [() => focus(...(view() === "requests" ? ["request-search", "requests"] : ["endpoint-search", "overview"]))(), "Filter requests or endpoints"],
  c: [endpoints.toggleForm, "Cards or table"], p: [requests.togglePause, "Pause the list of requests"], t: [nextTheme, "Theme"],
  F: [forceCheck, "Force check: probe every endpoint now"], "?": [shortcuts, "This list"],
};
function shortcuts() {
  showShortcuts(Object.entries(KEYS).map(([key, [, what]]) => [key === "F" ? "shift F" : key, what]));
}
addEventListener("keydown", (event) => {
  const { key, target, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey || target.matches("input, textarea, select") || document.querySelector("dialog[open]")) return;
  if (!(key in KEYS)) return;
  event.preventDefault();
  KEYS[key][0]();
});
theme.addEventListener("click", nextTheme);
$("help").addEventListener("click", shortcuts);
$("check").addEventListener("click", forceCheck);

show();
link.start();
