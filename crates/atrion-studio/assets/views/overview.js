// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// Within five seconds: is anything shed, of what, since when and why; what is lost, and what is
// degraded around it.

import { TimeChart } from "../chart.js";
import { attribute, h, keyed, panel, table, text } from "../dom.js";
import { clock, day, number, ohms, percent, points, span, TIERS } from "../format.js";
import { admittedOf, isGroup, isShadow, resistance, shareOf, shedOf, value } from "../store.js";
import { left, marksOf, modeChip, routeLink, sentence, setMode, severity, whyOf } from "./parts.js";

const NO_ROUTES = "No route has been named yet. One appears here with its first request, or as soon as the code says atrion.route(\"GET /orders\").";

export function overview(store) {
  const status = statusOf();
  const chart = new TimeChart(
    [
      { name: "admitted", color: "t-ok", kind: "area", hint: "requests that were let through" },
      { name: "shed", color: "t-scar", kind: "area", hint: "requests that were refused" },
    ],
    { title: "Traffic of all routes", unit: "requests/s", height: 170, floor: 4 },
  );
  const tiers = tierTable();
  const trouble = troubleTable();
  const calm = h("p", { class: "empty" });
  const stores = h("ul", { class: "facts" });
  const latest = h("ol", { class: "latest" });
  const quiet = h("p", { class: "empty" }, "Nothing has happened since this process began, or since the page can remember.");
  const element = h(
    "div",
    { class: "view" },
    status.element,
    h(
      "div",
      { class: "columns" },
      panel("Routes that need a look", { class: "panel wide" }, calm, trouble.wrap),
      panel("Lost by tier", {}, tiers.wrap),
      panel(null, { class: "panel wide" }, chart.element),
      panel("Around it", {}, stores),
      panel("Latest events", { class: "panel full" }, quiet, latest),
    ),
  );

  function update() {
    const all = [...store.routes.values()];
    const worst = (a, b) => value(store, b, "mode") - value(store, a, "mode") || shedOf(store, b) - shedOf(store, a);
    const shedding = all.filter((route) => shedOf(store, route) > 0 && !isShadow(store, route) && !isGroup(store, route)).sort(worst);
    const open = all.filter((route) => value(store, route, "mode") === 2).sort(worst);
    status.say(store, shedding, open);
    const curve = store.totals.map(([t, a0, a1, a2, a3, a4, s0, s1, s2, s3, s4]) => [t, a0 + a1 + a2 + a3 + a4, s0 + s1 + s2 + s3 + s4]);
    const until = store.time;
    const from = Math.max(until - 300000, Math.min(curve[0]?.[0] ?? until, until - 60000));
    const told = store.events.filter((event) => event.kind !== "mode_changed" || event.severity === "error");
    chart.show(curve.filter((point) => point[0] >= from), { from, until, marks: marksOf(told.map((event) => ({ ...event, route: null })), null).slice(-40) });
    tiers.update(store);
    const needy = all.filter((route) => shedOf(store, route) > 0 || value(store, route, "mode") === 2 || store.overrideOf(route.name)).sort(worst).slice(0, 8);
    calm.hidden = needy.length > 0;
    text(calm, busy(store) ? "None: no route sheds, no breaker is open, and nothing is taken over by hand." : NO_ROUTES);
    trouble.wrap.hidden = needy.length === 0;
    trouble.update(store, needy);
    keyed(stores, facts(store), (fact) => fact.key, () => h("li", {}, h("span", { class: "state" }), h("span")), (node, fact) => {
      text(node.firstChild, `${fact.glyph} ${fact.word}`);
      attribute(node.firstChild, "data-state", fact.state);
      if (!fact.of) text(node.lastChild, fact.text);
      else if (node.said !== fact.text) node.lastChild.replaceChildren(routeLink(fact.of), (node.said = fact.text));
    });
    quiet.hidden = store.events.length > 0;
    keyed(latest, store.events.slice(-8).reverse(), (event) => `${event.number} ${event.kind}`, (event) => h("li", {}, h("time", {}, clock(event.at_ms)), severity(event), h("span", { class: "what" }, event.route ? [routeLink(event.route), " "] : null, event.text)));
  }

  return { element, title: "Overview", update };
}

/// Whether there is a route beside the overflow route.
function busy(store) {
  return store.count() > (store.byName.has("__overflow__") ? 1 : 0);
}

