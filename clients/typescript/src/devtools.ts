/**
 * A small overlay that shows what a client is doing, and why: the transport in use with a switch to force another, each stream with its
 * offset and lag, and a timeline of attempts.
 *
 * ```ts
 * if (import.meta.env.DEV) import("tidings/devtools").then(({ mount }) => mount(tidings));
 * ```
 *
 * @module tidings/devtools
 */

import { element } from "./devtools/element.ts";
import { STYLE } from "./devtools/style.ts";
import { streamTable } from "./devtools/streams.ts";
import { timeline } from "./devtools/timeline.ts";
import type { Explanation, Status, Tidings, Transport } from "./types.ts";

const REFRESH_MS = 500;
const CHOICES: readonly (Transport | "auto")[] = ["auto", "poll", "long-poll", "sse", "websocket"];

/** What {@link mount} takes. */
export interface DevtoolsOptions {
  /** Where the overlay is put. Default: the body of the page. */
  parent?: Element | undefined;
  /** Whether it is unfolded at first. Default: no. */
  open?: boolean | undefined;
}

/** Shows the overlay. Gives a function that removes it. */
export function mount(tidings: Tidings<any>, options: DevtoolsOptions = {}): () => void {
  const host = element("tidings-devtools");
  const root = host.attachShadow({ mode: "open" });
  const pill = element("button", { type: "button", class: "pill", "aria-controls": "panel" });
  const panel = element("section", {
    id: "panel",
    class: "panel",
    "aria-label": "tidings devtools",
    tabindex: "-1",
  });
  const status = element("p", { class: "status", role: "status" });
  const body = element("div");
  const choice = chooser((transport) => tidings.use(transport));
  panel.append(element("header", {}, [element("h2", {}, ["tidings"]), status]), choice.fieldset, body);
  root.append(element("style", {}, [STYLE]), panel, pill);

  const draw = () => {
    const explanation = tidings.explain();
    const line = describe(explanation.status);
    pill.replaceChildren(element("span", { class: `dot ${explanation.status.state}` }), line.short);
    if (panel.hidden) return;
    // What is read aloud is touched only when it changes.
    if (status.textContent !== line.long) status.textContent = line.long;
    choice.show(explanation.via);
    body.replaceChildren(
      streamTable(explanation.streams),
      timeline(explanation.attempts),
      barred(explanation),
    );
  };
  const unfold = (open: boolean) => {
    panel.hidden = !open;
    pill.setAttribute("aria-expanded", String(open));
    pill.title = open ? "Close (Escape)" : "What is the client doing?";
    draw();
  };
  pill.onclick = () => {
    unfold(!!panel.hidden);
    if (!panel.hidden) panel.focus();
  };
  root.addEventListener("keydown", (event) => {
    if ((event as KeyboardEvent).key !== "Escape" || panel.hidden) return;
    unfold(false);
    pill.focus();
  });

  unfold(options.open ?? false);
  tidings.addEventListener("status", draw);
  const timer = setInterval(() => {
    if (!panel.hidden && !document.hidden) draw();
  }, REFRESH_MS);
  (options.parent ?? document.body).append(host);
  return () => {
    clearInterval(timer);
    tidings.removeEventListener("status", draw);
    host.remove();
  };
}

/** The switch between transports. */
function chooser(choose: (transport: Transport | "auto") => void) {
  const inputs = CHOICES.map((value) => element("input", { type: "radio", name: "transport", value }));
  const labels = inputs.map((input) => element("label", {}, [input, element("span", {}, [input.value])]));
  const fieldset = element("fieldset", {}, [element("legend", {}, ["transport"]), ...labels]);
  fieldset.onchange = () => {
    const chosen = inputs.find((input) => input.checked);
    if (chosen) choose(chosen.value as Transport | "auto");
  };
  const show = (via: Transport | "auto") => {
    for (const input of inputs) input.checked = input.value === via;
  };
  return { fieldset, show };
}

function describe(status: Status): { short: string; long: string } {
  const { state, transport, error, shared } = status;
  const by = transport ? ` by ${transport}` : "";
  const through = shared ? ", through another tab" : "";
  const why = error ? `: ${error.message}` : "";
  return { short: state === "live" && transport ? transport : state, long: `${state}${by}${through}${why}` };
}

function barred({ barred }: Explanation): HTMLElement {
  const seconds = (until: number) => Math.max(0, Math.round((until - Date.now()) / 1000));
  const words = barred.map((it) => `${it.transport} for ${seconds(it.until)} s`).join(", ");
  return element("p", { class: "quiet" }, [words ? `barred: ${words}` : "no transport is barred"]);
}
