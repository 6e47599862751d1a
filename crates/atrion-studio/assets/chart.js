// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// A small chart module: time series on a canvas, as stacked layers or lines, with levels, marks, a
// cursor for mouse and keyboard, and a table with the same numbers.

import { h, keyed, text, table } from "./dom.js";
import { clock, number, stamp } from "./format.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [44, 10, 8, 20];
/// Steps of the grid between 0 and the top.
const GRID = 4;

/// series: [{ name, color, kind: "area" | "line", hint, dash }],
/// options: { title, unit, height, floor }
export class TimeChart {
  constructor(series, options) {
    this.series = series;
    this.options = options;
    this.points = [];
    this.marks = [];
    this.levels = [];
    this.cursor = null;
    this.canvas = h("canvas", { class: "plot", tabindex: "0", role: "img", "aria-label": `${options.title}, ${options.unit}. The table below has the same numbers.` });
    this.canvas.style.height = `${options.height ?? 180}px`;
    this.reading = h("output", { class: "reading", "aria-live": "off" });
    const legend = h("ul", { class: "legend" }, series.map((one) => h("li", { title: one.hint }, swatch(one), one.name)));
    this.signs = h("ul", { class: "legend" });
    this.twin = table(`${options.title} as a table`, [{ name: "Time" }, ...series.map((one) => ({ name: one.name, unit: options.unit, num: true }))], { class: "plain" });
    this.details = h("details", { ontoggle: () => this.fillTable() }, h("summary", {}, "Table"), this.twin.wrap);
    this.element = h("figure", { class: "chart" }, h("figcaption", {}, h("h2", {}, options.title, h("span", { class: "unit" }, ` ${options.unit}`)), this.reading), this.canvas, h("div", { class: "legends" }, legend, this.signs), this.details);
    this.canvas.addEventListener("pointermove", (event) => this.moveTo(this.timeAt(event.offsetX)));
    this.canvas.addEventListener("pointerleave", () => this.moveTo(null));
    this.canvas.addEventListener("blur", () => this.moveTo(null));
    this.canvas.addEventListener("keydown", (event) => this.step(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /// points: [[time, value per series…], …] in order, a value of a line null where nothing was
  /// measured; marks: [{ at, glyph, word, color, text }];
  /// levels: [{ at, name }]
  show(points, { from, until, marks = [], levels = [] }) {
    Object.assign(this, { points, from, until, marks, levels });
    this.draw();
    this.explain();
    if (this.details.open) this.fillTable();
  }

  /// The legend of the visible marks.
  explain() {
    const seen = new Map();
    for (const mark of this.marks) if (mark.word && mark.at >= this.from && mark.at <= this.until) seen.set(mark.glyph, mark);
    keyed(this.signs, [...seen.values()], (mark) => mark.glyph, (mark) => h("li", {}, h("span", { class: `sign k-${mark.color}`, "aria-hidden": "true" }, mark.glyph), mark.word));
  }

  step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 }[event.key];
    if (!by || !this.points.length) return;
    event.preventDefault();
    const now = this.cursor === null ? this.points.length - 1 : this.nearest(this.cursor);
    const to = Math.min(this.points.length - 1, Math.max(0, now + by));
    this.moveTo(this.points[to][0]);
  }

  moveTo(time) {
    this.cursor = time;
    this.draw();
  }

  timeAt(x) {
    return this.from + ((x - LEFT) / (this.width - LEFT - RIGHT)) * (this.until - this.from);
  }

  nearest(time) {
    let [low, high] = [0, this.points.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.points[middle][0] < time) low = middle + 1;
      else high = middle;
    }
    if (low > 0 && time - this.points[low - 1][0] < this.points[low][0] - time) low -= 1;
    return low;
  }

  draw() {
    const { canvas } = this;
    const [width, height] = [canvas.clientWidth, this.options.height ?? 180];
    if (!width || this.until === undefined) return;
    const scale = window.devicePixelRatio || 1;
    this.width = width;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const c = canvas.getContext("2d");
    c.setTransform(scale, 0, 0, scale, 0, 0);
    c.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const ink = (name) => style.getPropertyValue(`--${name}`).trim();
    c.font = `11px ${style.fontFamily}`;
    const x = (time) => LEFT + ((time - this.from) / (this.until - this.from)) * (width - LEFT - RIGHT);
    const top = this.highest();
    const low = this.lowest(top);
    const y = (value) => TOP + ((top - value) / (top - low)) * (height - TOP - BOTTOM);
    this.drawGrid(c, ink, x, y, low, top, width, height);
    c.save();
    c.beginPath();
    c.rect(LEFT, 0, width - LEFT - RIGHT, height - BOTTOM + 1);
    c.clip();
    this.drawAreas(c, ink, x, y);
    this.drawLines(c, ink, x, y);
    this.drawMarks(c, ink, x, height);
    c.restore();
    this.drawLevels(c, ink, y, width, top);
    this.drawCursor(c, ink, x, height);
  }

