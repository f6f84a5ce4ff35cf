/** A page with the overlay, over the server in memory in real time. */

import { mount } from "../../src/devtools.ts";
import { connect } from "../../src/index.ts";
import { createServer } from "../../src/testing.ts";

const server = createServer();
const { fetch, WebSocket } = server.options;
const tidings = connect(server.url, { fetch, WebSocket, tabs: false });
for (const name of ["orders/42", "chat/lobby", "<img src=x onerror=alert(1)>"]) {
  server.publish(name, { hello: name });
  tidings.stream(name).addEventListener("message", () => {});
}

Object.assign(globalThis, {
  tidings,
  server,
  unmount: mount(tidings),
});
