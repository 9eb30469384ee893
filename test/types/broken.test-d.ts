import { expectTypeOf, test } from "vitest";
test("x", () => { expectTypeOf<string>().toEqualTypeOf<number>(); });
