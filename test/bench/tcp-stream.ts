/** `node tcp-stream.ts take` says each quarter of a second how much came; `node tcp-stream.ts give ADDRESS` sends for ever. */
import { once } from "node:events";
import { connect, createServer } from "node:net";

const port = 7_778;
const tickMs = 250;

function take(): void {
  let bytes = 0;
  createServer((socket) => socket.on("data", (chunk) => (bytes += chunk.length))).listen(port, () => {
    console.error(JSON.stringify({ msg: "taking" }));
    setInterval(() => console.error(JSON.stringify({ msg: "taken", bytes })), tickMs);
  });
}

async function give(address: string): Promise<void> {
  const socket = connect(port, address);
  const chunk = Buffer.alloc(2 ** 16);
  for (;;) if (!socket.write(chunk)) await once(socket, "drain");
}

if (import.meta.main) {
  const [what, address = ""] = process.argv.slice(2);
  await (what === "take" ? take() : give(address));
}
