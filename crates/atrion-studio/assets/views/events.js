// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// What happened: filter, pause, copy, export.

import { h, keyed, table, text } from "../dom.js";
import { stamp } from "../format.js";
import { routeLink, severity, SEVERITIES } from "./parts.js";

const SHOWN = 300;

export function events(store, search, { toast }) {
  let [query, paused] = [search ?? "", null];
  const chosen = new Set(Object.keys(SEVERITIES));
  const box = h("input", { type: "search", placeholder: "Filter by route, kind or words", "aria-label": "Filter events", value: query, oninput: () => { query = box.value; update(); } });
  const boxes = Object.entries(SEVERITIES).map(([id, [glyph, word]]) =>
    h("label", {}, h("input", { type: "checkbox", checked: true, onchange: (event) => { event.target.checked ? chosen.add(id) : chosen.delete(id); update(); } }), ` ${glyph} ${word}`),
  );
  const pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => { paused = paused ? null : [...store.events]; pause.setAttribute("aria-pressed", String(Boolean(paused))); text(pause, paused ? "Resume" : "Pause"); update(); } }, "Pause");
  const copy = h("button", { type: "button", onclick: copied }, "Copy");
  const save = h("a", { class: "button", href: "/studio/v1/events.ndjson", download: "atrion-events.ndjson" }, "Export NDJSON");
  const count = h("output", { class: "count" });
  const made = table("Events, the latest first", [{ name: "Time" }, { name: "Severity" }, { name: "Kind" }, { name: "Route" }, { name: "What" }], { class: "events" });
  made.wrap.classList.add("tall");
  const empty = h("p", { class: "empty" }, "No event fits.");
  const element = h("div", { class: "view full" }, h("h1", {}, "Events"), h("div", { class: "tools" }, box, h("fieldset", { class: "inline" }, h("legend", { class: "sr" }, "Severities"), boxes), pause, copy, save, count), made.wrap, empty);

  function fitting() {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (event) => chosen.has(event.severity) && words.every((word) => `${event.route ?? ""} ${event.kind} ${event.text}`.toLowerCase().includes(word));
    // A history is heard of when it can be read, which may be after what is going on.
    return (paused ?? store.events).filter(fits).sort((a, b) => a.at_ms - b.at_ms || a.number - b.number);
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
    const all = fitting();
    text(count, `${Math.min(all.length, SHOWN)} of ${(paused ?? store.events).length}${paused ? `, ${store.events.at(-1)?.number - (paused.at(-1)?.number ?? 0)} new` : ""}`);
    empty.hidden = all.length > 0;
    keyed(made.body, all.slice(-SHOWN).reverse(), (event) => `${event.number} ${event.kind}`, (event) =>
      h("tr", {}, h("th", { scope: "row" }, stamp(event.at_ms)), h("td", {}, severity(event)), h("td", {}, event.kind.replaceAll("_", " ")), h("td", {}, event.route ? routeLink(event.route) : "–"), h("td", { class: "what" }, event.text)),
    );
  }

  return { element, title: "Events", update };
}
