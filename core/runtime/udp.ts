import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIP, isIPv6 } from "node:net";
import { failure } from "../../sdk/index.ts";
import type { Udp } from "../../sdk/index.ts";
import { segmentationOf } from "./segmentation.ts";
import { UdpSender } from "./udp-sender.ts";

/** What the kernel keeps for a process that is busy; the usual 208 KiB overflow at 100 Mbit/s. */
const receiveBytes = 4 * 1024 * 1024;
/** What it keeps of what is sent: at 100 Mbit/s some 30 ms, and what comes after it waits for no longer. */
const sendBytes = 512 * 1024;

/** Datagrams of this host. Addresses are numbers, never names; one that cannot be sent is lost like any other. */
export const realUdp: Udp = {
  async bind({ port, address, groups = [], interfaceAddress, ttl, joined = false, receive }) {
    const type = isIPv6(address ?? groups[0] ?? "") ? "udp6" : "udp4";
    const socket = createSocket({
      type,
      // Members on one host share a group's port; nobody may share another.
      reuseAddr: groups.length > 0,
      recvBufferSize: receiveBytes,
      sendBufferSize: sendBytes,
      // Saves a turn through the resolver for each datagram.
      lookup(name, _options, done) {
        done(isIP(name) === 0 ? new Error(`'${name}' is no address`) : null, name, isIP(name));
      },
    });
    const sender = new UdpSender(socket);
    try {
      // The lookup above answers at once, so the socket may listen before `bind` returns.
      const listening = once(socket, "listening");
      socket.bind({ port, ...(address === undefined ? {} : { address }) });
      await listening;
      if (interfaceAddress !== undefined) socket.setMulticastInterface(interfaceAddress);
      for (const group of groups) socket.addMembership(group, interfaceAddress);
      if (ttl !== undefined) {
        socket.setTTL(ttl);
        socket.setMulticastTTL(ttl);
      }
    } catch (cause) {
      socket.close();
      const { code, message } = cause as NodeJS.ErrnoException;
      const problem = code === "EADDRINUSE" ? "something else listens there" : message;
      throw failure("DIST_ERR_LINK_PORT", { address: address ?? "*", port, problem }, { cause });
    }
    socket.on("message", (bytes, from) => receive({ bytes, address: from.address, port: from.port }));
    // Errors of single datagrams (unreachable, too long) are losses, which every protocol over UDP mends.
    socket.on("error", () => undefined);
    const isJoined = joined && (await segmentationOf(socket))?.joinReceived() === true;
    let isOpen = true;
    return {
      port: socket.address().port,
      get isFast() {
        return sender.isJoining || isJoined;
      },
      get waitingBytes() {
        return sender.waitingBytes;
      },
      send: (bytes, to, toPort) => sender.send(bytes, to, toPort),
      sendMany: (bytes, each, to, toPort) => sender.sendMany(bytes, each, to, toPort),
      async [Symbol.asyncDispose]() {
        if (!isOpen) return;
        isOpen = false;
        sender.close();
        const closed = once(socket, "close");
        socket.close();
        await closed;
      },
    };
  },
};
