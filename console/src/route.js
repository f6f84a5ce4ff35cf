// Which view is open: it stands behind the `#` of the address, so no server and no log sees the name of a stream.

import { signal } from "@preact/signals";

export const route = signal(parse(location.hash));

addEventListener("hashchange", () => {
  route.value = parse(location.hash);
});

/** The address of a view. */
export function link(view, name) {
  return name === undefined ? `#/${view}` : `#/${view}/${encodeURIComponent(name)}`;
}

function parse(hash) {
  const [, view = "", name] = hash.split("/");
  try {
    return { view: view === "" ? "overview" : view, name: name === undefined ? undefined : decodeURIComponent(name) };
  } catch {
    return { view: "overview" };
  }
}
