import type { Socket } from "node:dgram";

/** What one call may bring at most: some kernels refuse more segments than fit into 64 KiB of 1,472 bytes. */
const mostSegments = 44;
const mostBytes = 64_000;

/** From linux/udp.h: the level of UDP's options, and those to cut what is sent and to join what arrives. */
const udpLevel = 17;
const udpSegment = 103;
const udpReceiveOffload = 104;

type SetOption = (fd: number, level: number, name: number, value: Uint8Array, size: number) => number;

/** A socket with which Linux takes and gives several datagrams in one call (UDP GSO and GRO). */
export interface Segmentation {
  /** From now on what is sent is cut into datagrams of so many bytes; 0 for no more. False if the system refuses. */
  cutInto(bytes: number): boolean;
  /** From now on datagrams of a sender that follow each other, of one length but for the last, may come as one. */
  joinReceived(): boolean;
}

let loading: Promise<SetOption | undefined> | undefined;

/** Undefined where the system or this installation cannot: the library for the call is optional, and loaded here. */
export async function segmentationOf(socket: Socket): Promise<Segmentation | undefined> {
  loading ??= loadSetOption();
  const setOption = await loading;
  const fd = descriptorOf(socket);
  if (setOption === undefined || fd === undefined) return undefined;
  const set = (name: number, value: number) => setOption(fd, udpLevel, name, int32(value), 4) === 0;
  const segmentation = {
    cutInto: (bytes: number) => set(udpSegment, bytes),
    joinReceived: () => set(udpReceiveOffload, 1),
  };
  return segmentation.cutInto(0) ? segmentation : undefined;
}

/** How much of datagrams of `each` bytes one call may bring. */
export function joinedBytes(each: number): number {
  return each * Math.max(1, Math.min(mostSegments, Math.floor(mostBytes / each)));
}

async function loadSetOption(): Promise<SetOption | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    const { default: koffi } = await import("koffi");
    return koffi.load(null).func("int setsockopt(int, int, int, const void*, uint32_t)") as SetOption;
  } catch {
    // Not installed, or not built for this machine: it is optional.
    return undefined;
  }
}

/**
 * Node has no public way to the number. `_handle` is deprecated and warns; the state behind it has been there since
 * Node 11, and a Node without it is one without the fast path, which the tests notice.
 */
function descriptorOf(socket: Socket): number | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "state symbol");
  const state = symbol && (Reflect.get(socket, symbol) as { handle?: { fd?: number } | null } | undefined);
  const fd = state?.handle?.fd;
  return fd !== undefined && fd >= 0 ? fd : undefined;
}

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}
