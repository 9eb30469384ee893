import { writeSync } from "node:fs";
import { workerData } from "node:worker_threads";

/** What a watchdog looks at: the number of the case that runs. */
export interface Watched {
  readonly name: string;
  readonly current: Float64Array;
}

const patienceMs = 60_000;
const { name, current } = workerData as Watched;

let seen: number | undefined;
setInterval(() => {
  const number = current[0];
  if (number === seen) {
    // The thread that hangs would have to pass on what goes to `process.stderr`.
    writeSync(2, `case ${number} of '${name}' does not end\nreplay: npm run fuzz -- 1 ${name} ${number}\n`);
    process.kill(process.pid, "SIGKILL");
  }
  seen = number;
}, patienceMs);
