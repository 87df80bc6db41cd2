/** Why there is no microphone, in a card: what happened, whose side it is on, and what to do. */

import { html } from "./vendor/lit-html/lit-html.js";
import { icon } from "./icon.js";
import { t } from "./strings/en.js";

/** @import { Trouble } from "./media/devices.js" */

/** Nothing that a press could change. @type {ReadonlySet<Trouble["kind"]>} */
const HOPELESS = new Set(/** @type {const} */ (["insecure", "unsupported"]));

/** @param {Trouble} trouble @param {{ again: () => void, listen: () => void }} ways */
export function troubleCard(trouble, { again, listen }) {
  const words = t.trouble[trouble.kind];
  const off = trouble.kind === "insecure" ? "lock" : trouble.device === "camera" ? "camera-off" : "mic-off";
  return html`<div class="card trouble-card">
    <span class="badge">${icon(off)}</span>
    <h2>${words.title(trouble.device)}</h2>
    <p>${words.text(trouble.device)}</p>
    ${trouble.kind === "blocked" ? steps(trouble) : ""}
    <div class="row">
      ${HOPELESS.has(trouble.kind) ? "" : html`<button class="plain strong" @click=${again}>${trouble.kind === "dismissed" ? t.askAgain : t.tryAgain}</button>`}
      <button class="outline" @click=${listen}>${t.justListen}</button>
    </div>
    <small class="code">${t.code(trouble.code)}</small>
  </div>`;
}

/** Two drawn steps: the sign in the address bar, and the switch behind it. Firefox has a crossed microphone there, others sliders. @param {Trouble} trouble */
function steps(trouble) {
  const firefox = /firefox/i.test(navigator.userAgent);
  const thing = trouble.device === "camera" ? "camera" : "microphone";
  return html`<ol class="steps">
    <li><span class="address"><span class="sign">${icon(firefox ? (thing === "camera" ? "camera-off" : "mic-off") : "sliders")}</span><span dir="ltr">${location.host}${location.pathname}</span></span></li>
    <li><span class="step">${t.step2}<span class="drawn-switch">${icon(thing === "camera" ? "camera" : "mic")}${t.device[thing]}<i></i></span></span></li>
  </ol>`;
}
