// What can be measured of how a view looks. Runs in the page, so it uses nothing from outside itself.

/** Words that stand out from what is behind them by less than `least`, by the formula of WCAG; what is behind is what they lie in. */
export function faintWords(least) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const luminance = (colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
    }
    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data]
      .map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasWords = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
    if (!hasWords || !element.checkVisibility() || element.closest("noscript, script, meter")) continue;
    const behind = [];
    for (let at = element; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    const [dim, bright] = [luminance(behind), luminance([...behind, getComputedStyle(element).color])].sort((one, two) => one - two);
    const ratio = (bright + 0.05) / (dim + 0.05);
    if (ratio < least) found.push(`${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return found;
}

/** Words that lie on others: of parts of the view that are beside each other, not within. */
export function overlaps() {
  const boxes = [...document.querySelectorAll("h1, h2, h3, label, button, input, dt, dd, th, td, figcaption, header a, .tail, .note, .empty, .trouble")]
    .filter((one) => one.checkVisibility())
    .map((one) => ({ one, box: one.getBoundingClientRect() }));
  const found = [];
  boxes.forEach(({ one, box }, index) => {
    for (const other of boxes.slice(index + 1)) {
      if (one.contains(other.one) || other.one.contains(one)) continue;
      const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
      const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
      if (1 < across && 1 < down) found.push(`${one.textContent.slice(0, 30)} | ${other.one.textContent.slice(0, 30)}`);
    }
  });
  return found;
}

/** What reaches out of the view to the right, but for what scrolls by itself. */
export function tooWide() {
  return [...document.querySelectorAll("body *")]
    .filter((one) => !one.closest(".scroll *, pre *") && innerWidth + 0.5 < one.getBoundingClientRect().right)
    .map((one) => one.outerHTML.slice(0, 80));
}
