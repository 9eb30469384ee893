import { diskFileCases } from "./disk-files.ts";
import { diskNameCases } from "./disk-names.ts";
import type { DiskSubject } from "./disk-subject.ts";
import { runKit } from "./kit.ts";
import type { Kit } from "./kit.ts";

/** What a disk keeps, real or simulated. */
export const diskKit: Kit<DiskSubject> = { name: "disk", cases: [...diskFileCases, ...diskNameCases] };

/** Runs `diskKit` with vitest; `create` makes a new empty directory for each case. */
export function testDisk(name: string, create: () => DiskSubject): void {
  runKit(diskKit, name, create);
}
