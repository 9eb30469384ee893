import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";

/**
 * The segment of a host that is told none: named after the IPv4 network of the interface that has this address, as in
 * `net-192-0-2-0-24`, so that hosts of one LAN come together. Undefined for the loopback, and for no address of this
 * host.
 */
export function segmentOfNetwork(
  localAddress: string | undefined,
  interfaces = networkInterfaces(),
): string | undefined {
  const addresses = Object.values(interfaces).map((all = []) => all.filter(({ internal }) => !internal));
  const own = addresses.find((all) => all.some(({ address }) => address === localAddress?.replace(/^::ffff:/, "")));
  const { address, netmask } = own?.find((each) => isIPv4(each.address)) ?? {};
  if (address === undefined || netmask === undefined) return undefined;
  const mask = netmask.split(".").map(Number);
  const network = address.split(".").map((byte, at) => Number(byte) & (mask[at] ?? 0));
  const length = mask.reduce((bits, byte) => bits + byte.toString(2).replaceAll("0", "").length, 0);
  return `net-${network.join("-")}-${length}`;
}
