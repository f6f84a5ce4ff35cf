/** One script of calls to a server, whichever it is, and everything that it answers, as lines of text. */

/** A server that the script is run against. */
export interface Peer {
  url: string;
  fetch: typeof fetch;
  WebSocket: typeof WebSocket;
  /** Lets that much time pass. */
  pass(milliseconds: number): Promise<void>;
  /** Waits until a long poll of that stream is held. */
  untilHeld(name: string): Promise<void>;
  /** It is killed and started again. */
  restart(): Promise<void>;
  /** It is about to end, and tells everybody. */
  drain(): Promise<void>;
}

const HEADERS = [
  "content-type",
  "stream-next-offset",
  "stream-earliest-offset",
  "stream-up-to-date",
  "stream-closed",
  "stream-duplicate",
  "stream-reset",
  "stream-durability",
  "stream-retention-count",
  "stream-poll-interval",
  "allow",
];
/** How long an answer is waited for that does not come by itself. */
const PATIENCE_MS = 20_000;

/** Runs the whole script. */
export async function run(peer: Peer): Promise<string[]> {
  const talk = new Transcript(peer);
  await publishing(talk);
  await polling(talk);
  await longPolling(talk);
  await events(talk);
  await sockets(talk);
  await oneStream(talk);
  await restarting(talk);
  await draining(talk);
  return talk.lines;
}

type Init = RequestInit & { headers?: Record<string, string> };

const JSON_TYPE = { "Content-Type": "application/json" };

/** What was said so far. Incarnations and times are replaced by what does not change from run to run. */
class Transcript {
  readonly lines: string[] = [];
  readonly #incarnations = new Map<string, string>();
  /** The last offset that was answered to each label. */
  readonly offsets: Record<string, string> = {};

  constructor(readonly peer: Peer) {}

  note(text: string): void {
    const named = text
      .replace(/"time":"[^"]*"/g, '"time":"T"')
      .replace(/\b[0-9a-f]{16}_/g, (found) => {
        if (!this.#incarnations.has(found))
          this.#incarnations.set(found, `stream${this.#incarnations.size}_`);
        return this.#incarnations.get(found) as string;
      })
      // The sentences for people are nobody's contract.
      .replace(/("code":"\w+","(?:detail|message)":)"(?:[^"\\]|\\.)*"/g, '$1"…"')
      .replace(/"title":"[^"]*"/g, '"title":"…"');
    this.lines.push(named);
  }

  async ask(method: string, path: string, init: Init = {}): Promise<Response> {
    this.note(`> ${method} ${path} ${typeof init.body === "string" ? init.body : ""}`);
    const response = await this.peer.fetch(`${this.peer.url}${path}`, { method, ...init });
    this.#head(response);
    return response;
  }

  async whole(method: string, path: string, init: Init = {}): Promise<string> {
    this.note(`> ${method} ${path} ${typeof init.body === "string" ? init.body : ""}`);
    return this.#answer(await this.peer.fetch(`${this.peer.url}${path}`, { method, ...init }));
  }

  async #answer(response: Response): Promise<string> {
    this.#head(response);
    const text = await response.text();
    if (text) this.note(`< ${byStream(text)}`);
    return text;
  }

  #head({ status, headers }: Response): void {
    const found = HEADERS.flatMap((name) => (headers.has(name) ? [`${name}: ${headers.get(name)}`] : []));
    this.note(`< ${status} ${found.join(", ")}`);
  }

  async publish(name: string, body: string, headers: Record<string, string> = {}): Promise<void> {
    const response = await this.ask("POST", `/v1/stream/${name}`, {
      body,
      headers: { ...JSON_TYPE, ...headers },
    });
    const offset = response.headers.get("Stream-Next-Offset");
    if (offset) this.offsets[name] = offset;
    const text = await response.text();
    if (text) this.note(`< ${text}`);
  }

  read(streams: unknown, query = ""): Promise<string> {
    return this.whole("POST", `/v1/read${query}`, { body: JSON.stringify({ streams }) });
  }

  /** Asks, and notes question and answer only when the function that it gives is called: what is held is answered beside other answers. */
  hold(method: string, path: string, init: Init = {}): () => Promise<void> {
    const answer = this.peer.fetch(`${this.peer.url}${path}`, { method, ...init });
    return async () => {
      this.note(`> ${method} ${path} ${typeof init.body === "string" ? init.body : ""}`);
      await this.#answer(await answer);
    };
  }
}

/** An answer that is a list of frames, sorted by stream: in which order it speaks of several is the server's choice. */
function byStream(text: string): string {
  if (!text.startsWith('[{"type"')) return text;
  const frames = JSON.parse(text) as { stream: string }[];
  return JSON.stringify(frames.toSorted((one, other) => one.stream.localeCompare(other.stream)));
}

