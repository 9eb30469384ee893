import type { NetworkInterfaceInfo } from "node:os";
import { expect, it } from "vitest";
import { segmentOfNetwork } from "../../../../core/agent/segment/own-segment.ts";

const ipv4 = (address: string, netmask: string, internal = false): NetworkInterfaceInfo => ({
  ...{ family: "IPv4", address, netmask, internal, mac: "02:00:00:00:00:01", cidr: null },
});
const ipv6: NetworkInterfaceInfo = {
  ...{ family: "IPv6", address: "2001:db8::7", netmask: "ffff:ffff:ffff:ffff::", internal: false },
  ...{ mac: "02:00:00:00:00:02", cidr: null, scopeid: 0 },
};
const interfaces = {
  lo: [ipv4("127.0.0.1", "255.0.0.0", true)],
  eth0: [ipv4("192.0.2.130", "255.255.255.128"), ipv6],
  eth1: [ipv4("10.9.8.7", "255.255.240.0")],
};

it.each([
  ["192.0.2.130", "net-192-0-2-128-25"],
  ["10.9.8.7", "net-10-9-0-0-20"],
  ["::ffff:10.9.8.7", "net-10-9-0-0-20"],
  // Datagrams for all go to an IPv4 group, also where control is reached otherwise.
  ["2001:db8::7", "net-192-0-2-128-25"],
  ["127.0.0.1", undefined],
  ["203.0.113.1", undefined],
  [undefined, undefined],
])("a host that reaches control by %s belongs to %s", (address, segment) => {
  expect(segmentOfNetwork(address, interfaces)).toBe(segment);
});
