import { writeFile } from "../../../sdk/testkit/disk-subject.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";

/** A disk with one file in its root. */
export function diskWith(path: string, bytes: Uint8Array): SimDisk {
  const disk = new SimDisk();
  writeFile(disk, path, bytes);
  return disk;
}