/// The headline: the worst route by name, and since when and why.
function statusOf() {
  const [lead, tail] = [h("span"), h("span")];
  const name = h("a", { class: "route" });
  const headline = h("h1", { class: "headline" }, lead, name, tail);
  const [why, subline] = [h("p", { class: "why" }), h("p", { class: "subline" })];
  const element = h("section", { class: "status" }, headline, why, subline);

  function tell(state, before, route, after, reason, rest) {
    attribute(headline, "data-state", state);
    text(lead, before);
    name.hidden = !route;
    if (route) {
      text(name, route.name);
      attribute(name, "href", `#/route/${encodeURIComponent(route.name)}`);
    }
    text(tail, after);
    why.hidden = !reason;
    text(why, reason);
    text(subline, rest);
  }

  function say(store, shedding, open) {
    const [admitted, shed] = [sum(shedding, store, admittedOf), sum(shedding, store, shedOf)];
    const [one] = shedding;
    const also = (count) => (count > 0 ? ` · ${count} more ${count === 1 ? "breaker" : "breakers"} open` : "");
    if (one) {
      const since = Math.min(...shedding.map((route) => route.shedSince || store.time));
      const share = percent(shareOf(admitted, shed));
      const rest = `since ${clock(since)}, for ${span(Math.max(0, (store.time - since) / 1000))} · ${number(shed)} of ${number(admitted + shed)} requests/s refused${also(open.filter((route) => !shedding.includes(route)).length)}`;
      const reason = whyOf(store, one);
      if (shedding.length === 1) return tell("shedding", "▲ ", one, ` sheds ${share}`, sentence(reason), rest);
      return tell("shedding", `▲ ${shedding.length} routes shed ${share} of their requests; most of all `, one, "", sentence(reason), rest);
    }
    if (open.length) {
      const [first] = open;
      const reason = sentence(whyOf(store, first));
      return tell("open", "⊘ ", first, open.length === 1 ? ": its breaker is open" : ` and ${open.length - 1} more: their breakers are open`, reason, "no request comes for it at the moment, so none is refused");
    }
    if (!busy(store)) return tell("calm", "● Nothing is shed", null, "", "", "no route has been named yet");
    const routes = store.count() - (store.byName.has("__overflow__") ? 1 : 0);
    tell("calm", "● Nothing is shed", null, "", "", `${number(routes)} ${routes === 1 ? "route" : "routes"} · ${number(sum(store.routes.values(), store, admittedOf))} requests/s admitted`);
  }

  return { element, say };
}

/// The sum over routes; requests of a group are counted at its routes.
function sum(routes, store, of) {
  let total = 0;
  for (const route of routes) if (!isGroup(store, route)) total += of(store, route);
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
      if (isShadow(store, route) || isGroup(store, route)) continue;
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
      text(share.firstChild.lastChild, points(part));
    }
  };
  return made;
}

function troubleTable() {
  const made = table("Routes that need a look", [
    { name: "Route" },
    { name: "Mode" },
    { name: "Shed", unit: "%", num: true },
    { name: "R", unit: "Ω", num: true },
    { name: "For", num: true, hint: "how long it has been shedding" },
  ], { class: "needy" });
  made.update = (store, routes) =>
    keyed(made.body, routes, (route) => route.n, (route) => {
      const [chip, why] = [modeChip(), h("span", { class: "why" })];
      const cells = [h("td", { class: "num strong" }), h("td", { class: "num" }), h("td", { class: "num" })];
      return Object.assign(h("tr", {}, h("th", { scope: "row" }, routeLink(route.name), why), h("td", {}, chip), cells), { chip, why, fields: cells });
    }, (node, route) => {
      setMode(node.chip, store, route);
      text(node.why, whyOf(store, route));
      text(node.fields[0], points(shareOf(admittedOf(store, route), shedOf(store, route), isShadow(store, route))));
      text(node.fields[1], ohms(resistance(store, route)));
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
    text: one.trouble ? `${one.trouble}; this node goes on from its memory` : `${one.name === "memory" ? "state of this process alone" : "reached"}${one.lagS ? `, ${span(one.lagS)} behind` : ""}`,
  }));
  const nodes = store.around.nodes;
  if (nodes.length) {
    const quiet = nodes.filter((node) => node.silenceS > 3);
    facts.push({ key: "nodes", state: quiet.length ? "warn" : "ok", glyph: quiet.length ? "▲" : "●", word: "fleet", text: quiet.length ? `${nodes.length} nodes, ${quiet.length} not heard of for 3 s` : `${nodes.length} nodes, all heard of` });
  }
  for (const override of store.around.overrides.slice(0, 5)) {
    facts.push({ key: `override ${override.route}`, state: "warn", glyph: "⚑", word: override.kind.replace("_", " "), of: override.route, text: `, ${left(override)} left` });
  }
  const { license } = store.around;
  if (license) {
    const good = license.state === "active";
    const until = license.license?.expires ? `until ${day(license.license.expires)}` : "without an end";
    facts.push({ key: "license", state: good ? "ok" : "warn", glyph: good ? "●" : "▲", word: "license", text: license.license ? `${license.state}, ${until}` : license.state });
  }
  return facts;
}
