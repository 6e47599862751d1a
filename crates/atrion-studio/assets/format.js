// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// Numbers, times and names for people.

export const TIERS = ["critical", "high", "normal", "low", "bulk"];

/// Glyph and word: never color alone.
export const MODES = [
  { id: "bootstrap", glyph: "◌", word: "learning", hint: "it has not seen enough yet to know what is normal" },
  { id: "operational", glyph: "●", word: "operational", hint: "it decides by its resistance" },
  { id: "circuit_breaker", glyph: "⊘", word: "breaker open", hint: "its calls fail: but for probes everything is refused" },
];

export const KINDS = {
  force_open: { word: "forced open", glyph: "⊘", does: "every request is refused" },
  force_closed: { word: "forced closed", glyph: "●", does: "every request passes" },
  shadow: { word: "shadow", glyph: "◐", does: "everything is computed, nothing is refused" },
  reset: { word: "reset", glyph: "↺", does: "the route forgets everything and learns anew" },
};

export const REASONS = {
  saturated: "carries as much as it can",
  scarred: "past failures still hold",
  breaker_open: "the breaker is open",
  at_cap: "the cap is reached",
  too_late: "the answer would come past the deadline",
  fleet: "the fleet asks for more than its callee can do",
  forced_open: "forced open by hand",
  signal: "a signal of the application is over its target",
};

/// About three significant digits: 0.12, 3.4, 56, 1,234, 56.7k.
export function number(value) {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return "–";
  if (size >= 1e6) return `${trim(value / 1e6, 1)}M`;
  if (size >= 1e4) return `${trim(value / 1e3, 1)}k`;
  if (size >= 100) return Math.round(value).toLocaleString("en");
  return trim(value, size >= 10 ? 1 : 2);
}

function trim(value, digits) {
  return String(Number(value.toFixed(digits)));
}

export function ohms(value) {
  return value >= 1000 ? number(value) : value.toFixed(1);
}

export function percent(share) {
  if (!(share > 0)) return "0 %";
  if (share < 0.001) return "<0.1 %";
  return `${share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`;
}

/// The same under a heading that says %.
export function points(share) {
  return percent(share).replace(" %", "");
}

/// N*: a target of a million or more means that nothing is known yet, and shows as infinite.
export function target(value) {
  return value >= 1e6 ? "∞" : number(value);
}

export const BEST = "N* is the target: the requests in flight with which a route does its best";

/// The same in words, for where N* first stands.
export function best(value) {
  return value >= 1e6 ? "its target N* is not known yet" : `it does its best with ${number(value)}, its target N*`;
}

/// Seconds as 4.2 s, 3 min 10 s, 2 h 5 min, 12 days.
export function span(seconds) {
  if (seconds < 10) return `${trim(seconds, 1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  if (minutes < 60) return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}

export function stamp(ms) {
  const date = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${date.toLocaleTimeString("en-GB")}`;
}

export function day(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
