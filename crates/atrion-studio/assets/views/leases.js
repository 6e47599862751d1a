// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// What is held under leases: by whom, since when, the latest beat, how much is done; how one is
// taken away; and what a process that died has taken along.

import { h, keyed, panel, table, text } from "../dom.js";
import { number, percent, span, stamp } from "../format.js";
import { post } from "../stream.js";
import { routeLink } from "./parts.js";

/// What a process has taken along that died, of one route or of all; hidden while there is nothing.
function lostWith(store, only) {
  const made = table("Leases lost with an earlier life", [{ name: "Lease", num: true }, ...(only ? [] : [{ name: "Route" }]), { name: "Holder" }, { name: "Held since" }, { name: "Last beat" }, { name: "Done", num: true }]);
  const element = h("div", { class: "lost", hidden: true }, h("p", { class: "hint" }, "Lost with an earlier life of this process, as its store knows. None of them is in flight; for a day they stand here."), made.wrap);
  return {
    element,
    update() {
      const shown = store.around.leases.lost.filter((lost) => !only || lost.route === only);
      element.hidden = shown.length === 0;
      keyed(made.body, shown, (lost) => `${lost.sinceMs} ${lost.lease}`, (lost) => h(
        "tr",
        {},
        h("th", { scope: "row", class: "num" }, lost.lease),
        only ? null : h("td", {}, routeLink(lost.route)),
        h("td", { class: "what" }, h("bdi", {}, lost.owner || "–")),
        h("td", {}, stamp(lost.sinceMs)),
        h("td", {}, stamp(lost.beatMs)),
        h("td", { class: "num" }, lost.progress === null ? "–" : percent(lost.progress)),
      ));
      return shown.length > 0;
    },
  };
}

/// A panel with the leases of one route, or of all; hidden while there are none.
export function leases(store, toast, only) {
  const may = store.about.overrides;
  const columns = [{ name: "Lease", num: true }, ...(only ? [] : [{ name: "Route" }]), { name: "Holder" }, { name: "Tier" }, { name: "Units", num: true }, { name: "Held for", num: true }, { name: "Last beat", num: true, hint: "how long ago its holder has shown that it is alive" }, { name: "Done", num: true }, ...(may ? [{ name: "Revoke" }] : [])];
  const made = table("Leases", columns);
  const more = h("p", { class: "hint" });
  const reason = h("input", { id: `revoke-reason-${only ?? ""}`, required: true, maxlength: "400", placeholder: "its owner asked for it", autocomplete: "off" });
  const author = h("input", { id: `revoke-author-${only ?? ""}`, required: true, maxlength: "60", value: localStorage.getItem("author") ?? "", autocomplete: "name" });
  const trouble = h("p", { class: "trouble", role: "alert" });
  const field = (name, input) => h("div", { class: "field" }, h("label", { for: input.id }, name), input);
  const revoke = async (event) => {
    event.preventDefault();
    // Enter in a field names no lease.
    const lease = Number(event.submitter?.value);
    if (!lease) return text(trouble, "Choose the lease by its button.");
    localStorage.setItem("author", author.value);
    text(trouble, "");
    const refused = await post("studio/v1/leases/revoke", { lease, reason: reason.value, author: author.value });
    if (refused) return text(trouble, refused);
    reason.value = "";
    toast(`Lease ${lease} is revoked: its slot is free, and its holder is told.`);
  };
  const ask = may ? h("div", { class: "fields" }, field("Why one is revoked", reason), field("Who you are", author)) : null;
  const form = h("form", { onsubmit: revoke }, made.wrap, more, ask, may ? trouble : null);
  const lost = lostWith(store, only);
  const element = panel("Held under leases", { class: "panel full leases", hidden: true }, form, lost.element);

  function update(now = Date.now()) {
    const { list, all } = store.around.leases;
    const shown = only ? list.filter((lease) => lease.route === only) : list;
    form.hidden = shown.length === 0;
    element.hidden = !lost.update() && form.hidden;
    more.hidden = all <= list.length;
    text(more, `${number(all)} are held in all; the ${list.length} whose holders have been silent for longest are looked at.`);
    keyed(made.body, shown, (lease) => lease.lease, (lease) => {
      const [held, beat, done] = [h("td", { class: "num" }), h("td", { class: "num" }), h("td", { class: "num" })];
      const cells = [
        h("th", { scope: "row", class: "num" }, lease.lease),
        only ? null : h("td", {}, routeLink(lease.route)),
        h("td", { class: "what" }, h("bdi", {}, lease.owner || "–")),
        h("td", {}, lease.tier),
        h("td", { class: "num" }, number(lease.units)),
        held,
        beat,
        done,
        may ? h("td", {}, h("button", { value: lease.lease, "aria-label": `Revoke lease ${lease.lease}` }, "Revoke")) : null,
      ];
      return Object.assign(h("tr", {}, cells), { held, beat, done });
    }, (node, lease) => {
      const ago = (ms) => span(Math.max(0, Math.round((now - ms) / 1000)));
      text(node.held, ago(lease.sinceMs));
      text(node.beat, `${ago(lease.beatMs)} ago`);
      text(node.done, lease.progress === null ? "–" : percent(lease.progress));
    });
  }

  return { element, update };
}
