import type { Socket } from "node:dgram";
import { joinedBytes, segmentationOf } from "./segmentation.ts";
import type { Segmentation } from "./segmentation.ts";

/** What goes out in one call: datagrams of `each` bytes but for the last. */
interface Batch {
  readonly bytes: Uint8Array;
  readonly each: number;
  readonly address: string;
  readonly port: number;
}

/** Errors by which the system refuses to cut: the device cannot, or datagrams of this length do not fit its packets. */
const refusals: ReadonlySet<string | undefined> = new Set(["EIO", "EINVAL", "EMSGSIZE", "EOPNOTSUPP"]);

/**
 * Sends through a socket, several datagrams in one call where the system can: it cuts all that is sent into the length
 * that is set for the socket, so this is changed only when nothing waits that was meant for another.
 */
export class UdpSender {
  readonly #socket: Socket;
  /** Undefined until `sendMany` was called, and where the system cannot. */
  #segmentation: Segmentation | undefined;
  #isAsked = false;
  /** Whether batches go out in one call; not any more after the system refused one. */
  #isJoining = false;
  #cutInto = 0;
  #isOpen = true;
  /** Behind datagrams that wait for the system and were meant for another length. */
  readonly #held: Batch[] = [];
  #heldBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isJoining(): boolean {
    return this.#isJoining;
  }

  get waitingBytes(): number {
    return this.#isOpen ? this.#socket.getSendQueueSize() + this.#heldBytes : 0;
  }

  send(bytes: Uint8Array, address: string, port: number): void {
    this.#take({ bytes, each: bytes.length, address, port });
  }

  sendMany(bytes: Uint8Array, each: number, address: string, port: number): void {
    if (!this.#isAsked) void this.#ask();
    const most = this.#isJoining ? joinedBytes(each) : each;
    for (let at = 0; at < bytes.length; at += most) {
      this.#take({ bytes: bytes.subarray(at, at + most), each, address, port });
    }
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#isOpen = false;
    this.#held.length = 0;
    this.#heldBytes = 0;
  }

  async #ask(): Promise<void> {
    this.#isAsked = true;
    this.#segmentation = await segmentationOf(this.#socket);
    this.#isJoining = this.#segmentation !== undefined;
  }

  #take(batch: Batch): void {
    // Port 0 is nobody's, though a datagram may say that it comes from there.
    if (!this.#isOpen || batch.port === 0) return;
    if (this.#held.length === 0 && this.#prepare(batch)) return this.#pass(batch);
    this.#held.push(batch);
    this.#heldBytes += batch.bytes.length;
  }

  /** Has the socket cut as this batch needs it; false while it cannot be changed. */
  #prepare({ bytes, each }: Batch): boolean {
    const isJoined = bytes.length > each;
    const fits = isJoined ? this.#cutInto === each : this.#cutInto === 0 || bytes.length <= this.#cutInto;
    if (this.#isJoining ? fits : isJoined || this.#cutInto === 0) return true;
    if (this.#socket.getSendQueueCount() > 0) return false;
    const wanted = isJoined ? each : 0;
    if (this.#segmentation?.cutInto(wanted) === true) this.#cutInto = wanted;
    else this.#isJoining = false;
    return true;
  }

  #pass(batch: Batch): void {
    const { bytes, each, address, port } = batch;
    // The system refused in the meantime.
    if (bytes.length > each && !this.#isJoining) return this.sendMany(bytes, each, address, port);
    const cutInto = this.#cutInto;
    this.#socket.send(bytes, port, address, (error) => this.#sent(batch, cutInto, error));
  }

  /** Errors of single datagrams (unreachable, too long) are losses, which every protocol over UDP mends. */
  #sent({ bytes, each, address, port }: Batch, cutInto: number, error: NodeJS.ErrnoException | null): void {
    if (error !== null && cutInto > 0 && refusals.has(error.code)) {
      this.#isJoining = false;
      this.sendMany(bytes, each, address, port);
    }
    while (this.#held[0] !== undefined && this.#prepare(this.#held[0])) {
      const [batch] = this.#held.splice(0, 1) as [Batch];
      this.#heldBytes -= batch.bytes.length;
      this.#pass(batch);
    }
  }
}
