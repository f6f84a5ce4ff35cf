/** Components that use the hooks, for the browser and for rendering on the server. */

import { createElement as h } from "react";
import type { ReactElement } from "react";
import { TidingsProvider, useMessages, usePublish, useStatus, useStreamState } from "../../src/react.ts";
import type { Rendered } from "../../src/react.ts";
import type { Loaded, Tidings } from "../../src/types.ts";

/** Adds numbers up. */
export function Sum(props: {
  name: string;
  loaded?: Rendered<number>;
  load?: () => Promise<Loaded<number>>;
}): ReactElement {
  const { value, state } = useStreamState<number, number>(props.name, {
    initial: 0,
    loaded: props.loaded,
    load: props.load,
    reduce: (sum, { data }) => sum + data,
  });
  return h("p", { id: "sum", "data-state": state }, String(value));
}

/** Lists the newest messages. */
export function List(props: { name: string; last?: number; limit?: number }): ReactElement {
  const { value = [] } = useMessages<string>(props.name, props);
  return h("ol", { id: "list" }, ...value.map(({ offset, data }) => h("li", { key: offset }, data)));
}

/** Shows what the client does. */
export function State(): ReactElement {
  const { state, transport = "nothing" } = useStatus();
  return h("p", { id: "state" }, `${state} by ${transport}`);
}

/** Publishes when it is clicked. */
export function Button(props: { name: string }): ReactElement {
  const publish = usePublish<string>(props.name);
  return h("button", { onClick: () => void publish("clicked") }, "publish");
}

/** Puts components under a client. */
export function App(props: { client: Tidings; children?: ReactElement | ReactElement[] }): ReactElement {
  return h(TidingsProvider, { client: props.client }, props.children);
}
