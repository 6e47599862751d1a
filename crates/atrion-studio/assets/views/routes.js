// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// All routes in a table. Only visible rows exist, so a thousand routes scroll as smoothly as ten.

import { spark } from "../chart.js";
import { attribute, h, keyed, table, text } from "../dom.js";
import { BEST, number, ohms, points, target, TIERS } from "../format.js";
import { admittedOf, isShadow, resistance, shareOf, shedOf, value } from "../store.js";
import { many, modeChip, routeLink, setMode } from "./parts.js";

const HEIGHT = 34;
const BEYOND = 8;

const COLUMNS = [
  { id: "name", name: "Route", by: (_, route) => route.name.toLowerCase() },
  { id: "mode", name: "Mode", by: (store, route) => value(store, route, "mode") },
  { id: "shed", name: "Shed", unit: "%", num: true, hint: "of the requests of this second", by: (store, route) => shareOf(admittedOf(store, route), shedOf(store, route), isShadow(store, route)) },
  { id: "r", name: "R", unit: "Ω", num: true, by: resistance, hint: "resistance: a request passes if its voltage is higher" },
  { id: "tiers", name: "Shed by tier", unit: "%", hint: "critical, high, normal, low, bulk" },
  { id: "rate", name: "Requests", unit: "/s", num: true, by: (store, route) => admittedOf(store, route) + shedOf(store, route) },
  { id: "n", name: "In flight / N*", num: true, by: (store, route) => value(store, route, "inFlight"), hint: BEST },
  { id: "spark", name: "R", unit: "of the last minute" },
];

export function routes(store, search) {
  let [sort, down, query, order, held] = ["shed", true, search ?? "", [], false];
  const box = h("input", { type: "search", placeholder: "Search routes", "aria-label": "Search routes", value: query, oninput: () => { query = box.value; update(true); } });
  const only = h("input", { type: "checkbox", id: "only", onchange: () => update(true) });
  const count = h("output", { class: "count" });
  const made = table("Routes", COLUMNS, { class: "routes" });
  const heads = made.element.tHead.rows[0].cells;
  for (const [at, column] of COLUMNS.entries()) {
    if (!column.by) continue;
    const head = heads[at];
    const button = h("button", { type: "button", class: "sort", onclick: () => choose(column) }, ...head.childNodes);
    head.replaceChildren(button);
  }
  heads[COLUMNS.findIndex((column) => column.id === "tiers")].append(h("div", { class: "tiers heads" }, TIERS.map((tier) => h("span", { title: tier }, tier[0].toUpperCase()))));
  const above = h("tbody", { "aria-hidden": "true" }, h("tr", {}, h("td", { colspan: COLUMNS.length })));
  const below = h("tbody", { "aria-hidden": "true" }, h("tr", {}, h("td", { colspan: COLUMNS.length })));
  made.element.insertBefore(above, made.body);
  made.element.append(below);
  made.wrap.classList.add("tall");
  made.wrap.addEventListener("scroll", () => update());
  // The order stays under a pointer or a focus, so that rows do not jump away.
  made.body.addEventListener("pointerenter", () => { held = true; });
  made.body.addEventListener("pointerleave", () => { held = false; });
  const empty = h("p", { class: "empty" });
  const element = h("div", { class: "view full" }, h("h1", {}, "Routes"), h("div", { class: "tools" }, box, h("label", { class: "check", for: "only" }, only, "only those that shed, are open, or are held by hand"), count), h("p", { class: "hint" }, `A request passes if its voltage is above the resistance R. ${BEST}.`), made.wrap, empty);

  function choose(column) {
    down = sort === column.id ? !down : column.id !== "name";
    sort = column.id;
    update(true);
  }

  function sorted() {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (route) => !isIdleOverflow(store, route) && words.every((word) => route.name.toLowerCase().includes(word)) && (!only.checked || shedOf(store, route) > 0 || value(store, route, "mode") === 2 || store.overrideOf(route.name));
    const { by } = COLUMNS.find((column) => column.id === sort);
    const keys = new Map();
    for (const route of store.routes.values()) if (fits(route)) keys.set(route, by(store, route));
    const sign = down ? -1 : 1;
    return [...keys.keys()].sort((a, b) => compare(keys.get(a), keys.get(b)) * sign || compare(a.name, b.name));
  }

  function update(anew) {
    if (anew || !(held || made.body.contains(document.activeElement)) || order.some((route) => !store.routes.has(route.n))) order = sorted();
    for (const [at, column] of COLUMNS.entries()) attribute(heads[at], "aria-sort", column.id === sort ? (down ? "descending" : "ascending") : null);
    const overflow = store.byName.get("__overflow__");
    const known = store.routes.size - (overflow && isIdleOverflow(store, overflow) ? 1 : 0);
    const groups = store.routes.size - store.count();
    text(count, order.length === known ? `${many(known - groups, "route")}${groups ? `, ${many(groups, "group")}` : ""}` : `${number(order.length)} of ${number(known)} routes`);
    empty.hidden = order.length > 0;
    made.wrap.hidden = order.length === 0;
    text(empty, known ? "No route fits: take a word out of the search, or the tick away." : "No route has been named yet. One appears here with its first request, or as soon as the code says atrion.route(\"GET /orders\").");
    attribute(made.element, "aria-rowcount", order.length + 1);
    const first = Math.max(0, Math.floor(made.wrap.scrollTop / HEIGHT) - BEYOND);
    const last = Math.min(order.length, Math.ceil((made.wrap.scrollTop + innerHeight) / HEIGHT) + BEYOND);
    above.rows[0].cells[0].style.height = `${first * HEIGHT}px`;
    below.rows[0].cells[0].style.height = `${(order.length - last) * HEIGHT}px`;
    above.hidden = first === 0;
    below.hidden = last === order.length;
    keyed(made.body, order.slice(first, last).map((route, at) => [route, first + at]), ([route]) => route.n, ([route]) => row(route), (node, [route, at]) => fill(node, store, route, at));
  }

  return { element, title: "Routes", update: () => update() };
}

