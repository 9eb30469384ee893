import { expectTypeOf, test } from "vitest";
import { DistributaryError, failure } from "../../sdk/errors.ts";
import type { Params } from "../../sdk/errors.ts";

test("every name between braces is a parameter", () => {
  expectTypeOf<keyof Params<"no {kind} named '{name}'">>().toEqualTypeOf<"kind" | "name">();
  expectTypeOf(failure("DIST_ERR_PATH_INVALID", { path: "/", reason: "absolute" })).toEqualTypeOf<DistributaryError>();
});

test("a parameter cannot be left out", () => {
  // @ts-expect-error `reason` is missing
  failure("DIST_ERR_PATH_INVALID", { path: "/" });
});
