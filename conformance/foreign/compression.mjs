// Compression of WebSocket messages as tests ask for it: the flags of the server, and the name of what a client that
// offers `permessage-deflate` is to be told. The one place to change when the server learns it.

export const COMPRESSION = [
  { name: "without compression", flags: [], negotiated: "" },
  { name: "with compression offered", flags: [], negotiated: "" },
]
