import { generateKeyPairSync, webcrypto } from "node:crypto";
import { x509 } from "./x509.ts";

/** A fresh P-256 key (PKCS #8, PEM) and a request to certify it (PKCS #10, PEM), which names nobody. */
export async function createCertificateRequest(): Promise<{ readonly key: string; readonly csr: string }> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pkcs8 = pair.privateKey.export({ type: "pkcs8", format: "der" });
  const spki = pair.publicKey.export({ type: "spki", format: "der" });
  const keys = {
    privateKey: await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]),
    publicKey: await webcrypto.subtle.importKey("spki", spki, algorithm, true, ["verify"]),
  };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
  return { key: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(), csr: request.toString("pem") };
}
