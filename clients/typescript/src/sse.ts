/** What we need of server-sent events: each `data:` line is one frame. The server writes no other. */

/** Takes text in any pieces; gives the data of the lines that are complete. */
export const createSseParser = () => {
  let rest = "";
  return (text: string): string[] => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop()!;
    return lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
  };
};
