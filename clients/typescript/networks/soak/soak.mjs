// `node soak.mjs --minutes 120 --clients 30 --messages 3000000 --seed 7`: the soak by hand, with a bar that shows how far it is.

import { parseArgs } from "node:util";
import { soak } from "./run.mjs";
import { report } from "./report.mjs";

const MESSAGES_A_MINUTE = 25_000;
const OPTIONS = {
  minutes: { type: "string", default: "2" },
  clients: { type: "string", default: "30" },
  messages: { type: "string" },
  seed: { type: "string" },
};

const { values } = parseArgs({ options: OPTIONS });
const minutes = positive("minutes");
const clients = positive("clients");
const messages = values.messages === undefined ? Math.round(minutes * MESSAGES_A_MINUTE) : positive("messages");
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : positive("seed");

console.log(`soak: ${clients} clients, ${messages.toLocaleString("en")} messages in ${minutes} minutes, --seed ${seed}`);
const { tell, end } = progress(process.stdout);
const counts = await soak({ minutes, clients, messages, seed, tell });
end();
const { text, isRight } = report(counts, messages);
console.log(text);
process.exit(isRight ? 0 : 1);

function positive(name) {
  const number = Number(values[name]);
  if (Number.isFinite(number) && 0 < number) return number;
  console.error(`--${name} is to be a number above 0, not "${values[name]}"`);
  process.exit(2);
}

/** On a terminal one line that is drawn again and again; elsewhere a line every ten seconds. */
function progress(out) {
  const every = out.isTTY ? 250 : 10_000;
  let next = 0;
  const tell = (now) => {
    if (performance.now() < next) return;
    next = performance.now() + every;
    out.write(out.isTTY ? `\r${line(now, out.columns ?? 80)}\x1b[K` : `${line(now, 200)}\n`);
  };
  return { tell, end: () => out.isTTY && out.write("\n") };
}

function line({ phase, progress, published, delivered, wrong, over, restarts }, columns) {
  const full = Math.round(progress * 24);
  const bar = "█".repeat(full) + "░".repeat(24 - full);
  const transports = Object.entries(over).map(([name, count]) => `${name} ${count}`);
  const parts = [
    `${bar} ${Math.floor(progress * 100)} % ${phase}`,
    `${published.toLocaleString("en")} published`,
    `${delivered.toLocaleString("en")} delivered`,
    `${wrong} wrong`,
    `${restarts} restarts`,
    transports.join(" "),
    `${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`,
  ];
  return parts.join("  ").slice(0, columns - 1);
}
