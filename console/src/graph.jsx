// A small graph of the last minutes: its newest value in words, and a line for where that comes from.

const WIDTH = 240;
const HEIGHT = 44;

/** `points` are numbers or `undefined`, the oldest first. */
export function Graph({ name, points, format }) {
  const known = points.filter((value) => value !== undefined);
  const most = Math.max(...known, 0);
  const newest = known.at(-1);
  const words = newest === undefined ? "–" : format(newest);
  return (
    <figure class="graph">
      <figcaption>
        <span>{name}</span> <b>{words}</b>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${name}: ${words}, at most ${format(most)}`}>
        <path d={path(points, most)} />
      </svg>
      <small>{known.length === 0 ? "Nothing yet" : `at most ${format(most)}`}</small>
    </figure>
  );
}

function path(points, most) {
  const step = WIDTH / Math.max(points.length - 1, 1);
  let pen = "M";
  return points
    .map((value, index) => {
      if (value === undefined) {
        pen = "M";
        return "";
      }
      const y = HEIGHT - 1 - (most === 0 ? 0 : (value / most) * (HEIGHT - 2));
      const part = `${pen}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
      return part;
    })
    .join("");
}
