/** A process that takes the lock of a directory, says so, and keeps it until it is killed. */
import { lockData } from "../../../core/runtime/data-lock.ts";

try {
  await lockData(process.argv[2] ?? "");
  console.log("held");
  setInterval(() => {}, 60_000);
} catch (error) {
  console.log(error instanceof Error ? error.message : String(error));
}
