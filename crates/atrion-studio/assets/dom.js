// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// Makes and changes elements. Data becomes text nodes and attributes from a fixed list, never
// markup.

const SVG = "http://www.w3.org/2000/svg";

/// h("td", { class: "num", title: "…" }, "text", child, [more])
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/// Sets a text only if it differs: an untouched node keeps its selection and costs no layout.
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

export function attribute(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

/// Makes the children of `parent` match `items`, in order. Nodes of known keys are kept.
export function keyed(parent, items, key, make, update) {
  const known = (parent.known ??= new Map());
  const wanted = new Set();
  let at = parent.firstChild;
  for (const item of items) {
    const id = key(item);
    wanted.add(id);
    let node = known.get(id);
    if (!node) known.set(id, (node = make(item)));
    update?.(node, item);
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
  for (const [id, node] of known) {
    if (!wanted.has(id)) {
      node.remove();
      known.delete(id);
    }
  }
}

/// A panel with a heading; a chart has its own heading.
export function panel(title, props, ...children) {
  return h("section", { class: "panel", ...props }, title ? h("h2", {}, title) : null, ...children);
}

/// A table with named columns and their units.
export function table(caption, columns, props) {
  const heads = columns.map((column) =>
    h("th", { scope: "col", class: column.num ? "num" : null, title: column.hint }, column.name, column.unit ? h("span", { class: "unit" }, ` ${column.unit}`) : null),
  );
  const body = h("tbody");
  const element = h("table", props, h("caption", { class: "sr" }, caption), h("thead", {}, h("tr", {}, heads)), body);
  return { element, body, wrap: h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, element) };
}
