import { definePlugin, fileTree } from "distributary/sdk";
import type { FileTreeRules } from "distributary/sdk";

export default definePlugin({
  name: "posix",
  api: 1,
  description: "Builds releases beside the live one on Linux and macOS and switches by a symbolic link.",
  stability: "stable",
  setup(host) {
    host.interpreters.add("posix", fileTree(rules));
  },
});

/** Modes and symbolic links are kept, and pointers are symbolic links. */
const rules: FileTreeRules = {
  keeps: { modes: true, symlinks: true },
  pointer: "symlink",
  probe: () =>
    process.platform === "win32" ? "Windows has no modes, and no links that can be replaced at once" : undefined,
};
