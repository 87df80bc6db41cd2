/** After a channel: where one was, and two ways on. */

import { html, render } from "./vendor/lit-html/lit-html.js";
import { effect } from "./vendor/signals-core/signals-core.module.js";
import { mark } from "./icon.js";
import { comeIn } from "./session.js";
import * as store from "./state/store.js";
import { t } from "./strings/en.js";

/** @param {HTMLElement} root @param {() => void} anew shows the way in for another channel */
export function showAfter(root, anew) {
  effect(() => {
    const view = store.view.value;
    const shown = view === "left" || view === "elsewhere";
    root.hidden = !shown;
    if (!shown) return render("", root), undefined;
    const back = () => comeIn(store.name.peek(), store.channel.peek());
    render(
      html`<section class="card after-card">
        ${mark()}
        <h1 tabindex="-1">${view === "left" ? t.youLeft(store.channel.value) : t.elsewhere}</h1>
        ${view === "elsewhere" ? html`<p>${t.elsewhereText}</p>` : ""}
        <div class="row"><button class="primary" aria-busy=${store.joining.value} @click=${back}>${view === "left" ? t.comeBack : t.useHere}</button><button class="plain" @click=${anew}>${t.newChannel}</button></div>
      </section>`,
      root,
    );
    root.querySelector("h1")?.focus();
    return undefined;
  });
}
