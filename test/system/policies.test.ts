import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Deployment } from "./deployment.ts";
import { mixedTree, noise, readTree, writeTree } from "./tree.ts";

const policies = {
  encrypted: { encrypt: "aes-256-gcm" },
  "encrypted-otherwise": { encrypt: "chacha20-poly1305", compress: [{ types: ["*"], use: "brotli" }] },
  sections: { pieceBytes: "64 KiB", sectionBytes: "128 KiB", compress: [] },
  "encrypted-sections": { encrypt: "aes-256-gcm", pieceBytes: "64 KiB", sectionBytes: "128 KiB" },
  whole: { delta: "none", compress: [{ types: ["*"], use: "gzip" }] },
};

describe.each(Object.entries(policies))("a site under the policy '%s'", (name, policy) => {
  let deployment: Deployment;
  const serials = async () =>
    (await deployment.api<{ serial: number; type: string }[]>("GET", "/v1/sites/www/snapshots")).filter(
      ({ type }) => type === "update",
    );

  beforeAll(async () => {
    deployment = await Deployment.create({
      groups: { web: { nodes: ["a", "b"] } },
      sites: { www: { group: "web", policy } },
    });
    await deployment.startAll("a", "b");
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  it("arrives as it was staged, whole and as a difference", async () => {
    mixedTree(deployment.staging("www"), name);
    const films = Object.fromEntries(
      [1, 2, 3, 4].map((number) => [`film-${number}.mp4`, noise(200_000, `${name} ${number}`)]),
    );
    writeTree(deployment.staging("www"), films);
    for (const change of ["none", "some"]) {
      if (change === "some")
        writeFileSync(join(deployment.staging("www"), "film-2.mp4"), noise(200_000, `${name} again`));
      expect(await deployment.run("publish", "www")).toMatchObject({ code: 0 });
      const staged = readTree(deployment.staging("www"));
      for (const node of ["a", "b"]) expect(readTree(deployment.live(node, "www"))).toEqual(staged);
    }
    const updates = await serials();
    if (name.includes("sections")) expect(updates.length).toBeGreaterThan(5);
    else expect(updates.length).toBe(2);
  });
});
