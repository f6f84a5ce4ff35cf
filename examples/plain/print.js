// Prints a stream in Node.js, a message a line: node print.js poll|long-poll|sse|websocket URL [OFFSET]. Ctrl-C stops it.

const [way, url, offset] = process.argv.slice(2);
const { follow } = await import(`./${way}.js`);
await follow(url, {
  offset,
  onMessage: ({ type, stream, ...message }) => console.log(JSON.stringify(message)),
  onReset: ({ reason }) => console.error(`reset (${reason}): messages are missing; going on from the earliest`),
});
