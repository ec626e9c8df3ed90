// @ts-check
/**
 * The page at `/`. Devices are found by asking `console/devices`; values come over the WebSocket.
 *
 * What tests and scripts may rely on:
 * - `body[data-state]`: `connecting`, `live` (the socket is open) or `reconnecting`
 * - `body[data-listening]`: devices in the notify list the node has confirmed
 * - `body[data-view]`: `loading`, `empty` (no device is known), `unpicked` or `cards`
 * - `[data-device=ID]`: a card; in it `[data-parameter=PATH]`: a row, with `data-kind`
 *   (`number` `boolean` `string` `null` `other`), `data-value` (the value as JSON; of `other`, that
 *   is arrays and the like, only a few words), `data-timestamp` (epoch ms) and, when the value is older than a minute, `data-stale`. Only cards in sight are painted.
 * - `[data-pick=ID]`: an entry of the list, with its checkbox and `[data-pick-parameter=PATH]`
 *   buttons (`aria-pressed`) · `#search` `#all` `#none` · `#problem`: hidden, or a sentence
 * - `localStorage["bellwire.picked"]`: `[[ID, null | [PATH, …]], …]`; without it the first six
 *   devices are picked
 */

import { Cards } from "./cards.js";
import { Connection } from "./connection.js";
import { write } from "./element.js";
import { Device, PICKED, Selection } from "./model.js";
import { Picker } from "./picker.js";
/** @import { Json } from "./model.js" */
/** @typedef {{device_id: string, value: Json, timestamp: number}} Last */

const POLL_MS = 2_000;
const POLL_TIMEOUT_MS = 10_000;
/** Devices picked for a reader who has picked none. */
const FIRST_PICKED = 6;
/** Clocks closer than this count as equal: the Date header has whole seconds. */
const CLOCK_MS = 2_000;
const STORED = "bellwire.picked";
const byName = new Intl.Collator("en", { numeric: true }).compare;

/** Epoch ms by a clock that never jumps. */
const now = () => performance.timeOrigin + performance.now();

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

class Console {
  /** @type {Map<string, Device>} */
  #devices = new Map();
  /** @type {Map<string, string>} sentences by topic; the last one is shown */
  #problems = new Map();
  /** @type {string | null} */
  #dismissed = null;
  #selection = new Selection();
  #automatic = true;
  /** The node's clock minus ours, in ms. */
  #offset = 0;
  #frames = 0;
  #rate = 0;
  /** What is known or picked is not what is shown. */
  #changed = true;

