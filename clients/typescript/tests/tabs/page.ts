/** A tab that follows one stream, and keeps what it is given. */

import { connect } from "../../src/index.ts";

const query = new URLSearchParams(location.search);
const tidings = connect(query.get("url") ?? "", { timing: { backoffBase: 50 } });
const stream = tidings.stream<number>("a");
const got: number[] = [];

void (async () => {
  for await (const { data } of stream.messages({ from: "beginning" })) got.push(data);
})();

const tab = {
  got,
  status: () => tidings.status,
  explain: () => tidings.explain(),
  publish: (value: number) => stream.publish(value),
};

Object.assign(globalThis, { tab });
export type TabUnderTest = typeof tab;
