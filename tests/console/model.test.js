import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ageText, decimalsOf, Device, flatten, History, kindOf, numberText, PARAMETERS, Parameter, PICKED,
  Selection, SLOT_MS, textOf, WINDOW_MS,
} from "./model.js";

const nested = (depth) => (depth === 0 ? 1 : { n: nested(depth - 1) });

test("flatten names leaves by dotted path and keeps arrays and empty objects whole", () => {
  const value = { a: 1, b: { c: null, d: { e: "x" } }, f: [1, { g: 2 }], h: {}, "i.j": true };
  assert.deepEqual(Object.fromEntries(flatten(value)), {
    a: 1, "b.c": null, "b.d.e": "x", f: [1, { g: 2 }], h: {}, "i.j": true,
  });
});

test("flatten has no leaves for what is no object", () => {
  for (const value of [null, 3, "x", [1], {}]) assert.equal(flatten(value).size, 0);
});

test("flatten is bounded in number and in depth", () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`p${i}`, i]));
  assert.equal(flatten(many).size, PARAMETERS);
  assert.deepEqual([...flatten(nested(5_000)).keys()], ["n.n.n.n.n.n.n.n.n"]);
});

test("flatten takes names of Object's own for plain names", () => {
  const value = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}');
  assert.deepEqual([...flatten(value)], [["__proto__.x", 1], ["constructor", 2]]);
});

test("kindOf", () => {
  const kinds = [null, 1, 1e999, true, "", [], {}].map(kindOf);
  assert.deepEqual(kinds, ["null", "number", "other", "boolean", "string", "other", "other"]);
});

test("textOf is short whatever it is given", () => {
  assert.equal(textOf(null), "null");
  assert.equal(textOf(false), "false");
  assert.equal(textOf({}), "{}");
  assert.equal(textOf({ a: 1 }), "{…}");
  assert.equal(textOf([1, "x", [2], { a: 1 }, null]), "[1, x, […], {…}, null]");
  assert.equal(textOf([1, 2, 3, 4, 5, 6, 7, 8, 9]), "[1, 2, 3, 4, 5, 6, 7, 8, …]");
  assert.equal(textOf("x".repeat(5000)).length, 200);
});

test("decimalsOf counts what is worth showing", () => {
  const counts = [[21.5, 1], [21, 0], [0.1 + 0.2, 1], [1 / 3, 4], [1e21, 0], [1e-9, 0], [-3.25, 2]];
  for (const [number, count] of counts) assert.equal(decimalsOf(number), count, String(number));
});

test("numberText keeps the decimals it is told", () => {
  assert.equal(numberText(21.5, 2), "21.50");
  assert.equal(numberText(1234567, 0), "1,234,567");
  assert.equal(numberText(-0.004, 3), "-0.004");
  assert.equal(numberText(0, 2), "0.00");
  assert.equal(numberText(1e-9, 4), "1.00e-9");
  assert.equal(numberText(2.5e15, 0), "2.50e+15");
});

test("ageText", () => {
  const ages = [0, 999, 1000, 59_999, 60_000, 3_600_000, 86_400_000 * 3].map(ageText);
  const texts = ["now", "now", "1 s ago", "59 s ago", "1 min ago", "1 h ago", "3 d ago"];
  assert.deepEqual(ages, texts);
});

test("History keeps lowest, highest and last of a slot, in the order they came", () => {
  const history = new History();
  [5, 9, 1, 4].forEach((value, index) => history.add(1000 + index, value));
  history.add(1000 + SLOT_MS, 7);
  assert.deepEqual(history.points(2000), [
    { time: 1001, value: 9 }, { time: 1002, value: 1 }, { time: 1003, value: 4 },
    { time: 1000 + SLOT_MS, value: 7 },
  ]);
});

test("History forgets what left the minute, but for the value that held when it began", () => {
  const history = new History();
  for (let second = 0; second <= 100; second += 1) history.add(second * 1000, second);
  const values = history.points(100_000).map(({ value }) => value);
  assert.deepEqual(values, Array.from({ length: 61 }, (_, index) => 40 + index));
  assert.deepEqual(history.points(1_000_000), [{ time: 100_000, value: 100 }]);
});

test("History is bounded however fast values come", () => {
  const history = new History();
  for (let n = 0; n < 200_000; n += 1) history.add(n, n % 7);
  assert.ok(history.points(200_000).length <= (3 * WINDOW_MS) / SLOT_MS + 6);
});

test("a parameter shows as many decimals as it ever needed", () => {
  const parameter = new Parameter("t");
  for (const value of [21, 21.25, 21.5]) parameter.take(value, 1, 1);
  assert.equal(parameter.decimals, 2);
  parameter.take("off", 2, 2);
  assert.deepEqual([parameter.kind, parameter.value, parameter.version], ["string", "off", 4]);
});

