/** Waits in a page. */

const WAIT_MS_MAX = 10_000;

/** Waits until that is so; gives it. */
export async function until<T>(what: string, ready: () => T): Promise<NonNullable<T>> {
  const end = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const found = ready();
    if (found) return found;
    if (end < performance.now())
      throw new Error(`it did not come: ${what}; the page shows ${document.body.innerText}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
