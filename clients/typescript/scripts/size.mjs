// Prints how large each entry is, minified and gzipped, and fails when one is over its budget.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { entries } from "./entries.mjs";

const WIDTH = 40;
let isOver = false;
for (const { name, bytesMax, goal } of entries) {
  const text = readFileSync(new URL(`../dist/${name}.js`, import.meta.url));
  const bytes = gzipSync(text, { level: 9 }).length;
  const filled = Math.min(WIDTH, Math.round((bytes / bytesMax) * WIDTH));
  const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
  const over = bytes > bytesMax ? "  over budget" : bytes > goal ? `  (the goal is ${goal})` : "";
  isOver ||= bytes > bytesMax;
  console.log(`${name.padEnd(14)} ${bar} ${bytes} of ${bytesMax} bytes (minified ${text.length})${over}`);
}
if (isOver) process.exitCode = 1;
