// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// One route: the terms of R over time, the ladder and where its cut lies, and why requests were
// refused.

import { TimeChart } from "../chart.js";
import { attribute, h, keyed, panel, svg, table, text } from "../dom.js";
import { BEST, best, clock, number, ohms, percent, REASONS, span, target } from "../format.js";
import { admittedOf, isGroup, isShadow, resistance, resistanceOf, shareOf, shedOf, sumFrom, value } from "../store.js";
import { leases } from "./leases.js";
import { form } from "./overrides.js";
import { left, marksOf, modeChip, outageOf, routeLink, sentence, setMode, whyOf } from "./parts.js";

const TERMS = [
  { name: "base", color: "t-base", kind: "area", hint: "what a healthy route has" },
  { name: "saturation", color: "t-saturation", kind: "area", hint: "the crowd" },
  { name: "momentum", color: "t-momentum", kind: "area", hint: "pressure that rises" },
  { name: "scar", color: "t-scar", kind: "area", hint: "what is left of past failures" },
  { name: "staleness", color: "t-staleness", kind: "area", hint: "calls that do not come back" },
  { name: "cluster", color: "t-cluster", kind: "area", hint: "what the fleet adds, or takes away" },
  { name: "signal", color: "t-signal", kind: "area", hint: "the strongest of the application's own signals" },
  { name: "R", color: "ink", kind: "line", hint: "the resistance that a request meets" },
];

const WINDOWS = [["1 min", 60], ["5 min", 300], ["15 min", 900]];

