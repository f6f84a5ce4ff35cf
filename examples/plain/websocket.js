// Follows a stream by WebSocket. Runs as it is in browsers and in Node.js 22 or newer (20 needs `--experimental-websocket`).

/**
 * Gives each message, `{ offset, time, data }`, to `onMessage`: once, in order, for ever, or until `signal` stops it or the stream is closed.
 * Who keeps the last `offset` goes on there another time. A reset is told to `onReset`; then come the messages that are kept.
 */
export async function follow(url, options) {
  let { offset = "-1", onMessage, onReset, signal = new AbortController().signal } = options;
  for (let failures = 0; !signal.aborted; failures += 1) {
    let [isClosed, within] = [false, 0];
    await connect(`${url.replace(/^http/, "ws")}?offset=${offset}`, signal, (frame) => {
      if (frame.type === "message") onMessage(frame);
      if (frame.type === "reset") onReset(frame);
      if (frame.type === "closed") isClosed = true;
      if (frame.type === "drain") within = frame.within;
      if (frame.type === "live") failures = 0;
      offset = frame.type === "reset" ? "-1" : (frame.offset ?? offset);
    });
    if (isClosed) return;
    // Anywhere within a time that doubles, or that the server says: not all come back at once.
    const pause = Math.random() * Math.max(within, Math.min(30, 2 ** failures));
    await new Promise((resolve) => setTimeout(resolve, pause * 1_000));
  }
}

/** Gives the frames of one connection to `onFrame`, until it ends, is silent for too long, or has nothing more to say. */
function connect(url, signal, onFrame) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    let [silence, timer] = [25_000 * 2.5];
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
      resolve();
    };
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(end, silence);
    };
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      onFrame(frame);
      if (frame.type === "hello") silence = frame.heartbeat * 2_500;
      heard();
      if (["reset", "closed", "error"].includes(frame.type)) end();
    };
    socket.onclose = socket.onerror = end; // In Node.js 20 some errors are followed by no close.
    signal.addEventListener("abort", end);
    heard();
  });
}
