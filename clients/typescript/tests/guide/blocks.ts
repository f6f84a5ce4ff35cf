/** The code blocks of the guide, of the errors and of the README, as files that can be checked and run. */

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

declare const ROOT: string;

/** A block of code in a page. */
export interface Block {
  /** The page and the line where it begins. */
  name: string;
  language: string;
  /** Whether it is a whole program. */
  runs: boolean;
  code: string;
  /** What it prints, where the page says so. */
  prints: string | undefined;
}

/** All blocks of all pages. */
export function blocks(): Block[] {
  const guide = join(ROOT, "../../docs/guide");
  const pages = readdirSync(guide).filter((name) => name.endsWith(".md"));
  return [
    ...pages.map((name) => [name, join(guide, name)] as const),
    ["errors.md", join(ROOT, "../../docs/errors.md")] as const,
    ["README.md", join(ROOT, "README.md")] as const,
  ].flatMap(([name, path]) => blocksOf(name.replace(".md", ""), readFileSync(path, "utf8")));
}

function blocksOf(page: string, text: string): Block[] {
  const found: Block[] = [];
  for (const match of text.matchAll(/^```(\w+)([^\n]*)\n(.*?)^```$/gms)) {
    const [, language = "", info = "", code = ""] = match;
    const last = found.at(-1);
    if (language === "text" && last) last.prints = code;
    const line = text.slice(0, match.index).split("\n").length;
    found.push({ name: `${page}-${line}`, language, runs: info.trim() === "run", code, prints: undefined });
  }
  return found;
}
