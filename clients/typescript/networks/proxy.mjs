// A proxy of HTTP/1.1 that knows which transport each request belongs to, does to it what a test says (faults.mjs), and counts.

import { once } from "node:events";
import { createServer, request as ask } from "node:http";
import { connect } from "node:net";
import { finished } from "node:stream/promises";
import { pass } from "./faults.mjs";

const KINDS = ["websocket", "sse", "long-poll", "poll", "publish", "page", "other"];
const HEAD_END = "\r\n\r\n";
/** Longer than any test: that it closes idle connections is to be seen only where a test asks for it (`Network.idleCut`). */
const KEEP_ALIVE_MS = 600_000;
const LOG_MAX = 10_000;
/** Headers that are the proxy's own. */
const OF_A_CONNECTION = new Set(["connection", "keep-alive", "transfer-encoding"]);

/** A listener in front of one or more ports of a server. Several take turns, request by request. */
export class FaultProxy {
  /** What is done to requests of each kind. A test may change it at any time, for requests that come from then on. */
  faults = Object.fromEntries(KINDS.map((kind) => [kind, pass]));
  /** Requests of each kind, since the beginning. */
  requests = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
  /** The last requests in their order: `{ kind, at, line, upstream }`, `at` in milliseconds of `performance.now()`. */
  log = [];
  /** TCP connections of clients. */
  connections = { count: 0, open: 0, openMax: 0 };
  /** Whether a client may use its connection again after an answer. */
  keepAlive = true;
  /** What is served from here, of the same origin as the server: path → `{ type, body }`. */
  pages = new Map();
  #ports;
  #turn = 0;
  #open = new Set();
  #sockets = new Set();

  static async listen(...ports) {
    const proxy = new FaultProxy();
    proxy.#ports = ports;
    proxy.listener = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0, noDelay: true });
    proxy.listener.on("connection", (socket) => proxy.#onConnection(socket));
    proxy.listener.on("request", (request, response) => proxy.#onRequest(request, response));
    proxy.listener.on("upgrade", (request, socket, head) => proxy.#onUpgrade(request, socket, head));
    proxy.listener.listen(0, "127.0.0.1");
    await once(proxy.listener, "listening");
    proxy.port = proxy.listener.address().port;
    proxy.url = `http://127.0.0.1:${proxy.port}`;
    return proxy;
  }

  /** Requests and WebSockets of this kind that are open now. */
  open(kind) {
    return [...this.#open].filter((exchange) => exchange.kind === kind);
  }

  /** Breaks all that is open, or all of one kind. */
  cutAll(kind) {
    for (const exchange of this.#open) if (kind === undefined || exchange.kind === kind) exchange.reset();
  }

  async close() {
    this.listener.close();
    this.cutAll();
    for (const socket of this.#sockets) socket.destroy();
  }

  #onConnection(socket) {
    const { connections } = this;
    this.#sockets.add(socket);
    connections.count += 1;
    connections.open += 1;
    connections.openMax = Math.max(connections.openMax, connections.open);
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#sockets.delete(socket);
      connections.open -= 1;
    });
  }

  #onRequest(request, response) {
    const page = this.pages.get(new URL(request.url, this.url).pathname);
    const kind = page === undefined ? kindOf(request) : "page";
    // Said by ourselves, so that Node.js does not add for how long, which a server need not tell.
    response.setHeader("Connection", this.keepAlive ? "keep-alive" : "close");
    const exchange = this.#begin(kind, request, (port) => new Exchange(kind, port, request, response));
    if (page === undefined) this.#carry(exchange);
    else exchange.answer(200, page.type, page.body);
  }

  #onUpgrade(request, socket, head) {
    this.#carry(this.#begin("websocket", request, (port) => new Upgrade(port, request, socket, head)));
  }

  async #carry(exchange) {
    await this.faults[exchange.kind](exchange);
  }

  #begin(kind, request, create) {
    const upstream = this.#ports[this.#turn % this.#ports.length];
    this.#turn += 1;
    this.requests[kind] += 1;
    this.log.push({ kind, at: performance.now(), line: `${request.method} ${request.url}`, upstream });
    if (LOG_MAX < this.log.length) this.log.shift();
    const exchange = create(upstream);
    this.#open.add(exchange);
    exchange.whenClosed(() => this.#open.delete(exchange));
    return exchange;
  }
}

/** Which transport a request belongs to. */
function kindOf({ method, url }) {
  const { pathname, searchParams } = new URL(url, "http://proxy");
  const reads = pathname === "/v1/read" ? method === "POST" : method === "GET" && pathname.startsWith("/v1/stream/");
  if (reads) return searchParams.get("live") ?? "poll";
  return method === "POST" && pathname.startsWith("/v1/stream/") ? "publish" : "other";
}

