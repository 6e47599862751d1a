// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// The frame: sign in, connect, choose a view by the address, keep it up to date.

import { attribute, h, text } from "./dom.js";
import { clock, MODES } from "./format.js";
import { line } from "./line.js";
import { isGroup, isShadow, resistance, shedOf, Store, value } from "./store.js";
import { post } from "./stream.js";
import { overview } from "./views/overview.js";
import { routes } from "./views/routes.js";
import { route } from "./views/route.js";
import { fleet } from "./views/fleet.js";
import { events } from "./views/events.js";
import { whatif } from "./views/whatif.js";
import { overrides } from "./views/overrides.js";
import { license, unlicensed } from "./views/license.js";
import { signin } from "./views/signin.js";

const VIEWS = { overview, routes, route, fleet, events, whatif, overrides, license };
const TABS = [["overview", "Overview"], ["routes", "Routes"], ["fleet", "Fleet"], ["events", "Events"], ["whatif", "What if"], ["overrides", "Overrides"], ["license", "License"]];

const at = (id) => document.getElementById(id);
const store = new Store();
let view = null;
let server = null;
let scheduled = false;

function path() {
  const hash = location.hash.startsWith("#/") ? location.hash.slice(2) : "overview";
  const [name, ...rest] = hash.split("/");
  return [VIEWS[name] ? name : "overview", decode(rest.join("/"))];
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function show() {
  if (!store.ready) return;
  const [name, argument] = path();
  view?.leave?.();
  view = VIEWS[name](store, argument, { toast });
  at("main").replaceChildren(view.element);
  for (const tab of at("tabs").children) {
    const current = tab.dataset.view === (name === "route" ? "routes" : name);
    attribute(tab, "aria-current", current ? "page" : null);
    if (current) at("tabs").scrollTo({ left: tab.offsetLeft - (at("tabs").clientWidth - tab.offsetWidth) / 2 });
  }
  name_it();
  view.update();
}

/// The title is all that can be seen of a tab in the background: it says whether it needs a look.
function name_it() {
  if (!view) return;
  let [shedding, open] = [0, 0];
  for (const route of store.routes.values()) {
    if (isGroup(store, route)) continue;
    if (shedOf(store, route) > 0 && !isShadow(store, route)) shedding += 1;
    else if (value(store, route, "mode") === 2) open += 1;
  }
  const first = document.body.classList.contains("stale") ? (store.around.stalled ? "✕ no pulse · " : "✕ no connection · ") : at("link").dataset.state === "paused" ? "‖ paused · " : shedding ? `▲ ${shedding} shed · ` : open ? `⊘ ${open} open · ` : "";
  const title = `${first}${view.title} · AtrionStudio`;
  if (document.title !== title) document.title = title;
}

/// At most once per frame of the screen, and never in a hidden tab.
function refresh() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    view?.update();
  });
}

function link(state) {
  const words = { live: "live", lost: "reconnecting", waiting: "connecting", paused: "paused while hidden" };
  attribute(at("link"), "data-state", state);
  text(at("link-text"), words[state]);
  doubt(state === "lost" && store.ready ? `✕ The connection is lost. What stands here is as of ${clock(store.time)}, and not how it is now; the page goes on by itself when it can.` : stalled());
  name_it();
}

/// Numbers that are out of date must not look like a calm system.
function doubt(words) {
  document.body.classList.toggle("stale", Boolean(words));
  at("stale").hidden = !words;
  if (words) text(at("stale"), words);
}

function stalled() {
  return store.around.stalled ? "✕ The pulse of this process has stopped: its runtime is gone or not driven. Nothing is learned, the routes are hardly protected, and what stands here is old." : "";
}

function received(event, data) {
  const first = !store.ready;
  const changes = store.take(event, data);
  if (event === "state") {
    text(at("where"), `${store.about.node} · ${store.about.cluster}`);
    text(at("version"), `AtrionStudio ${store.about.version}`);
    if (first || view === null) show();
  }
  doubt(stalled());
  // For a screen reader: only changes of modes, in one sentence.
  const said = changes.slice(0, 3).map(([route]) => `${route.name}: ${MODES[value(store, route, "mode")].word} at ${Math.round(resistance(store, route))} ohms`);
  if (changes.length > 3) said.push(`and ${changes.length - 3} more`);
  if (said.length) text(at("live"), said.join("; "));
  name_it();
  refresh();
}

let hiding = 0;
/// words: a text or nodes.
export function toast(words, action) {
  const box = at("toast");
  const button = action ? h("button", { type: "button", onclick: () => { box.hidden = true; action.act(); } }, action.name) : null;
  box.replaceChildren(...[h("span", {}, ...[words].flat()), button].filter(Boolean));
  box.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { box.hidden = true; }, action ? 12000 : 6000);
}

function theme() {
  const root = document.documentElement;
  const stored = localStorage.getItem("theme");
  if (stored) root.dataset.theme = stored;
  at("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    refresh();
  });
}

function start() {
  server?.close();
  server = line(received, link, begin);
}

function instead(screen) {
  server?.close();
  server = null;
  view = null;
  store.ready = false;
  at("stale").hidden = true;
  at("api").hidden = true;
  at("leave").hidden = true;
  document.title = `${screen.title} · AtrionStudio`;
  at("main").replaceChildren(screen.element);
}

async function begin() {
  const about = await (await fetch("studio/v1/about")).json().catch(() => ({}));
  document.body.classList.toggle("bare", !about.signedIn || !about.license?.permitted);
  if (!about.signedIn) return instead(signin(begin));
  if (!about.license.permitted) return instead(unlicensed(about, begin));
  at("api").hidden = !about.api;
  at("leave").hidden = !about.needsToken;
  start();
}

async function exchange() {
  const given = /^#token=([A-Za-z0-9_-]+)$/.exec(location.hash);
  if (!given) return;
  // Out of the address first, so that it is in no bookmark and no screenshot.
  history.replaceState(null, "", "#/overview");
  const headers = { "content-type": "application/json" };
  await fetch("session", { method: "POST", headers, body: JSON.stringify({ token: given[1] }) }).catch(() => {});
}

theme();
at("tabs").append(...TABS.map(([name, title]) => h("a", { href: `#/${name}`, "data-view": name }, title)));
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) return exchange().then(begin);
  if (!location.hash.startsWith("#/")) return;
  show();
  at("main").focus({ preventScroll: true });
  scrollTo(0, 0);
});
at("skip").addEventListener("click", (event) => {
  event.preventDefault();
  at("main").focus();
});
at("leave").addEventListener("click", async () => {
  const refused = await post("session/end", {});
  if (refused) return toast(refused);
  begin();
});
addEventListener("visibilitychange", refresh);
setInterval(() => view?.tick?.(), 1000);
await exchange();
await begin();
