/*
 * What an agent does to a site, in a process of its own that kills itself (SIGKILL) before the operation on the disk
 * with the number given, if there are so many: node killed-agent.ts <root> <title of the scenario> <operation>
 */
import { scenarios } from "./release-scenarios.ts";
import { rootedDisk } from "./rooted-disk.ts";
import { SiteTrial } from "./site-trial.ts";

const [root = "", title, operation = ""] = process.argv.slice(2);
const scenario = scenarios.find((each) => each.title === title);
const disk = rootedDisk(root, (count) => {
  if (count === Number(operation)) process.kill(process.pid, "SIGKILL");
});
await scenario?.act(new SiteTrial(disk).recovered());
