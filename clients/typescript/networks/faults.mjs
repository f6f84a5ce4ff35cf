// What a network may do to a request or a WebSocket. Each fault is a function of an exchange (proxy.mjs).

import { setTimeout as sleep } from "node:timers/promises";

const REFUSAL = "<html><body><h1>The proxy does not know what this is</h1></body></html>\n";

/** Nothing is wrong. */
export const pass = (exchange) => exchange.pass();

/** The proxy answers in the server's place, in a form that is not ours. */
export const refuse = (status = 502) => (exchange) => exchange.answer(status, "text/html", REFUSAL);

/** Nobody ever answers. */
export const hang = () => {};

/** The connection breaks before anything is answered. */
export const reset = (exchange) => exchange.reset();

/** The WebSocket opens; every frame is swallowed, in both directions. */
export async function swallow(exchange) {
  await exchange.passHead();
  exchange.client.resume();
  exchange.upstream?.resume();
}

/** The server's first frame gets through (its greeting is what it says first), and nothing after it. */
export async function swallowAfterHello(exchange) {
  await exchange.passHead();
  const { client, upstream } = exchange;
  client.resume();
  upstream?.once("data", (bytes) => {
    client.write(bytes);
  });
  upstream?.resume();
}

/** The head of the answer passes at once; the body is kept back for ever. */
export async function bufferForEver(exchange) {
  const answer = await exchange.passHead();
  answer?.resume();
}

/** All is well, for a while. */
export const killAfter = (milliseconds) => async (exchange) => {
  exchange.pass();
  await sleep(milliseconds);
  exchange.reset();
};

/** A gateway gives up on a server that takes its time. */
export const timeOutAfter = (milliseconds) => async (exchange) => {
  const answer = await Promise.race([exchange.ask(), sleep(milliseconds, "late")]);
  if (answer === "late") return exchange.answer(504, "text/html", REFUSAL);
  return exchange.passAnswer(answer);
};

/** The server has written the whole answer, and the connection is reset before anybody reads it. */
export async function loseAnswer(exchange) {
  await exchange.wholeAnswer();
  exchange.reset();
}

/** `fault` for the first so many requests, then `after`. */
export function firstTimes(count, fault, after = pass) {
  let seen = 0;
  return (exchange) => (seen++ < count ? fault : after)(exchange);
}
