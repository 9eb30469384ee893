import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { execFileSync, spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { scenarios } from "./release-scenarios.ts";
import { rootedDisk } from "./rooted-disk.ts";
import { SiteTrial, seen } from "./site-trial.ts";

const scratch = mkdtempSync(join(tmpdir(), "distributary-kills-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Every so many operations; all of them are tried on the simulated disk. */
const stride = 5;

describe.each(scenarios.map((scenario, index) => ({ ...scenario, index })))(
  "$title, in a process that kills itself at an operation on the disk",
  ({ title, index, begin, before, after }) => {
    it("leaves one version live, and the next one can be published", async () => {
      const start = join(scratch, `start-${index}`);
      mkdirSync(join(start, "srv"), { recursive: true });
      await begin(new SiteTrial(rootedDisk(start)));
      let kills = 0;
      for (let operation = index % stride; ; operation += stride) {
        const root = join(scratch, `${index}-${operation}`);
        execFileSync("cp", ["-a", start, root]);
        const script = join(import.meta.dirname, "killed-agent.ts");
        const { signal, status, stderr } = spawnSync(process.execPath, [script, root, title, String(operation)]);
        if (signal === null) {
          expect(status, stderr.toString()).toBe(0);
          break;
        }
        kills += 1;
        const disk = rootedDisk(root);
        expect([before, after], `killed at operation ${operation}`).toContain(seen(disk));
        const trial = new SiteTrial(disk).recovered();
        expect(trial.releases.state.live?.version ?? 0).toBe(seen(disk));
        await trial.publish(4, 100, seen(disk));
        expect(seen(disk)).toBe(4);
        rmSync(root, { recursive: true });
      }
      expect(kills).toBeGreaterThan(1);
    });
  },
);
