/**
 * `node datagrams.ts hear` writes down what comes; `node datagrams.ts say ADDRESS TEXT COUNT` sends the text so many
 * times, with `1`, `2`, … behind it. Multicast goes over whatever has the default route.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { promisify } from "node:util";

export const group = "239.77.0.1";
const port = 7_777;

async function hear(): Promise<void> {
  const socket = createSocket("udp4");
  socket.on("message", (bytes) => console.error(bytes.toString()));
  await once(socket.bind(port), "listening");
  socket.addMembership(group);
  console.error("hearing");
}

async function say(address: string, text: string, count: number): Promise<void> {
  const socket = createSocket("udp4");
  const send = promisify<string, number, string, number>(socket.send).bind(socket);
  for (let number = 1; number <= count; number += 1) await send(`${text} ${number}`, port, address);
  socket.close();
}

if (import.meta.main) {
  const [what, address = "", text = "", count = "1"] = process.argv.slice(2);
  await (what === "hear" ? hear() : say(address, text, Number(count)));
}
