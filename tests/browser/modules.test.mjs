// Modules of the page that need no browser, run by Node.

import assert from "node:assert/strict";
import { test } from "node:test";

const PAGE = new URL("../../src/kymflow/explore/static/", import.meta.url);

test("completion proposes columns of the tables that are named", async () => {
  globalThis.document = {};
  const { proposals } = await import(new URL("complete.js", PAGE));
  const tables = {
    kym_events: [["image_id", "VARCHAR"], ["strength", "DOUBLE"]],
    kym_images: [["image_id", "VARCHAR"], ["depth", "DOUBLE"]],
  };
  const words = (word, text) => proposals(word, text, tables).map(([name]) => name);
  assert.deepEqual(words("kym_", ""), ["kym_events", "kym_images"]);
  assert.deepEqual(words("st", "FROM kym_events WHERE st"), ["strength"]);
  assert.deepEqual(words("st", "FROM kym_images WHERE st"), []);
  assert.deepEqual(words("kym_images.d", ""), ["depth"]);
  assert.deepEqual(words("depth", "FROM kym_images"), []);
  assert.ok(words("gro", "").includes("GROUP"));
});

test("a trace keeps its gaps and its extremes", async () => {
  const { drawTrace, placeOf, usualRange } = await import(new URL("trace.js", PAGE));
  assert.equal(placeOf([0, 1, 2, 3], 1.5), 2);
  assert.equal(placeOf([0, 1, 2, 3], 9), 4);
  const told = [];
  const context = {
    beginPath() {},
    stroke() {},
    moveTo: (x, y) => told.push(["move", x, y]),
    lineTo: (x, y) => told.push(["line", x, y]),
  };
  const velocity = [...Array(500).fill(0), 9, ...Array(499).fill(0)];
  velocity[700] = null;
  const trace = { time: velocity.map((_, n) => n), velocity };
  const box = { x: 0, y: 0, width: 50, height: 100 };
  drawTrace(context, trace, { start: 0, end: 1000 }, box, [0, 10], "#000");
  assert.ok(told.some(([, , y]) => Math.abs(y - 10) < 1e-6), "the one peak of a thousand samples is drawn");
  assert.equal(told.filter(([what]) => what === "move").length, 2, "a gap lifts the pen");
  assert.ok(told.length < 250);
  const [low, high] = usualRange([{ velocity: [1, 1.1, 0.9, 1, 1.05, 400, null] }]);
  assert.ok(low <= 0 && high < 10, "one wild sample does not squash the others");
  assert.deepEqual(usualRange([]), [-1, 1]);
});

test("axes have round steps", async () => {
  const { tickText, ticks } = await import(new URL("trace.js", PAGE));
  const { step, values } = ticks(0.13, 1.02, 5);
  assert.equal(step, 0.2);
  assert.deepEqual(values.map((value) => tickText(value, step)), ["0.2", "0.4", "0.6", "0.8", "1.0"]);
  for (const [from, to] of [[0, 1e-4], [-3, 8], [100, 1e6]])
    assert.ok(ticks(from, to, 5).values.length >= 2);
});

test("a candidate counts once a person has labelled it", async () => {
  const { isCandidate, spanOf } = await import(new URL("trace.js", PAGE));
  assert.equal(isCandidate({ candidate: true, user_type: "unreviewed" }), true);
  assert.equal(isCandidate({ candidate: true, user_type: "other" }), false);
  assert.equal(isCandidate({ candidate: null, user_type: null }), false);
  assert.deepEqual(spanOf({ t_start_s: 1, t_end_s: null, peak_t_s: 2 }), [1, 2]);
  assert.equal(spanOf({ t_start_s: null }), null);
});
