import { describe, expect, it } from "vitest";
import { Registry } from "../../../core/kernel/registry.ts";

const failing = (code: string, message: string) => expect.objectContaining({ code, message });

describe("a registry", () => {
  const registry = new Registry<string>("compressor");
  registry.add("zip", "zip!", "archives");
  registry.add("lz-4", "lz!", "fast");

  it("gives out what was added, and lists it sorted with its plugin", () => {
    expect(registry.get("zip")).toBe("zip!");
    expect(registry.has("zip") && !registry.has("rar")).toBe(true);
    expect(registry.names()).toEqual(["lz-4", "zip"]);
    expect([...registry.entries()]).toEqual([
      { name: "lz-4", provider: "lz!", plugin: "fast" },
      { name: "zip", provider: "zip!", plugin: "archives" },
    ]);
  });

  it("answers an unknown name with those it knows", () => {
    expect(() => registry.get("rar")).toThrow(failing("DIST_ERR_PROVIDER_UNKNOWN", "no compressor named 'rar'"));
    expect(() => registry.get("rar")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("known: lz-4, zip") }),
    );
    expect(() => new Registry("cipher").get("x")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("known: none") }),
    );
  });

  it("refuses a name twice, from whomever", () => {
    const message = "compressor 'zip' is provided by both 'archives' and 'late'";
    expect(() => registry.add("zip", "other", "late")).toThrow(failing("DIST_ERR_PROVIDER_DUPLICATE", message));
    expect(registry.get("zip")).toBe("zip!");
  });

  it.each(["", "Zip", "zip_2", "-zip", "zip-", "z--p", "zip\n", "ä", "a/b"])("refuses %j as a name", (name) => {
    expect(() => registry.add(name, "x", "odd")).toThrow(expect.objectContaining({ code: "DIST_ERR_PROVIDER_NAME" }));
  });

  it("knows no names that every object has", () => {
    for (const name of ["constructor", "tostring", "hasownproperty"]) expect(registry.has(name)).toBe(false);
  });
});
