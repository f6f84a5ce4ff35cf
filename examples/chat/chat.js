// The chat: rooms that are streams, over one connection. This file joins the parts to the page.

import { connect } from "../tidings.js";
import { Connection, make, setText } from "../connection.js";
import { MessageList, hue, initials } from "./message-list.js";
import { Person } from "./person.js";
import { Presence } from "./presence.js";
import { Room } from "./room.js";

/** Every stream with this prefix is a room: `tidings create examples/rooms/garden` opens another one. */
const PREFIX = "examples/rooms/";

const FIRST_ROOM = "lobby";

/** How often a hidden page is brought up to date, in milliseconds. */
const HIDDEN_FRAME = 500;

const byId = (id) => document.getElementById(id);

const tidings = connect(location.origin);
const person = new Person();
const connection = new Connection(byId("connection"), tidings);
const list = new MessageList(byId("log"), byId("newer"), person);

/** Rooms by name, each with who is there and its line in the list of rooms. */
const rooms = new Map();
let shown;
let isDue = false;

start();

async function start() {
  askForName();
  for (const name of await roomNames()) addRoom(name);
  openRoom();
  addEventListener("hashchange", openRoom);
  byId("log").addEventListener("end", markRead);
  document.addEventListener("visibilitychange", onVisibility);
  addEventListener("pagehide", () => shown?.presence.leave());
  addEventListener("pageshow", (event) => event.persisted && shown?.presence.enter());
  byId("composer").addEventListener("submit", onSend);
  byId("text").addEventListener("keydown", onKey);
}

/** The names of the rooms; asked until the server answers. */
async function roomNames() {
  for (;;) {
    try {
      const answer = await fetch(`/v1/streams?prefix=${encodeURIComponent(PREFIX)}`);
      const { streams } = await answer.json();
      const names = streams.map(({ name }) => name.slice(PREFIX.length));
      const isFirst = (name) => Number(name === FIRST_ROOM);
      if (0 < names.length) return names.sort((a, b) => isFirst(b) - isFirst(a));
    } catch {
      // Not there yet, or not any more.
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

function addRoom(name) {
  const room = new Room(tidings, name, person);
  const presence = new Presence(tidings, name, person);
  const unread = make("span", { className: "unread" });
  const people = make("span", { className: "count" });
  const link = make("a", { href: `#${encodeURIComponent(name)}` }, make("span", { className: "name" }, name), people, unread);
  byId("rooms").append(make("li", {}, link));
  rooms.set(name, { room, presence, link, unread, people });
  room.addEventListener("change", onRoom);
  presence.addEventListener("change", () => onPeople(name));
  room.follow((message, isLive) => connection.saw(message, isLive));
  presence.follow((message, isLive) => connection.saw(message, isLive));
}

/** Shows the room that the address names. */
function openRoom() {
  const asked = decodeURIComponent(location.hash.slice(1));
  const name = [asked, FIRST_ROOM, ...rooms.keys()].find((name) => rooms.has(name));
  const next = rooms.get(name);
  if (next === shown) return;
  shown?.presence.leave();
  shown?.link.removeAttribute("aria-current");
  shown = next;
  shown.link.setAttribute("aria-current", "page");
  shown.link.scrollIntoView({ block: "nearest", inline: "nearest" });
  setText(byId("room-name"), `#${name}`);
  connection.stream = shown.room.stream;
  list.open(shown.room);
  shown.room.join();
  if (document.visibilityState === "visible" && !person.isNew) shown.presence.enter();
  onRoom();
  onPeople(name);
}

/** Something has changed in a room. However many messages come, the page is drawn once a frame; a hidden page has no frames, but a title. */
function onRoom() {
  if (isDue) return;
  isDue = true;
  if (document.visibilityState === "visible") requestAnimationFrame(showRooms);
  else setTimeout(showRooms, HIDDEN_FRAME);
}

function showRooms() {
  isDue = false;
  list.show();
  markRead();
  showUnread();
}

function showUnread() {
  let all = 0;
  for (const [name, { room, unread, link }] of rooms) {
    const count = room.unread;
    all += count;
    setText(unread, count === 0 ? "" : String(count));
    link.setAttribute("aria-label", count === 0 ? name : `${name}, ${count} unread`);
  }
  document.title = `${all === 0 ? "" : `(${all}) `}#${shown.room.name} · tidings`;
}

/** What is on the screen has been read. */
function markRead() {
  if (document.visibilityState === "visible" && list.isAtEnd) shown?.room.markRead();
}

function onPeople(name) {
  const { presence, people: count } = rooms.get(name);
  const people = presence.people;
  setText(count, people.length === 0 ? "" : String(people.length));
  count.title = `${people.length} here`;
  if (shown?.presence !== presence) return;
  const names = people.map((one) => (one.id === person.id ? "you" : one.name));
  setText(byId("room-people"), names.length === 0 ? "Nobody is here" : `${names.length} here: ${names.join(", ")}`);
  byId("people").replaceChildren(...people.map(showPerson));
}

function showPerson({ id, name }) {
  const face = make("span", { className: "face" }, initials(name));
  face.setAttribute("aria-hidden", "true");
  face.style.setProperty("--hue", hue(id));
  const you = id === person.id ? [make("span", { className: "you" }, "you")] : [];
  return make("li", {}, face, make("span", { className: "name" }, name), ...you);
}

function onVisibility() {
  if (document.visibilityState === "hidden") shown?.presence.leave();
  else if (!person.isNew) shown?.presence.enter();
  showRooms();
}

function onSend(event) {
  event.preventDefault();
  const field = byId("text");
  const text = field.value.trim();
  if (text === "" || shown === undefined) return;
  field.value = "";
  shown.room.send(text);
  list.toEnd();
  field.focus();
}

/** Enter sends; with Shift, or while letters are still being composed, it does what it does elsewhere. */
function onKey(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("composer").requestSubmit();
}

function askForName() {
  const dialog = byId("name-dialog");
  const field = byId("name");
  const open = () => {
    field.value = person.name;
    dialog.showModal();
  };
  byId("name-form").addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close(field.value);
  });
  // Who leaves it with Escape is a guest, or who they were before.
  dialog.addEventListener("close", () => {
    person.rename(dialog.returnValue || person.name);
    setText(byId("my-name"), person.name);
    shown?.presence.enter();
    byId("text").focus();
  });
  byId("me").addEventListener("click", open);
  setText(byId("my-name"), person.name || "Guest");
  if (person.isNew) open();
}
