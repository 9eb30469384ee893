import { testDisk } from "../../../sdk/testkit/disk.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";

const rooted = (privileged: boolean) => () => {
  const disk = new SimDisk({ privileged });
  disk.makeDirectory("/root");
  return { disk, root: "/root", privileged };
};

testDisk("a simulated disk", rooted(false));
testDisk("a simulated disk of root", rooted(true));
