import { networkInterfaces } from "node:os";
import { expect, it } from "vitest";
import { addressToward } from "../../../core/runtime/local-address.ts";

it("the way to this host is by its loopback", async () => {
  expect(await addressToward("127.0.0.1")).toBe("127.0.0.1");
  expect(["127.0.0.1", "::1"]).toContain(await addressToward("localhost"));
});

it("the way to anywhere begins at an address of this host", async () => {
  const own = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address));
  for (const address of own.filter((each) => !each.startsWith("fe80")))
    expect(own).toContain(await addressToward(address));
});

it("a name that nobody knows has no way", async () => {
  await expect(addressToward("no-such-host.invalid")).rejects.toThrow();
});
