// Publishes one message by hand.

import { useState } from "preact/hooks";
import { bytes } from "./number.js";
import { send, streamPath } from "./server.js";

export function Publish({ stream }) {
  const [text, setText] = useState("");
  const [said, setSaid] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const isJson = /^application\/([a-z.]+\+)?json\b/i.test(stream.content_type);
  const publish = async (event) => {
    event.preventDefault();
    const wrong = isJson ? notJson(text) : undefined;
    if (text === "" || wrong) return setSaid({ tone: "bad", words: text === "" ? "There is nothing to publish." : wrong });
    setBusy(true);
    try {
      // An array of a JSON stream would be taken for several messages.
      const body = isJson ? `[${text}]` : text;
      const headers = { "Content-Type": stream.content_type };
      const answer = await send(streamPath(stream.name), { method: "POST", headers, body });
      setSaid({ tone: "good", words: `Stored; the next offset is ${answer.headers.get("Stream-Next-Offset")}.` });
      setText("");
    } catch (error) {
      setSaid({ tone: "bad", words: error.message });
    } finally {
      setBusy(false);
    }
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) publish(event);
  };
  if (stream.closed) return <p class="empty">The stream is closed: nothing can be published any more.</p>;
  return (
    <form class="publish" onSubmit={publish}>
      <label for="message">
        One message, as <code>{stream.content_type}</code>
      </label>
      <textarea
        id="message"
        rows={3}
        value={text}
        placeholder={isJson ? '{"hello": "world"}' : ""}
        spellcheck={false}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="bar">
        <button disabled={isBusy}>Publish</button>
        <small>{bytes(new Blob([text]).size)}; Ctrl+Enter publishes</small>
        <output data-tone={said?.tone}>{said?.words}</output>
      </div>
    </form>
  );
}

function notJson(text) {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `This is not JSON: ${error.message}`;
  }
}
