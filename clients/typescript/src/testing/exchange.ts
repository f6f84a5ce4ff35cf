/** A request on its way through the network: `fetch` of the server in memory. */

import type { Transport } from "../types.ts";
import type { Line, Network } from "./network.ts";

/** A request as the server sees it. */
export interface Asked {
  method: string;
  url: URL;
  transport: Transport | undefined;
  headers: Headers;
  body: Uint8Array;
}

/** How the server answers one request. */
export interface Exchange {
  /** The whole answer. */
  respond(response: Response): void;
  /** The head of an answer that goes on. */
  begin(headers: Record<string, string>): { write(text: string): void; end(): void };
  /** Runs once when the request is over, however it ends. */
  onOver(run: () => void): void;
}

/** Sends a request, and gives its answer as `fetch` does. `serve` is called when it has arrived. */
export function exchange(
  network: Network,
  asked: Asked,
  signal: AbortSignal,
  serve: (exchange: Exchange) => void,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return void reject(signal.reason as Error);
    let body: ReadableStreamDefaultController<Uint8Array> | undefined;
    const over: (() => void)[] = [];
    const finish = () => {
      signal.removeEventListener("abort", abort);
      line.end();
      for (const run of over.splice(0)) run();
    };
    const fail = (error: unknown) => {
      finish();
      reject(error as Error);
      body?.error(error);
    };
    const abort = () => fail(signal.reason);
    const line: Line = network.open(asked.transport, () => fail(new TypeError("the connection was lost")));
    signal.addEventListener("abort", abort);
    // It never arrives.
    if (line.dead) return;
    serve({
      onOver: (run) => over.push(run),
      respond: (response) =>
        line.send(() => {
          finish();
          resolve(response);
        }),
      begin: (headers) => {
        const encoder = new TextEncoder();
        const stream = new ReadableStream<Uint8Array>({
          start: (controller) => void (body = controller),
          cancel: finish,
        });
        line.send(() => resolve(new Response(stream, { status: 200, headers })));
        return {
          write: (text) => line.send(() => body?.enqueue(encoder.encode(text))),
          end: () =>
            line.send(() => {
              finish();
              body?.close();
            }),
        };
      },
    });
  });
}
