/** The header: where one is, with how many, for how long; and the link to it. */

import { html, render } from "./vendor/lit-html/lit-html.js";
import { effect } from "./vendor/signals-core/signals-core.module.js";
import { icon } from "./icon.js";
import { copyLink } from "./session.js";
import * as store from "./state/store.js";
import { t } from "./strings/en.js";

/** @param {HTMLElement} where @param {HTMLElement} actions */
export function showHeader(where, actions) {
  effect(() => {
    const inside = store.view.value === "channel";
    document.title = t.title(inside ? store.channel.value : "");
    document.body.dataset.view = store.view.value;
    render(inside ? place() : "", where);
  });
  effect(() => {
    render(store.view.value === "channel" ? html`<button id="copy-link" class="plain" aria-label=${t.copyLink} @click=${copyLink}>${icon("link")}<span class="word">${t.copyLink}</span></button>` : "", actions);
  });
}

function place() {
  const elapsed = Math.max(0, (store.seconds.value - store.since.value) / 1000);
  return html`${icon("voice")}<span class="where-text"><h1 dir="auto">${store.channel.value}</h1><span class="where-time">${t.peopleAndTime(store.order.value.length, elapsed)}</span></span>`;
}
