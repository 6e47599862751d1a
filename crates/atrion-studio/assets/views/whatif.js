// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// What if: the latest minutes of a route, replayed with other settings. Nothing live is touched.

import { TimeChart } from "../chart.js";
import { attribute, h, panel, table, text } from "../dom.js";
import { BEST, number, percent, span } from "../format.js";
import { ask } from "../stream.js";

const TIMES = [["1 min", 60], ["2 min", 120], ["5 min", 300], ["all that is kept", 3600]];

/// The padding and the arrow of a select, in pixels, and some air.
const ARROW = 48;

/// The most used settings, with their units. The others are shown under their names in the
/// configuration.
const KNOWN = {
  "physics.adaptive.slo": ["SLO", "ms", "a call that takes longer is late; empty: none is"],
  cap: ["cap", "requests", "the most in flight; empty: the physics alone decides"],
  "physics.adaptive.gain": ["gain k", "", `how steeply saturation rises above N*. ${BEST}`],
  "physics.adaptive.weight": ["weight w", "Ω", "the most that saturation adds"],
  "physics.adaptive.scar_rate": ["scar rate σ", "Ω/s", "how fast failures scar"],
  "physics.adaptive.scar_decay": ["scar decay λ", "1/s", "how fast a scar heals"],
  "physics.adaptive.scar_ceiling": ["scar ceiling", "Ω", "the most that failures alone scar"],
  "physics.adaptive.min_target": ["least N*", "requests", `N* never falls below it. ${BEST}`],
  "physics.adaptive.dead_after": ["dead after", "failures", "so many in a row call a route dead"],
  "physics.adaptive.dead_silence": ["dead silence", "s", "so long without a success, too"],
};

const CURVES = [
  { name: "recorded", color: "ink", kind: "line", hint: "R as it was" },
  { name: "model", color: "t-base", kind: "line", dash: [5, 4], hint: "the recorded settings in the reconstructed service: how near it comes is how far the other can be believed" },
  { name: "changed", color: "t-scar", kind: "line", hint: "the changed settings in the reconstructed service" },
];

