// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// Is anything shed, since when, what is lost, who is degraded, and how long does the licence last.

import { TimeChart } from "../chart.js";
import { attribute, h, keyed, panel, table, text } from "../dom.js";
import { clock, number, ohms, percent, span, TIERS, day } from "../format.js";
import { admittedOf, isShadow, resistance, shareOf, shedOf, value } from "../store.js";
import { left, marksOf, modeChip, routeLink, setMode, severity } from "./parts.js";

export function overview(store) {
  const headline = h("h1", { class: "headline" });
  const subline = h("p", { class: "subline" });
  const chart = new TimeChart(
    [
      { name: "admitted", color: "t-ok", kind: "area", hint: "requests that were let through" },
      { name: "shed", color: "t-scar", kind: "area", hint: "requests that were refused" },
    ],
    { title: "All routes", unit: "requests/s", height: 170, floor: 4 },
  );
  const tiers = tierTable();
  const trouble = troubleTable();
  const calm = h("p", { class: "empty" }, "No route sheds, and no breaker is open.");
  const stores = h("ul", { class: "facts" });
  const latest = h("ol", { class: "latest" });
  const element = h(
    "div",
    { class: "view" },
    h("section", { class: "status" }, headline, subline),
    h(
      "div",
      { class: "columns" },
      panel("Traffic", { class: "panel wide" }, chart.element),
      panel("Lost by tier", {}, tiers.wrap),
      panel("Routes that need a look", { class: "panel wide" }, calm, trouble.wrap),
      panel("Around it", {}, stores),
      panel("Latest events", { class: "panel full" }, latest),
    ),
  );

  function update() {
    const all = [...store.routes.values()];
    const shedding = all.filter((route) => shedOf(store, route) > 0 && !isShadow(store, route));
    const open = all.filter((route) => value(store, route, "mode") === 2);
    say(shedding, open);
    const points = store.totals.map(([t, a0, a1, a2, a3, a4, s0, s1, s2, s3, s4]) => [t, a0 + a1 + a2 + a3 + a4, s0 + s1 + s2 + s3 + s4]);
    const until = store.time;
    const from = Math.max(until - 300000, Math.min(points[0]?.[0] ?? until, until - 60000));
    chart.show(points.filter((point) => point[0] >= from), { from, until, marks: marksOf(store.events.filter((event) => event.kind !== "mode_changed" || event.severity === "error").map((event) => ({ ...event, route: null })), null).slice(-40) });
    tiers.update(store);
    const needy = all
      .filter((route) => shedOf(store, route) > 0 || value(store, route, "mode") === 2 || store.overrideOf(route.name))
      .sort((a, b) => value(store, b, "mode") - value(store, a, "mode") || shedOf(store, b) - shedOf(store, a))
      .slice(0, 8);
    calm.hidden = needy.length > 0;
    trouble.wrap.hidden = needy.length === 0;
    trouble.update(store, needy);
    keyed(stores, facts(store), (fact) => fact.key, () => h("li", {}, h("span", { class: "state" }), h("span")), (node, fact) => {
      text(node.firstChild, `${fact.glyph} ${fact.word}`);
      attribute(node.firstChild, "data-state", fact.state);
      text(node.lastChild, fact.text);
    });
    keyed(latest, store.events.slice(-8).reverse(), (event) => event.number, (event) => h("li", {}, h("time", {}, clock(event.at_ms)), severity(event), h("span", { class: "what" }, event.route ? [routeLink(event.route), " "] : null, event.text)));
  }

  function say(shedding, open) {
    const [admitted, shed] = [sum(shedding, store, admittedOf), sum(shedding, store, shedOf)];
    const state = shedding.length ? "shedding" : open.length ? "open" : "calm";
    attribute(headline, "data-state", state);
    if (shedding.length) {
      const since = Math.min(...shedding.map((route) => route.shedSince || store.time));
      text(headline, `▲ ${shedding.length === 1 ? "1 route sheds" : `${shedding.length} routes shed`} ${percent(shareOf(admitted, shed))} of ${shedding.length === 1 ? "its" : "their"} requests`);
      text(subline, `since ${clock(since)}, for ${span(Math.max(0, (store.time - since) / 1000))} · ${number(shed)} of ${number(admitted + shed)} requests/s refused${open.length ? ` · ${open.length} ${open.length === 1 ? "breaker" : "breakers"} open` : ""}`);
    } else if (open.length) {
      text(headline, `⊘ ${open.length === 1 ? "1 breaker is" : `${open.length} breakers are`} open`);
      text(subline, "no request is refused at the moment; probes look for a way back");
    } else {
      text(headline, "● Nothing is shed");
      text(subline, `${store.routes.size} routes · ${number(sum(store.routes.values(), store, admittedOf))} requests/s admitted`);
    }
  }

  return { element, title: "Overview", update };
}

