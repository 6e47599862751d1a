// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// What the page knows: the state as it came, kept up to date by frames. Views only read it.

const SPARK = 60;
const TOTALS = 900;
const EVENTS = 2000;
const REFUSALS = 400;

export class Store {
  constructor() {
    this.routes = new Map();
    this.byName = new Map();
    this.events = [];
    this.refusals = [];
    this.totals = [];
    this.around = { stores: [], overrides: [], leases: { list: [], all: 0, lost: [] }, nodes: [], callees: [], license: null };
    this.about = {};
    this.time = 0;
    this.column = {};
    this.ready = false;
  }

  /// Takes a message; gives the changes of modes, for screen readers.
  take(event, data) {
    switch (event) {
      case "state":
        return this.takeState(data);
      case "frame":
        return this.takeFrame(data);
      case "around":
        this.around = data;
        return [];
      case "events":
        return this.takeEvents(data.list, data.lost);
      case "refusals":
        append(this.refusals, data.list, REFUSALS);
        return [];
    }
    return [];
  }

  takeState(data) {
    this.columns = data.columns;
    this.column = Object.fromEntries(data.columns.map((name, at) => [name, at]));
    this.about = data.about;
    this.around = data.around;
    this.routes.clear();
    this.byName.clear();
    this.events = [];
    this.refusals = [];
    this.totals = data.totals ?? [];
    this.time = data.t;
    for (const [n, name] of Object.entries(data.names)) this.add(Number(n), name, data.sparks[n] ?? []);
    for (const [n, ...row] of data.rows) this.routes.get(n).row = row;
    this.takeStanding(data);
    this.takeEvents(data.about.events, 0);
    append(this.refusals, data.about.refusals, REFUSALS);
    for (const route of this.routes.values()) this.noteShedding(route);
    this.ready = true;
    return [];
  }

  add(n, name, spark) {
    const route = { n, name, row: new Array(this.columns.length).fill(0), spark, shedSince: 0, group: null, outage: null };
    this.routes.set(n, route);
    this.byName.set(name, route);
  }

  takeFrame(frame) {
    if (!this.ready) return [];
    const before = this.time;
    this.time = frame.t;
    for (const [n, name] of frame.new) this.add(n, name, []);
    for (const n of frame.gone) {
      const route = this.routes.get(n);
      if (route) this.byName.delete(route.name);
      this.routes.delete(n);
    }
    const changed = [];
    for (const [n, ...row] of frame.rows) {
      const route = this.routes.get(n);
      if (!route) continue;
      if (route.row[this.column.mode] !== row[this.column.mode]) changed.push([route, route.row[this.column.mode]]);
      route.row = row;
    }
    this.takeStanding(frame);
    const sum = new Array(10).fill(0);
    const from = this.column.admitted0;
    for (const route of this.routes.values()) {
      // The requests of a group are counted at their routes.
      const counts = isGroup(this, route) ? 0 : 1;
      route.spark.push(Math.round(resistance(this, route)));
      if (route.spark.length > SPARK) route.spark.shift();
      for (let i = 0; i < 10; i++) sum[i] += counts * route.row[from + i];
      this.noteShedding(route);
    }
    if (frame.t > before) append(this.totals, [[frame.t, ...sum]], TOTALS);
    return changed;
  }

  /// In which groups routes are, where that has changed; and every open breaker.
  takeStanding({ groups, open }) {
    for (const [n, group] of groups) if (this.routes.has(n)) this.routes.get(n).group = group;
    for (const route of this.routes.values()) route.outage = null;
    for (const [n, seconds, failures, probes, failed] of open) if (this.routes.has(n)) this.routes.get(n).outage = { seconds, failures, probes, failed };
  }

  noteShedding(route) {
    if (shedOf(this, route) > 0) {
      if (!route.shedSince) {
        const started = this.events.findLast((event) => event.route === route.name && event.kind.startsWith("shedding"));
        route.shedSince = started?.kind === "shedding_started" ? started.at_ms : this.time;
      }
    } else if (route.shedSince) {
      route.shedSince = 0;
    }
  }

  takeEvents(list, lost) {
    const last = this.events.at(-1)?.number ?? 0;
    if (lost > 0) {
      const at_ms = list[0]?.at_ms ?? this.time;
      this.events.push({ number: last, at_ms, kind: "events_lost", severity: "warning", route: null, text: `${lost} events are not shown: more came at once than can be`, details: {} });
    }
    append(this.events, list.filter((event) => event.number > last), EVENTS);
    return [];
  }

  /// How many routes there are, without gates of groups.
  count() {
    let count = 0;
    for (const route of this.routes.values()) count += isGroup(this, route) ? 0 : 1;
    return count;
  }

  /// The gate of the group of a route, if it has one.
  groupOf(route) {
    return this.routes.get(route.group);
  }

  overrideOf(name) {
    return this.around.overrides.find((override) => override.route === name);
  }
}

function append(to, list, most) {
  to.push(...list);
  if (to.length > most) to.splice(0, to.length - most);
}

export function value(store, route, name) {
  return route.row[store.column[name]];
}

/// R: the sum of the terms; all terms but saturation together are never below the base.
export function resistance(store, route) {
  return resistanceOf(store.column, route.row);
}

export function resistanceOf(column, row) {
  const rest = row[column.base] + row[column.momentum] + row[column.scar] + row[column.staleness] + row[column.cluster];
  return Math.max(rest, row[column.base]) + row[column.saturation] + row[column.signal];
}

export function admittedOf(store, route) {
  return sumFrom(route.row, store.column.admitted0);
}

export function shedOf(store, route) {
  return sumFrom(route.row, store.column.shed0);
}

export function sumFrom(row, from) {
  return row[from] + row[from + 1] + row[from + 2] + row[from + 3] + row[from + 4];
}

/// The share of offered requests that is refused. In shadow mode a request that would have been
/// refused passes, and counts as both.
export function shareOf(admitted, shed, shadow) {
  const offered = shadow ? admitted : admitted + shed;
  return offered > 0 ? Math.min(1, shed / offered) : 0;
}

export const isShadow = (store, route) => (value(store, route, "flags") & 1) !== 0;

/// Whether it is the gate of a group. What it admits and refuses is counted at its routes, too.
export const isGroup = (store, route) => (value(store, route, "flags") & 8) !== 0;
