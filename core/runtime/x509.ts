/**
 * `@peculiar/x509`. Its dependency tsyringe asks for `Reflect.getMetadata` while it is loaded, though the library
 * never needs an answer; it gets one for that long, rather than a polyfill that stays in everybody's `Reflect`.
 */
export const x509 = await load();

async function load(): Promise<typeof import("@peculiar/x509")> {
  if ("getMetadata" in Reflect) return import("@peculiar/x509");
  const noMetadata = { getMetadata: () => undefined, getOwnMetadata: () => undefined, defineMetadata: () => {} };
  Object.assign(Reflect, noMetadata);
  try {
    return await import("@peculiar/x509");
  } finally {
    for (const name of Object.keys(noMetadata)) Reflect.deleteProperty(Reflect, name);
  }
}
