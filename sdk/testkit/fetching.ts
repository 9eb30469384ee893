import assert from "node:assert/strict";
import { isFailure } from "distributary/sdk";

/** It is rejected as a broken transfer that may be tried again. */
export async function assertBroken(fetching: Promise<void>): Promise<void> {
  await assert.rejects(fetching, (error) => isFailure(error, "DIST_ERR_TRANSFER_BROKEN") && error.retryable);
}

/** It is rejected, and within a second. */
export async function assertGivesUp(fetching: Promise<void>): Promise<void> {
  const outcome = fetching.then(
    () => "resolved",
    () => "rejected",
  );
  assert.equal(await soon(outcome), "rejected");
}

/** The same promise, or a rejected one after a second. */
export async function soon<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: "not within a second" })), 1_000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
