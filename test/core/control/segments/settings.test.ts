import { isIPv4 } from "node:net";
import { expect, it } from "vitest";
import { SegmentSettings } from "../../../../core/control/segments/settings.ts";

const settings = new SegmentSettings(undefined as never);
const channel = (segment: string, contentGroup: string) => settings.dataChannelOf(segment, contentGroup).group;

it("the data of each content group travels on a channel of its own in each segment (CM-18)", () => {
  const names = Array.from({ length: 30 }, (_, index) => `n${index}`);
  const channels = names.flatMap((segment) => names.map((group) => channel(segment, group)));
  expect(new Set(channels).size).toBe(channels.length);
  expect(new Set([channel("ab", "c"), channel("a", "bc"), channel("c", "ab")]).size).toBe(3);
  expect(channel("hall", "web")).toBe(channel("hall", "web"));
});

it("data channels are for use within an organization, and are not those on which segments talk", () => {
  for (let index = 0; index < 300; index += 1) {
    const { group, port } = settings.dataChannelOf(`hall-${index}`, "web");
    expect([isIPv4(group), port]).toEqual([true, 7_403]);
    expect(group).toMatch(/^239\.19[2-5]\./);
    expect(settings.channelOf(`hall-${index}`)).not.toMatchObject({ group, port });
  }
});
