/** The page of errors has every code, and says the same as the protocol. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TidingsError } from "../src/index.ts";

declare const ROOT: string;

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const source = read("src/errors.ts");

/** The words of a union type. */
const union = (name: string) =>
  [...(source.split(`export type ${name} =`)[1]?.split(";")[0] ?? "").matchAll(/\| "(\w+)"/g)].map(
    ([, code]) => code as string,
  );

/** The codes of the page, and whether it says that they are retryable. */
const page = new Map(
  [...read("../../docs/errors.md").matchAll(/^### `(\w+)`\n(.*)$/gm)].map(([, code, text]) => [
    code as string,
    text?.startsWith("Retryable.") ?? false,
  ]),
);

test("docs/errors.md explains each code once, and no other", () => {
  const ours = [...union("ClientErrorCode"), ...union("ServerErrorCode")];
  assert.ok(ours.length > 40, "the types were found");
  assert.deepEqual([...page.keys()].sort(), ours.sort());
});

test("the codes of the server, and what is retryable, are those of docs/protocol.md", () => {
  const section = read("../../docs/protocol.md").split("\n## Errors\n")[1]?.split("\n## ")[0] ?? "";
  const rows = [...section.matchAll(/^\| `(\w+)` \| \(?\d+\)? \| (yes|no) \|/gm)].map(
    ([, code, retryable]) => [code as string, retryable === "yes"] as const,
  );
  assert.deepEqual(rows.map(([code]) => code).sort(), union("ServerErrorCode").sort());
  for (const [code, retryable] of rows) assert.equal(page.get(code), retryable, code);
});

test("an error links to its own explanation", () => {
  const [path, anchor] = new TidingsError("outbox_full").docs.split("#");
  assert.ok(path?.endsWith("docs/errors.md"));
  assert.ok(page.has(anchor ?? ""));
});
