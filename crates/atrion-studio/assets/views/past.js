// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// What was before this process, and on other nodes: from the history, page by page, on demand.

import { attribute, h, table, text } from "../dom.js";
import { number, stamp } from "../format.js";
import { eventRow, sentence } from "./parts.js";

const SPANS = [["1 hour", 3600], ["24 hours", 86400], ["7 days", 604800], ["30 days", 2592000], ["1 year", 31536000]];
/// The most rows on the page; to see more, the user has to name a route.
const MOST = 2000;

let pasts = 0;

export function past(store) {
  const id = `past${++pasts}`;
  // The answer to an earlier question is dropped.
  let [rows, next, asked, route] = [[], null, 0, ""];
  const names = h("datalist", { id: `${id}-routes` });
  const box = h("input", { type: "search", list: `${id}-routes`, placeholder: "All routes, or the name of one", "aria-label": "Route", autocomplete: "off", onfocus: () => names.replaceChildren(...[...store.byName.keys()].sort().slice(0, 1000).map((name) => h("option", { value: name }))), onchange: () => begin() });
  const span = h("select", { "aria-label": "How far back", onchange: () => begin() }, SPANS.map(([words, seconds]) => h("option", { value: seconds }, `the latest ${words}`)));
  span.value = "86400";
  const save = h("a", { class: "button", download: "atrion-history.ndjson" }, "Export NDJSON");
  const count = h("output", { class: "count", role: "status" });
  const trouble = h("p", { class: "notice", hidden: true });
  const again = h("button", { type: "button", onclick: () => load() }, "Try again");
  const made = table("Past changes of modes, the latest first", [{ name: "Time" }, { name: "Severity" }, { name: "Kind" }, { name: "Route" }, { name: "What" }], { class: "events" });
  made.wrap.classList.add("tall");
  const empty = h("p", { class: "empty", hidden: true });
  const older = h("button", { type: "button", hidden: true, onclick: () => load() }, "Older");
  const tools = h("div", { class: "tools" }, h("form", { class: "inline", onsubmit: (event) => { event.preventDefault(); begin(); } }, box, names, span), save, count);
  const element = h("div", { class: "view" }, tools, trouble, made.wrap, empty, older);

  const query = (more) => `?${new URLSearchParams({ seconds: span.value, ...(route ? { route } : {}), ...more })}`;

  function begin() {
    [rows, next, route] = [[], null, box.value.trim()];
    made.body.replaceChildren();
    attribute(save, "href", `studio/v1/past.ndjson${query({})}`);
    return load();
  }

  async function load() {
    const turn = ++asked;
    trouble.hidden = true;
    older.hidden = true;
    empty.hidden = true;
    text(count, `asking ${store.about.history} …`);
    const { answer, refused } = await look(`studio/v1/past${query(next ? { after: next } : {})}`);
    if (turn !== asked) return;
    if (refused) {
      text(count, "");
      trouble.replaceChildren(sentence(refused), " ", again);
      trouble.hidden = false;
      made.wrap.hidden = rows.length === 0;
      return;
    }
    next = answer.next;
    rows.push(...answer.events);
    made.body.append(...answer.events.map(eventRow));
    show();
  }

  function show() {
    made.wrap.hidden = rows.length === 0;
    empty.hidden = rows.length > 0;
    text(empty, `No route${route ? " of this name" : ""} changed its mode in ${span.selectedOptions[0].textContent}: that is good news, if the nodes write to ${store.about.history}.`);
    const full = rows.length >= MOST;
    older.hidden = !next || full;
    const back = rows.length ? `, back to ${stamp(rows.at(-1).at_ms)}` : "";
    const rest = !next ? "" : full ? "; there are more: name a route, or export" : "; there are older ones";
    text(count, `${number(rows.length)} ${rows.length === 1 ? "change" : "changes"} of modes on all nodes, in ${store.about.history}${back}${rest}`);
  }

  function leave() {
    asked++;
  }

  return { element, begin, leave, started: () => asked > 0 };
}

/// Reads JSON, or gives the reason in words.
async function look(path) {
  try {
    const answer = await fetch(path);
    const found = await answer.json().catch(() => ({}));
    return answer.ok ? { answer: found } : { refused: found.detail ?? `the history answers with ${answer.status}` };
  } catch {
    return { refused: "Studio cannot be reached at the moment" };
  }
}
