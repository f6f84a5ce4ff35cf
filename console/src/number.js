// Numbers as people read them. The only place that rounds.

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Bytes, with three digits. */
export function bytes(count) {
  if (count === null || count === undefined) return "–";
  let [value, unit] = [count, 0];
  while (1_024 <= value && unit < BYTES.length - 1) [value, unit] = [value / 1_024, unit + 1];
  return `${unit === 0 ? value : digits(value)} ${BYTES[unit]}`;
}

/** A count, with its thousands apart. */
export function count(value) {
  return value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en-US");
}

/** A rate: `0` only where there was nothing. */
export function rate(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  return value < 0.01 ? "< 0.01" : value < 1_000 ? digits(value) : count(value);
}

/** Bytes in a second. */
export function byteRate(value) {
  return value === 0 ? "0" : `${bytes(Math.round(value))}/s`;
}

/** A span in seconds. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds === 0) return "0 s";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${digits(seconds * 1_000)} ms`;
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
  ];
  const [word, of] = units.find(([, of]) => of <= seconds) ?? ["s", 1];
  if (of === 1) return `${digits(seconds)} s`;
  const [whole, rest] = [Math.floor(seconds / of), seconds % of];
  const [smaller, part] = units[units.findIndex(([, size]) => size === of) + 1] ?? ["s", 1];
  const small = Math.floor(rest / part);
  return small === 0 ? `${whole} ${word}` : `${whole} ${word} ${small} ${smaller}`;
}

/** A time of day, with the date where it is another day. */
export function time(text) {
  const at = new Date(text);
  const clock = at.toLocaleTimeString("en-GB");
  return at.toDateString() === new Date().toDateString() ? clock : `${at.toISOString().slice(0, 10)} ${clock}`;
}

function digits(value) {
  return value < 10 ? value.toFixed(2).replace(/\.?0+$/, "") : value < 100 ? value.toFixed(1).replace(/\.0$/, "") : String(Math.round(value));
}