async function publishing(talk: Transcript): Promise<void> {
  await talk.whole("PUT", "/v1/stream/a", { headers: JSON_TYPE });
  await talk.whole("PUT", "/v1/stream/a", { headers: JSON_TYPE });
  await talk.whole("PUT", "/v1/stream/a", { headers: { "Content-Type": "text/plain" } });
  await talk.whole("PUT", "/v1/stream/b", {
    headers: { ...JSON_TYPE, "Stream-Durability": "memory" },
    body: '[{"first":1}]',
  });
  await talk.publish("a", '[1,"two",{"three":[3]}]');
  await talk.publish("a", "[[4,5]]");
  await talk.publish("b", "[[4,5]]", { "Idempotency-Key": "list" });
  await talk.publish("a", "6", { "Idempotency-Key": "six" });
  await talk.publish("a", "6", { "Idempotency-Key": "six" });
  await talk.publish("a", "7", { "Idempotency-Key": "six" });
  await talk.publish("a", "8", { "Idempotency-Key": "white space" });
  await talk.publish("a", "[]");
  await talk.publish("a", "");
  await talk.publish("a", "{");
  await talk.publish("a", "1", { "Content-Type": "text/plain" });
  await talk.publish("missing", "1");
  await talk.publish("made?create=true", '"made"');
  await talk.whole("HEAD", "/v1/stream/a");
  await talk.whole("HEAD", "/v1/stream/b");
  await talk.whole("HEAD", "/v1/stream/missing");
  for (const name of ["a//b", "..", "a%00", "__ds/x", ""])
    await talk.whole("PUT", `/v1/stream/x/${name}`.replace("x/__ds", "__ds"));
  await talk.whole("PATCH", "/v1/stream/a");
  await talk.whole("GET", "/v1/nowhere");
  await talk.whole("PUT", "/v1/stream/kept", { headers: { ...JSON_TYPE, "Stream-Retention-Count": "2" } });
  for (const value of [1, 2, 3, 4]) {
    await talk.publish("kept", String(value));
    talk.offsets[`kept${value}`] = talk.offsets.kept as string;
  }
  await talk.whole("HEAD", "/v1/stream/kept");
  await talk.whole("PUT", "/v1/stream/over", { headers: JSON_TYPE });
  await talk.publish("over", '["last words"]', { "Stream-Closed": "true" });
  await talk.publish("over", "1");
  await talk.publish("over", "", { "Stream-Closed": "true" });
  await talk.whole("DELETE", "/v1/stream/missing");
}

async function polling(talk: Transcript): Promise<void> {
  const { a = "", over = "", kept1 = "", kept2 = "" } = talk.offsets;
  for (const start of [{ offset: "-1" }, { offset: "now" }, {}, { last: 2 }, { last: 0 }, { offset: a }]) {
    await talk.read([{ stream: "a", ...start }]);
  }
  await talk.read([{ stream: "a", offset: a.replace(/.$/, "1") }]);
  await talk.read([{ stream: "a", offset: a.replace(/.$/, "9") }]);
  await talk.read([{ stream: "a", offset: "0123456789abcdef_0000000000000000" }]);
  await talk.read([
    { stream: "kept", offset: kept1 },
    { stream: "kept", offset: "-1" },
  ]);
  await talk.read([{ stream: "kept", offset: kept1 }]);
  await talk.read([
    { stream: "kept", offset: kept2 },
    { stream: "missing", offset: a },
    { stream: "b", last: 1 },
  ]);
  for (const start of [{ offset: "-1" }, { offset: "now" }, { offset: over }])
    await talk.read([{ stream: "over", ...start }]);
  await talk.read([]);
  await talk.read(Array.from({ length: 101 }, (_, at) => ({ stream: `s${at}` })));
  await talk.whole("POST", "/v1/read", { body: "[" });
  await talk.whole("POST", "/v1/read", { body: "{}" });
  for (const entry of [
    1,
    {},
    { stream: "" },
    { stream: "a", offset: "x" },
    { stream: "a", offset: "-1", last: 1 },
    { stream: "a", last: -1 },
  ]) {
    await talk.read([{ stream: "b" }, entry]);
  }
  await talk.read([{ stream: "b" }], "?live=long-poll&timeout=soon");
  await talk.read([{ stream: "b" }], "?live=carrier-pigeon");
  await talk.whole("GET", "/v1/read");
}

