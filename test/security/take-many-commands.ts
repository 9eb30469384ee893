/** Reads an assignment of so many commands as an agent does, and says what came of it and how much memory it took. */
import { encode } from "cborg";
import { checkAssignment } from "../../core/agent/accept.ts";
import type { SitePermission } from "../../core/agent/accept.ts";
import { decodeAssignment } from "../../core/assignment/decode.ts";
import { commitHeader } from "../core/assignment/sample.ts";
import { assemble } from "../fuzz/assignment-mutations.ts";

const permission: SitePermission = {
  ...{ directory: "/x", maxEntries: 2_000_000, maxBytes: 2 ** 40, maxFileBytes: 2 ** 40, extensions: [] },
  ...{ names: "any", symlinks: "keep" },
};
const command = encode({ kind: "remove", path: "a" });
const sequence = Buffer.alloc(command.length * Number(process.argv[2]), command);
const header = { ...commitHeader, type: "update", audience: { group: "web", nodes: ["n1"] } };
const buffer = assemble(encode(header), sequence);
try {
  checkAssignment(decodeAssignment(buffer), "n1", { site: "shop", lastSerial: 0 }, permission, 0);
  console.log("taken");
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  console.log(JSON.stringify({ code, message, sizeBytes: buffer.length }));
}
