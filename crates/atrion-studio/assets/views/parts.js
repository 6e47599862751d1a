// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// Parts that several views share.

import { attribute, h, text } from "../dom.js";
import { best, KINDS, MODES, number, percent, span, stamp } from "../format.js";
import { isShadow, resistance, value } from "../store.js";

/// A mode as glyph and word, with the override.
export function modeChip() {
  const glyph = h("span", { class: "glyph", "aria-hidden": "true" });
  const word = h("span");
  const hand = h("span", { class: "hand" });
  const element = h("span", { class: "mode" }, glyph, word, hand);
  return Object.assign(element, { parts: { glyph, word, hand } });
}

export function setMode(chip, store, route) {
  const mode = MODES[value(store, route, "mode")];
  const byHand = store.overrideOf(route.name);
  const shadow = isShadow(store, route);
  text(chip.parts.glyph, mode.glyph);
  text(chip.parts.word, mode.word);
  text(chip.parts.hand, byHand ? ` ⚑ ${KINDS[byHand.kind]?.word ?? byHand.kind}` : shadow ? " ◐ shadow" : "");
  attribute(chip, "data-mode", mode.id);
  attribute(chip, "title", mode.hint);
}

/// Words as a sentence.
export function sentence(words) {
  return words ? `${words[0].toUpperCase()}${words.slice(1)}.` : "";
}

/// In a few words, the largest term of a route's resistance, or of its group's where that is the
/// higher one; empty where no term counts.
export function whyOf(store, route) {
  const own = reasonOf(store, route);
  const group = store.groupOf(route);
  if (!group || store.overrideOf(route.name) || resistance(store, group) <= resistance(store, route)) return own;
  const theirs = reasonOf(store, group);
  return theirs ? `its group ${group.name}: ${theirs}` : own;
}

function reasonOf(store, route) {
  const of = (name) => value(store, route, name);
  const byHand = store.overrideOf(route.name);
  if (byHand && byHand.kind !== "reset") return `${KINDS[byHand.kind]?.word ?? byHand.kind} by ${byHand.author ?? "code"} for ${left(byHand)} more: ${byHand.reason}`;
  if (of("mode") === 2) return route.outage ? `its calls fail: ${outageOf(route.outage)}` : "its calls fail; probes look for a way back";
  const terms = {
    saturation: `more comes than it carries: ${number(of("inFlight") + Math.max(0, of("debt")))} in flight and waiting, and ${best(of("target"))}`,
    scar: `calls failed, and that is not forgotten yet: ${percent(of("errors"))} errors now`,
    momentum: "its pressure rises fast",
    staleness: "calls do not come back",
    cluster: "other nodes have trouble with it",
    signal: `a signal of the application is over its target${named(store, route)}`,
  };
  const [most] = Object.keys(terms).sort((a, b) => of(b) - of(a));
  return of(most) > 0.5 ? terms[most] : "";
}

/// The signal's name, as far as a refusal has told it.
function named(store, route) {
  const told = store.refusals.findLast((refusal) => refusal.signal && [refusal.route, refusal.group].includes(route.name));
  return told ? `: ${told.signal}` : "";
}

/// What is known of an open breaker. The share of errors says nothing of it: only probes pass.
export function outageOf({ seconds, failures, probes, failed }) {
  const sent = probes === 0 ? "no probe has passed yet" : `${number(failed)} of ${many(probes, "probe")} failed`;
  return `${many(failures, "failure")} in a row, open for ${span(seconds)}, ${sent}`;
}

export function many(count, word) {
  return `${number(count)} ${word}${count === 1 ? "" : "s"}`;
}

export function routeLink(name) {
  return h("a", { class: "route", href: `#/route/${encodeURIComponent(name)}` }, name);
}

export function left(override, now = Date.now()) {
  const seconds = Math.max(0, Math.round((override.endsMs - now) / 1000));
  return span(seconds);
}

export const SEVERITIES = { info: ["○", "info"], warning: ["▲", "warning"], error: ["⊘", "error"] };

export function severity(event) {
  const [glyph, word] = SEVERITIES[event.severity] ?? SEVERITIES.info;
  return h("span", { class: "severity", "data-severity": event.severity }, h("span", { "aria-hidden": "true" }, `${glyph} `), word);
}

const SIGNS = {
  circuit_breaker: ["⊘", "the breaker opens"],
  operational: ["●", "operational"],
  bootstrap: ["◌", "learns anew"],
  override_set: ["⚑", "taken over by hand"],
  override_ended: ["⚐", "given back"],
  config_replaced: ["⚙", "another configuration"],
  provider_degraded: ["✕", "a store fails"],
  provider_recovered: ["✓", "a store works again"],
};

/// An event as a row of a table.
export function eventRow(event) {
  return h("tr", {}, h("th", { scope: "row" }, stamp(event.at_ms).split(" ").flatMap((part) => [h("span", { class: "whole" }, part), " "])), h("td", {}, severity(event)), h("td", {}, event.kind.replaceAll("_", " ")), h("td", {}, event.route ? routeLink(event.route) : "–"), h("td", { class: "what" }, h("span", { class: "only-narrow" }, severity(event), " ", event.route ? routeLink(event.route) : event.kind.replaceAll("_", " ")), event.text));
}

/// The marks in a chart for the events of a route, or of all routes.
export function marksOf(events, name) {
  const marks = [];
  for (const event of events) {
    if (event.route !== null && event.route !== name) continue;
    const [glyph, word] = SIGNS[event.kind === "mode_changed" ? event.details.to : event.kind] ?? [];
    if (!glyph) continue;
    const color = event.severity === "error" ? "bad" : event.severity === "warning" ? "warn" : "mark";
    marks.push({ at: event.at_ms, glyph, word, color, text: event.text });
  }
  return marks;
}
