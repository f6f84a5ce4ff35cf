// What others wrote, made fit to be looked at: names and messages may hold anything.

/** Signs that are not seen, or that move others about: controls, marks of direction, what has no width. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Cs}/gu;

/** How much of a message is shown, in UTF-16 units, until one asks for more; and how much of it is kept at most. */
export const SHOWN_MAX = 400;
export const KEPT_MAX = 65_536;

/** How many bytes of what is no text are shown. */
const BYTES_MAX = 64;

/** The text with every sign that is not seen as its code. */
export function visible(text) {
  return text.replace(UNSEEN, (sign) => `⟨${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** What a message holds, as text that can be looked at, and how much was left out. */
export function messageText(data) {
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return bytesText(new Uint8Array(data.buffer ?? data));
  const whole = typeof data === "string" ? data : (JSON.stringify(data) ?? "");
  return { text: visible(whole.slice(0, KEPT_MAX)), left: Math.max(0, whole.length - KEPT_MAX) };
}

function bytesText(bytes) {
  const shown = [...bytes.slice(0, BYTES_MAX)].map((byte) => byte.toString(16).padStart(2, "0"));
  return { text: `${bytes.length} bytes: ${shown.join(" ")}`, left: Math.max(0, bytes.length - BYTES_MAX) };
}
