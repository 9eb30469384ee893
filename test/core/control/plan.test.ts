import { describe, expect, it, onTestFinished, vi } from "vitest";
import { policySchema } from "../../../config/policy.ts";
import { siteSchema } from "../../../config/schema.ts";
import { compileSchema } from "../../../config/validate.ts";
import { hexHashOf } from "../../../core/content/hash.ts";
import { planBuild, planCollect, planCopy, planScan } from "../../../core/control/jobs/plan.ts";
import type { ScanResult } from "../../../core/control/jobs/plan.ts";
import { Kernel } from "../../../core/kernel/kernel.ts";
import type { ObjectSchema } from "../../../sdk/index.ts";
import { writeFile } from "../../../sdk/testkit/disk-subject.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import { quietLog } from "./store/quiet-log.ts";

const kernel = await Kernel.load({ plugins: [], directory: "/", role: "control", log: quietLog() });
const policy = valid(policySchema, {});
const config = valid(siteSchema, { staging: "/staging", group: "web" });
const hour = 3_600_000;

function valid<const S extends ObjectSchema>(schema: S, given: object) {
  const checked = compileSchema(schema, { directory: "/" })(given);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.value;
}

/** Control's data and a staging directory with two files. */
class Plans {
  readonly disk = new SimDisk();
  readonly library = { disk: this.disk, directory: "/data" };
  #buildCount = 0;

  constructor() {
    for (const path of ["/staging", "/data", "/data/sites", "/data/objects"]) this.disk.makeDirectory(path, 0o755);
    writeFile(this.disk, "/staging/a", "one");
    writeFile(this.disk, "/staging/b", "other");
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    this.later(hour);
  }

  /** Lets control's clock be so much later than the last change of a file. */
  later(ms: number): void {
    vi.setSystemTime((this.disk.stat("/staging/b")?.ctimeMs ?? 0) + ms);
  }

  scan(version: number, liveVersion?: number): ScanResult {
    const request = { job: "j", site: "shop", config, policy, allowEmpty: false, liveVersion, version };
    return planScan(this.library, request, () => {});
  }

  build(targetVersion: number): number {
    this.#buildCount += 1;
    const directory = `/data/build-${this.#buildCount}`;
    const request = { site: "shop", policy, baseVersion: undefined, targetVersion, directory };
    return planBuild(this.library, kernel, simIo({ disk: this.disk }), request, () => {}).contentBytes;
  }
}

describe("a scan for a version", () => {
  it("reads what is new, and nothing of what is as it was", () => {
    const plans = new Plans();
    expect(plans.scan(1)).toMatchObject({ isChanged: true, readBytes: 8 });
    expect(plans.scan(2, 1)).toMatchObject({ isChanged: false, readBytes: 0 });
    writeFile(plans.disk, "/staging/c", "new");
    plans.later(2 * hour);
    expect(plans.scan(2, 1)).toMatchObject({ isChanged: true, readBytes: 3 });
    expect(plans.scan(3, 2)).toMatchObject({ isChanged: false, readBytes: 0 });
  });

  it("reads nothing again if the version it found did not become live", () => {
    const plans = new Plans();
    plans.scan(1);
    writeFile(plans.disk, "/staging/c", "new");
    plans.scan(2, 1);
    expect(plans.scan(3, 1)).toMatchObject({ isChanged: true, readBytes: 0, summary: { added: 1, unchanged: 2 } });
  });

  it("reads files once more that changed just before the last one, and then not again", () => {
    const plans = new Plans();
    plans.later(1_000);
    expect(plans.scan(1).readBytes).toBe(8);
    plans.later(hour);
    expect(plans.scan(2, 1)).toMatchObject({ isChanged: false, readBytes: 8 });
    expect(plans.scan(2, 1)).toMatchObject({ isChanged: false, readBytes: 0 });
  });

  it("reads everything if the version that the last one found is gone", () => {
    const plans = new Plans();
    plans.scan(1);
    planCopy(plans.library, "shop", 1, 2);
    planCollect(plans.library, "shop", [2]);
    expect(plans.scan(3, 2)).toMatchObject({ isChanged: false, readBytes: 8 });
    expect(plans.scan(3, 2)).toMatchObject({ isChanged: false, readBytes: 0 });
  });
});

describe("an object that the store has lost", () => {
  it("is missed by the build that needs it, and brought back by the next scan, though nothing has changed", () => {
    const plans = new Plans();
    plans.scan(1);
    expect(plans.build(1)).toBe(8);
    const hash = hexHashOf(Buffer.from("other"));
    plans.disk.unlink(`/data/objects/${hash.slice(0, 2)}/${hash}`);
    expect(plans.scan(2, 1).readBytes).toBe(0);
    expect(() => plans.build(1)).toThrow(expect.objectContaining({ code: "DIST_ERR_CONTENT_MISSING" }));
    expect(plans.scan(2, 1)).toMatchObject({ isChanged: false, readBytes: 8 });
    expect(plans.build(1)).toBe(8);
  });
});

describe("a collection", () => {
  it("deletes what no version of any site names", () => {
    const plans = new Plans();
    plans.scan(1);
    plans.disk.unlink("/staging/b");
    const { tree } = plans.scan(2, 1);
    expect(planCollect(plans.library, "shop", [1, 2])).toBe(0);
    expect(planCollect(plans.library, "shop", [2])).toBe(5);
    expect(plans.scan(3, 2)).toMatchObject({ isChanged: false, readBytes: 0, tree });
    expect(plans.build(2)).toBe(3);
  });
});
