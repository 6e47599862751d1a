// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// What several views show.

import { attribute, h, text } from "../dom.js";
import { KINDS, MODES, span } from "../format.js";
import { isShadow, value } from "../store.js";

/// A mode as glyph and word, with what was set by hand.
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

/// What is drawn into a chart for the events of a route, or of all.
export function marksOf(events, name) {
  const glyphs = { override_set: "⚑", override_ended: "⚐", config_replaced: "⚙", provider_degraded: "✕", provider_recovered: "✓" };
  const marks = [];
  for (const event of events) {
    if (event.route !== null && event.route !== name) continue;
    let glyph = glyphs[event.kind];
    if (event.kind === "mode_changed") glyph = event.details.to === "circuit_breaker" ? "⊘" : event.details.to === "operational" ? "●" : "◌";
    if (!glyph) continue;
    const color = event.severity === "error" ? "bad" : event.severity === "warning" ? "warn" : "mark";
    marks.push({ at: event.at_ms, glyph, color, text: event.text });
  }
  return marks;
}