  /// A round number above everything, with some air.
  highest() {
    let most = this.options.floor ?? 1;
    for (const point of this.points) {
      let sum = 0;
      for (const [at, one] of this.series.entries()) {
        const value = point[at + 1];
        if (one.kind === "area") sum += Math.max(0, value);
        else if (value < 1e6) most = Math.max(most, value);
      }
      most = Math.max(most, sum);
    }
    const power = 10 ** Math.floor(Math.log10(most));
    // The floor itself needs no air.
    if (most === this.options.floor) return most;
    return [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12].map((n) => n * power).find((n) => n >= most * 1.04);
  }

  /// Negative layers hang below 0: as many steps of the grid as hold them.
  lowest(top) {
    const layers = this.series.flatMap((one, at) => (one.kind === "area" ? [at + 1] : []));
    const depth = (point) => layers.reduce((sum, at) => sum - Math.min(0, point[at]), 0);
    const most = this.points.reduce((most, point) => Math.max(most, depth(point)), 0);
    return -(top / GRID) * Math.ceil(most / (top / GRID));
  }

  drawGrid(c, ink, x, y, low, top, width, height) {
    c.lineWidth = 1;
    c.textBaseline = "middle";
    c.textAlign = "right";
    for (let i = Math.round((low / top) * GRID); i <= GRID; i++) {
      const value = (top / GRID) * i;
      c.strokeStyle = ink("grid");
      c.beginPath();
      c.moveTo(LEFT, Math.round(y(value)) + 0.5);
      c.lineTo(width - RIGHT, Math.round(y(value)) + 0.5);
      c.stroke();
      c.fillStyle = ink("muted");
      c.fillText(number(value), LEFT - 6, y(value));
    }
    const seconds = (this.until - this.from) / 1000;
    const fits = Math.max(2, Math.floor((width - LEFT) / 90));
    const step = [5, 10, 15, 30, 60, 120, 300].find((s) => seconds / s <= fits) ?? 600;
    c.textAlign = "center";
    for (let t = Math.ceil(this.from / 1000 / step) * step * 1000; t <= this.until; t += step * 1000) {
      if (x(t) < LEFT + 16 || x(t) > width - 24) continue;
      c.fillText(clock(t), x(t), height - 7);
    }
  }

  drawAreas(c, ink, x, y) {
    const areas = this.series.map((one, at) => [one, at + 1]).filter(([one]) => one.kind === "area");
    for (const sign of [1, -1]) {
      const base = new Float64Array(this.points.length);
      for (const [one, at] of areas) {
        if (!this.points.some((point) => sign * point[at] > 0)) continue;
        const from = base.slice();
        for (const [i, point] of this.points.entries()) base[i] += sign * Math.max(0, sign * point[at]);
        this.drawLayer(c, ink(one.color), x, y, from, base);
      }
    }
  }

  drawLayer(c, color, x, y, from, to) {
    c.fillStyle = color;
    c.globalAlpha = 0.78;
    for (const [first, last] of this.runs()) {
      c.beginPath();
      for (let i = first; i <= last; i++) c.lineTo(x(this.points[i][0]), y(to[i]));
      for (let i = last; i >= first; i--) c.lineTo(x(this.points[i][0]), y(from[i]));
      c.closePath();
      c.fill();
    }
    c.globalAlpha = 1;
  }

  drawLines(c, ink, x, y) {
    c.lineWidth = 1.6;
    c.lineJoin = "round";
    for (const [at, one] of this.series.entries()) {
      if (one.kind !== "line") continue;
      c.strokeStyle = ink(one.color);
      c.setLineDash(one.dash ?? []);
      for (const [first, last] of this.runs()) {
        c.beginPath();
        let drawn = false;
        for (let i = first; i <= last; i++) {
          const value = this.points[i][at + 1];
          // After a place without a value the line begins anew.
          if (value !== null) c[drawn ? "lineTo" : "moveTo"](x(this.points[i][0]), y(Math.min(value, 1e6)));
          drawn = value !== null;
        }
        c.stroke();
      }
      c.setLineDash([]);
    }
  }