export function route(store, name, { toast }) {
  let [points, seconds] = [[], Number(sessionStorage.getItem("window")) || 60];
  const chip = modeChip();
  const [cause, now] = [h("p", { class: "why" }), h("p", { class: "subline" })];
  const byHand = h("p", { class: "notice", hidden: true });
  const terms = new TimeChart(TERMS, { title: "Resistance R and its terms", unit: "Ω", height: 260, floor: 24 });
  const load = new TimeChart([{ name: "in flight", color: "t-saturation", kind: "area" }, { name: "debt", color: "t-scar", kind: "area" }, { name: "N*", color: "ink", kind: "line", dash: [5, 4], hint: BEST }], { title: "In flight against the target N*", unit: "requests", height: 150, floor: 4 });
  const traffic = new TimeChart([{ name: "admitted", color: "t-ok", kind: "area" }, { name: "shed", color: "t-scar", kind: "area" }], { title: "Traffic", unit: "requests/s", height: 150, floor: 4 });
  const latency = new TimeChart([{ name: "L now", color: "t-saturation", kind: "line" }, { name: "L0 uncrowded", color: "ink", kind: "line", dash: [5, 4] }], { title: "Latency", unit: "ms", height: 150, floor: 10 });
  const windows = h("div", { class: "choice", role: "group", "aria-label": "Time shown" }, WINDOWS.map(([words, length]) => h("button", { type: "button", "data-seconds": length, onclick: () => { seconds = length; sessionStorage.setItem("window", length); update(); } }, words)));
  const ladder = ladderOf(store);
  const why = whyTable();
  const held = leases(store, toast, name);
  const gone = h("p", { class: "notice", hidden: true }, "There is no route of this name now: it was never named, or it was forgotten.");
  const overflow = h("p", { class: "notice", hidden: true }, "All routes past the bound on their number share this one. If it has requests, a name has something in it that is different in each of them, such as an id: name routes by their template.");
  const pool = h("p", { class: "subline", hidden: true });
  const may = store.about.overrides;
  const element = h(
    "div",
    { class: "view" },
    h("div", { class: "title" }, h("h1", {}, name), chip, h("span", { class: "grow" }), h("a", { class: "button", href: `#/whatif/${encodeURIComponent(name)}` }, "What if…"), windows),
    h("div", {}, cause, now, pool), byHand, gone, overflow,
    h(
      "div",
      { class: "columns" },
      panel(null, { class: "panel wide" }, terms.element),
      panel("Voltage ladder", {}, ladder.element),
      panel("Why was this refused?", { class: "panel full" }, why.element),
      panel(null, {}, load.element),
      panel(null, {}, traffic.element),
      panel(null, {}, latency.element),
      held.element,
      may ? panel("Take over by hand", { class: "panel full" }, form(store, toast, name)) : null,
    ),
  );

  async function load_history() {
    const answer = await fetch(`studio/v1/history?route=${encodeURIComponent(name)}`);
    if (!answer.ok) return;
    const rows = (await answer.json()).rows;
    const live = points;
    points = rows.concat(live.filter((point) => point[0] > (rows.at(-1)?.[0] ?? 0)));
    update();
  }

  function update() {
    const found = store.byName.get(name);
    gone.hidden = Boolean(found);
    if (!found) return;
    if (points.at(-1)?.[0] !== store.time) points.push([store.time, ...found.row]);
    if (points.length > 1800) points.splice(0, points.length - 1800);
    setMode(chip, store, found);
    const [admitted, shed] = [admittedOf(store, found), shedOf(store, found)];
    const shadow = isShadow(store, found);
    text(cause, sentence(whyOf(store, found)));
    cause.hidden = !cause.textContent || Boolean(store.overrideOf(name));
    // The cause of an open breaker says how its calls fare.
    const fare = found.outage ? (cause.hidden ? ` · ${outageOf(found.outage)}` : "") : ` · ${percent(value(store, found, "errors"))} errors`;
    const beside = (column, what) =>
      value(store, found, column) > 0 ? ` · ${number(value(store, found, column))} ${what}` : "";
    text(now, `R ${ohms(resistance(store, found))} Ω · ${number(value(store, found, "inFlight"))} in flight${beside("streams", "open streams")}${beside("overtaken", "overtaken")}${beside("queued", "waiting for a place")}, ${best(value(store, found, "target"))} · ${percent(shareOf(admitted, shed, shadow))} ${shadow ? "would be" : "of requests"} shed${fare}`);
    showOverride();
    showGroup(found);
    held.update();
    for (const button of windows.children) attribute(button, "aria-pressed", Number(button.dataset.seconds) === seconds);
    const c = store.column;
    const until = store.time;
    const from = until - seconds * 1000;
    const marks = marksOf(store.events, name);
    const shown = points.filter((point) => point[0] >= from - 2000);
    const each = (of) => shown.map(([t, ...row]) => [t, ...of(row)]);
    const levels = store.about.ladder.map(([tier, low]) => ({ at: low, name: `${tier} is cut from ${low} V` }));
    terms.show(each((row) => [...TERMS.slice(0, -1).map((term) => row[c[term.name]]), resistanceOf(c, row)]), { from, until, marks, levels });
    load.show(each((row) => [row[c.inFlight], Math.max(0, row[c.debt]), row[c.target]]), { from, until, marks });
    traffic.show(each((row) => [sumFrom(row, c.admitted0), sumFrom(row, c.shed0)]), { from, until, marks });
    latency.show(each((row) => [row[c.latencyMs], row[c.baselineMs]]), { from, until, marks });
    ladder.update(found);
    why.update(store.refusals.filter((refusal) => refusal.route === name).slice(-25).reverse());
  }

  function showGroup(found) {
    const group = store.groupOf(found);
    pool.hidden = !group && !isGroup(store, found);
    if (!group) return text(pool, "It is the gate of a group: each of its requests is counted at the route that it is for, too.");
    pool.replaceChildren("Its requests pass the gate of its group as well: ", routeLink(group.name), `, R ${ohms(resistance(store, group))} Ω.`);
  }

  function showOverride() {
    const active = store.overrideOf(name);
    byHand.hidden = !active;
    if (active) text(byHand, `⚑ ${active.kind.replace("_", " ")}, ${left(active)} left: ${active.reason}${active.author ? ` (${active.author})` : ""}`);
    overflow.hidden = name !== "__overflow__";
  }

  load_history();
  return { element, title: name, update, tick: () => [showOverride(), held.update()] };
}

