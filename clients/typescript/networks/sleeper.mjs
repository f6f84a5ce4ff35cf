// A client in a process of its own, which a test can stop: `node sleeper.mjs <url> <stream>` prints the number of each message, and each transport over
// which it is live.

import { connect } from "../dist/index.js";

const [url, name] = process.argv.slice(2);
const print = (what) => process.stdout.write(`${what}\n`);
const tidings = connect(url);
tidings.addEventListener("status", () => tidings.status.state === "live" && print(tidings.status.transport));
for await (const { data } of tidings.stream(name).messages({ from: "beginning" })) print(data.n);