async function longPolling(talk: Transcript): Promise<void> {
  const { a = "", over = "", made } = { ...talk.offsets, made: talk.offsets["made?create=true"] };
  await talk.read([{ stream: "a", offset: "-1" }], "?live=long-poll&timeout=20");
  await talk.read([{ stream: "over", offset: over }], "?live=long-poll&timeout=20");
  await talk.read([{ stream: "missing" }], "?live=long-poll&timeout=20");
  const empty = talk.read([{ stream: "a", offset: a }], "?live=long-poll&timeout=0.2");
  await talk.peer.pass(300);
  await empty;
  const streams = [
    { stream: "a", offset: a },
    { stream: "made", offset: made },
  ];
  const held = talk.hold("POST", "/v1/read?live=long-poll&timeout=20", { body: JSON.stringify({ streams }) });
  await talk.peer.untilHeld("made");
  await talk.publish("made", '"news"');
  await held();
}

/** The frames of a response, until one has come that ends with the text, or the end; by stream, since the order of streams is the server's choice. */
async function framesUntil(
  talk: Transcript,
  reader: ReadableStreamDefaultReader<string>,
  ...texts: string[]
): Promise<void> {
  let heard = "";
  while (!texts.every((text) => heard.includes(text))) {
    const { done, value } = await reader.read();
    if (done) break;
    heard += value;
  }
  // How events are cut into chunks is up to the network, and `retry:` to the server.
  const frames = heard.split("\n").filter((line) => line.startsWith("data:"));
  const streamOf = (line: string) => (JSON.parse(line.slice(5)) as { stream?: string }).stream ?? "";
  const sorted = frames.toSorted((one, other) => streamOf(one).localeCompare(streamOf(other)));
  for (const line of sorted) talk.note(`< ${line}`);
}

async function events(talk: Transcript): Promise<void> {
  await talk.whole("PUT", "/v1/stream/gone", { headers: JSON_TYPE });
  const streams = [{ stream: "a", last: 1 }, { stream: "missing" }, { stream: "gone", offset: "-1" }];
  const response = await talk.ask("POST", "/v1/read?live=sse", { body: JSON.stringify({ streams }) });
  const body = response.body as ReadableStream<Uint8Array<ArrayBuffer>>;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  await framesUntil(talk, reader, 'live","stream":"gone', 'live","stream":"a');
  await talk.peer.pass(300);
  await talk.publish("gone", '{"n":1}');
  await framesUntil(talk, reader, '"message"');
  await talk.whole("DELETE", "/v1/stream/gone");
  await framesUntil(talk, reader, '"reset"');
  await talk.publish("a", '"bye"', { "Stream-Closed": "true" });
  await framesUntil(talk, reader, "never");
  await talk.whole("POST", "/v1/read?live=sse", { body: JSON.stringify({ streams: [{ stream: "over" }] }) });
}

async function sockets(talk: Transcript): Promise<void> {
  const socket = new Socket(talk, "/v1/ws");
  await socket.until("hello");
  const exchange = async (frame: object, type: string) => {
    socket.say(frame);
    await socket.until(type);
  };
  const made = talk.offsets.made;
  await exchange({ type: "subscribe", stream: "made", offset: "-1" }, "live");
  await exchange({ type: "subscribe", stream: "made", offset: "-1" }, "error");
  await exchange({ type: "subscribe", stream: "b", last: 1, offset: null }, "live");
  await exchange({ type: "subscribe", stream: "missing" }, "error");
  await exchange({ type: "subscribe", stream: "kept", offset: made }, "reset");
  await exchange({ type: "subscribe", stream: "kept", offset: "7" }, "error");
  await exchange({ type: "subscribe", stream: "kept", offset: "-1", last: 1 }, "error");
  await exchange({ type: "subscribe", stream: "over" }, "closed");
  await exchange({ type: "subscribe" }, "error");
  await exchange({ type: "nonsense" }, "error");
  await exchange({ type: "unsubscribe", stream: "missing" }, "error");
  await exchange({ type: "ping" }, "heartbeat");
  await exchange({ type: "unsubscribe", stream: "b" }, "unsubscribed");
  await exchange({ type: "publish", id: "1", stream: "kept", data: [null], key: "one" }, "published");
  await exchange({ type: "publish", id: "2", stream: "kept", data: [null], key: "one" }, "published");
  await exchange({ type: "publish", id: "3", stream: "kept", data: "other", key: "one" }, "error");
  await exchange({ type: "publish", id: "4", stream: "missing", data: 1 }, "error");
  await exchange({ type: "publish", id: "4", stream: "b", data: [4, 5], key: "list" }, "published");
  await exchange({ type: "publish", id: "5", stream: "over", data: 1 }, "error");
  await exchange({ type: "publish", id: "6", stream: "kept" }, "error");
  await exchange(
    { type: "publish", id: "7", stream: "words", data: "hé", content_type: "text/plain", create: true },
    "published",
  );
  await exchange({ type: "publish", id: "8", stream: "words", data: 1 }, "error");
  await exchange(
    {
      type: "publish",
      id: "9",
      stream: "bytes",
      data: "AAH/",
      encoding: "base64",
      content_type: "image/x",
      create: true,
    },
    "published",
  );
  await exchange({ type: "subscribe", stream: "words", offset: "-1" }, "live");
  await exchange({ type: "subscribe", stream: "bytes", offset: "-1" }, "live");
  await talk.whole("DELETE", "/v1/stream/words");
  await socket.until("reset");
  await talk.publish("made", '"the end"', { "Stream-Closed": "true" });
  await socket.until("closed");
  socket.close();
  const single = new Socket(talk, "/v1/stream/kept?last=1");
  await single.until("live");
  single.close();
}

