/** Elements of the overlay. Texts are only ever set as text: names of streams come from elsewhere. */

/** Makes an element. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes?: Record<string, string>,
  children?: (Node | string)[],
): HTMLElementTagNameMap[K];
export function element(
  name: string,
  attributes?: Record<string, string>,
  children?: (Node | string)[],
): HTMLElement;
export function element(
  name: string,
  attributes: Record<string, string> = {},
  children: (Node | string)[] = [],
): HTMLElement {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}
