// A client in a process of its own, which a test can stop: `node sleeper.mjs <url> <stream>` prints the number of each message.

import { connect } from "../dist/index.js";

const [url, name] = process.argv.slice(2);
for await (const { data } of connect(url).stream(name).messages({ from: "beginning" })) process.stdout.write(`${data.n}\n`);
