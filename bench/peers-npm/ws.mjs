// A WebSocket server with the package `ws`: what comes on /publish goes to everybody else.
import { WebSocketServer, WebSocket } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false });
const followers = new Set();

server.on("connection", (socket, request) => {
  if (request.url === "/publish") {
    socket.on("message", (message) => {
      for (const follower of followers) {
        if (follower.readyState === WebSocket.OPEN) follower.send(message, { binary: false });
      }
    });
    return;
  }
  followers.add(socket);
  socket.on("close", () => followers.delete(socket));
  socket.send("following");
});
