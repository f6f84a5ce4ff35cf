/** What happens to a page: the network comes back, it is hidden, put aside, and shown again. */

/** Calls back until the signal. Does nothing where there is no page. */
export const watchPage = (
  onWake: () => void,
  onHidden: (hidden: boolean) => void,
  onPause: (paused: boolean) => void,
  signal: AbortSignal,
) => {
  const watch = (target: EventTarget | undefined, type: string, call: () => void) =>
    target?.addEventListener?.(type, call, { signal });
  const page = globalThis.document as Document | undefined;
  watch(globalThis, "online", onWake);
  watch(page, "visibilitychange", () => onHidden(page!.hidden));
  watch(globalThis, "pagehide", () => onPause(true));
  watch(page, "freeze", () => onPause(true));
  watch(globalThis, "pageshow", () => onPause(false));
  watch(page, "resume", () => onPause(false));
  if (page?.hidden) onHidden(true);
};
