import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIP } from "node:net";
import { lookup } from "node:dns/promises";

/** The address of this host from which `host` is reached; nothing is sent. Throws Node's error if there is no way. */
export async function addressToward(host: string): Promise<string> {
  const { address } = isIP(host) === 0 ? await lookup(host) : { address: host };
  const socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4");
  try {
    socket.connect(9, address);
    await once(socket, "connect");
    return socket.address().address;
  } finally {
    socket.close();
  }
}
