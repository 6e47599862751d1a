// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// Nodes by routes: what each node says of each route, and what this node makes of it.

import { attribute, h, keyed, panel, table, text } from "../dom.js";
import { MODES, number, ohms, span } from "../format.js";
import { resistance, value } from "../store.js";
import { routeLink } from "./parts.js";

const MOST_ROUTES = 60;
const MOST_NODES = 40;
const MOST_CALLEES = 20;

export function fleet(store) {
  const gamma = h("p", { class: "subline" });
  const alone = h("p", { class: "notice" });
  const nodes = table("Nodes", [
    { name: "Node" },
    { name: "State" },
    { name: "Heard of", unit: "ago", num: true, hint: "also the lag of what is known of it" },
    { name: "Routes with a scar", num: true },
    { name: "Deepest scar", unit: "Ω", num: true },
  ]);
  const merged = table("Own against merged scar", [
    { name: "Route" },
    { name: "Own scar", unit: "Ω", num: true },
    { name: "Merged", unit: "Ω", num: true, hint: "what the gate uses" },
    { name: "The fleet's share", unit: "Ω", num: true },
    { name: "R", unit: "Ω", num: true },
  ]);
  const callees = table("Callees that are one for all nodes", [
    { name: "Route" },
    { name: "Node" },
    { name: "Offered", unit: "1/s", num: true },
    { name: "In flight", num: true },
    { name: "Part", num: true, hint: "of the fleet's N*, by what the node is offered, with slack for its bursts" },
    { name: "State" },
  ]);
  const shares = panel("One callee for all nodes", { class: "panel full" }, callees.wrap);
  const heat = h("table", { class: "heat" });
  const none = h("p", { class: "empty" }, "No route has a scar anywhere.");
  const key = h("p", { class: "hint" }, "A scar is what is left of past failures: the stronger the colour, the deeper. ⊘ the breaker is open there; · no scar.");
  const panels = h(
    "div",
    { class: "columns" },
    panel("Scars by node and route, Ω", { class: "panel full" }, key, none, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Heat map" }, heat)),
    shares,
    panel("Nodes", { class: "panel half" }, nodes.wrap),
    panel("Own against merged, here", { class: "panel half" }, merged.wrap),
  );
  const element = h("div", { class: "view" }, h("h1", {}, "Fleet"), gamma, alone, panels);

  function update() {
    const all = store.around.nodes.slice(0, MOST_NODES);
    const single = all.length === 0;
    alone.hidden = !single;
    panels.hidden = single;
    gamma.hidden = single;
    const stores = store.around.stores.map((one) => one.name).join(", ");
    if (single) return text(alone, `This node keeps its state for itself (${stores}), so there is no fleet to show. With a shared store, as RedisClusterProvider is one, the nodes, their scars and what this one makes of them stand here.`);
    text(gamma, `${store.around.nodes.length} nodes · γ ${store.around.gamma ?? "unknown"}: S_merged = γ · S_cluster + (1 − γ) · S_own · ${store.around.stores.map((one) => `${one.name} ${one.trouble ? `▲ ${one.trouble}` : "● well"}`).join(" · ")}`);
    const worst = new Map();
    for (const node of all) for (const cell of node.cells) worst.set(cell.route, Math.max(worst.get(cell.route) ?? 0, cell.scar));
    const routes = [...worst.keys()].sort((a, b) => worst.get(b) - worst.get(a) || (a < b ? -1 : 1)).slice(0, MOST_ROUTES);
    none.hidden = routes.length > 0;
    heat.hidden = routes.length === 0;
    key.hidden = routes.length === 0;
    drawHeat(heat, all, routes);
    keyed(nodes.body, all, (node) => node.name, (node) => h("tr", {}, h("th", { scope: "row", class: "whole" }, node.name), h("td", { class: "whole" }), h("td", { class: "num" }), h("td", { class: "num" }), h("td", { class: "num" })), (row, node) => {
      const [, state, heard, count, deepest] = row.cells;
      const trouble = node.here && store.around.stores.some((one) => one.trouble);
      text(state, trouble ? "▲ degraded to memory" : node.here ? "● here" : node.silenceS > 10 ? "◌ gone" : node.silenceS > 3 ? "▲ fading" : "● heard of");
      text(heard, node.here ? "–" : span(node.silenceS));
      text(count, number(node.cells.length));
      text(deepest, node.cells.length ? ohms(Math.max(...node.cells.map((cell) => cell.scar))) : "–");
    });
    const demands = (store.around.callees ?? []).slice(0, MOST_CALLEES).flatMap((callee) => [{ callee }, ...callee.nodes.slice(0, MOST_NODES).map((node) => ({ callee, node }))]);
    shares.hidden = demands.length === 0;
    keyed(callees.body, demands, (one) => JSON.stringify([one.callee.route, one.node?.name ?? null]), demandRow, updateDemand);
    const own = store.routes.size ? [...store.routes.values()].filter((route) => value(store, route, "scar") > 0 || value(store, route, "cluster") !== 0) : [];
    own.sort((a, b) => Math.abs(value(store, b, "cluster")) - Math.abs(value(store, a, "cluster")));
    keyed(merged.body, own.slice(0, 20), (route) => route.n, (route) => h("tr", {}, h("th", { scope: "row" }, routeLink(route.name)), [1, 2, 3, 4].map(() => h("td", { class: "num" }))), (row, route) => {
      const [scar, share] = [value(store, route, "scar"), value(store, route, "cluster")];
      const values = [ohms(scar), ohms(Math.max(0, scar + share)), `${share > 0 ? "+" : ""}${share.toFixed(1)}`, ohms(resistance(store, route))];
      for (const [at, words] of values.entries()) text(row.cells[at + 1], words);
    });
  }

  return { element, title: "Fleet", update };
}

/// A callee has a row for all nodes together, and one for each.
function demandRow({ callee, node }) {
  return h("tr", {}, h("th", { scope: "row" }, node ? null : routeLink(callee.route)), h("td", { class: "whole" }, node?.name ?? "all nodes"), [1, 2, 3].map(() => h("td", { class: "num" })), h("td", { class: "whole" }));
}

function updateDemand(row, { callee, node }) {
  const [, , offered, inFlight, part, state] = row.cells;
  const { fleet, nodes } = callee;
  const sum = (name) => nodes.reduce((all, one) => all + one[name], 0);
  text(offered, number(node?.offered ?? sum("offered")));
  text(inFlight, number(node?.inFlight ?? sum("inFlight")));
  const limit = node ? node.part : fleet?.limit;
  text(part, limit == null ? "–" : `${node ? "" : "N* "}${number(limit)}`);
  const over = node && node.part != null && node.inFlight > node.part;
  text(state, node ? `${over ? "▲ over its part" : node.part == null ? "–" : "● within its part"}${node.here ? ", here" : ""}` : !fleet ? "seen from beside: no N*" : fleet.inForce ? `▲ parts are in force${fleet.cut > 0 ? `, under ${ohms(fleet.cut)} Ω nothing passes` : ""}` : "● nothing is held back");
}

/// A table with tinted cells. Each cell has its number, so that the tint is never all there is.
function drawHeat(heat, nodes, routes) {
  const signature = JSON.stringify([nodes.map((node) => node.name), routes]);
  if (heat.signature !== signature) {
    heat.signature = signature;
    heat.replaceChildren(
      h("caption", { class: "sr" }, "Scars by node and route, in ohms"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Route"), nodes.map((node) => h("th", { scope: "col", title: node.name }, node.name)))),
      h("tbody", {}, routes.map((route) => h("tr", {}, h("th", { scope: "row" }, routeLink(route)), nodes.map(() => h("td", { class: "num" }))))),
    );
  }
  const rows = heat.tBodies[0].rows;
  for (const [column, node] of nodes.entries()) {
    const cells = new Map(node.cells.map((cell) => [cell.route, cell]));
    for (const [at, route] of routes.entries()) {
      const cell = cells.get(route);
      const box = rows[at].cells[column + 1];
      const mode = MODES.find((one) => one.id === cell?.mode);
      text(box, cell ? `${cell.mode === "circuit_breaker" ? "⊘ " : ""}${ohms(cell.scar)}` : "·");
      attribute(box, "data-level", cell ? Math.min(5, 1 + Math.floor(cell.scar / 20)) : null);
      attribute(box, "title", cell ? `${node.name}, ${route}: scar ${ohms(cell.scar)} Ω, R ${ohms(cell.resistance)} Ω, ${mode?.word ?? cell.mode}, ${span(cell.ageS)} old` : null);
    }
  }
}
