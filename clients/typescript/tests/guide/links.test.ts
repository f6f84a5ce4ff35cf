/** Every link of the guide, of the errors and of the README leads somewhere in this repository. */

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

declare const ROOT: string;

const GUIDE = join(ROOT, "../../docs/guide");

/** The name by which a heading is linked to. */
function anchorOf(heading: string): string {
  const words = heading.replace(/[`*]|\[|\]\(.*?\)/g, "").toLowerCase();
  return words.replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

function anchors(path: string): string[] {
  return [...readFileSync(path, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
}

/** What is wrong with the links of a page. */
function broken(page: string): string[] {
  const text = readFileSync(page, "utf8").replace(/^```.*?^```$/gms, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
    if (/^https?:/.test(link)) return [];
    const [path = "", anchor] = link.split("#");
    const target = path ? join(dirname(page), path) : page;
    if (!existsSync(target)) return [`${link}: no such file`];
    if (anchor === undefined || statSync(target).isDirectory()) return [];
    return anchors(target).includes(anchor) ? [] : [`${link}: no such heading`];
  });
}

const pages = [
  ...readdirSync(GUIDE).map((name) => join(GUIDE, name)),
  join(ROOT, "../../docs/errors.md"),
  join(ROOT, "README.md"),
];

for (const page of pages.filter((name) => name.endsWith(".md"))) {
  test(`the links of ${page.slice(join(ROOT, "../..").length + 1)} lead somewhere`, () => {
    assert.deepEqual(broken(page), []);
  });
}
