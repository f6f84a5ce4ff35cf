// One client for a moment: publishes three messages, follows until it has them, and prints over which transport. Runs in Node and in pages alike.

export async function exchange(connect, url, transport) {
  const tidings = connect(url, { tabs: false, transport, pollInterval: 200 });
  const stream = tidings.stream(`over-${transport}-${Math.random().toString(36).slice(2)}`);
  const received = [];
  await stream.publish(1);
  for await (const { data } of stream.messages({ from: "beginning" })) {
    received.push(data);
    if (received.length === 3) break;
    // What was there came by a plain read; what follows is to come by that transport.
    await becomesLive(tidings);
    await stream.publish(data + 1);
  }
  const { transport: used } = tidings.status;
  tidings.close();
  return { received, used };
}

function becomesLive(tidings) {
  return new Promise((done) => {
    const look = () => tidings.status.state === "live" && done();
    tidings.addEventListener("status", look);
    look();
  });
}

if (globalThis.process?.argv[2] !== undefined) {
  const { connect } = await import("../dist/index.js");
  const [, , url, transport] = process.argv;
  console.log(JSON.stringify(await exchange(connect, url, transport)));
  process.exit();
}
