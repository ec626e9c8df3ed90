// @ts-check
/**
 * What the page knows: devices, their parameters, a minute of history, and what is picked.
 * Pure: no DOM and no clock; a `time` is epoch ms by this computer, a `timestamp` by the node.
 */

/** @typedef {null | boolean | number | string | object} Json what JSON.parse returns */
/** @typedef {"number" | "boolean" | "string" | "null" | "other"} Kind */
/** @typedef {{time: number, value: number}} Point */

export const WINDOW_MS = 60_000;
export const SLOT_MS = 250;
/** Parameters kept of one device; a device is free to send any number. */
export const PARAMETERS = 200;
/** Devices picked at once. */
export const PICKED = 200;
const DEPTH = 8;
const DECIMALS = 4;

/**
 * Return the leaves of a value by dotted path; arrays, and what is nested too deep, are leaves.
 * @param {Json} value @returns {Map<string, Json>}
 */
export function flatten(value) {
  /** @type {Map<string, Json>} */
  const leaves = new Map();
  /** @param {Json} node @param {string} path @param {number} depth */
  const walk = (node, path, depth) => {
    const members = depth <= DEPTH && isObject(node) ? Object.entries(node) : [];
    for (const [name, member] of members) walk(member, depth ? `${path}.${name}` : name, depth + 1);
    if (depth > 0 && members.length === 0 && leaves.size < PARAMETERS) leaves.set(path, node);
  };
  walk(value, "", 0);
  return leaves;
}

/** @param {Json} value @returns {value is {[name: string]: Json}} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {Json} value @returns {Kind} */
export function kindOf(value) {
  if (value === null) return "null";
  if (typeof value === "object") return "other";
  if (typeof value === "number") return Number.isFinite(value) ? "number" : "other";
  return typeof value === "boolean" ? "boolean" : "string";
}

/** Write a leaf that is no number, in a few words. @param {Json} value @returns {string} */
export function textOf(value) {
  if (isObject(value)) return Object.keys(value).length > 0 ? "{…}" : "{}";
  if (!Array.isArray(value)) return String(value).slice(0, 200);
  const items = value.slice(0, 8).map((item) => (Array.isArray(item) ? "[…]" : textOf(item)));
  return `[${items.join(", ")}${value.length > 8 ? ", …" : ""}]`;
}

/** @type {Map<number, Intl.NumberFormat>} */
const FORMATS = new Map();

/**
 * Write a number with a steady count of decimals, so that digits do not jump.
 * @param {number} value @param {number} decimals
 */
export function numberText(value, decimals) {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e15 || size < 1e-3)) return value.toExponential(2);
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  const format = FORMATS.get(decimals) ?? new Intl.NumberFormat("en", digits);
  FORMATS.set(decimals, format);
  return format.format(value);
}

/** Return how many decimals are worth showing. @param {number} value */
export function decimalsOf(value) {
  const [digits, exponent] = String(Number(value.toPrecision(7))).split("e");
  const decimals = digits.split(".")[1] ?? "";
  return exponent ? 0 : Math.min(decimals.length, DECIMALS);
}

/** @param {number} ms */
export function ageText(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/**
 * The last minute of a number. Values that fall into one quarter of a second share a slot that
 * keeps its lowest, highest and last: no peak is lost and memory has a bound.
 */
export class History {
  /** @type {{time: number, low: Point, high: Point, last: Point}[]} */
  #slots = [];

  /** @param {number} time @param {number} value */
  add(time, value) {
    const point = { time, value };
    const slot = this.#slots.at(-1);
    if (slot && time - slot.time < SLOT_MS) {
      if (value < slot.low.value) slot.low = point;
      if (value > slot.high.value) slot.high = point;
      slot.last = point;
    } else {
      this.#slots.push({ time, low: point, high: point, last: point });
    }
    const start = time - WINDOW_MS;
    while (this.#slots.length > 1 && this.#slots[1].time <= start) this.#slots.shift();
  }

  /**
   * Return the minute that ends now, oldest first; the first point may be the one that still held
   * when the minute began.
   * @param {number} now @returns {Point[]}
   */
  points(now) {
    const points = this.#slots.flatMap(({ low, high, last }) => [
      ...new Set(low.time < high.time ? [low, high, last] : [high, low, last]),
    ]);
    const inside = points.findIndex(({ time }) => time > now - WINDOW_MS);
    return points.slice(inside < 0 ? -1 : Math.max(inside - 1, 0));
  }
}

