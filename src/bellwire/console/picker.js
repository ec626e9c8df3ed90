// @ts-check
/** The list on the left: search devices, pick them, pick their parameters. */

import { arrange, element, write } from "./element.js";
/** @import { Device, Selection } from "./model.js" */

/** Devices listed at once; the rest is for the search box to find. */
const LISTED = 200;

/**
 * @typedef {object} Choice what the reader can do here
 * @property {(ids: string[], picked: boolean) => void} devices
 * @property {(id: string, path: string) => void} parameter
 */

/** One device of the list. */
class Item {
  /** @type {Map<string, HTMLElement>} */
  #chips = new Map();

  /** @param {string} id @param {Choice} choice */
  constructor(id, choice) {
    this.id = id;
    this.choice = choice;
    this.box = /** @type {HTMLInputElement} */ (element("input", { type: "checkbox" }));
    this.box.onchange = () => choice.devices([id], this.box.checked);
    this.count = element("span", { class: "count" });
    this.chips = element("div", { class: "chips", role: "group", "aria-label": id });
    const name = element("span", { class: "name", title: id }, id);
    const label = element("label", {}, this.box, name, this.count);
    this.root = element("li", { "data-pick": id }, label, this.chips);
  }

  /** @param {Device} device @param {Selection} selection */
  show({ parameters }, selection) {
    const picked = selection.has(this.id);
    const paths = [...parameters.keys()];
    const wanted = new Set(paths.filter((path) => selection.wants(this.id, path)));
    const some = picked && wanted.size < paths.length;
    this.box.checked = picked;
    this.box.indeterminate = some;
    write(this.count, some ? `${wanted.size} of ${paths.length}` : `${paths.length}`);
    const chips = picked ? paths.map((path) => this.#chip(path, wanted.has(path))) : [];
    arrange(this.chips, chips);
    this.chips.hidden = chips.length === 0;
  }

  /** @param {string} path @param {boolean} pressed */
  #chip(path, pressed) {
    let chip = this.#chips.get(path);
    if (!chip) {
      chip = element("button", { type: "button", class: "chip", "data-pick-parameter": path }, path);
      chip.onclick = () => this.choice.parameter(this.id, path);
      this.#chips.set(path, chip);
    }
    chip.setAttribute("aria-pressed", String(pressed));
    return chip;
  }
}

export class Picker {
  /** @type {Map<string, Item>} */
  #items = new Map();
  /** @type {Device[]} */
  #devices = [];
  /** @type {string[]} */
  #matching = [];

  /** @param {(id: string) => HTMLElement} find @param {Selection} selection @param {Choice} choice */
  constructor(find, selection, choice) {
    this.find = find;
    this.selection = selection;
    this.choice = choice;
    this.search = /** @type {HTMLInputElement} */ (find("search"));
    this.search.oninput = () => this.show(this.#devices);
    find("all").onclick = () => choice.devices(this.#matching, true);
    find("none").onclick = () => choice.devices(this.#matching, false);
    const fold = find("fold");
    fold.onclick = () => fold.setAttribute("aria-expanded", String(fold.ariaExpanded === "false"));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      this.search.focus();
    });
  }

  /** @param {Device[]} devices in the order to show */
  show(devices) {
    this.#devices = devices;
    const word = this.search.value.trim().toLowerCase();
    const found = devices.filter(({ id }) => id.toLowerCase().includes(word));
    this.#matching = found.map(({ id }) => id);
    const before = this.#items;
    this.#items = new Map();
    for (const device of found.slice(0, LISTED)) {
      const item = before.get(device.id) ?? new Item(device.id, this.choice);
      item.show(device, this.selection);
      this.#items.set(device.id, item);
    }
    arrange(this.find("devices"), [...this.#items.values()].map(({ root }) => root));
    write(this.find("picked"), `${this.selection.size} of ${devices.length} picked`);
    write(this.find("note"), noteFor(devices.length, found.length));
  }
}

/** @param {number} all @param {number} found */
function noteFor(all, found) {
  if (all === 0) return "No device has published yet.";
  if (found === 0) return "No device matches.";
  return found > LISTED ? `${found - LISTED} more: search to find them.` : "";
}
