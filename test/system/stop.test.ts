import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { Deployment } from "./deployment.ts";

const stopped = join(import.meta.dirname, "plugins/stopped.ts");

it("a control that is told to stop while it starts does so", async () => {
  const deployment = await Deployment.create({ plugins: [stopped], groups: {}, sites: {} });
  onTestFinished(() => deployment[Symbol.asyncDispose]());
  const control = deployment.spawn(["control", "--config", deployment.config]);
  expect(await control.ended).toBe(0);
  expect(control.log.map(({ msg }) => msg)).toContain("control stops");
});
