import { describe, expect, it } from "vitest";
import { failure } from "distributary/sdk";
import { readConfig } from "../../../../config/load.ts";
import { printError } from "../../../../core/cli/terminal/print-error.ts";
import { RecordedTerminal } from "./recorded-terminal.ts";

function print(error: unknown, format?: "text" | "json"): string {
  const terminal = new RecordedTerminal();
  printError(error, terminal, format);
  expect(terminal.out).toBe("");
  return terminal.error;
}

function configError(): unknown {
  try {
    return readConfig("group: {}\nsite: {}", "web.yaml");
  } catch (error) {
    return error;
  }
}

describe("printError", () => {
  it("writes code, place, message and hint", () => {
    const error = failure("DIST_ERR_PLUGIN_DUPLICATE", { plugin: "gzip" }, { where: "web.yaml:3" });
    expect(print(error)).toBe(
      "DIST_ERR_PLUGIN_DUPLICATE  web.yaml:3  two plugins are called 'gzip'\n" +
        "  hint: give one of them another id with `as:`\n",
    );
  });

  it("writes all that is wrong in a configuration", () => {
    expect(
      print(configError())
        .split("\n")
        .filter((line) => line.startsWith("DIST_ERR_CONFIG_INVALID  web.yaml:")),
    ).toHaveLength(2);
    expect(JSON.parse(print(configError(), "json"))).toMatchObject({
      error: { code: "DIST_ERR_CONFIG_INVALID", problems: [{ where: "web.yaml:1" }, { where: "web.yaml:2" }] },
    });
  });

  it("writes an error of nobody's with its stack, and without it in JSON", () => {
    expect(print(new TypeError("x is not a function"))).toMatch(/^TypeError: x is not a function\n +at /);
    expect(JSON.parse(print(new TypeError("x"), "json"))).toEqual({
      error: { code: "DIST_ERR_UNEXPECTED", message: "x", retryable: false },
    });
    expect(print("just text")).toBe("just text\n");
  });

  it("lets nothing that came in with a message reach the terminal", () => {
    expect(print(failure("DIST_ERR_PATH_INVALID", { path: "\x1b]0;owned\x07", reason: "x" }))).not.toMatch(
      /[\x1b\x07]/,
    );
  });
});
