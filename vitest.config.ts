import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// Without a number vitest leaves one core alone, which on two is half of them.
const maxWorkers = Math.max(2, availableParallelism() - 1);
const shared = { pool: "forks", testTimeout: 60_000, hookTimeout: 60_000 } as const;

export default defineConfig({
  test: {
    maxWorkers,
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["test/**/*.test.ts", "plugins/**/*.test.ts"],
          exclude: ["test/system/**", "sdk/template/**", "**/node_modules/**"],
          typecheck: { enabled: true, include: ["test/types/**/*.test-d.ts"], ignoreSourceErrors: true },
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: "system",
          include: ["test/system/**/*.test.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