/// The overflow route, which all names past the bound share, is hidden until it has requests.
function isIdleOverflow(store, route) {
  return route.name === "__overflow__" && value(store, route, "mode") === 0 && admittedOf(store, route) + shedOf(store, route) + value(store, route, "inFlight") === 0;
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function row(route) {
  const chip = modeChip();
  const [r, n, rate, shed] = [0, 1, 2, 3].map(() => h("td", { class: "num" }));
  const tiers = TIERS.map((tier) => h("span", { title: tier }));
  const canvas = h("canvas", { class: "spark", role: "img", "aria-label": "R of the last 60 looks" });
  const element = h("tr", {}, h("th", { scope: "row", title: route.name }, routeLink(route.name)), h("td", {}, chip), shed, r, h("td", {}, h("span", { class: "tiers" }, tiers)), rate, n, h("td", {}, canvas));
  return Object.assign(element, { chip, r, n, rate, shed, tiers, canvas });
}

function fill(node, store, route, at) {
  attribute(node, "aria-rowindex", at + 2);
  // An unchanged row is not written again; only the curve moves.
  if (node.drawn !== store.time) {
    node.drawn = store.time;
    spark(node.canvas, route.spark, 14);
  }
  const by = store.overrideOf(route.name);
  if (node.row === route.row && node.by === by) return;
  [node.row, node.by] = [route.row, by];
  const [admitted, shed, shadow] = [admittedOf(store, route), shedOf(store, route), isShadow(store, route)];
  setMode(node.chip, store, route);
  text(node.r, ohms(resistance(store, route)));
  text(node.n, `${number(value(store, route, "inFlight"))} / ${target(value(store, route, "target"))}`);
  text(node.rate, number(shadow ? admitted : admitted + shed));
  text(node.shed, points(shareOf(admitted, shed, shadow)));
  attribute(node.shed, "data-hot", shed > 0 && !shadow);
  for (const [tier, cell] of node.tiers.entries()) {
    const share = shareOf(value(store, route, `admitted${tier}`), value(store, route, `shed${tier}`), shadow);
    text(cell, share > 0 ? String(Math.max(1, Math.round(share * 100))) : "·");
    attribute(cell, "data-level", share <= 0 ? null : share < 0.34 ? 1 : share < 0.67 ? 2 : 3);
  }
}
