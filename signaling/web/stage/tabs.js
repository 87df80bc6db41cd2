/** Several people share a screen: which one is looked at. */

import { html, render } from "../vendor/lit-html/lit-html.js";
import * as store from "../state/store.js";
import { t } from "../strings/en.js";

export class ScreenTabs {
  element = Object.assign(document.createElement("div"), { className: "tabs", hidden: true });

  constructor() {
    this.element.setAttribute("role", "tablist");
  }

  /** @param {string[]} ids of those who share; none for no tabs @param {string | null} focus */
  show(ids, focus) {
    this.element.hidden = ids.length === 0;
    const tabs = ids.map((id) => {
      const chosen = focus === `${id}:screen`;
      const label = t.screenOf(store.persons.get(id)?.about.value.name ?? "");
      return html`<button role="tab" aria-selected=${chosen} @click=${() => (store.tab.value = id)}>${label}</button>`;
    });
    render(html`${tabs}`, this.element);
  }
}
