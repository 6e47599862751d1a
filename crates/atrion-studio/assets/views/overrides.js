// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// Overrides: each has a reason, an end, an author, and an undo.

import { h, keyed, panel, table, text } from "../dom.js";
import { clock, KINDS } from "../format.js";
import { post } from "../stream.js";
import { leases } from "./leases.js";
import { left, routeLink } from "./parts.js";

const SPANS = [["5 min", 300], ["15 min", 900], ["1 hour", 3600], ["8 hours", 28800], ["1 day", 86400]];

export function overrides(store, _, { toast }) {
  const may = store.about.overrides;
  const made = table("Overrides in force", [{ name: "Route" }, { name: "What" }, { name: "Why" }, { name: "Who" }, { name: "Since" }, { name: "Left", num: true }, ...(may ? [{ name: "Undo" }] : [])]);
  const none = h("p", { class: "empty" }, "Nothing is taken over by hand: every route decides for itself.");
  const off = may ? null : h("p", { class: "notice" }, "Overrides are switched off here. Start Studio with .overrides(true) to let those who have the token take routes over.");
  const held = leases(store, toast);
  const element = h("div", { class: "view" }, h("h1", {}, "Overrides"), off, h("div", { class: "columns" }, panel("In force", { class: "panel full" }, none, made.wrap), may ? panel("Take a route over", { class: "panel full" }, form(store, toast)) : null, held.element));

  function update() {
    const { overrides } = store.around;
    none.hidden = overrides.length > 0;
    made.wrap.hidden = overrides.length === 0;
    keyed(made.body, overrides, (one) => `${one.route} ${one.kind} ${one.setMs}`, (one) => {
      const time = h("td", { class: "num" });
      const undo = may ? h("td", {}, h("button", { type: "button", onclick: () => lift(one.route, toast) }, "Undo")) : null;
      const cells = [
        h("th", { scope: "row" }, routeLink(one.route)),
        h("td", {}, `${KINDS[one.kind]?.glyph ?? "⚑"} ${KINDS[one.kind]?.word ?? one.kind}`),
        h("td", { class: "what" }, one.reason),
        h("td", { title: one.agent }, one.author ?? "in code", one.agent ? h("span", { class: "agent" }, one.agent) : null),
        h("td", {}, one.setMs ? clock(one.setMs) : "–"),
        time,
      ];
      return Object.assign(h("tr", {}, cells, undo), { time });
    }, (node, one) => text(node.time, left(one)));
    held.update();
  }

  return { element, title: "Overrides", update, tick: update };
}

async function lift(route, toast) {
  const trouble = await post("studio/v1/overrides/lift", { route, author: localStorage.getItem("author") || "unnamed" });
  toast(trouble ?? [h("bdi", {}, route), " decides for itself again."]);
}

let forms = 0;

/// The form: kind, reason, length and author, all required.
export function form(store, toast, fixed) {
  const id = `form${++forms}`;
  const names = h("datalist", { id: `${id}-routes` });
  const target = fixed ? null : h("input", { id: `${id}-route`, list: `${id}-routes`, required: true, autocomplete: "off", oninput: () => tell(), onfocus: () => names.replaceChildren(...[...store.byName.keys()].sort().slice(0, 1000).map((name) => h("option", { value: name }))) });
  const kinds = Object.entries(KINDS).map(([kind, { word, glyph, does }]) =>
    h("label", { class: "card" }, h("input", { type: "radio", name: `${id}-kind`, value: kind, required: true, onchange: () => tell() }), h("span", {}, h("b", {}, `${glyph} ${word}`), h("span", { class: "hint" }, does))),
  );
  const reason = h("input", { id: `${id}-reason`, required: true, maxlength: "400", placeholder: "the callee is being moved", autocomplete: "off" });
  const author = h("input", { id: `${id}-author`, required: true, maxlength: "60", value: localStorage.getItem("author") ?? "", autocomplete: "name" });
  const length = h("select", { id: `${id}-span`, onchange: () => tell() }, SPANS.map(([words, seconds]) => h("option", { value: seconds }, words)));
  const trouble = h("p", { class: "trouble", role: "alert" });
  const submit = h("button", { class: "primary" }, "Take over");
  const says = h("p", { class: "hint" });
  const chosen = () => kinds.map((card) => card.firstChild).find((one) => one.checked)?.value;

  /// Says what will happen before it does.
  function tell() {
    const kind = chosen();
    const route = fixed ?? target.value;
    if (!kind || !route) return text(says, "Nothing is preselected, so that no override is an accident.");
    const end = kind === "reset" ? "at once, and once" : `for ${length.selectedOptions[0].textContent}; then it decides for itself again`;
    says.replaceChildren(h("bdi", {}, route), `: ${KINDS[kind].does}, ${end}.`);
  }

  tell();
  const field = (name, input) => h("div", { class: "field" }, h("label", { for: input.id }, name), input);
  return h(
    "form",
    {
      class: "override",
      onsubmit: async (event) => {
        event.preventDefault();
        const kind = chosen();
        const route = fixed ?? target.value;
        localStorage.setItem("author", author.value);
        const wish = { route, kind, reason: reason.value, author: author.value, seconds: Number(length.value) };
        text(trouble, "");
        const refused = await post("studio/v1/overrides", wish);
        if (refused) return text(trouble, refused);
        reason.value = "";
        toast([h("bdi", {}, route), `: ${KINDS[kind].word}.`], kind === "reset" ? null : { name: "Undo", act: () => lift(route, toast) });
      },
    },
    fixed ? null : field("Route", target),
    names,
    h("fieldset", { class: "cards" }, h("legend", {}, "What to do"), kinds),
    h("div", { class: "fields" }, field("Why", reason), field("For how long", length), field("Who you are", author)),
    says,
    h("div", { class: "inline" }, submit, trouble),
  );
}
