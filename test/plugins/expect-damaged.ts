import { expect } from "vitest";
import { DistributaryError } from "distributary/sdk";

/** Expects DIST_ERR_COMPRESS_DAMAGED of the compressor named, and gives the error back. */
export function expectDamaged(name: string, action: () => unknown): DistributaryError {
  let thrown: unknown;
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(DistributaryError);
  const error = thrown as DistributaryError;
  expect(error.code).toBe("DIST_ERR_COMPRESS_DAMAGED");
  expect(error.message.startsWith(`${name}: `)).toBe(true);
  return error;
}
