// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// The form for the token, if the address did not have it.

import { h, text } from "../dom.js";
import { post } from "../stream.js";

export function signin(then) {
  const token = h("input", { id: "token", type: "password", required: true, autocomplete: "off", spellcheck: "false" });
  const trouble = h("p", { class: "trouble", role: "alert" });
  const form = h(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        const refused = await post("session", { token: token.value.trim() });
        if (refused) return text(trouble, refused);
        then();
      },
    },
    h("div", { class: "field" }, h("label", { for: "token" }, "Token"), token),
    trouble,
    h("button", { class: "primary" }, "Sign in"),
  );
  const element = h("div", { class: "view narrow" }, h("h1", {}, "Sign in"), h("p", {}, "The address that Studio prints when it starts has the token in it; what stands behind token= goes here. It lasts twelve hours, or until the process ends."), form);
  return { element, title: "Sign in" };
}
