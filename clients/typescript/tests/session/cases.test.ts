/** The cases that every client's session must pass. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { runCase, type Case } from "./script.ts";

declare const ROOT: string;

const folder = join(ROOT, "../../conformance/session/cases");

for (const file of readdirSync(folder).sort()) {
  describe(file, () => {
    for (const one of parse(readFileSync(join(folder, file), "utf8")) as Case[]) it(one.name, () => runCase(one));
  });
}
