// Real browsers with invented cameras and microphones, behind one face.

import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

/**
 * A page, whichever browser it is in: what both drivers share.
 *
 * @typedef {object} Page
 * @property {<A, R>(run: (argument: A) => R | Promise<R>, argument?: A) => Promise<R>} evaluate
 * @property {(url: string) => Promise<unknown>} goto
 * @property {(text: string) => Promise<unknown>} type into what has the focus
 * @property {() => Promise<unknown>} reload
 * @property {(size: { width: number, height: number }) => Promise<unknown>} resize
 * @property {() => Promise<unknown>} close
 * @property {string[]} errors what nobody caught, and what the console called an error
 */

/** @typedef {{ name: string, page: (size?: { width: number, height: number }) => Promise<Page>, close: () => Promise<unknown> }} Browser */

/** @param {number} fps of the invented camera */
const chromiumFlags = (fps) => [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  `--use-fake-device-for-media-stream=fps=${fps}`,
  "--use-fake-ui-for-media-stream",
  "--allow-loopback-in-peer-connection",
  "--autoplay-policy=no-user-gesture-required",
];

const FIREFOX_PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.peerconnection.ice.loopback": true,
  "media.autoplay.default": 0,
  "datareporting.policy.dataSubmissionEnabled": false,
  "app.update.enabled": false,
};

const VIEWPORT = { width: 1280, height: 800 };

/** Messages in the console that are none of the page's making. */
const FOREIGN = [/favicon/];

/** @param {{ fps?: number }} [camera] @returns {Promise<Browser>} */
export async function openChromium({ fps = 30 } = {}) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: chromiumFlags(fps) });
  return {
    name: `Chromium ${browser.version()}`,
    page: async (size = VIEWPORT) => {
      const context = await browser.newContext({ viewport: size, permissions: ["camera", "microphone"] });
      const page = await context.newPage();
      /** @type {string[]} */ const errors = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => message.type() === "error" && note(errors, message.text()));
      return {
        evaluate: (run, argument) => page.evaluate(/** @type {any} */ (run), argument),
        goto: (url) => page.goto(url),
        type: (text) => page.keyboard.type(text),
        reload: () => page.reload(),
        resize: (to) => page.setViewportSize(to),
        close: () => context.close(),
        errors,
      };
    },
    close: () => browser.close(),
  };
}

/** @returns {Promise<Browser>} */
export async function openFirefox() {
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    headless: true,
    extraPrefsFirefox: FIREFOX_PREFERENCES,
  });
  return {
    name: await browser.version(),
    page: async (size = VIEWPORT) => {
      const context = await browser.createBrowserContext();
      // A window of its own: in a tab behind another a page hides, and asks for no pictures.
      const page = await context.newPage({ type: "window" });
      await page.setViewport(size);
      /** @type {string[]} */ const errors = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => message.type() === "error" && note(errors, message.text()));
      return {
        evaluate: (run, argument) => page.evaluate(/** @type {any} */ (run), argument),
        goto: (url) => page.goto(url),
        type: (text) => page.keyboard.type(text),
        reload: () => page.reload(),
        resize: (to) => page.setViewport(to),
        close: () => context.close(),
        errors,
      };
    },
    close: () => browser.close(),
  };
}

/** @param {string[]} errors @param {string} text */
function note(errors, text) {
  if (!FOREIGN.some((pattern) => pattern.test(text))) errors.push(text);
}
