// Live figures of the machine, and a hundred messages a second. This file joins the parts to the page.

import { connect } from "../tidings.js";
import { Connection, setText } from "../connection.js";
import { follow } from "../follow.js";
import { Rate } from "../rate.js";
import { Chart, niceAbove } from "./chart.js";
import { Load } from "./load.js";

const TWO_MINUTES = 120_000;

/** How many of the latest figures fill the charts. */
const FIGURES = 125;

/** What comes once a second is drawn this much later, so that the line grows smoothly. */
const DELAY = 1_100;

const byId = (id) => document.getElementById(id);

const tidings = connect(location.origin);
const connection = new Connection(byId("connection"), tidings);
const machine = tidings.stream("examples/machine");
const made = tidings.stream("examples/load");
const load = new Load(made, Math.random().toString(36).slice(2));
const frames = new Rate(2_000);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const slow = { span: TWO_MINUTES, delay: DELAY };
const percent = (value) => `${Math.round(value)}%`;
const charts = {
  cpu: new Chart(byId("cpu-chart"), { ...slow, series: ["series-1"], top: 100, label: percent }),
  memory: new Chart(byId("memory-chart"), {
    ...slow,
    series: ["series-2"],
    top: (most) => niceAbove(Math.max(10, most)),
    label: percent,
  }),
  network: new Chart(byId("network-chart"), {
    ...slow,
    series: ["series-3", "series-4"],
    top: (most) => niceAbove(Math.max(1_000, most)),
    label: (value) => bytes(value),
  }),
};
const loadChart = new Chart(byId("load-chart"), {
  span: 10_000,
  delay: 100,
  series: ["series-1"],
  top: 100,
  lines: 4,
  fill: false,
  label: (value) => String(Math.round(value)),
});

/** What a page is told of the drawing, for tests. */
globalThis.liveData = { charts: { ...charts, load: loadChart }, load };

connection.stream = machine;
const reset = () => "beginning";
follow(machine, { last: FIGURES }, { take: showFigures, reset });
follow(made, "now", { take: showLoad, reset });
byId("load-button").addEventListener("click", toggleLoad);
setInterval(showLoadFigures, 500);
requestAnimationFrame(draw);

function showFigures(message, isLive) {
  const { cpu, cores, memory, network } = message.data;
  const time = whenStored(message, isLive);
  const used = (100 * memory.used) / memory.total;
  charts.cpu.push(time, [cpu]);
  charts.memory.push(time, [used]);
  charts.network.push(time, [network.received, network.sent]);
  setText(byId("cpu"), percent(cpu));
  setText(byId("cpu-aside"), cores === 1 ? "of one core" : `of ${cores} cores`);
  setText(byId("memory"), bytes(memory.used));
  setText(byId("memory-aside"), `of ${bytes(memory.total)}`);
  setText(byId("network"), `${bytes(network.received + network.sent)}/s`);
  byId("cpu-chart").setAttribute("aria-label", `Processor over the last two minutes, now ${percent(cpu)}`);
  byId("memory-chart").setAttribute("aria-label", `Memory over the last two minutes, now ${percent(used)}`);
  byId("network-chart").setAttribute(
    "aria-label",
    `Network over the last two minutes, now ${bytes(network.received)} a second received, ${bytes(network.sent)} sent`,
  );
}

function showLoad(message, isLive) {
  load.take(message);
  loadChart.push(whenStored(message, isLive), [message.data.value]);
  byId("load-empty").hidden = true;
}

/** When a message was stored, by our clock as far as it is known. */
function whenStored(message, isLive) {
  const lag = connection.saw(message, isLive);
  return lag === undefined ? Date.parse(message.time) : Date.now() - lag;
}

function toggleLoad() {
  if (load.isOn) load.stop();
  else load.start();
  const button = byId("load-button");
  button.setAttribute("aria-pressed", String(load.isOn));
  setText(button, load.isOn ? "Stop" : "Start");
  setText(byId("load-told"), load.isOn ? "A hundred messages a second are published" : "Stopped");
}

function showLoadFigures() {
  const now = performance.now();
  const { published, received } = load.rates(now);
  setText(byId("load-published"), `${Math.round(published)} /s`);
  setText(byId("load-received"), `${Math.round(received)} /s`);
  const lag = load.thereAndBack;
  setText(byId("load-lag"), lag === undefined || received === 0 ? "–" : `${lag.toFixed(lag < 10 ? 1 : 0)} ms`);
  setText(byId("load-waiting"), String(load.waiting));
  setText(byId("load-frames"), `${Math.round(frames.perSecond(now))} /s`);
  byId("load-refusal").hidden = load.refusal === "";
  setText(byId("load-refusal"), `A message was refused: ${load.refusal}`);
  byId("load-empty").hidden = load.isOn || !loadChart.isEmpty;
}

function draw() {
  const now = Date.now();
  frames.add(performance.now());
  for (const chart of Object.values(charts)) chart.draw(now);
  loadChart.draw(now);
  // Who asked for little motion gets a new picture once a second.
  if (calm.matches) setTimeout(draw, 1_000);
  else requestAnimationFrame(draw);
}

/** A number of bytes with three digits at most. */
function bytes(count) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (1_000 <= count && unit < units.length - 1) {
    count /= 1_000;
    unit += 1;
  }
  return `${Number(count.toPrecision(3))} ${units[unit]}`;
}
