// The figures of `/metrics`, and what has changed between two looks.

/** Every sample by its name and labels, as they are written. */
export function parseMetrics(text) {
  const samples = new Map();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const at = line.lastIndexOf("} ") + 1 || line.indexOf(" ");
    const value = Number(line.slice(at + 1).split(" ")[0]);
    if (0 < at && !Number.isNaN(value)) samples.set(line.slice(0, at), value);
  }
  return samples;
}

/** The sum over all labels; `undefined` where there is no such metric. */
export function total(samples, name) {
  let sum;
  for (const [key, value] of samples) {
    if (key === name || key.startsWith(`${name}{`)) sum = (sum ?? 0) + value;
  }
  return sum;
}

/** By how much it has grown, in a second; `undefined` at first, and after a restart. */
export function growth(before, after, name, seconds) {
  const [one, two] = [before && total(before, name), total(after, name)];
  return one === undefined || two === undefined || two < one ? undefined : (two - one) / seconds;
}

/** A quantile of what a histogram has counted since the look before, by its buckets; `undefined` where nothing was. */
export function quantile(before, after, name, share) {
  const buckets = [];
  for (const [key, value] of after) {
    const [, label] = key.startsWith(`${name}_bucket{`) ? (/le="([^"]+)"/.exec(key) ?? []) : [];
    if (label) buckets.push([label === "+Inf" ? Infinity : Number(label), value - (before?.get(key) ?? 0)]);
  }
  buckets.sort(([one], [two]) => one - two);
  const wanted = (buckets.at(-1)?.[1] ?? 0) * share;
  if (!(0 < wanted)) return undefined;
  let [low, below] = [0, 0];
  for (const [high, count] of buckets) {
    if (wanted <= count) return high === Infinity ? low : low + ((high - low) * (wanted - below)) / Math.max(count - below, 1e-9);
    [low, below] = [high, count];
  }
  return undefined;
}
