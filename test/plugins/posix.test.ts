import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, it } from "vitest";
import { removeTree } from "distributary/sdk";
import { recordingHost, testPlugin } from "distributary/testkit";
import { realDisk } from "../../core/runtime/disk.ts";
import posix from "../../plugins/posix/index.ts";
import { testInterpreter, testInterpreterOnDisk } from "../../sdk/testkit/interpreter.ts";
import { simIo } from "../../sdk/testkit/sim/io.ts";

const directory = mkdtempSync(`${tmpdir()}/distributary-posix-`);
afterAll(() => removeTree(realDisk, directory));

const create = () => recordingHost(posix).interpreters.get("posix");

testPlugin(posix);
testInterpreter("posix", create);

describe("on this host", () => {
  testInterpreterOnDisk("posix", create, () => ({ disk: realDisk, root: mkdtempSync(`${directory}/case-`) }));

  it("can be used wherever it is not Windows", () => {
    expect(create().probe?.(simIo()) === undefined).toBe(process.platform !== "win32");
  });
});
