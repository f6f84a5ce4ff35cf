// Parts that all views share.

import { link } from "./route.js";
import { visible } from "./text.js";

/** A name of whatever signs: it can't move what stands beside it. */
export function Name({ text }) {
  const words = visible(text);
  return (
    <bdi class="name" title={words}>
      {words}
    </bdi>
  );
}

export function StreamLink({ name }) {
  return (
    <a href={link("stream", name)}>
      <Name text={name} />
    </a>
  );
}

/** A table that scrolls by itself where it is too wide. Columns: `[heading, cell(row), "number"?]`. */
export function Table({ label, columns, rows, keyOf, empty }) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map(([heading, , kind]) => (
              <th key={heading} scope="col" class={kind}>
                {heading}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(([heading, cell, kind]) => (
                <td key={heading} class={kind}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What went wrong when something was asked, beside what was found before. */
export function Trouble({ error }) {
  if (!error) return null;
  const words = error.code === undefined ? "The server does not answer." : error.message;
  return (
    <p class="trouble" role="alert">
      {words} {error.code !== undefined && <code>{error.code}</code>} What is shown may be old; it is asked again.
    </p>
  );
}

/** A fact under its name. */
export function Fact({ name, children, tone }) {
  return (
    <div class="fact" data-tone={tone}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** How much of something is used. */
export function Used({ of, max }) {
  if (!max) return null;
  const share = Math.min(1, of / max);
  return (
    <meter class="used" min={0} max={1} high={0.8} optimum={0} value={share}>
      {Math.round(share * 100)} %
    </meter>
  );
}
