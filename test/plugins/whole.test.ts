import { describe, expect, it } from "vitest";
import {
  StrictContent,
  collect,
  noiseBytes,
  recordingHost,
  testDelta,
  testPlugin,
  textBytes,
} from "distributary/testkit";
import whole from "../../plugins/whole/index.ts";

const create = () => recordingHost(whole).deltas.get("whole");

testPlugin(whole);
testDelta("whole", create);

describe("whole", () => {
  it("takes the target for the delta", () => {
    const target = noiseBytes(2_500_000);
    const delta = collect(create().encode(new StrictContent(textBytes(1_000)), new StrictContent(target)));
    expect(Buffer.compare(delta, target)).toBe(0);
  });

  it("reads nothing of the base", () => {
    const base = { sizeBytes: 1_000, read: () => expect.unreachable("the base was read") };
    const target = textBytes(10_000);
    const delta = collect(create().encode(base, new StrictContent(target)));
    expect(collect(create().decode(base, [delta], target.length)).length).toBe(target.length);
  });
});
