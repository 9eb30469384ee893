import type { Clock, Udp, UdpSocket } from "distributary/sdk";
import type { LanFaults } from "./sim/lan-faults.ts";

/** Datagrams of a host on a real network, with what goes wrong added to it. Those that come as one share their fate. */
export function faultyUdp(udp: Udp, clock: Clock, host: string, faults: LanFaults): Udp {
  return {
    async bind(options) {
      let isOpen = true;
      const socket = await udp.bind({
        ...options,
        receive({ bytes, address, port }) {
          for (const arrival of faults.arrivals(host, bytes)) {
            const datagram = { bytes: arrival.bytes, address, port };
            if (arrival.delayMs === 0) options.receive(datagram);
            else {
              const late = () => isOpen && options.receive(datagram);
              void clock.until(clock.now() + arrival.delayMs).then(late);
            }
          }
        },
      });
      const faulty: UdpSocket = {
        port: socket.port,
        get isFast() {
          return socket.isFast;
        },
        get waitingBytes() {
          return socket.waitingBytes;
        },
        send: (bytes, to, port) => void (faults.leaves(host, bytes.length) && socket.send(bytes, to, port)),
        sendMany(bytes, each, to, port) {
          if (faults.leaves(host, bytes.length)) socket.sendMany(bytes, each, to, port);
        },
        async [Symbol.asyncDispose]() {
          isOpen = false;
          await socket[Symbol.asyncDispose]();
        },
      };
      return faulty;
    },
  };
}
