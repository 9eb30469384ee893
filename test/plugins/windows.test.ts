import { describe, expect, it } from "vitest";
import { recordingHost, testPlugin } from "distributary/testkit";
import windows from "../../plugins/windows/index.ts";
import { testInterpreter } from "../../sdk/testkit/interpreter.ts";
import { simIo } from "../../sdk/testkit/sim/io.ts";

const create = () => recordingHost(windows).interpreters.get("windows");

testPlugin(windows);
testInterpreter("windows", create);

describe("windows", () => {
  it("says where it cannot be used, and what to use there", () => {
    const reason = create().probe?.(simIo());
    if (process.platform === "win32") expect(reason).toBeUndefined();
    else expect(reason).toContain("use the interpreter 'posix'");
  });
});
