// What is asked again and again while it is looked at.

import { useEffect, useState } from "preact/hooks";

/** How often, in milliseconds. Half of the time of a change is what one waits for on average. */
export const EVERY = 2_000;

/** How much longer it waits after each failure, up to a limit. */
const LONGEST = 30_000;

/**
 * Asks at once and then every so often, while the tab is seen. `look` is given a signal that ends it; when `key` changes all begins anew. What it
 * gave last stays while a later try fails.
 */
export function useAsked(key, look, every = EVERY) {
  const [found, setFound] = useState({ key });
  useEffect(() => {
    const ends = new AbortController();
    let timer;
    let failures = 0;
    const again = async () => {
      clearTimeout(timer);
      try {
        const value = await look(ends.signal);
        failures = 0;
        if (!ends.signal.aborted) setFound({ key, value });
      } catch (error) {
        failures += 1;
        if (!ends.signal.aborted) setFound((before) => ({ key, value: before.key === key ? before.value : undefined, error }));
      }
      if (!ends.signal.aborted && !document.hidden) timer = setTimeout(again, Math.min(every * 2 ** failures, LONGEST));
    };
    const onVisible = () => !document.hidden && again();
    document.addEventListener("visibilitychange", onVisible);
    again();
    return () => {
      ends.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [key, every]);
  return found.key === key ? found : {};
}
