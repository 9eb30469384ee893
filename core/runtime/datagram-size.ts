import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

/** What Ethernet carries, and so nearly every network. */
const usualMtu = 1_500;
/** Of IP, without options, and UDP. */
const headerBytes = { 4: 20 + 8, 6: 40 + 8 };
/** The longest that jumbo frames of 9,000 carry over either; loopback and virtual devices promise more than helps. */
const mostBytes = 8_972;

/** The longest payload that leaves the interface with this address in one packet, at most 8,972 bytes. */
export function datagramBytesFrom(address: string): number {
  return Math.min(mostBytes, mtuOf(address) - headerBytes[isIPv6(address) ? 6 : 4]);
}

/** As the kernel has it at this moment; where it does not say, the usual one. */
function mtuOf(address: string): number {
  const entries = Object.entries(networkInterfaces());
  const [name] = entries.find(([, addresses]) => addresses?.some((known) => known.address === address)) ?? [];
  if (name === undefined || process.platform !== "linux") return usualMtu;
  try {
    // A second address of an interface may have a label, as in `eth0:1`.
    return Number(readFileSync(`/sys/class/net/${name.replace(/:.*/, "")}/mtu`, "latin1"));
  } catch {
    // Gone since, or sysfs is not mounted.
    return usualMtu;
  }
}