/** A request on its way to the server, and its answer on the way back. A fault calls one of its methods, or several in turn. */
class Exchange {
  constructor(kind, port, request, response) {
    Object.assign(this, { kind, port, request, response });
    response.on("error", () => {});
  }

  whenClosed(told) {
    this.response.on("close", told);
  }

  /** Carries it to the server and the answer back, each piece as it comes. */
  async pass() {
    this.passAnswer(await this.ask());
  }

  /** Carries an answer back. */
  passAnswer(answer) {
    if (answer === undefined) return;
    this.passHeadOf(answer);
    answer.pipe(this.response);
  }

  /** Carries it to the server, and only the head of the answer back. */
  async passHead() {
    const answer = await this.ask();
    if (answer !== undefined) this.passHeadOf(answer);
    return answer;
  }

  passHeadOf(answer) {
    const { response } = this;
    response.statusCode = answer.statusCode;
    response.statusMessage = answer.statusMessage;
    for (const [name, value] of Object.entries(answer.headers)) if (!OF_A_CONNECTION.has(name)) response.setHeader(name, value);
    response.flushHeaders();
  }

  /** Carries it to the server; the answer, or `undefined` once the exchange is over. */
  ask() {
    const { request, response, port } = this;
    return new Promise((settle) => {
      const { method, url } = request;
      // HTTP/1.0 need not name the host, what we speak must.
      const rawHeaders = request.headers.host === undefined ? [...request.rawHeaders, "Host", "proxy"] : request.rawHeaders;
      // A connection for each: so each may come to another worker.
      const upstream = ask({ host: "127.0.0.1", port, method, path: url, headers: rawHeaders, agent: false });
      upstream.on("response", (answer) => {
        // A server that ends in mid-answer must not look like one that has said everything.
        answer.on("error", () => this.reset());
        answer.on("aborted", () => this.reset());
        settle(answer);
      });
      upstream.on("error", () => {
        this.reset();
        settle(undefined);
      });
      response.on("close", () => upstream.destroy());
      request.pipe(upstream);
    });
  }

  /** Waits until the server has given the whole answer, which goes nowhere. */
  async wholeAnswer() {
    const answer = await this.ask();
    if (answer !== undefined) await finished(answer.resume()).catch(() => {});
  }

  /** Answers in the server's place. */
  answer(status, type, body) {
    this.request.resume();
    this.response.writeHead(status, { "Content-Type": type }).end(body);
  }

  /** Breaks the connection. */
  reset() {
    this.response.socket?.resetAndDestroy();
    this.response.destroy();
  }
}

/** A WebSocket through the proxy: the same methods. */
class Upgrade {
  kind = "websocket";
  #told = () => {};

  constructor(port, request, client, head) {
    Object.assign(this, { port, request, client, head });
    client.on("error", () => {});
    client.on("close", () => {
      this.upstream?.destroy();
      this.#told();
    });
  }

  whenClosed(told) {
    this.#told = told;
  }

  async pass() {
    await this.passHead();
    const { client, upstream } = this;
    client.pipe(upstream);
    upstream.pipe(client);
  }

  /** Carries the upgrade to the server and the head of the answer back; both ends are paused then. */
  async passHead() {
    const { request, client, head } = this;
    const upstream = connect({ port: this.port, host: "127.0.0.1", noDelay: true });
    this.upstream = upstream;
    upstream.on("error", () => this.reset());
    upstream.on("close", () => client.destroy());
    upstream.write(headOf(request));
    upstream.write(head);
    const answer = await readHead(upstream);
    if (answer === undefined) return;
    client.write(answer.head);
    if (answer.rest.length > 0) upstream.unshift(answer.rest);
  }

  /** Answers in the server's place. */
  answer(status, type, body) {
    const lines = [`HTTP/1.1 ${status} No`, `Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body)}`, "Connection: close"];
    this.client.end(lines.join("\r\n") + HEAD_END + body);
  }

  reset() {
    this.client.resetAndDestroy();
    this.upstream?.destroy();
  }
}

/** What comes up to the end of a head, and what came with it; the socket is paused then. `undefined` when it closes before. */
function readHead(socket) {
  return new Promise((settle) => {
    let bytes = Buffer.alloc(0);
    const onData = (more) => {
      bytes = Buffer.concat([bytes, more]);
      const at = bytes.indexOf(HEAD_END);
      if (at < 0) return;
      socket.pause();
      socket.off("data", onData);
      const end = at + HEAD_END.length;
      settle({ head: bytes.subarray(0, end), rest: bytes.subarray(end) });
    };
    socket.on("data", onData);
    socket.on("close", () => settle(undefined));
  });
}

function headOf({ method, url, rawHeaders }) {
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return lines.join("\r\n") + HEAD_END;
}