function sum(routes, store, of) {
  let total = 0;
  for (const route of routes) total += of(store, route);
  return total;
}

function tierTable() {
  const made = table("Lost by tier", [
    { name: "Tier" },
    { name: "Offered", unit: "/s", num: true },
    { name: "Shed", unit: "/s", num: true },
    { name: "Share", unit: "%", num: true },
  ], { class: "plain" });
  const rows = TIERS.map((tier) => {
    const cells = [h("td", { class: "num" }), h("td", { class: "num" }), h("td", { class: "num" }, h("span", { class: "share" }, h("meter", { min: "0", max: "1", value: "0", "aria-hidden": "true" }), h("span")))];
    made.body.append(h("tr", {}, h("th", { scope: "row" }, tier), cells));
    return cells;
  });
  made.update = (store) => {
    const [admitted, shed] = [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]];
    for (const route of store.routes.values()) {
      if (isShadow(store, route)) continue;
      for (let tier = 0; tier < 5; tier++) {
        admitted[tier] += value(store, route, `admitted${tier}`);
        shed[tier] += value(store, route, `shed${tier}`);
      }
    }
    for (const [tier, [offered, lost, share]] of rows.entries()) {
      text(offered, number(admitted[tier] + shed[tier]));
      text(lost, number(shed[tier]));
      const part = shareOf(admitted[tier], shed[tier]);
      share.firstChild.firstChild.value = part;
      text(share.firstChild.lastChild, percent(part));
    }
  };
  return made;
}

function troubleTable() {
  const made = table("Routes that need a look", [
    { name: "Route" },
    { name: "Mode" },
    { name: "R", unit: "Ω", num: true },
    { name: "Shed", unit: "%", num: true },
    { name: "For", num: true },
  ]);
  made.update = (store, routes) =>
    keyed(made.body, routes, (route) => route.n, (route) => {
      const chip = modeChip();
      const cells = [h("td", { class: "num" }), h("td", { class: "num" }), h("td", { class: "num" })];
      return Object.assign(h("tr", {}, h("th", { scope: "row" }, routeLink(route.name)), h("td", {}, chip), cells), { chip, fields: cells });
    }, (node, route) => {
      setMode(node.chip, store, route);
      text(node.fields[0], ohms(resistance(store, route)));
      text(node.fields[1], percent(shareOf(admittedOf(store, route), shedOf(store, route), isShadow(store, route))));
      text(node.fields[2], route.shedSince ? span(Math.max(0, (store.time - route.shedSince) / 1000)) : "–");
    });
  return made;
}

function facts(store) {
  const facts = store.around.stores.map((one) => ({
    key: `store ${one.name}`,
    state: one.trouble ? "warn" : "ok",
    glyph: one.trouble ? "▲" : "●",
    word: one.name,
    text: one.trouble ?? `${one.name === "memory" ? "this process alone" : "reached"}${one.lagS ? `, ${span(one.lagS)} behind` : ""}`,
  }));
  const nodes = store.around.nodes;
  if (nodes.length) {
    const quiet = nodes.filter((node) => node.silenceS > 3);
    facts.push({ key: "nodes", state: quiet.length ? "warn" : "ok", glyph: quiet.length ? "▲" : "●", word: "fleet", text: quiet.length ? `${nodes.length} nodes, ${quiet.length} not heard of for 3 s` : `${nodes.length} nodes, all heard of` });
  }
  for (const override of store.around.overrides.slice(0, 5)) {
    facts.push({ key: `override ${override.route}`, state: "warn", glyph: "⚑", word: override.kind.replace("_", " "), text: `${override.route}, ${left(override)} left` });
  }
  const { license } = store.around;
  if (license) {
    const good = license.state === "active";
    const until = license.license?.expires ? `until ${day(license.license.expires)}` : "without an end";
    facts.push({ key: "license", state: good ? "ok" : "warn", glyph: good ? "●" : "▲", word: "licence", text: license.license ? `${license.state}, ${until}` : license.state });
  }
  return facts;
}