/// The bands of the tiers, and R as the line that a request's voltage must exceed.
function ladderOf(store) {
  const [height, width] = [250, 370];
  const y = (volts) => 12 + (1 - Math.min(volts, 104) / 104) * (height - 24);
  const bands = store.about.ladder.map(([tier, low, high]) => {
    const area = svg("rect", { x: 46, y: y(high), width: 96, height: y(low) - y(high) - 1, class: "band" });
    const fill = svg("rect", { x: 46, width: 96, class: "cutband" });
    const words = svg("text", { x: 150, y: (y(low) + y(high)) / 2 + 4 });
    return { tier, low, high, area, fill, words };
  });
  const ticks = [0, 14, 22, 32, 65, 82, 100].map((volts) => svg("text", { x: 40, y: y(volts) + 4, class: "tick" }, `${volts} V`));
  const line = svg("path", { class: "cut" });
  const name = svg("text", { class: "cutname", x: 366 });
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "ladder", role: "img" }, ticks, bands.map((band) => [band.area, band.fill, band.words]), line, name);
  const element = h("div", {}, picture, h("p", { class: "hint" }, "A request passes if its voltage V is above R. Within a tier requests are spread over its band, so a tier can be cut in part."));
  return {
    element,
    update(route) {
      const r = resistance(store, route);
      const cut = Math.min(r, 104);
      attribute(line, "d", `M 40 ${y(cut)} H 148 M 296 ${y(cut)} H 366`);
      attribute(name, "y", y(cut) > 24 ? y(cut) - 5 : y(cut) + 14);
      text(name, `R ${ohms(r)} Ω`);
      const told = [];
      for (const [tier, band] of bands.entries()) {
        const part = Math.min(1, Math.max(0, (r - band.low) / (band.high - band.low)));
        attribute(band.fill, "y", y(band.low + (band.high - band.low) * part));
        attribute(band.fill, "height", Math.max(0, (y(band.low) - y(band.high) - 1) * part));
        const [passed, refused] = [value(store, route, `admitted${tier}`), value(store, route, `shed${tier}`)];
        const real = passed + refused > 0 ? `${percent(shareOf(passed, refused, isShadow(store, route)))} shed` : "no requests";
        text(band.words, `${band.tier} · ${real}`);
        told.push(`${band.tier} ${real}`);
      }
      attribute(picture, "aria-label", `R is ${ohms(r)} ohms. ${told.join(", ")}.`);
    },
  };
}

function whyTable() {
  const made = table("The last refusals with every term", [
    { name: "Time" },
    { name: "Tier" },
    { name: "Voltage", unit: "V", num: true, hint: "the request's own: it passes if it is above R" },
    { name: "R", unit: "Ω", num: true, hint: "the resistance that it met" },
    { name: "Reason" },
    ...["base", "saturation", "momentum", "scar", "staleness", "cluster", "signal"].map((name) => ({ name, unit: "Ω", num: true })),
    { name: "In flight + debt / N*", num: true, hint: BEST },
    { name: "Retry", unit: "s", num: true },
  ]);
  const empty = h("p", { class: "empty" }, "No request of this route has been refused since Studio began to watch. When one is, its voltage, R and every term of it stand here; a few a second are kept.");
  made.wrap.classList.add("short");
  return {
    element: h("div", {}, empty, made.wrap),
    update(refusals) {
      empty.hidden = refusals.length > 0;
      made.wrap.hidden = refusals.length === 0;
      keyed(made.body, refusals, (refusal) => refusal.number, (refusal) => {
        const of = refusal.terms_ohm;
        const numbers = [of.base, of.saturation, of.momentum, of.scar, of.staleness, of.cluster, of.signal];
        return h(
          "tr",
          {},
          h("th", { scope: "row" }, clock(refusal.at_ms)),
          h("td", {}, refusal.tier),
          h("td", { class: "num" }, refusal.voltage_v.toFixed(1)),
          h("td", { class: "num strong" }, ohms(refusal.resistance_ohm)),
          h("td", { class: refusal.group ? null : "whole", title: REASONS[refusal.reason] }, refusal.reason.replace("_", " "), refusal.signal ? ` · ${refusal.signal}` : null, refusal.group ? [" · ", routeLink(refusal.group)] : null),
          numbers.map((term) => h("td", { class: `num ${Math.abs(term) < 0.05 ? "nought" : ""}` }, term.toFixed(1))),
          h("td", { class: "num" }, `${number(refusal.in_flight)}${refusal.debt > 0.05 ? ` + ${number(refusal.debt)}` : ""} / ${target(refusal.limit)}`),
          h("td", { class: "num", title: span(refusal.retry_after_s) }, refusal.retry_after_s.toFixed(1)),
        );
      });
    },
  };
}
