/** What the cases can't show, since they take every turn that is due. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attempt } from "../../src/session/attempt.ts";
import { createSession } from "../../src/session.ts";
import { defaultTiming } from "../../src/timing.ts";

const OFFSET = "000000000000aaaa_000000000000000";

test("a turn that is due is not forgotten when a message comes before it was taken", () => {
  let websocket: Attempt | undefined;
  const session = createSession("websocket", undefined, defaultTiming, () => 0.5, {
    ask_: (attempt) => (websocket = attempt),
    send_() {},
    close_() {},
    tell_() {},
  });
  session.turn_(1000);
  session.want_("a", OFFSET + 9, true);
  session.want_("b", "now", true);
  session.turn_(1000);
  const attempt = websocket!;
  session.hear_(1000, attempt, [{ type: "hello", heartbeat: 25 }]);
  session.turn_(1000);
  session.hear_(1000, attempt, [
    { type: "subscribed", stream: "a", offset: OFFSET + 9 },
    { type: "error", stream: "b", code: "stream_not_found" },
  ]);
  session.turn_(1000);
  assert.equal(session.next_(), 1125);
  session.hear_(1200, attempt, [{ type: "message", stream: "a", offset: OFFSET.slice(0, -1) + "10" }]);
  assert.equal(session.isTurnDue_(), false);
  assert.equal(session.next_(), 1125);
});
