// Who sits before this page: a name that is kept for the next visit, and an id that tells apart people with the same name.

const NAME_KEY = "tidings-chat/name";
const ID_KEY = "tidings-chat/id";

/** The longest name, in characters. */
export const NAME_LENGTH_MAX = 24;

export class Person {
  /** One for each tab: two tabs are two people, so that one can talk to oneself. */
  id = sessionStorage.getItem(ID_KEY) ?? newId();
  name = localStorage.getItem(NAME_KEY) ?? "";

  constructor() {
    sessionStorage.setItem(ID_KEY, this.id);
  }

  get isNew() {
    return this.name === "";
  }

  rename(name) {
    this.name = name.trim().slice(0, NAME_LENGTH_MAX) || `Guest ${this.id.slice(0, 3)}`;
    localStorage.setItem(NAME_KEY, this.name);
  }
}

/** A random id. `crypto.randomUUID` is not there on pages that come over plain HTTP from another machine. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
