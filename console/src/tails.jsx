// The tails of one stream, by any of the four transports side by side.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { MESSAGES_MAX, Tail } from "./follow.js";
import { count, time } from "./number.js";
import { SHOWN_MAX } from "./text.js";

const TRANSPORTS = { websocket: "WebSocket", sse: "SSE", "long-poll": "Long poll", poll: "Poll" };

const STATES = { idle: "Idle", connecting: "Connecting…", live: "Live", waiting: "Waiting", failed: "Failed", closed: "Closed" };

export function Tails({ name }) {
  const [chosen, setChosen] = useState(["websocket"]);
  const toggle = (transport) =>
    setChosen((before) => (before.includes(transport) ? before.filter((one) => one !== transport) : [...before, transport]));
  return (
    <section>
      <h2 id="tails">Live</h2>
      <div class="bar" role="group" aria-labelledby="tails">
        {Object.entries(TRANSPORTS).map(([transport, words]) => (
          <button key={transport} type="button" aria-pressed={chosen.includes(transport)} onClick={() => toggle(transport)}>
            {words}
          </button>
        ))}
      </div>
      <div class="tails">
        {Object.keys(TRANSPORTS)
          .filter((transport) => chosen.includes(transport))
          .map((transport) => (
            <Pane key={`${transport} ${name}`} name={name} transport={transport} />
          ))}
        {chosen.length === 0 && <p class="empty">Choose how to follow this stream: one way, or several beside each other.</p>}
      </div>
    </section>
  );
}

function Pane({ name, transport }) {
  const [tail, setTail] = useState(null);
  useEffect(() => {
    const fresh = new Tail(name, transport);
    setTail(fresh);
    return () => fresh.stop();
  }, [name, transport]);
  return tail && <TailPane tail={tail} transport={transport} />;
}

function TailPane({ tail, transport }) {
  const list = useRef(null);
  // Who scrolls up wants to read; at the end again, it goes on.
  const isAtEnd = useRef(true);
  const top = useRef(0);
  const { state } = tail.status.value;
  const messages = tail.messages.value;
  useLayoutEffect(() => {
    if (isAtEnd.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [messages]);
  const onScroll = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
    if (scrollHeight - scrollTop - clientHeight < 24) isAtEnd.current = true;
    else if (scrollTop < top.current) isAtEnd.current = false;
    top.current = scrollTop;
  };
  const words = TRANSPORTS[transport];
  return (
    <section class="tail" data-transport={transport} data-state={state} aria-label={`Messages by ${words}`}>
      <h3>
        {words} <small class="state">{STATES[state] ?? state}</small> <small class="count">{count(tail.received.value)} came</small>
      </h3>
      {tail.note.value !== "" && <p class="note">{tail.note.value}</p>}
      <ol ref={list} tabIndex={0} onScroll={onScroll} aria-label={`The newest ${MESSAGES_MAX} messages by ${words}`}>
        {messages.map((message) => (
          <Message key={message.offset} message={message} />
        ))}
      </ol>
      {messages.length === 0 && <p class="empty">Nothing yet. Publish something above.</p>}
    </section>
  );
}

function Message({ message: { offset, time: at, text, left } }) {
  const [isWhole, setWhole] = useState(false);
  const more = text.length - SHOWN_MAX;
  return (
    <li>
      <small class="place">
        <time dateTime={at}>{time(at)}</time> <code title={offset}>{Number(offset.split("_")[1])}</code>
      </small>
      <bdi class="message">{isWhole ? text : text.slice(0, SHOWN_MAX)}</bdi>
      {0 < more && (
        <button type="button" class="more" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Less" : `${count(more)} more`}
        </button>
      )}
      {isWhole && 0 < left && <small>and {count(left)} more, which the console does not keep</small>}
    </li>
  );
}