  /// Stretches without a gap of 20 s or more: nothing is drawn where nothing was measured.
  *runs() {
    let first = 0;
    for (let i = 1; i <= this.points.length; i++) {
      if (i === this.points.length || this.points[i][0] - this.points[i - 1][0] > 20000) {
        yield [first, i - 1];
        first = i;
      }
    }
  }

  drawLevels(c, ink, y, width, top) {
    c.textAlign = "right";
    c.textBaseline = "bottom";
    let below = 0;
    for (const level of this.levels) {
      if (level.at > top) continue;
      c.strokeStyle = ink("level");
      c.setLineDash([4, 4]);
      c.beginPath();
      c.moveTo(LEFT, Math.round(y(level.at)) + 0.5);
      c.lineTo(width - RIGHT, Math.round(y(level.at)) + 0.5);
      c.stroke();
      c.setLineDash([]);
      // From the top down; a name that would cover the one above is left out, but its line stays.
      if (y(level.at) - below < 13) continue;
      below = y(level.at);
      label(c, ink, level.name, width - RIGHT - 2, y(level.at) - 1);
    }
  }

  drawMarks(c, ink, x, height) {
    c.textAlign = "center";
    c.textBaseline = "top";
    for (const mark of this.marks) {
      if (mark.at < this.from || mark.at > this.until) continue;
      c.strokeStyle = ink(mark.color ?? "mark");
      c.setLineDash([2, 3]);
      c.beginPath();
      c.moveTo(Math.round(x(mark.at)) + 0.5, TOP + 12);
      c.lineTo(Math.round(x(mark.at)) + 0.5, height - BOTTOM);
      c.stroke();
      c.setLineDash([]);
      c.fillStyle = ink(mark.color ?? "mark");
      c.fillText(mark.glyph, x(mark.at), TOP - 4);
    }
  }

  drawCursor(c, ink, x, height) {
    if (this.cursor === null || !this.points.length) return text(this.reading, "");
    const point = this.points[this.nearest(this.cursor)];
    c.strokeStyle = ink("ink");
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(Math.round(x(point[0])) + 0.5, TOP);
    c.lineTo(Math.round(x(point[0])) + 0.5, height - BOTTOM);
    c.stroke();
    const values = this.series.map((one, at) => `${one.name} ${number(point[at + 1] ?? NaN)}`).join(" · ");
    const near = this.marks.filter((mark) => Math.abs(mark.at - point[0]) < (this.until - this.from) / 80).map((mark) => ` · ${mark.text}`);
    text(this.reading, `${clock(point[0])} · ${values}${near.join("")}`);
  }

  fillTable() {
    if (!this.details.open) return;
    const rows = this.points.slice(-60).reverse();
    this.twin.body.replaceChildren(
      ...rows.map((point) => h("tr", {}, h("th", { scope: "row" }, stamp(point[0])), this.series.map((_, at) => h("td", { class: "num" }, number(point[at + 1] ?? NaN))))),
    );
  }
}

function label(c, ink, words, x, y) {
  const wide = c.measureText(words).width;
  c.fillStyle = ink("panel");
  c.globalAlpha = 0.94;
  c.fillRect(x - wide - 3, y - 12, wide + 5, 13);
  c.globalAlpha = 1;
  c.fillStyle = ink("muted");
  c.fillText(words, x, y);
}

function swatch(one) {
  return h("span", { class: `swatch ${one.kind} ${one.dash ? "dash" : ""} c-${one.color}`, "aria-hidden": "true" });
}

/// A curve of a minute, without axes.
export function spark(canvas, values, top) {
  const [width, height] = [96, 20];
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== width * scale) {
    canvas.width = width * scale;
    canvas.height = height * scale;
  }
  const c = canvas.getContext("2d");
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, width, height);
  if (values.length < 2) return;
  const most = Math.max(top, ...values);
  const x = (at) => width - ((values.length - 1 - at) / 59) * width;
  const y = (value) => height - 1 - (value / most) * (height - 3);
  const style = getComputedStyle(canvas);
  c.beginPath();
  for (const [at, one] of values.entries()) c.lineTo(x(at), y(one));
  c.strokeStyle = style.getPropertyValue("--spark").trim();
  c.lineWidth = 1.3;
  c.lineJoin = "round";
  c.stroke();
  c.lineTo(width, height);
  c.lineTo(x(0), height);
  c.globalAlpha = 0.15;
  c.fillStyle = c.strokeStyle;
  c.fill();
  c.globalAlpha = 1;
}
