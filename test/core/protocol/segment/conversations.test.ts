import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { conversations, converse } from "./conversations.ts";

describe("the conversations of a segment", () => {
  it.for(Object.entries(conversations))("%s go as they are written down", async ([name, conversation]) => {
    const file = join(import.meta.dirname, "golden", `${name}.txt`);
    await expect(converse(conversation)).toMatchFileSnapshot(file);
  });
});
