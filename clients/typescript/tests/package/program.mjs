// A program of somebody who has installed the package. Runs in whatever runtime, against the server that it is given.

import { TidingsError, connect } from "tidings";
import { createServer } from "tidings/testing";

const url = (globalThis.Deno?.args ?? globalThis.process.argv.slice(2))[0];
const tidings = connect(url);
const words = tidings.stream(`words/${Math.random()}`);
await words.publish("one", { create: true });

const seen = [];
for await (const { data } of words.messages({ from: "beginning" })) {
  seen.push(data);
  if (seen.length === 1) await words.publish("two");
  if (seen.length === 2) break;
}
const isLive = () => tidings.status.state === "live" && tidings.status.transport !== "poll";
const follow = words.state({ initial: 0, reduce: (count) => count + 1 });
await new Promise((done) => {
  const look = () => void (isLive() && follow.value === 2 && done());
  tidings.addEventListener("status", look);
  follow.subscribe(look);
  look();
});
const { transport } = tidings.status;
const refused = await tidings.stream("no/such/stream").publish(1).catch((error) => error instanceof TidingsError && error.code);
follow.close();
tidings.close();

const server = createServer();
const inMemory = connect(server.url, server.options);
server.publish("a", 1);
const page = await inMemory.stream("a").read();
inMemory.close();
console.log(JSON.stringify({ seen, transport, refused, inMemory: page.messages.length }));
