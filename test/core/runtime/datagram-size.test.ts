import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { datagramBytesFrom } from "../../../core/runtime/datagram-size.ts";

const product = join(import.meta.dirname, "../../../core/runtime/datagram-size.ts");

/** Needs root, for a network of its own. */
function sizesWith(mtu: number, ...addresses: readonly string[]): unknown {
  const script = `
    const { datagramBytesFrom } = await import(${JSON.stringify(product)});
    console.log(JSON.stringify(${JSON.stringify(addresses)}.map(datagramBytesFrom)));`;
  // Loopback is up at once; others when the kernel comes to it.
  const setUp = `
    ip address add 10.1.2.3/24 dev lo label lo:more && ip -6 address add fd00::1/64 dev lo nodad &&
    ip link set lo mtu ${mtu} up`;
  // sysfs shows the devices of the network it was mounted in.
  const command = `mount -t sysfs sysfs /sys && ${setUp} && exec "$0" --input-type=module --eval "$1"`;
  const args = ["--net", "--mount", "sh", "-c", command, process.execPath, script];
  const { stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
  return stdout === "" ? stderr : JSON.parse(stdout);
}

it("a datagram is as long as a packet of its interface, less the headers", () => {
  expect(sizesWith(1_500, "10.1.2.3", "fd00::1")).toEqual([1_472, 1_452]);
  expect(sizesWith(1_420, "10.1.2.3", "fd00::1")).toEqual([1_392, 1_372]);
  expect(sizesWith(9_000, "10.1.2.3", "fd00::1")).toEqual([8_972, 8_952]);
});

it("a datagram is not longer than in jumbo frames, whatever the interface says", () => {
  expect(sizesWith(65_000, "10.1.2.3", "fd00::1")).toEqual([8_972, 8_972]);
});

it("an address this host has not is taken for one on Ethernet", () => {
  expect([datagramBytesFrom("192.0.2.1"), datagramBytesFrom("2001:db8::1")]).toEqual([1_472, 1_452]);
});