  #picker = new Picker(find, this.#selection, {
    devices: (ids, picked) => this.#pick(ids, picked),
    parameter: (id, path) => this.#toggle(id, path),
  });
  #cards = new Cards(
    find("cards"),
    this.#selection,
    (id) => this.#pick([id], false),
    () => [now(), now() + this.#offset],
  );
  #connection = new Connection({
    onState: (state, refused) => this.#showState(state, refused),
    onEvent: (frame) => this.#take(frame),
    onProblem: (topic, sentence) => this.#problem(topic, sentence),
  });

  start() {
    window.addEventListener("online", () => this.#connection.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#connection.hurry());
    find("dismiss").onclick = () => {
      this.#dismissed = find("sentence").textContent;
      this.#showProblem();
    };
    this.#automatic = !this.#selection.restore(read() ?? "");
    for (const id of this.#selection.ids) this.#device(id);
    this.#connection.listen(this.#selection.notifyList());
    setInterval(() => this.#tick(), 1_000);
    this.#poll();
  }

  async #poll() {
    const started = now();
    try {
      await this.#discover();
      this.#problem("node", null);
    } catch {
      this.#problem("node", "The node does not answer. Is bellwire still running? Trying again.");
    }
    // A node with very many devices is asked less often.
    const wait = Math.max(this.#devices.size ? POLL_MS : POLL_MS / 2, 10 * (now() - started));
    setTimeout(() => this.#poll(), wait);
  }

  async #discover() {
    const signal = AbortSignal.timeout(POLL_TIMEOUT_MS);
    const response = await fetch("console/devices", { cache: "no-store", signal });
    const skew = Date.parse(response.headers.get("date") ?? "") + 500 - now();
    this.#offset = Math.abs(skew) > CLOCK_MS ? skew : 0;
    const { stage, websocket_path: path, devices } = await response.json();
    write(find("stage"), stage);
    this.#known(devices);
    const url = new URL(path, document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    this.#connection.open(url.href);
  }

  /** @param {Last[]} devices */
  #known(devices) {
    if (this.#devices.size === 0 && devices.length > 0) document.body.dataset.rings = "";
    const seen = new Set(devices.map(({ device_id: id }) => id));
    for (const id of this.#devices.keys()) {
      if (seen.has(id) || this.#selection.has(id)) continue;
      this.#changed = this.#devices.delete(id);
    }
    for (const last of devices) this.#remember(last, false);
    if (this.#automatic) this.#pickFirst();
    this.#show();
  }

  /** @param {Last} last @param {boolean} replace */
  #remember({ device_id: id, value, timestamp }, replace) {
    const time = Math.min(timestamp - this.#offset, now());
    this.#learn(id, (device) => device.remember(value, timestamp, time, { replace }));
  }

  /** @param {string} id @param {(device: Device) => void} change */
  #learn(id, change) {
    const device = this.#device(id);
    const before = device.parameters.size;
    change(device);
    if (device.parameters.size !== before) this.#changed = true;
    this.#cards.touch(id);
  }

  /** @param {string} id */
  #device(id) {
    const known = this.#devices.get(id);
    if (known) return known;
    const device = new Device(id);
    this.#devices.set(id, device);
    this.#changed = true;
    return device;
  }

  /** @param {any} frame of event `parameters` or `notify_list` */
  #take(frame) {
    if (frame.event === "parameters") {
      const { device_id: id, value, timestamp } = frame;
      this.#frames += 1;
      this.#learn(id, (device) => device.update(value, timestamp, now()));
    } else {
      document.body.dataset.listening = frame.notify_list.length;
      for (const last of frame.snapshot) this.#remember(last, true);
    }
    if (this.#changed) requestAnimationFrame(() => this.#show());
  }

  #pickFirst() {
    const missing = FIRST_PICKED - this.#selection.size;
    const others = this.#sorted().filter(({ id }) => !this.#selection.has(id));
    for (const { id } of others.slice(0, missing)) this.#changed = this.#selection.add(id);
    this.#connection.listen(this.#selection.notifyList());
  }

  /** @param {string[]} ids @param {boolean} picked */
  #pick(ids, picked) {
    let full = false;
    for (const id of ids) {
      if (!picked) this.#selection.remove(id);
      else if (!this.#selection.add(id)) full = true;
    }
    this.#picked();
    if (full) this.#problem("picked", `This page watches ${PICKED} devices at most.`);
  }

  /** @param {string} id @param {string} path */
  #toggle(id, path) {
    this.#selection.toggle(id, path, [...this.#device(id).parameters.keys()]);
    this.#picked();
  }

  #picked() {
    this.#automatic = false;
    this.#problem("picked", null);
    this.#problem("closed", null);
    store(this.#selection.stored());
    this.#connection.listen(this.#selection.notifyList());
    this.#changed = true;
    this.#show();
  }

  #sorted() {
    return [...this.#devices.values()].sort((a, b) => byName(a.id, b.id));
  }

  #show() {
    const picked = this.#selection.size > 0;
    document.body.dataset.view = this.#devices.size === 0 ? "empty" : picked ? "cards" : "unpicked";
    if (!this.#changed) return;
    this.#changed = false;
    const devices = this.#sorted();
    this.#picker.show(devices);
    this.#cards.show(devices.filter(({ id }) => this.#selection.has(id)));
  }

  #tick() {
    this.#rate = this.#frames && this.#rate ? (this.#rate + this.#frames) / 2 : this.#frames;
    this.#frames = 0;
    write(find("rate"), Math.round(this.#rate).toLocaleString("en"));
    this.#cards.tick();
  }

  /** @param {string} state @param {number} refused */
  #showState(state, refused) {
    document.body.dataset.state = state;
    write(find("state"), state);
    if (state !== "live") delete document.body.dataset.listening;
    const shut = refused > 3 && !this.#problems.has("node");
    const sentence = "The node answers, but no WebSocket opens: does $connect refuse this page?";
    this.#problem("socket", shut ? sentence : null);
  }

  /** @param {string} topic @param {string | null} sentence null: solved */
  #problem(topic, sentence) {
    const before = this.#problems.get(topic) ?? null;
    if (before === sentence) return;
    if (before === this.#dismissed) this.#dismissed = null;
    this.#problems.delete(topic);
    if (sentence !== null) this.#problems.set(topic, sentence);
    this.#showProblem();
  }

  #showProblem() {
    const last = [...this.#problems.values()].at(-1) ?? null;
    find("problem").hidden = last === null || last === this.#dismissed;
    write(find("sentence"), last ?? "");
  }
}

// A browser may refuse to keep anything: then a choice lasts as long as the page.

function read() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/** @param {string} text */
function store(text) {
  try {
    localStorage.setItem(STORED, text);
  } catch {
    return;
  }
}

new Console().start();
