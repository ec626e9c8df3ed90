// @ts-check
/** The line of one number, as SVG path data. Pure. */

import { WINDOW_MS } from "./model.js";
/** @import { Point } from "./model.js" */

/** The drawing's own units. */
export const WIDTH = 100;
export const HEIGHT = 32;
const TOP = 3;
const BOTTOM = 28;
/** A line that has just begun has this much time to fill; it grows to a whole minute. */
const FIRST_MS = 10_000;
/** After a longer silence the line is a step: the old value held until the new one came. */
const HOLD_MS = 5_000;

/**
 * Draw the minute that ends now: the line, the area below it, the point where it ends, and the
 * lowest and highest value.
 * @param {Point[]} points oldest first, at least one
 * @param {number} now epoch ms
 */
export function drawLine(points, now) {
  const [first] = points;
  const values = points.map(({ value }) => value);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const span = Math.min(Math.max(now - first.time, FIRST_MS), WINDOW_MS);
  // What was before the minute lies a little left of it, out of sight.
  const x = (/** @type {Point} */ { time }) =>
    round(Math.min(Math.max(WIDTH * (1 - (now - time) / span), -10), WIDTH));
  const y = (/** @type {Point} */ { value }) =>
    low === high ? HEIGHT / 2 : round(BOTTOM - ((value - low) / (high - low)) * (BOTTOM - TOP));
  let line = `M${x(first)} ${y(first)}`;
  let before = first;
  for (const point of points.slice(1)) {
    const step = point.time - before.time > HOLD_MS;
    line += step ? `H${x(point)}V${y(point)}` : `L${x(point)} ${y(point)}`;
    before = point;
  }
  line += `H${WIDTH}`;
  const area = `${line}V${HEIGHT}H${x(first)}Z`;
  return { line, area, end: `M${WIDTH} ${y(before)}h0`, low, high };
}

/** @param {number} number */
function round(number) {
  return Math.round(number * 100) / 100;
}
