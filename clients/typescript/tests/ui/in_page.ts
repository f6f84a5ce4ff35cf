/** Runs one scenario of a page that has several. */

import assert from "node:assert/strict";
import type { Browser } from "./browser.ts";

type Scenario = (argument: never) => Promise<unknown>;

/** Runs it in a page of its own, which must not complain about anything. */
export async function inPage<
  Scenarios extends Record<string, Scenario>,
  Name extends keyof Scenarios & string,
>(
  browser: Browser,
  script: string,
  name: Name,
  argument?: unknown,
  body?: string,
): Promise<Awaited<ReturnType<Scenarios[Name]>>> {
  const { page, complaints, close } = await browser.open(script, body);
  try {
    const result = await page.evaluate(
      ([scenario, given]) =>
        (globalThis as unknown as { scenarios: Record<string, (given: unknown) => unknown> }).scenarios[
          scenario as string
        ]?.(given),
      [name, argument] as const,
    );
    assert.deepEqual(complaints, []);
    return result as Awaited<ReturnType<Scenarios[Name]>>;
  } finally {
    await close();
  }
}