/** @param {Device} device */
const values = (device) =>
  Object.fromEntries([...device.parameters.values()].map((p) => [p.path, [p.value, p.timestamp]]));

test("an update replaces only the parameters that it carries", () => {
  const device = new Device("thermostat-1");
  device.update({ temperature: 21.5, battery: { level: 80 } }, 10, 10);
  device.update({ "battery.level": 79 }, 20, 20);
  assert.deepEqual(values(device), { temperature: [21.5, 10], "battery.level": [79, 20] });
});

test("last values never make an unchanged parameter look new", () => {
  const device = new Device("thermostat-1");
  device.update({ a: 1, b: [1], c: 1 }, 10, 10);
  device.remember({ a: 1, b: [1], c: 2, d: 3 }, 20, 20, { replace: true });
  assert.deepEqual(values(device), { a: [1, 10], b: [[1], 10], c: [2, 20], d: [3, 20] });
});

test("last values older than what was pushed change nothing", () => {
  const device = new Device("thermostat-1");
  device.update({ a: 2 }, 20, 20);
  device.remember({ a: 1 }, 10, 10, { replace: true });
  assert.deepEqual(values(device), { a: [2, 20] });
});

test("without replace only parameters never seen are taken", () => {
  const device = new Device("thermostat-1");
  device.remember({ a: 1 }, 10, 10, { replace: false });
  device.remember({ a: 2, b: 3 }, 20, 20, { replace: false });
  assert.deepEqual(values(device), { a: [1, 10], b: [3, 20] });
});

test("a device keeps a bounded number of parameters, and goes on updating those", () => {
  const device = new Device("endless");
  for (let n = 0; n < 2 * PARAMETERS; n += 1) device.update({ [`p${n}`]: n }, n + 1, n + 1);
  device.update({ p0: "again" }, 9999, 9999);
  assert.equal(device.parameters.size, PARAMETERS);
  assert.equal(device.parameters.get("p0")?.value, "again");
});

test("a device picked whole wants every parameter, and is listed without any", () => {
  const selection = new Selection();
  assert.ok(selection.add("pump-7"));
  assert.ok(selection.has("pump-7") && selection.wants("pump-7", "flow"));
  assert.ok(!selection.wants("pump-8", "flow"));
  assert.deepEqual(selection.notifyList(), [{ device_id: "pump-7" }]);
});

test("dropping a parameter lists the others; taking it back is the whole device again", () => {
  const selection = new Selection();
  const known = ["a", "b.c", "b.d"];
  selection.add("x");
  selection.toggle("x", "b.c", known);
  assert.deepEqual(selection.notifyList(), [{ device_id: "x", parameters: ["a", "b.d"] }]);
  assert.deepEqual(known.map((path) => selection.wants("x", path)), [true, false, true]);
  selection.toggle("x", "b.c", known);
  assert.deepEqual(selection.notifyList(), [{ device_id: "x" }]);
});

test("dropping the last parameter drops the device", () => {
  const selection = new Selection();
  selection.add("x");
  selection.toggle("x", "a", ["a"]);
  assert.equal(selection.size, 0);
});

test("a listed object wants what is in it, and parameters not seen yet stay listed", () => {
  const selection = new Selection();
  assert.ok(selection.restore('[["x", ["battery", "later"]]]'));
  assert.ok(selection.wants("x", "battery.level") && !selection.wants("x", "batteryless"));
  selection.toggle("x", "a", ["a", "battery.level", "b"]);
  assert.deepEqual(selection.notifyList(), [
    { device_id: "x", parameters: ["a", "battery.level", "later"] },
  ]);
});

test("what was stored is restored", () => {
  const selection = new Selection();
  selection.add("__proto__");
  selection.add("x");
  selection.toggle("x", "a", ["a", "b"]);
  const again = new Selection();
  assert.ok(again.restore(selection.stored()));
  assert.deepEqual(again.notifyList(), selection.notifyList());
});

test("anything else that was stored is refused", () => {
  const texts = [
    "", "{", "3", "null", "{}", "[3]", "[[1, null]]", '[["x"]]', '[["x", 3]]', '[["x", "ab"]]',
    '[["x", []]]', '[["x", [1]]]', '[["y", null], ["x", ["a", null]]]',
  ];
  for (const text of texts) {
    const selection = new Selection();
    assert.equal(selection.restore(text), false, text);
    assert.equal(selection.size, 0);
  }
});

test("a bounded number of devices is picked", () => {
  const selection = new Selection();
  for (let n = 0; n < PICKED; n += 1) assert.ok(selection.add(`d${n}`));
  assert.ok(selection.add("d0"));
  assert.ok(!selection.add("one more"));
  assert.equal(selection.size, PICKED);
});
