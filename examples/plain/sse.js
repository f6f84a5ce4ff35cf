// Follows a stream by SSE. Runs as it is in browsers and in Node.js 20 or newer: it reads the response of `fetch`. With an `EventSource` it
// would be shorter, but that hides the status of an answer, and so a reset, and the heartbeats, and so a connection that is dead.

/** How long the server may be silent; its heartbeat is 25 s. */
const SILENCE_MS = 60_000;

/**
 * Gives each message, `{ offset, time, data }`, to `onMessage`: once, in order, for ever, or until `signal` stops it or the stream is closed.
 * Who keeps the last `offset` goes on there another time. A reset is told to `onReset`; then come the messages that are kept.
 */
export async function follow(url, options) {
  let { offset = "-1", onMessage, onReset, signal = new AbortController().signal } = options;
  for (let failures = 0; !signal.aborted; failures += 1) {
    let least = 0;
    for await (const { event, id, data, retry } of listen(`${url}?live=sse&envelope=true&offset=${offset}`, signal)) {
      if (event === "data") for (const message of data) onMessage(message);
      if (event === "reset") onReset(data);
      if (event === "control" && data.streamClosed) return;
      if (event) failures = 0;
      if (retry) least = Number(retry);
      offset = event === "reset" ? "-1" : (id ?? offset);
    }
    // Anywhere within a time that doubles: not all come back at once.
    const pause = least + Math.random() * Math.min(30_000, 1_000 * 2 ** failures);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** The events of one response, until it ends, fails, or is silent. */
async function* listen(url, signal) {
  const end = new AbortController();
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => end.abort(), SILENCE_MS);
  };
  try {
    heard();
    const answer = await fetch(url, { signal: AbortSignal.any([signal, end.signal]) });
    if (answer.status === 410) yield { event: "reset", data: await answer.json() };
    if (answer.status !== 200) return yield { retry: answer.headers.get("Retry-After") * 1_000 };
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      heard();
      const events = (rest + part.value).split("\n\n");
      rest = events.pop();
      yield* events.map(parse);
    }
  } catch {
    // The connection is gone.
  } finally {
    clearTimeout(timer);
    end.abort();
  }
}

function parse(text) {
  const fields = { data: "" };
  for (const line of text.split("\n")) {
    const [name, value] = line.split(/: ?(.*)/s);
    fields[name] = name === "data" ? fields.data + value : value;
  }
  return { ...fields, data: fields.data && JSON.parse(fields.data) };
}
