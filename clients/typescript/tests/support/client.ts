/** Clients, and what else is closed when a test ends, however it ends. */

import { connect as open, type ConnectOptions, type StreamTypes, type Tidings } from "../../src/index.ts";

const opened = new Set<{ close(): void }>();

export function connect<Streams extends StreamTypes = Record<string, unknown>>(url: string, options?: ConnectOptions): Tidings<Streams> {
  const tidings = open<Streams>(url, options);
  closeAtEnd(tidings);
  return tidings;
}

export function closeAtEnd(it: { close(): void }): void {
  opened.add(it);
}

export function closeClients(): void {
  for (const tidings of opened) tidings.close();
  opened.clear();
}
