import { realUdp } from "../../../core/runtime/udp.ts";
import type { UdpSocket } from "../../../sdk/index.ts";

/**
 * Sends to itself more than the system takes at once, and then what does not fit a packet; prints what arrived as JSON.
 * The network is expected to be as `udp-joined.test.ts` makes it.
 */
const address = "127.0.0.1";

/** A socket that keeps the lengths of what it receives. */
class Receiver {
  readonly lengths: number[] = [];
  readonly expected: number[] = [];
  socket!: UdpSocket;
  #wake: () => void = () => undefined;

  async open(): Promise<this> {
    this.socket = await realUdp.bind({
      port: 0,
      address,
      receive: ({ bytes }) => {
        this.lengths.push(bytes.length);
        this.#wake();
      },
    });
    return this;
  }

  async all(): Promise<number[]> {
    while (this.lengths.length < this.expected.length) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.expected.length = 0;
    return this.lengths.splice(0);
  }
}

// Together their buffers hold all that can be on its way, so that nothing is lost on a machine that is busy.
const receivers = await Promise.all(Array.from({ length: 4 }, () => new Receiver().open()));
const sender = await realUdp.bind({ port: 0, address, receive: () => undefined });

function sendMany(to: Receiver, size: number, each: number): void {
  sender.sendMany(new Uint8Array(size), each, address, to.socket.port);
  for (let at = 0; at < size; at += each) to.expected.push(Math.min(each, size - at));
}

const [first] = receivers as [Receiver];
do {
  sendMany(first, 2_000, 1_000);
  await first.all();
} while (!sender.isFast);

let isWaiting = false;
for (let rounds = 0; rounds < 12;) {
  for (const to of receivers) {
    sendMany(to, 44 * 1_400, 1_400);
    sendMany(to, 1_450, 1_450);
    sendMany(to, 10_500, 1_000);
  }
  isWaiting ||= sender.waitingBytes > 0;
  if (isWaiting) rounds += 1;
}
let inOrder = true;
for (const receiver of receivers) {
  const expected = [...receiver.expected];
  inOrder &&= (await receiver.all()).join() === expected.join();
}
const { waitingBytes, isFast: wasFast } = sender;

sendMany(first, 7_000, 2_000);
sendMany(first, 2_805, 1_400);
const tooLong = (await first.all()).sort((a, b) => a - b);
console.log(JSON.stringify({ inOrder, waitingBytes, wasFast, tooLong, isFast: sender.isFast }));
for (const { socket } of [...receivers, { socket: sender }]) await socket[Symbol.asyncDispose]();
