import { definePlugin, fileTree, refusePortable } from "distributary/sdk";
import type { FileTreeRules } from "distributary/sdk";

export default definePlugin({
  name: "windows",
  api: 1,
  description: "Builds releases beside the live one on Windows and switches by a file that names the live one.",
  stability: "experimental",
  setup(host) {
    host.interpreters.add("windows", fileTree(rules));
  },
});

/** No modes, no symbolic links, and pointers are files, because no link to a directory can be replaced at once. */
const rules: FileTreeRules = {
  keeps: { modes: false, symlinks: false },
  pointer: "file",
  refuse: refusePortable,
  probe: () => (process.platform === "win32" ? undefined : `this is ${process.platform}; use the interpreter 'posix'`),
};
