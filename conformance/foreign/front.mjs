// What stands between a browser and the server: a pipe that ends TLS and passes bytes on, and remembers how each
// connection began.

import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer as createTlsServer } from "node:tls"
import { promisify } from "node:util"

const HTTP2_PREFACE = "PRI * HTTP/2.0\r\n"

/** A listener before the server. Chromium speaks HTTP/2 only over TLS; the server takes it in the clear. */
export class Front {
  /** How each connection on which anything came began, up to the end of its first head. */
  beginnings = []
  #sockets = new Set()

  /** Passes bytes as they are. */
  static plain(port) {
    return Front.#listen("http", port, (pass) => createServer(pass))
  }

  /** Ends TLS. Who offers HTTP/2 gets it; another connection would speak HTTP/1.1, and be seen. */
  static async tls(port) {
    const certificate = await selfSigned()
    const options = { ...certificate, ALPNProtocols: ["h2", "http/1.1"] }
    return Front.#listen("https", port, (pass) => createTlsServer(options, pass))
  }

  static async #listen(scheme, port, create) {
    const front = new Front()
    front.listener = create((socket) => front.#pass(socket, port))
    await new Promise((listening) => front.listener.listen(0, "127.0.0.1", listening))
    front.origin = `${scheme}://127.0.0.1:${front.listener.address().port}`
    return front
  }

  #pass(socket, port) {
    const upstream = connect(port, "127.0.0.1")
    let index
    let head = ""
    socket.on("data", (bytes) => {
      if (head.includes("\r\n\r\n")) return
      index ??= this.beginnings.push("") - 1
      head += bytes.toString("latin1")
      this.beginnings[index] = head.split("\r\n\r\n")[0] + "\r\n"
    })
    for (const [from, to] of [[socket, upstream], [upstream, socket]]) {
      this.#sockets.add(from)
      from.pipe(to)
      from.on("error", () => to.destroy())
      from.on("close", () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
  }

  /** The connections of HTTP/2. */
  get http2() {
    return this.beginnings.filter((beginning) => beginning.startsWith(HTTP2_PREFACE))
  }

  /** The connections of HTTP/1.1 that began with the upgrade to a WebSocket. */
  get upgrades() {
    return this.beginnings.filter((beginning) => /^GET .* HTTP\/1\.1\r\n[^]*^upgrade: websocket\r$/im.test(beginning))
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((closed) => this.listener.close(closed))
  }
}

/** A key and a certificate that nobody trusts. */
export async function selfSigned() {
  const folder = await mkdtemp(join(tmpdir(), "tidings-certificate-"))
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")]
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
  const names = ["-subj", "/CN=tidings", "-addext", "subjectAltName=IP:127.0.0.1"]
  try {
    await promisify(execFile)("openssl", ["req", "-x509", ...curve, "-keyout", key, "-out", cert, "-days", "2", ...names])
    return { key: await readFile(key), cert: await readFile(cert) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
