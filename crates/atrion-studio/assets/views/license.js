// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// The license: its terms, what it covers, and when it ends.

import { h, panel, text } from "../dom.js";
import { day } from "../format.js";

const WORDS = {
  active: "● active",
  expiring: "▲ expires within 30 days",
  grace: "▲ expired, in its days of grace",
  expired: "⊘ expired",
  unlicensed: "⊘ no license",
};

export function license(store) {
  const list = h("dl", { class: "terms" });
  const state = h("p", { class: "standing" });
  const trouble = h("p", { class: "notice" });
  const element = h("div", { class: "view" }, h("h1", {}, "License"), state, trouble, panel("What the key says", {}, list), promise());

  function update() {
    const { license } = store.around;
    if (!license) return;
    text(state, sentence(license));
    trouble.hidden = !license.trouble;
    text(trouble, license.trouble ?? "");
    const said = JSON.stringify(license);
    if (list.said === said) return;
    list.said = said;
    list.replaceChildren(...terms(license).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  return { element, title: "License", update };
}

function sentence(license) {
  const expires = license.license?.expires;
  const days = expires ? Math.ceil((expires - Date.now() / 1000) / 86400) : null;
  const rest = days === null ? "" : days > 0 ? `, ${days} ${days === 1 ? "day" : "days"} left` : `, since ${-days} days`;
  return `${WORDS[license.state] ?? license.state}${rest}`;
}

function terms({ license, clusters, clustersAboveLimit }) {
  if (!license) return [["Key", "none was found"]];
  return [
    ["Licensee", license.licensee],
    ["Tier", license.tier],
    ["Kind", `${license.kind}, ${license.environment.replace("_", "-")}`],
    ["Covers", license.features.join(", ")],
    ["Clusters", `${license.clusters === null ? "any number" : `up to ${license.clusters}`}${clusters ? `, ${clusters} in use` : ""}${clustersAboveLimit ? `, ${clustersAboveLimit} above the limit` : ""}`],
    ["For the clusters", license.audience?.join(", ") ?? "any"],
    ["Issued", day(license.issued)],
    ["Expires", license.expires ? day(license.expires) : "never"],
    ...(license.expires ? [["After that", `${license.graceDays} days of grace; then ${license.onExpiry === "warn" ? "everything goes on, with an error in the log every hour" : "state stays in memory from the next start on"}`]] : []),
    ["Id", license.id],
    ["Found in", license.source],
    ["Signed with", license.signedWith],
  ];
}

function promise() {
  return h("p", { class: "hint" }, "A license never stops admission, health checks, metrics, events or the read-only API. What was opened under it stays open until the process ends.");
}

/// Instead of the views, where there is no license for them.
export function unlicensed(about, again) {
  const { license } = about;
  const element = h(
    "div",
    { class: "view narrow" },
    h("h1", {}, "The views need a license"),
    h("p", { class: "notice" }, license.trouble ?? "there is no license key with the feature studio"),
    h("p", {}, "Give a key in ATRION_LICENSE_KEY, in the file that ATRION_LICENSE_FILE names, or in /etc/atrion/license.key; a file is read again within a minute, without a restart. Evaluation keys work, too."),
    about.api ? h("p", {}, "The read-only JSON API goes on: ", h("a", { href: "api/v1/state" }, "api/v1/state")) : null,
    license.license ? h("dl", { class: "terms" }, terms(license).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])) : null,
    h("button", { type: "button", onclick: again }, "Look again"),
    promise(),
  );
  return { element, title: "License needed" };
}
