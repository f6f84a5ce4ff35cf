/** The table of streams. */

import type { Explanation } from "../types.ts";
import { element } from "./element.ts";

type Row = Explanation["streams"][number] & { readonly delay?: number };

/** Each stream that is followed: where it stands, and how far it is behind. */
export function streamTable(streams: readonly Row[]): HTMLElement {
  if (!streams.length) return element("p", { class: "quiet" }, ["no stream is followed"]);
  const head = element(
    "tr",
    {},
    ["stream", "offset", "lag"].map((title) => element("th", { scope: "col" }, [title])),
  );
  return element("table", {}, [element("thead", {}, [head]), element("tbody", {}, streams.map(row))]);
}

function row(stream: Row): HTMLElement {
  const offset = stream.offset ?? "…";
  return element("tr", {}, [
    element("td", { title: stream.name }, [stream.name]),
    element("td", { class: "offset", title: offset }, [shorten(offset)]),
    element("td", {}, [lag(stream)]),
  ]);
}

/** Both ends of an offset, which is what one compares by eye. */
function shorten(offset: string): string {
  return offset.length <= 16 ? offset : `${offset.slice(0, 4)}…${offset.slice(-6)}`;
}

function lag({ live, delay }: Row): string {
  if (!live) return "catching up";
  return delay === undefined ? "live" : `${Math.max(0, Math.round(delay))} ms`;
}
