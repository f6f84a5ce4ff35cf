/** Attempts as bars over the last seconds, a minute at most. */

import type { Attempt } from "../types.ts";
import { element } from "./element.ts";

const SPAN_MS_MIN = 10_000;
const SPAN_MS_MAX = 60_000;
const ROWS_MAX = 12;

/** The newest attempts, the newest first: what was waited for, what was live, and how it ended. */
export function timeline(attempts: readonly Attempt[]): HTMLElement {
  const now = Date.now();
  const newest = attempts.slice(-ROWS_MAX).reverse();
  const oldest = newest.at(-1)?.began ?? now;
  const span = Math.min(SPAN_MS_MAX, Math.max(SPAN_MS_MIN, now - oldest));
  const rows = newest.map((attempt) => row(attempt, now, span));
  return element("div", { class: "timeline" }, [
    element("h3", {}, [`attempts, ${Math.round(span / 1000)} s`]),
    element("ol", {}, rows.length ? rows : [element("li", { class: "quiet" }, ["none yet"])]),
  ]);
}

function row(attempt: Attempt, now: number, span: number): HTMLElement {
  const { transport, began, live, ended, cause } = attempt;
  const took = live === undefined ? "" : `live in ${Math.round(live - began)} ms`;
  const end = ended === undefined ? "open" : (cause ?? "ended");
  const words = [took, end].filter(Boolean).join(", ");
  const track = element("div", { class: "track", "aria-hidden": "true" }, [
    bar("pending", began, live ?? ended ?? now, now, span),
  ]);
  if (live !== undefined)
    track.append(bar(ended === undefined ? "open" : "over", live, ended ?? now, now, span));
  const label = element("span", { class: "label" }, [transport]);
  return element("li", { title: words }, [label, track, element("span", { class: "words" }, [words])]);
}

function bar(kind: string, from: number, to: number, now: number, span: number): HTMLElement {
  const place = (at: number) => Math.min(100, Math.max(0, 100 - ((now - at) / span) * 100));
  const made = element("i", { class: kind });
  made.style.left = `${place(from)}%`;
  made.style.width = `max(2px, ${place(to) - place(from)}%)`;
  return made;
}
