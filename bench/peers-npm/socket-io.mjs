// A Socket.IO server: what somebody publishes goes to everybody else.
import { Server } from "socket.io";

const server = new Server(Number(process.argv[2]), {
  transports: ["websocket"],
  serveClient: false,
  // Nobody is asked whether it is still there while others are measured.
  pingInterval: 3_600_000,
});
// What its documentation advises for less memory.
server.engine.on("connection", (connection) => { connection.request = null; });
server.on("connection", (socket) => {
  socket.on("publish", (message) => socket.broadcast.emit("m", message));
});