export function whatif(store, wanted) {
  let [routes, fields, running] = [[], new Map(), false];
  const choice = h("select", { id: "whatif-route", onchange: () => choose() });
  const whole = h("bdi", { class: "hint whole-name" });
  new ResizeObserver(() => spell()).observe(choice);
  const time = h("select", { id: "whatif-time" }, TIMES.map(([words, seconds]) => h("option", { value: seconds }, words)));
  time.value = "300";
  const main = h("div", { class: "settings" });
  const more = h("div", { class: "settings" });
  const trouble = h("p", { class: "trouble", role: "alert" });
  const run = h("button", { class: "primary" }, "Live through it again");
  const back = h("button", { type: "button", onclick: () => fill() }, "As recorded");
  const field = (name, input) => h("div", { class: "field" }, h("label", { for: input.id }, name), input);
  const form = h(
    "form",
    { class: "whatif", novalidate: true, onsubmit: (event) => { event.preventDefault(); start(); } },
    h("div", { class: "pick" }, h("div", {}, field("Route", choice), whole), field("The latest", time)),
    main,
    h("details", {}, h("summary", {}, "Every other setting"), h("div", {}, more)),
    h("div", { class: "inline" }, run, back, trouble),
  );
  const none = h("p", { class: "notice", hidden: true });
  const verdict = h("p", { class: "subline verdict", role: "status" });
  const notes = h("ul", { class: "facts" });
  const ohms = new TimeChart(CURVES, { title: "Resistance R, then and otherwise", unit: "Ω", height: 260, floor: 24 });
  const shed = new TimeChart(CURVES, { title: "Shed, then and otherwise", unit: "requests/s", height: 150, floor: 4 });
  const sums = table("What was shed and what would have been", [{ name: "Tier" }, { name: "Requests", num: true }, ...CURVES.map((curve) => ({ name: curve.name, num: true, hint: curve.hint }))], { class: "plain" });
  const result = h(
    "div",
    { class: "columns", hidden: true },
    panel(null, { class: "panel wide" }, ohms.element),
    panel("Shed by tier", {}, sums.wrap, notes),
    panel(null, { class: "panel full" }, shed.element),
  );
  const element = h(
    "div",
    { class: "view" },
    h("h1", {}, "What if"),
    h("p", { class: "hint" }, "The latest minutes of a route, lived through again with other settings: a service is reconstructed from what was measured, and the same engine stands before it. Nothing live is touched."),
    none,
    panel("Settings", { class: "panel full" }, form),
    verdict,
    result,
  );

  async function load() {
    const found = await fetch("studio/v1/whatif").then((answer) => answer.json()).catch(() => ({ minutes: 0, routes: [] }));
    const before = choice.value || wanted;
    routes = found.routes;
    form.parentElement.hidden = routes.length === 0;
    none.hidden = routes.length > 0;
    if (!routes.length) {
      text(none, found.minutes > 0 ? "Nothing is kept yet: minutes are kept of routes in trouble, and of those in use." : "No minutes are kept here. They are in the process whose routes they are: start Studio there, with kept_minutes above 0.");
      return;
    }
    if (wanted && !routes.some((one) => one.route === wanted)) {
      none.hidden = false;
      text(none, `Nothing is kept of ${wanted}: it had no traffic, or others were in more trouble.`);
    }
    choice.replaceChildren(...routes.map((one) => h("option", { value: one.route }, one.route)));
    choice.value = routes.some((one) => one.route === before) ? before : routes[0].route;
    choose();
  }

  /// A select shows the beginning of a long name; the whole name then stands below it.
  function spell() {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = getComputedStyle(choice).font;
    text(whole, choice.value);
    whole.hidden = pen.measureText(choice.value).width < choice.clientWidth - ARROW;
  }

  function choose() {
    spell();
    const chosen = routes.find((one) => one.route === choice.value);
    // Nothing is chosen before the routes have come.
    if (!chosen) return;
    const { settings } = chosen;
    const order = [...Object.keys(KNOWN).filter((path) => path in settings), ...Object.keys(settings).filter((path) => !(path in KNOWN))];
    fields = new Map(order.map((path, at) => [path, makeField(path, settings[path], `whatif-${at}`)]));
    main.replaceChildren(...[...fields].filter(([path]) => path in KNOWN).map(([, one]) => one.element));
    more.replaceChildren(...[...fields].filter(([path]) => !(path in KNOWN)).map(([, one]) => one.element));
  }

  function fill() {
    for (const one of fields.values()) one.reset();
  }

  async function start() {
    if (running) return;
    const settings = {};
    text(trouble, "");
    for (const [path, one] of fields) {
      const value = one.value();
      if (value === undefined) return text(trouble, `${one.name} is not a number.`);
      if (value !== one.recorded) settings[path] = value;
    }
    running = true;
    attribute(run, "aria-disabled", "true");
    text(verdict, "Living through it again …");
    const { answer, refused } = await ask("studio/v1/whatif", { route: choice.value, seconds: Number(time.value), settings });
    running = false;
    attribute(run, "aria-disabled", null);
    if (refused) {
      text(verdict, "");
      return text(trouble, refused);
    }
    show(answer);
  }

  function show(found) {
    result.hidden = false;
    const [was, , would] = found.shed.map((tiers, at) => sum(tiers) / Math.max(1, sum(found.offered[at])));
    const proof = found.same === found.pulses ? `All ${number(found.pulses)} decisions taken again are the same to the bit` : `${number(found.same)} of ${number(found.pulses)} decisions taken again are the same`;
    const otherwise = found.changes ? `with the change ${percent(would)}` : `${percent(would)} in the model, with no setting changed`;
    const first = h("b", {}, h("bdi", {}, found.route), `, ${span(found.seconds)}: ${percent(was)} of requests were shed, ${otherwise}.`);
    verdict.replaceChildren(first, ` ${proof}; the model, a pool of ${found.reached ? "" : "at least "}${found.workers} workers, is ${found.misfitOhm} Ω off in the mean.`);
    // On a phone the form is longer than the screen.
    const { top, bottom } = verdict.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight * 0.9) verdict.scrollIntoView({ block: "start" });
    notes.replaceChildren(...found.notes.map((note) => h("li", { class: "hint" }, `▲ ${note}`)));
    const [from, until] = [found.points[0][0], found.points.at(-1)[0]];
    const levels = store.about.ladder.map(([tier, low]) => ({ at: low, name: `${tier} is cut from ${low} V` }));
    ohms.show(found.points.map((point) => point.slice(0, 4)), { from, until, levels });
    shed.show(found.points.map((point) => [point[0], ...point.slice(4)]), { from, until });
    const row = (name, requests, cells, strong) => h("tr", { class: strong }, h("th", { scope: "row" }, name), h("td", { class: "num" }, requests), cells.map((cell) => h("td", { class: "num" }, cell)));
    const share = (at) => found.shed.map((tiers, n) => percent(tiers[at] / Math.max(1, found.offered[n][at])));
    sums.body.replaceChildren(
      ...found.tiers.map((tier, at) => row(tier, number(found.offered[0][at]), share(at))),
      row("all", number(sum(found.offered[0])), found.shed.map((tiers, n) => percent(sum(tiers) / Math.max(1, sum(found.offered[n])))), "strong"),
      row("answered in time", "", found.answered.map(number)),
      row("failed or late", "", found.unsuccessful.map(number)),
      row("seconds of braking", "", found.braking.map(number)),
    );
  }

  load();
  return { element, title: "What if", update() {} };
}

const sum = (list) => list.reduce((total, one) => total + one, 0);

/// An input for a setting. It marks a value that differs from the recorded one.
function makeField(path, recorded, id) {
  const [name, unit, hint] = KNOWN[path] ?? [path.replace(/^physics\.(adaptive|rfc)\./, ""), "", path];
  const isSwitch = typeof recorded === "boolean";
  const input = h("input", isSwitch ? { id, type: "checkbox" } : { id, inputmode: "decimal", autocomplete: "off", title: hint });
  const label = h("label", { for: id, title: hint }, name, unit ? h("span", { class: "unit" }, ` ${unit}`) : null);
  const element = h("div", { class: isSwitch ? "field switch" : "field" }, isSwitch ? [input, label] : [label, input]);
  const value = () => {
    if (isSwitch) return input.checked;
    const words = input.value.trim();
    if (words === "") return null;
    const given = Number(words);
    return Number.isFinite(given) ? given : undefined;
  };
  const mark = () => attribute(element, "data-changed", value() !== recorded ? "true" : null);
  const reset = () => {
    if (isSwitch) input.checked = recorded;
    else input.value = recorded ?? "";
    mark();
  };
  input.addEventListener("input", mark);
  reset();
  return { element, name, recorded, value, reset };
}
