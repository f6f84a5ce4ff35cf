// Follows a stream by long polling. Runs as it is in browsers and in Node.js 20 or newer.

/**
 * Gives each message, `{ offset, time, data }`, to `onMessage`: once, in order, for ever, or until `signal` stops it or the stream is closed.
 * Who keeps the last `offset` goes on there another time. A reset is told to `onReset`; then come the messages that are kept.
 */
export async function follow(url, options) {
  let { offset = "-1", onMessage, onReset, signal = new AbortController().signal } = options;
  for (let failures = 0; !signal.aborted; ) {
    const address = `${url}?live=long-poll&timeout=25&envelope=true&offset=${offset}`;
    const { status, headers, body } = await ask(address, signal);
    if (status === 200 || status === 204) {
      for (const message of body) onMessage(message);
      if (headers.get("Stream-Closed")) return;
      offset = headers.get("Stream-Next-Offset");
      failures = 0;
    } else if (status === 410) {
      onReset(body);
      offset = "-1";
    } else {
      // Anywhere within a time that doubles: not all come back at once.
      const pause = Number(headers.get("Retry-After")) + Math.random() * Math.min(30, 2 ** failures);
      failures += 1;
      await new Promise((resolve) => setTimeout(resolve, pause * 1_000));
    }
  }
}

async function ask(url, signal) {
  const silence = new AbortController();
  // Longer than the server holds the request: whoever is silent for so long is gone.
  const timer = setTimeout(() => silence.abort(), 40_000);
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, silence.signal]) });
    const body = answer.status === 204 ? [] : await answer.json();
    return { status: answer.status, headers: answer.headers, body };
  } catch {
    return { status: 0, headers: new Headers() };
  } finally {
    clearTimeout(timer);
  }
}