async function oneStream(talk: Transcript): Promise<void> {
  const { kept1 = "" } = talk.offsets;
  for (const query of [
    "offset=-1",
    "",
    "last=1",
    "last=2&limit=1",
    `offset=${kept1}`,
    "offset=now",
    "offset=7",
    "limit=0",
  ]) {
    await talk.whole("GET", `/v1/stream/kept?${query}`);
  }
  await talk.whole("GET", "/v1/stream/kept?offset=-1&envelope=true");
  await talk.whole("GET", "/v1/stream/bytes?envelope=true");
  await talk.whole("GET", "/v1/stream/kept?offset=0123456789abcdef_0000000000000000");
  await talk.whole("GET", "/v1/stream/over?offset=now&live=long-poll");
  const held = talk.hold("GET", "/v1/stream/kept?offset=now&live=long-poll&timeout=20");
  await talk.peer.untilHeld("kept");
  await talk.publish("kept", "9");
  await held();
}

async function restarting(talk: Transcript): Promise<void> {
  const { b: inMemory = "", kept: onDisk = "" } = talk.offsets;
  await talk.peer.restart();
  const streams = [
    { stream: "b", offset: inMemory },
    { stream: "kept", offset: onDisk },
  ];
  await talk.read(streams);
  await talk.whole("PUT", "/v1/stream/b", { headers: { ...JSON_TYPE, "Stream-Durability": "memory" } });
  await talk.read(streams);
}

async function draining(talk: Transcript): Promise<void> {
  const streams = [{ stream: "kept", offset: talk.offsets.kept }];
  const init = { method: "POST", body: JSON.stringify({ streams }) };
  const socket = new Socket(talk, "/v1/ws");
  await socket.until("hello");
  socket.say({ type: "subscribe", stream: "kept" });
  await socket.until("live");
  const response = await talk.ask("POST", "/v1/read?live=sse", init);
  const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>)
    .pipeThrough(new TextDecoderStream())
    .getReader();
  await framesUntil(talk, reader, '"live"');
  const held = talk.hold("POST", "/v1/read?live=long-poll&timeout=20", init);
  await talk.peer.untilHeld("kept");
  const drained = talk.peer.drain();
  await socket.until("drain");
  await framesUntil(talk, reader, "never");
  await held();
  await drained;
  talk.note(`closed with ${await socket.closed}`);
}

/** A WebSocket whose frames are noted as they come. */
class Socket {
  readonly #socket: WebSocket;
  readonly #frames: string[] = [];
  #changed = () => {};
  /** The code with which it is closed. */
  readonly closed: Promise<number>;

  constructor(
    readonly talk: Transcript,
    path: string,
  ) {
    talk.note(`> upgrade ${path}`);
    this.#socket = new talk.peer.WebSocket(talk.peer.url.replace("http", "ws") + path, "tidings.v1");
    this.closed = new Promise((done) => this.#socket.addEventListener("close", ({ code }) => done(code)));
    this.#socket.onmessage = ({ data }) => {
      this.#frames.push(String(data));
      this.#changed();
    };
  }

  say(frame: object): void {
    this.talk.note(`> ${JSON.stringify(frame)}`);
    this.#socket.send(JSON.stringify(frame));
  }

  /** Notes what comes, up to a frame of that type. */
  async until(type: string): Promise<void> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame === undefined) {
        await patiently(`a frame ${type}`, new Promise<void>((done) => (this.#changed = done)));
        continue;
      }
      this.talk.note(`< ${frame}`);
      if ((JSON.parse(frame) as { type: string }).type === type) return;
    }
  }

  close(): void {
    this.#socket.close();
  }
}

function patiently<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what} did not come`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
