// How the server is asked: with the token of who looks, which stays in this tab, and leaves it in the header only.

import { signal } from "@preact/signals";

const KEY = "tidings.console.token";

/** How long an answer may take, in milliseconds. */
const PATIENCE = 10_000;

/** Where the server is: the folder that the console lies in. */
export const base = new URL("..", new URL(".", location.href)).href.replace(/\/$/, "");

export const token = signal(sessionStorage.getItem(KEY) ?? "");

/** Why a token is asked for, once one is; `null` while all is well. */
export const signIn = signal(null);

/** Keeps a token for as long as the tab is open. */
export function keepToken(value) {
  if (value === "") sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, value);
  token.value = value;
  signIn.value = null;
}

/** What the server refused, in its words. */
export class Refused extends Error {
  constructor(status, { code = "unknown", detail = `status ${status}`, retryable = false } = {}) {
    super(detail);
    Object.assign(this, { status, code, retryable });
  }
}

/** Sends a request; the answer, unless it is a refusal. */
export async function send(path, { method = "GET", headers = {}, body, signal: ends } = {}) {
  const authorization = token.value === "" ? {} : { Authorization: `Bearer ${token.value}` };
  const patience = AbortSignal.timeout(PATIENCE);
  const answer = await fetch(base + path, {
    method,
    headers: { ...authorization, ...headers },
    body,
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
    signal: ends ? AbortSignal.any([ends, patience]) : patience,
  });
  if (answer.ok) return answer;
  const refused = new Refused(answer.status, await answer.json().catch(() => undefined));
  if (answer.status === 401 || refused.code === "forbidden") signIn.value = refused.message;
  throw refused;
}

/** What administrators are told. */
export async function ask(path, parameters = {}, ends) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  const query = new URLSearchParams(given).toString();
  const answer = await send(`/v1/admin/${path}${query === "" ? "" : `?${query}`}`, { signal: ends });
  return answer.json();
}

/** The path of a stream. */
export function streamPath(name) {
  return `/v1/stream/${name.split("/").map(encodeURIComponent).join("/")}`;
}
