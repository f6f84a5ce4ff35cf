// Compression of WebSocket messages as tests ask for it: the flags of the server, and the name of what a client that
// offers `permessage-deflate` is to be told.

export const COMPRESSION = [
  { name: "without compression", flags: ["--websocket-compression", "false"], negotiated: "" },
  { name: "with compression", flags: ["--websocket-compression", "true"], negotiated: "permessage-deflate" },
]
