// The counting is right: a test that counts wrong proves nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Following } from "./following.mjs";
import { Sequence } from "./sequence.mjs";

/** What is counted when these numbers come, of `end` that were published. */
function counted(numbers, end) {
  const sequence = new Sequence();
  for (const number of numbers) sequence.take(number);
  const { doubled, reordered } = sequence;
  return { lost: sequence.lost(end), doubled, reordered };
}

test("what is lost, doubled and reordered is counted", () => {
  assert.deepEqual(counted([0, 1, 2], 3), { lost: 0, doubled: 0, reordered: 0 });
  assert.deepEqual(counted([0, 2], 4), { lost: 2, doubled: 0, reordered: 0 });
  assert.deepEqual(counted([0, 1, 1, 0, 2], 3), { lost: 0, doubled: 2, reordered: 0 });
  assert.deepEqual(counted([0, 2, 1, 3], 4), { lost: 0, doubled: 0, reordered: 1 });
  assert.deepEqual(counted([], 2), { lost: 2, doubled: 0, reordered: 0 });
});

test("an offset that does not follow on the one before it is an error, whatever the numbers say", async () => {
  const offsets = ["01_0000000000000001", "01_0000000000000002", "01_0000000000000004", "02_0000000000000005"];
  async function* messages() {
    for (const [n, offset] of offsets.entries()) yield { offset, data: { by: "me", n, at: Date.now() } };
  }
  const tidings = { addEventListener() {}, status: { state: "live", transport: "sse" }, stream: () => ({ messages }) };
  const following = new Following(tidings, ["a"]);
  await following.done;
  assert.equal(following.received, 4);
  assert.equal(following.errors.length, 2);
  assert.equal(following.wrong, 2);
});
