// What a soak has counted, in words.

/** The text to show, and whether all is right. */
export function report(counts, messages) {
  const { published, delivered, lost, doubled, reordered, stored, byTransport, events, restarts, errors } = counts;
  const number = (count) => count.toLocaleString("en");
  const list = (of) => Object.entries(of).map(([name, count]) => `${name} ${number(count)}`).join(", ");
  const lines = [
    `published ${number(published)}, stored ${number(stored)}, delivered ${number(delivered)}: lost ${lost}, doubled ${doubled}, reordered ${reordered}`,
    `delivered over: ${list(byTransport)}`,
    `what happened: ${list(events)}; the server was restarted ${restarts} times`,
    ...errors.slice(0, 20).map((error) => `error: ${error}`),
  ];
  const isRight =
    [lost, doubled, reordered, errors.length].every((count) => count === 0) && published === stored && messages <= published;
  return { text: lines.join("\n"), isRight };
}
