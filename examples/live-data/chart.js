// A chart of lines over time that moves by itself, drawn on a canvas.
//
// It draws what lay a moment ago, so that a value which comes once a second lets the line grow smoothly and not in jumps.

const MARGIN = { top: 8, right: 2, bottom: 20, left: 54 };

/** How far the picture has to move before it is worth drawing it again, in pixels of the screen. */
const STEP = 0.5;

/** How fast the scale follows, a frame. */
const EASE = 0.12;

export class Chart {
  #canvas;
  #context;
  #options;
  #times = [];
  #rows = [];
  #size = { width: 0, height: 0, scale: 1 };
  #colors;
  #drawnAt = -Infinity;
  #isStale = true;
  #top;
  /** How often it was drawn. */
  frames = 0;

  /**
   * `span`: milliseconds from left to right. `delay`: how far behind now the right end is. `series`: names of the colours of its lines.
   * `top`: the greatest value of the scale, or a function of the greatest value that is shown. `bottom`: the least. `label`: the words for a
   * value of the scale.
   */
  constructor(canvas, options) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#options = { bottom: 0, fill: true, ...options };
    new ResizeObserver(() => this.#resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#restyle());
    this.#restyle();
  }

  /** Adds a value for each line. Times rise. */
  push(time, values) {
    this.#times.push(time);
    this.#rows.push(values);
    this.#isStale = true;
  }

  get isEmpty() {
    return this.#times.length === 0;
  }

  /** Draws it as it is at that time, if that would look otherwise than it does. */
  draw(now) {
    const { span, delay } = this.#options;
    const { width, height, scale } = this.#size;
    const right = now - delay;
    const moved = ((right - this.#drawnAt) / span) * width * scale;
    if (width === 0 || (!this.#isStale && moved < STEP)) return;
    this.#forget(right - span);
    this.#drawnAt = right;
    this.#isStale = false;
    this.frames += 1;
    const plot = {
      x: (time) => MARGIN.left + (1 - (right - time) / span) * (width - MARGIN.left - MARGIN.right),
      y: this.#scale(height),
      right: width - MARGIN.right,
      bottom: height - MARGIN.bottom,
    };
    const context = this.#context;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    this.#drawGrid(plot);
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, 0, plot.right - MARGIN.left, plot.bottom + 1);
    context.clip();
    for (let index = 0; index < this.#options.series.length; index += 1) this.#drawLine(plot, index);
    context.restore();
  }

  #forget(left) {
    // One point to the left of the edge, so that the line reaches it.
    const first = this.#times.findIndex((time) => left < time);
    const gone = first === -1 ? this.#times.length : Math.max(0, first - 1);
    this.#times.splice(0, gone);
    this.#rows.splice(0, gone);
  }

  /** From a value to a height; the scale glides to what is needed. */
  #scale(height) {
    const { bottom, top } = this.#options;
    const wanted = typeof top === "function" ? top(this.#rows.reduce((most, row) => Math.max(most, ...row), 0)) : top;
    this.#top ??= wanted;
    this.#top += (wanted - this.#top) * EASE;
    if (Math.abs(wanted - this.#top) < (wanted - bottom) / 500) this.#top = wanted;
    else this.#isStale = true;
    const plotHeight = height - MARGIN.top - MARGIN.bottom;
    return (value) => MARGIN.top + (1 - (value - bottom) / (this.#top - bottom)) * plotHeight;
  }

  #drawGrid({ y, right, bottom }) {
    const { span, label, bottom: least, lines = 2 } = this.#options;
    const context = this.#context;
    context.lineWidth = 1;
    context.font = "11.5px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let line = 0; line <= lines; line += 1) {
      const value = least + ((this.#top - least) * line) / lines;
      const at = Math.round(y(value)) + 0.5;
      context.strokeStyle = this.#colors.line;
      context.beginPath();
      context.moveTo(MARGIN.left, at);
      context.lineTo(right, at);
      context.stroke();
      context.fillStyle = this.#colors.muted;
      context.fillText(label(value), MARGIN.left - 8, at);
    }
    context.textBaseline = "alphabetic";
    context.textAlign = "left";
    context.fillText(span < 60_000 ? `${span / 1_000} s ago` : `${span / 60_000} min ago`, MARGIN.left, bottom + 15);
    context.textAlign = "right";
    context.fillText("now", right, bottom + 15);
  }

  #drawLine(plot, index) {
    const points = this.#times.map((time, at) => [plot.x(time), plot.y(this.#rows[at][index])]);
    if (points.length === 0) return;
    const context = this.#context;
    const color = this.#colors.series[index];
    context.beginPath();
    for (const [x, y] of points) context.lineTo(x, y);
    context.strokeStyle = color;
    context.lineWidth = 1.8;
    context.lineJoin = "round";
    // Where two lines lie on each other, both can be seen.
    context.setLineDash(index === 0 ? [] : [5, 4]);
    context.stroke();
    context.setLineDash([]);
    if (!this.#options.fill) return;
    context.lineTo(points.at(-1)[0], plot.bottom);
    context.lineTo(points[0][0], plot.bottom);
    context.globalAlpha = 0.12;
    context.fillStyle = color;
    context.fill();
    context.globalAlpha = 1;
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    this.#size = { width, height, scale };
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#isStale = true;
  }

  #restyle() {
    const style = getComputedStyle(this.#canvas);
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    this.#colors = { line: color("line"), muted: color("muted"), series: this.#options.series.map(color) };
    this.#isStale = true;
  }
}

/** The next of 1, 2, 5, 10, 20 … that is not below a value. */
export function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 5, 10].map((step) => step * power).find((nice) => value <= nice) ?? 10 * power;
}