export class Parameter {
  /** @type {Json} */
  value = null;
  /** @type {Kind} */
  kind = "null";
  timestamp = 0;
  decimals = 0;
  /** How many values it has had. */
  version = 0;
  history = new History();

  /** @param {string} path */
  constructor(path) {
    this.path = path;
  }

  /** @param {Json} value @param {number} timestamp @param {number} time */
  take(value, timestamp, time) {
    this.value = value;
    this.kind = kindOf(value);
    this.timestamp = timestamp;
    this.version += 1;
    if (this.kind !== "number") return;
    const number = Number(value);
    this.decimals = Math.max(this.decimals, decimalsOf(number));
    this.history.add(time, number);
  }

  /** @param {Json} value */
  is(value) {
    return this.kind === kindOf(value) && textOf(this.value) === textOf(value);
  }
}

export class Device {
  /** @type {Map<string, Parameter>} */
  parameters = new Map();

  /** @param {string} id */
  constructor(id) {
    this.id = id;
  }

  /** Take a change as it was pushed. @param {Json} value @param {number} timestamp @param {number} time */
  update(value, timestamp, time) {
    for (const [known, leaf] of this.#known(value)) known.take(leaf, timestamp, time);
  }

  /**
   * Take last known values. One timestamp stands for all of them, so a value that merely comes
   * again keeps its age. `replace: false` takes only what has had no value.
   * @param {Json} value @param {number} timestamp @param {number} time
   * @param {{replace: boolean}} how
   */
  remember(value, timestamp, time, { replace }) {
    for (const [known, leaf] of this.#known(value)) {
      const newer = replace && timestamp > known.timestamp && !known.is(leaf);
      if (known.version === 0 || newer) known.take(leaf, timestamp, time);
    }
  }

  /** @param {Json} value @returns {Iterable<[Parameter, Json]>} */
  *#known(value) {
    for (const [path, leaf] of flatten(value)) {
      const known = this.parameters.get(path) ?? new Parameter(path);
      if (known.version === 0 && this.parameters.size >= PARAMETERS) continue;
      this.parameters.set(path, known);
      yield [known, leaf];
    }
  }
}

/** What is picked. A device picked whole has null in place of a list of parameters. */
export class Selection {
  /** @type {Map<string, string[] | null>} */
  #picked = new Map();

  /** Take what `stored()` wrote; false, and nothing taken, when it is anything else.
   * @param {string} text */
  restore(text) {
    try {
      const entries = JSON.parse(text);
      if (!entries.every(isPick)) return false;
      this.#picked = new Map(entries.slice(0, PICKED));
      return true;
    } catch {
      return false;
    }
  }

  stored() {
    return JSON.stringify([...this.#picked]);
  }

  get size() {
    return this.#picked.size;
  }

  get ids() {
    return [...this.#picked.keys()];
  }

  /** @param {string} id */
  has(id) {
    return this.#picked.has(id);
  }

  /** @param {string} id @param {string} path */
  wants(id, path) {
    const paths = this.#picked.get(id);
    return paths === null || !!paths?.some((p) => path === p || path.startsWith(`${p}.`));
  }

  /** Pick a whole device; false when no more can be picked. @param {string} id */
  add(id) {
    if (this.has(id)) return true;
    return this.size < PICKED && !!this.#picked.set(id, null);
  }

  /** @param {string} id */
  remove(id) {
    this.#picked.delete(id);
  }

  /**
   * Pick or drop one parameter. All known ones make the whole device, none drops it.
   * @param {string} id @param {string} path @param {string[]} known
   */
  toggle(id, path, known) {
    const listed = this.#picked.get(id) ?? [];
    const unseen = listed.filter((p) => !known.some((k) => k === p || k.startsWith(`${p}.`)));
    const wanted = known.filter((k) => this.wants(id, k) !== (k === path));
    if (wanted.length + unseen.length === 0) this.remove(id);
    else this.#picked.set(id, wanted.length === known.length ? null : [...wanted, ...unseen]);
  }

  /** Return the list as set_notify_list takes it. */
  notifyList() {
    return [...this.#picked].map(([id, parameters]) =>
      parameters === null ? { device_id: id } : { device_id: id, parameters },
    );
  }
}

/** @param {[unknown, unknown]} entry */
function isPick([id, paths]) {
  const texts = (/** @type {unknown[]} */ items) => items.every((item) => typeof item === "string");
  return texts([id]) && (paths === null || (Array.isArray(paths) && paths.length > 0 && texts(paths)));
}
