// The server of the package `@durable-streams/server`, in memory.
import { DurableStreamTestServer } from "@durable-streams/server";

const server = new DurableStreamTestServer({ host: "127.0.0.1", port: Number(process.argv[2]), compression: false });
await server.start();
