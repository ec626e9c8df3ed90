// @ts-check
/** The main part: a card per picked device, a row per parameter, painted when it changed. */

import { drawLine, HEIGHT, WIDTH } from "./chart.js";
import { arrange, drawing, element, write } from "./element.js";
import { ageText, numberText, textOf, WINDOW_MS } from "./model.js";
/** @import { Device, Parameter, Selection } from "./model.js" */

/** What changes faster than this could not be read anyway. */
const PAINT_MS = 100;
const FLASH_MS = 900;

/** One parameter on a card. */
class Row {
  #version = 0;
  #flashed = 0;

  /** @param {Parameter} parameter */
  constructor(parameter) {
    this.parameter = parameter;
    this.value = element("span", { class: "value" });
    this.age = element("span", { class: "age" });
    this.high = element("span");
    this.low = element("span");
    this.line = drawing("path", {});
    this.area = drawing("path", { class: "area" });
    this.end = drawing("path", { class: "end" });
    const box = `0 0 ${WIDTH + 2} ${HEIGHT}`;
    const look = { class: "chart", viewBox: box, preserveAspectRatio: "none", "aria-hidden": "true" };
    const range = { class: "range", title: "Highest and lowest of the last minute" };
    this.root = element(
      "li",
      { class: "row", "data-parameter": parameter.path },
      element("div", { class: "head" }, nameOf(parameter.path), this.age, this.value),
      element(
        "div",
        { class: "trace" },
        drawing("svg", look, this.area, this.line, this.end),
        element("div", range, this.high, this.low),
      ),
    );
  }

  /** @param {number} now epoch ms by our clock @param {number} nodeNow by the node's */
  paint(now, nodeNow) {
    const { kind, timestamp, version } = this.parameter;
    if (version !== this.#version) this.#paintValue(now);
    const age = Math.max(0, nodeNow - timestamp);
    write(this.age, ageText(age));
    this.root.toggleAttribute("data-stale", age > WINDOW_MS);
    if (kind === "number") this.#paintLine(now);
  }

  /** @param {number} now */
  #paintValue(now) {
    const { value, kind, decimals, timestamp, version } = this.parameter;
    const text = typeof value === "number" ? numberText(value, decimals) : textOf(value);
    const changed = text !== this.value.textContent && this.#version > 0;
    write(this.value, text);
    this.value.title = text;
    const { dataset } = this.root;
    dataset.kind = kind;
    dataset.value = kind === "other" ? text : JSON.stringify(value);
    dataset.timestamp = String(timestamp);
    // Two animations of the same look: changing the name is what starts it again.
    if (changed && now - this.#flashed > FLASH_MS) {
      this.#flashed = now;
      dataset.flash = dataset.flash === "a" ? "b" : "a";
    }
    this.#version = version;
  }

  /** @param {number} now */
  #paintLine(now) {
    const { history, decimals } = this.parameter;
    const { line, area, end, low, high } = drawLine(history.points(now), now);
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", area);
    this.end.setAttribute("d", end);
    write(this.high, numberText(high, decimals));
    write(this.low, low === high ? "" : numberText(low, decimals));
  }
}

/** @param {string} path */
function nameOf(path) {
  const cut = path.lastIndexOf(".") + 1;
  const prefix = element("span", { class: "prefix" }, path.slice(0, cut));
  return element("span", { class: "name", title: path }, prefix, path.slice(cut));
}

/** One device. */
class Card {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  visible = false;

  /** @param {Device} device @param {(id: string) => void} remove */
  constructor(device, remove) {
    const { id } = device;
    this.device = device;
    this.list = element("ul", { class: "rows", role: "list" });
    this.wait = element("p", { class: "wait" }, "No value yet.");
    const close = element("button", { class: "close", "aria-label": `Stop watching ${id}` });
    close.onclick = () => remove(id);
    this.root = element(
      "article",
      { class: "card", "data-device": id, "aria-label": id },
      element("header", {}, element("h2", { title: id }, id), close),
      this.list,
      this.wait,
    );
  }

  /** @param {Selection} selection */
  show(selection) {
    const before = this.#rows;
    this.#rows = new Map();
    for (const [path, parameter] of this.device.parameters) {
      if (!selection.wants(this.device.id, path)) continue;
      this.#rows.set(path, before.get(path) ?? new Row(parameter));
    }
    arrange(this.list, [...this.#rows.values()].map(({ root }) => root));
    this.wait.hidden = this.#rows.size > 0;
  }

  /** @param {number} now @param {number} nodeNow */
  paint(now, nodeNow) {
    for (const row of this.#rows.values()) row.paint(now, nodeNow);
  }
}

export class Cards {
  /** @type {Map<string, Card>} */
  #cards = new Map();
  /** @type {Set<string>} devices that changed since they were last painted */
  #dirty = new Set();
  #scheduled = false;
  #painted = 0;
  #watcher = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "100px" });

  /**
   * @param {HTMLElement} root @param {Selection} selection @param {(id: string) => void} remove
   * @param {() => [now: number, nodeNow: number]} clocks epoch ms by our clock and by the node's
   */
  constructor(root, selection, remove, clocks) {
    this.root = root;
    this.selection = selection;
    this.remove = remove;
    this.clocks = clocks;
  }

  /** @param {Device[]} devices those picked, in the order to show */
  show(devices) {
    const before = this.#cards;
    this.#cards = new Map();
    for (const device of devices) {
      const card = before.get(device.id) ?? new Card(device, this.remove);
      card.show(this.selection);
      if (!before.delete(device.id)) this.#watcher.observe(card.root);
      this.#cards.set(device.id, card);
      this.touch(device.id);
    }
    for (const { root } of before.values()) this.#watcher.unobserve(root);
    arrange(this.root, [...this.#cards.values()].map(({ root }) => root));
  }

  /** A device has new values: paint it soon. @param {string} id */
  touch(id) {
    this.#dirty.add(id);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = this.#painted + PAINT_MS - performance.now();
    setTimeout(() => requestAnimationFrame(() => this.#paint()), wait);
  }

  /** Time has passed: ages and lines move on. */
  tick() {
    for (const id of this.#cards.keys()) this.touch(id);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const id = /** @type {HTMLElement} */ (target).dataset.device ?? "";
      const card = this.#cards.get(id);
      if (card) card.visible = isIntersecting;
      this.touch(id);
    }
  }

  #paint() {
    this.#scheduled = false;
    this.#painted = performance.now();
    const [now, nodeNow] = this.clocks();
    for (const id of this.#dirty) {
      const card = this.#cards.get(id);
      if (card?.visible) card.paint(now, nodeNow);
    }
    this.#dirty.clear();
  }
}
