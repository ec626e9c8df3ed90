import assert from "node:assert/strict";
import { test } from "node:test";
import { drawLine } from "./chart.js";

const NOW = 1_000_000;
/** @param {[seconds: number, value: number][]} points seconds before now */
const draw = (...points) =>
  drawLine(points.map(([seconds, value]) => ({ time: NOW - seconds * 1000, value })), NOW);

test("a whole minute, its lowest value at the bottom and its highest at the top", () => {
  const points = Array.from({ length: 31 }, (_, index) => /** @type {[number, number]} */ ([60 - 2 * index, index]));
  const { line, area, end, low, high } = draw(...points);
  assert.match(line, /^M0 28L3\.33 27\.17L6\.67 26\.33L/);
  assert.match(line, /L96\.67 3\.83L100 3H100$/);
  assert.equal(area, `${line}V32H0Z`);
  assert.deepEqual({ end, low, high }, { end: "M100 3h0", low: 0, high: 30 });
});

test("a value that does not change lies in the middle, and is held until now", () => {
  assert.deepEqual(draw([30, 7]), {
    line: "M0 16H100", area: "M0 16H100V32H0Z", end: "M100 16h0", low: 7, high: 7,
  });
});

test("a line that has just begun fills ten seconds", () => {
  assert.equal(draw([5, 0], [1, 1]).line, "M50 28L90 3H100");
});

test("after a silence the value steps", () => {
  assert.equal(draw([60, 0], [30, 1], [27, 0]).line, "M0 28H50V3L55 28H100");
});

test("what was before the minute comes in from the left, however old", () => {
  assert.equal(draw([7200, 0], [30, 1]).line, "M-10 28H50V3H100");
  assert.equal(draw([63, 0], [60, 1]).line, "M-5 28L0 3H100");
});

test("a time in the future counts as now", () => {
  assert.equal(draw([60, 0], [-30, 1]).line, "M0 28H100V3H100");
});
