// A network between a client and whatever it wants to reach: it carries bytes over TCP and knows nothing of what they mean. It can be slow, cut
// what is idle, cut everything, and go away without a word.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A listener that carries each connection on to `port`. What a test sets holds from then on, for open connections too. */
export class Network {
  /** How long each piece of data takes in either direction, in milliseconds. */
  delay = 0;
  /** A connection on which nothing moves for so many milliseconds is closed; `undefined`: never. */
  idleCut = undefined;
  /** Nobody is reached over new connections: they open, and stay silent. */
  dark = false;
  counts = { connections: 0, open: 0, openMax: 0, idleCuts: 0 };
  #lines = new Set();
  #port;

  static async listen(port) {
    const network = new Network();
    network.#port = port;
    network.listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => network.#carry(socket));
    network.listener.listen(0, "127.0.0.1");
    await once(network.listener, "listening");
    network.port = network.listener.address().port;
    network.url = `http://127.0.0.1:${network.port}`;
    return network;
  }

  /**
   * The client has moved to another network: what is open stays open for ever and says nothing, in neither direction, not even that it has
   * ended. What is opened from now on gets through.
   */
  goSilent() {
    for (const line of this.#lines) line.goSilent();
  }

  /** Both ends of every connection are told that it is gone. */
  cutAll() {
    for (const line of this.#lines) line.cut();
  }

  async close() {
    this.listener.close();
    for (const line of this.#lines) line.cut();
  }

  #carry(client) {
    const { counts } = this;
    counts.connections += 1;
    counts.open += 1;
    counts.openMax = Math.max(counts.openMax, counts.open);
    const line = new Line(this, client, connect({ port: this.#port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true }));
    this.#lines.add(line);
    line.onGone = () => {
      this.#lines.delete(line);
      counts.open -= 1;
    };
    if (this.dark) line.goSilent();
  }
}

/** One connection through a network. */
class Line {
  #network;
  #ends;
  #silent = false;
  #gone = false;
  #idle;

  constructor(network, client, upstream) {
    this.#network = network;
    this.#ends = [client, upstream];
    this.#join(client, upstream);
    this.#join(upstream, client);
    this.#wait();
  }

  goSilent() {
    this.#silent = true;
    clearTimeout(this.#idle);
    for (const end of this.#ends) end.pause();
  }

  cut() {
    if (this.#gone) return;
    this.#gone = true;
    clearTimeout(this.#idle);
    for (const end of this.#ends) end.resetAndDestroy();
    this.onGone();
  }

  #join(from, to) {
    from.on("data", (bytes) => this.#carry(() => this.#write(from, to, bytes)));
    from.on("end", () => this.#carry(() => to.end()));
    from.on("error", () => this.cut());
    from.on("close", () => {
      if (this.#ends.every((end) => end.destroyed)) this.cut();
    });
  }

  #carry(pass) {
    this.#wait();
    const { delay } = this.#network;
    const passUnlessSilent = () => {
      if (!this.#silent && !this.#gone) pass();
    };
    // Timers of one length fire in the order in which they were set, so the order of the bytes holds.
    if (delay === 0) passUnlessSilent();
    else setTimeout(passUnlessSilent, delay);
  }

  #write(from, to, bytes) {
    if (to.destroyed || to.write(bytes)) return;
    from.pause();
    to.once("drain", () => {
      if (!this.#silent) from.resume();
    });
  }

  #wait() {
    clearTimeout(this.#idle);
    const { idleCut } = this.#network;
    if (idleCut === undefined || this.#silent) return;
    this.#idle = setTimeout(() => {
      this.#network.counts.idleCuts += 1;
      this.cut();
    }, idleCut);
  }
}
