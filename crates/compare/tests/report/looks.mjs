// What can be measured of how a page looks. Each function runs in the page, so it uses nothing from outside itself.

/**
 * How strongly each text stands out from what lies behind it, by the formula of WCAG: the colours are those that are painted. The window
 * must be as high as the page.
 */
export function contrasts() {
  const channels = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
    return { red, green, blue, alpha };
  };
  const over = (top, below) => {
    const mix = (name) => top[name] * top.alpha + below[name] * (1 - top.alpha);
    return { red: mix("red"), green: mix("green"), blue: mix("blue"), alpha: 1 };
  };
  const luminance = ({ red, green, blue }) => {
    const [r, g, b] = [red, green, blue].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const isSvg = (element) => element instanceof SVGElement && !(element instanceof SVGSVGElement);

  /** What an element paints, with its opacity; nothing where it paints a pattern, a line or nothing. */
  const paint = (element) => {
    const style = getComputedStyle(element);
    const colour = isSvg(element) ? style.fill : style.backgroundColor;
    if (!colour.startsWith("rgb") || element.localName === "g" || element.localName === "text") return null;
    const painted = channels(colour);
    painted.alpha *= Number(style.opacity) * (isSvg(element) ? Number(style.fillOpacity) : 1);
    return painted;
  };

  const behind = (element, box) => {
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const stack = document.elementsFromPoint(x, y);
    const from = stack.indexOf(element);
    const below = stack.slice(from + 1).reverse();
    const white = { red: 255, green: 255, blue: 255, alpha: 1 };
    // A lone picture has no ground of its own but the one that it draws.
    return below.map(paint).filter(Boolean).reduce((ground, top) => over(top, ground), white);
  };

  const found = [];
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (text === "" || ["style", "title", "desc", "script"].includes(element.localName)) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    let box = range.getClientRects()[0];
    const frame = element.closest(".scroll")?.getBoundingClientRect();
    if (box && frame && (frame.right < box.right || box.left < frame.left)) {
      element.scrollIntoView({ block: "nearest", inline: "center" });
      box = range.getClientRects()[0];
    }
    // What waits beside the page for the keyboard is not seen.
    if (!box || box.width === 0 || box.right < 0 || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ground = behind(element, box);
    const ink = over(channels(isSvg(element) ? style.fill : style.color), ground);
    const [bright, dim] = [luminance(ink), luminance(ground)].sort((one, two) => two - one);
    const ratio = Math.round(((bright + 0.05) / (dim + 0.05)) * 100) / 100;
    found.push({ text: text.slice(0, 40), ratio });
  }
  return found;
}

/** Pairs of labels of one chart that lie on each other. */
export function overlaps() {
  const found = [];
  for (const chart of document.querySelectorAll("svg")) {
    const boxes = [...chart.querySelectorAll("text")].map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
    boxes.forEach((one, index) => {
      for (const two of boxes.slice(index + 1)) {
        const across = Math.min(one.box.right, two.box.right) - Math.max(one.box.left, two.box.left);
        const down = Math.min(one.box.bottom, two.box.bottom) - Math.max(one.box.top, two.box.top);
        // The boxes of two lines of text below each other touch: letters do not fill them.
        if (0.5 < across && 0.25 * Math.min(one.box.height, two.box.height) < down) found.push(`${one.text} | ${two.text}`);
      }
    });
  }
  return found;
}

/** Labels that reach out of their chart. */
export function outside() {
  const found = [];
  for (const chart of document.querySelectorAll("svg")) {
    const frame = chart.getBoundingClientRect();
    for (const text of chart.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      const isInside =
        frame.left - 1 <= box.left && box.right <= frame.right + 1 && frame.top - 1 <= box.top && box.bottom <= frame.bottom + 1;
      if (!isInside) found.push(text.textContent);
    }
  }
  return found;
}
