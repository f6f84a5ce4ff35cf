// What is stored, and then what comes: the way in which all parts of the examples read a stream.

/** How long it takes until the server is asked again when it could not be reached, in milliseconds. */
const AGAIN_AFTER = 1_000;

/**
 * Reads a stream from a place on and follows it for ever.
 *
 * `take` gets each message, and whether it is live. `caughtUp` is told the offset when all that was stored has been taken. `reset` is told why
 * the stream can't be continued, and gives the place to begin from anew. It ends when the stream is closed, and throws what ends it otherwise.
 */
export async function follow(stream, from, { take, caughtUp = () => {}, reset }) {
  for (;;) {
    try {
      from = await readStored(stream, from, (message) => take(message, false));
      caughtUp(from);
      for await (const message of stream.messages({ from })) {
        from = message.offset;
        take(message, true);
      }
      return;
    } catch (error) {
      if (error.code === "reset") from = reset(error);
      else if (error.retryable) await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER));
      else throw error;
    }
  }
}

/** Reads page after page; the place after the last of them. */
async function readStored(stream, from, take) {
  try {
    for (;;) {
      const page = await stream.read({ from });
      page.messages.forEach(take);
      from = page.offset;
      if (page.upToDate) return from;
    }
  } catch (error) {
    // Nobody has made it yet: then everything is still to come.
    if (error.code === "stream_not_found") return "beginning";
    throw error;
  }
}
