// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// What happened: filter, pause, copy, export; and what was before, if there is a history.

import { attribute, h, keyed, table, text } from "../dom.js";
import { number } from "../format.js";
import { past } from "./past.js";
import { eventRow, SEVERITIES } from "./parts.js";

const SHOWN = 300;

export function events(store, which, { toast }) {
  const now = live(store, toast);
  const before = store.about.history ? past(store) : null;
  const shown = { live: now.element, history: before?.element };
  let chosen = before && which === "history" ? "history" : "live";
  const buttons = [["live", "Live", "since this process began"], ["history", `History in ${store.about.history}`, "of all nodes, before and after"]].map(([name, words, title]) =>
    h("button", { type: "button", title, "data-name": name, onclick: () => choose(name) }, words),
  );
  const choice = before ? h("div", { class: "choice", role: "group", "aria-label": "Which events" }, buttons) : null;
  const element = h("div", { class: "view full" }, h("div", { class: "title" }, h("h1", {}, "Events"), choice), now.element, before?.element);

  function choose(name) {
    chosen = name;
    for (const [of, view] of Object.entries(shown)) if (view) view.hidden = of !== name;
    for (const button of buttons) attribute(button, "aria-pressed", button.dataset.name === name);
    if (name === "history" && !before.started()) before.begin();
    if (name === "live") now.update();
  }

  choose(chosen);
  return { element, title: "Events", update: () => chosen === "live" && now.update(), leave: () => before?.leave() };
}

function live(store, toast) {
  let [query, paused] = ["", null];
  const chosen = new Set(Object.keys(SEVERITIES));
  const box = h("input", { type: "search", placeholder: "Filter by route, kind or words", "aria-label": "Filter events", oninput: () => { query = box.value; update(); } });
  const boxes = Object.entries(SEVERITIES).map(([id, [glyph, word]]) =>
    h("label", { class: "check" }, h("input", { type: "checkbox", checked: true, onchange: (event) => { event.target.checked ? chosen.add(id) : chosen.delete(id); update(); } }), `${glyph} ${word}`),
  );
  const pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => { paused = paused ? null : [...store.events]; attribute(pause, "aria-pressed", String(Boolean(paused))); text(pause, paused ? "Resume" : "Pause"); update(); } }, "Pause");
  const copy = h("button", { type: "button", onclick: copied }, "Copy");
  const save = h("a", { class: "button", href: "studio/v1/events.ndjson", download: "atrion-events.ndjson" }, "Export NDJSON");
  const count = h("output", { class: "count" });
  const made = table("Events, the latest first", [{ name: "Time" }, { name: "Severity" }, { name: "Kind" }, { name: "Route" }, { name: "What" }], { class: "events" });
  made.wrap.classList.add("tall");
  const empty = h("p", { class: "empty" });
  const element = h("div", { class: "view" }, h("div", { class: "tools" }, box, h("fieldset", { class: "inline" }, h("legend", { class: "sr" }, "Severities"), boxes), pause, copy, save, count), made.wrap, empty);

  function fitting() {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    return (paused ?? store.events).filter((event) => chosen.has(event.severity) && words.every((word) => `${event.route ?? ""} ${event.kind} ${event.text}`.toLowerCase().includes(word)));
  }

  async function copied() {
    const lines = fitting().map((event) => JSON.stringify(event)).join("\n");
    try {
      await navigator.clipboard.writeText(lines);
      toast("The events that are shown are in the clipboard, one JSON value per line.");
    } catch {
      toast("This browser does not let the page write to the clipboard: use the export.");
    }
  }

  function update() {
    const [all, known] = [fitting(), paused ?? store.events];
    const missed = paused ? (store.events.at(-1)?.number ?? 0) - (paused.at(-1)?.number ?? 0) : 0;
    text(count, `${number(Math.min(all.length, SHOWN))} of ${number(known.length)} events${paused ? `, paused: ${number(missed)} new` : ""}`);
    empty.hidden = all.length > 0;
    made.wrap.hidden = all.length === 0;
    text(empty, known.length ? "No event fits: take a word out of the filter, or switch a severity on." : "Nothing has happened yet. Here stand changes of modes, beginnings and ends of shedding, stores that fail and come back, overrides and configurations, as they happen.");
    keyed(made.body, all.slice(-SHOWN).reverse(), (event) => `${event.number} ${event.kind}`, eventRow);
  }

  return { element, update };
}
