import { createPrivateKey } from "node:crypto";

const head = "302e020100300506032b657004220420";

/** Ed25519 (RFC 8410), from a seed that anybody may know: the same in every run. */
export const signingKey = createPrivateKey({
  key: Buffer.from(head + "07".repeat(32), "hex"),
  format: "der",
  type: "pkcs8",
});
