import { expect, it } from "vitest";
import { prefilterBytes, readKeys } from "../../../../core/runtime/channel/key-ring.ts";
import { encodeMessage } from "../../../../core/runtime/channel/message-codec.ts";
import { TrialMember, alive, forge, keysOf, sampleMessages, segment } from "./segment-trial.ts";

const ringKey = readKeys(segment, keysOf(1)).get(1);
const { length } = forge(1, Buffer.of(), { header: { signed: false } });
const headerBytes = length - prefilterBytes - 16;

it("everything in the clear is sealed with the body, also against those who can make a prefilter", () => {
  for (const message of [alive(), sampleMessages.at(-1) ?? alive()]) {
    const two = new TrialMember(2);
    const genuine = forge(1, encodeMessage(message), { header: { signed: message.type === "alive" } });
    for (let bit = 0; bit < headerBytes * 8; bit += 1) {
      const rest = Buffer.from(genuine.subarray(prefilterBytes));
      rest[bit >> 3] = (rest[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const changed = Buffer.concat([ringKey?.prefilter(rest) ?? rest, rest]);
      expect(two.channel.open(changed), `bit ${bit}`).toBeUndefined();
    }
    // Key and nonce come of sender, boot and sequence; whether it is signed depends on the tag alone.
    const { junk = 0, key = 0, seal = 0, ...others } = two.dropped;
    expect([junk + key + seal, others]).toEqual([headerBytes * 8, {}]);
    expect(two.channel.open(genuine)).toBeDefined();
  }
});
