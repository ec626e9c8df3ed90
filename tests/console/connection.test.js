import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff, ListKeeper } from "./connection.js";

const A = [{ device_id: "a" }];
const B = [{ device_id: "b", parameters: ["x.y"] }];

/** @param {string | null} frame */
const parse = (frame) => JSON.parse(frame ?? "null");

test("backoff doubles up to a bound, and spreads over half of it", () => {
  const longest = [0, 1, 2, 3, 4, 5, 50].map((attempt) => backoff(attempt, 1));
  assert.deepEqual(longest, [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  assert.deepEqual([backoff(2, 0), backoff(2, 0.5)], [1000, 1500]);
});

test("nothing picked is nothing to send", () => {
  assert.equal(new ListKeeper().next(), null);
});

test("a list is sent once, as set_notify_list takes it", () => {
  const keeper = new ListKeeper();
  keeper.want(B);
  assert.deepEqual(parse(keeper.next()), {
    action: "set_notify_list", notify_list: B, request_id: "console-1",
  });
  assert.equal(keeper.next(), null);
  assert.ok(keeper.settle("console-1"));
  assert.equal(keeper.next(), null);
});

test("changes made while a request is under way are sent after its answer, once", () => {
  const keeper = new ListKeeper();
  keeper.want(A);
  keeper.next();
  keeper.want(B);
  keeper.want([...A, ...B]);
  assert.equal(keeper.next(), null);
  keeper.settle("console-1");
  assert.deepEqual(parse(keeper.next()).notify_list, [...A, ...B]);
});

test("a change taken back while a request is under way is not sent", () => {
  const keeper = new ListKeeper();
  keeper.want(A);
  keeper.next();
  keeper.want(B);
  keeper.want(A);
  keeper.settle("console-1");
  assert.equal(keeper.next(), null);
});

test("an empty list is sent when it replaces one", () => {
  const keeper = new ListKeeper();
  keeper.want(A);
  keeper.next();
  keeper.settle("console-1");
  keeper.want([]);
  assert.deepEqual(parse(keeper.next()).notify_list, []);
});

test("the answer to another request settles nothing", () => {
  const keeper = new ListKeeper();
  assert.equal(keeper.settle(undefined), false);
  keeper.want(A);
  keeper.next();
  assert.equal(keeper.settle("console-7"), false);
  assert.equal(keeper.settle(undefined), false);
  assert.equal(keeper.next(), null);
});

test("a lost request is due again, under another id", () => {
  const keeper = new ListKeeper();
  assert.equal(keeper.lose(), false);
  keeper.want(A);
  keeper.next();
  assert.ok(keeper.lose());
  assert.deepEqual(parse(keeper.next()), {
    action: "set_notify_list", notify_list: A, request_id: "console-2",
  });
});

test("a new connection gets the list again, unless it is empty", () => {
  const keeper = new ListKeeper();
  keeper.want(A);
  keeper.next();
  keeper.settle("console-1");
  keeper.reset();
  assert.deepEqual(parse(keeper.next()).notify_list, A);
  keeper.want([]);
  keeper.reset();
  assert.equal(keeper.next(), null);
});
