import { cpSync, writeFileSync } from "node:fs";
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:https";
import { once } from "node:events";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { enrol } from "../../core/agent/enrol.ts";
import { runAgent } from "../../core/agent/run-agent.ts";
import { ClonedNodes } from "../../core/control/cloned-nodes.ts";
import { realIo } from "../../core/runtime/io.ts";
import { LinkClient } from "../../core/runtime/link-client.ts";
import { receiveBytes } from "../../core/runtime/link-limits.ts";
import { Trial } from "../core/control/trial.ts";
import { createAuthority, host, nodeIdentity, startPeer, temporaryDirectory } from "../core/runtime/trusted-peers.ts";

const refused = { code: "DIST_ERR_AUTH_REFUSED" };

describe("SEC-38: two agents with one identity, as the copy of a machine makes them", () => {
  it("are both left out, and control says so", async () => {
    await using trial = await Trial.start("embedded");
    await trial.declare({
      groups: { web: { nodes: ["a"] } },
      sites: { www: { staging: "./staging/www", group: "web", policy: { belowQuorum: "cancel" } } },
    });
    await trial.startAgent("a");
    await trial.stopAgent("a");
    cpSync(join(trial.directory, "agents/a"), join(trial.directory, "agents/copy"), { recursive: true });
    for (const name of ["a", "copy"]) await trial.startAgent(name);
    await expect
      .poll(() => trial.log.entries.filter(({ text }) => text.startsWith("two agents have one identity")).length, {
        timeout: 30_000,
      })
      .toBeGreaterThan(2);
    expect(trial.log.entries.some(({ fields }) => JSON.stringify(fields).includes("DIST_ERR_AUTH_TWICE"))).toBe(true);
    expect(trial.control.hub.connectedNodes()).toEqual([]);
    writeFileSync(join(trial.staging("www"), "x"), "1");
    expect(await trial.run({ kind: "publish", site: "www" })).toMatchObject({ state: "cancelled" });
  });

  it("are told by a boot that comes again after another, which restarts and lost connections do not look like", () => {
    const cloned = new ClonedNodes();
    const greeted = (...boots: string[]) => boots.map((boot) => cloned.areTwo("n", boot));
    expect(greeted(..."abcdefghij")).not.toContain(true);
    expect(greeted(..."kkkkkkkkkk")).not.toContain(true);
    expect(greeted(..."klklk")).toEqual([false, false, false, false, true]);
    expect(greeted(..."lklklklk")).not.toContain(false);
    expect(cloned.areTwo("another", "k")).toBe(false);
    expect(greeted(..."kkkkkkkk").at(-1)).toBe(false);
  });
});

it("SEC-39: a second agent on the same data directory does not start", async () => {
  await using trial = await Trial.start("embedded");
  await trial.startAgent("a");
  const options = { name: "a", directory: join(trial.directory, "agents/a"), labels: {}, plugins: [] };
  const control = { host, port: trial.control.linkPort };
  const second = runAgent(
    { ...options, control, pluginDirectory: trial.directory, log: trial.log },
    realIo,
    new AbortController().signal,
  );
  await expect(second).rejects.toMatchObject({ code: "DIST_ERR_STORE_LOCKED" });
  expect(trial.control.hub.isConnected(await trial.nodeId("a"))).toBe(true);
});

it("SEC-40: a join token is good for nothing but to join, and nothing else is good to join", async () => {
  await using trial = await Trial.start("embedded");
  const { text } = await trial.control.enrolment.createToken({ uses: 1, lifeMs: 60_000, by: "test" });
  const [form, id, secret, pin] = text.split(".");
  const apiToken = await trial.token("admin");
  for (const token of [text, secret ?? "", `${id}.${secret}`]) {
    expect((await trial.api("GET", "/v1/status", token)).status, token).toBe(401);
  }
  const control = { host, port: trial.control.linkPort };
  const hex = Buffer.from(apiToken).toString("hex");
  const others = [apiToken, [form, id, apiToken, pin].join("."), [form, id, hex.slice(0, 32), pin].join(".")];
  for (const token of others) {
    await expect(enrol({ control, token, name: "x", directory: temporaryDirectory() }), token).rejects.toMatchObject({
      code: "DIST_ERR_AUTH_TOKEN",
    });
  }
  // It was not used up, and whoever joins with it is a node, whatever he calls himself.
  const { id: node } = await enrol({ control, token: text, name: "control", directory: temporaryDirectory() });
  expect(node).not.toBe("control");
});

describe("SEC-42: a peer", () => {
  it("with a certificate of an authority that this host trusts for everything else is refused on both sides", async () => {
    const [authority, other] = [await createAuthority(), await createAuthority()];
    const trusted = getCACertificates("default");
    onTestFinished(() => setDefaultCACertificates(trusted));
    setDefaultCACertificates([...trusted, other.certificate]);
    const control = await startPeer(await authority.controlIdentity());
    control.link.serve("/who", async ({ peerId }) => ({ status: 200, body: [Buffer.from(peerId)] }));
    const node = await startPeer(await nodeIdentity(authority, "node-1"));
    expect((await node.link.request(control, "/who")).status).toBe(200);
    const impostor = await startPeer(await other.controlIdentity());
    impostor.link.serve("/who", async () => ({ status: 200, body: [] }));
    await expect(node.link.request({ ...impostor, id: "control" }, "/who")).rejects.toMatchObject(refused);
    const stranger = new LinkClient({ ...(await nodeIdentity(other, "node-1")), authority: authority.certificate });
    onTestFinished(() => stranger.close());
    await expect(stranger.request(control, "/who")).rejects.toMatchObject(refused);
    // That one was trusted by everything else that this process does.
    const answer = await fetch(`https://${host}:${impostor.port}/who`).catch((error: Error) => error);
    expect(String((answer as Error).cause)).toContain("does not match certificate's altnames");
  });

  it("that speaks nothing newer than TLS 1.2 is not talked to, though its certificate is good", async () => {
    const authority = await createAuthority();
    const { key, certificate } = await authority.controlIdentity();
    let asked = 0;
    const old = createServer({ key, cert: certificate, maxVersion: "TLSv1.2" }, (_, response) => {
      asked += 1;
      response.end();
    }).listen(0, host);
    onTestFinished(() => void old.close());
    await once(old, "listening");
    const { port } = old.address() as { port: number };
    const node = await startPeer(await nodeIdentity(authority, "node-1"));
    await expect(node.link.request({ id: "control", host, port }, "/who")).rejects.toMatchObject(refused);
    expect(asked).toBe(0);
  });

  it("with a certificate that is good, and the key of another, is refused", async () => {
    const authority = await createAuthority();
    const control = await startPeer(await authority.controlIdentity());
    const good = await nodeIdentity(authority, "node-1");
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
    const thief = new LinkClient({ ...good, key: key.toString() });
    onTestFinished(() => thief.close());
    await expect(thief.request(control, "/who")).rejects.toThrow();
  });
});

it("SEC-37: a connection that outlives the certificate it began with is worth nothing from then on", async () => {
  const authority = await createAuthority();
  const control = await startPeer(await authority.controlIdentity());
  control.link.serve("/who", async ({ peerId }) => ({ status: 200, body: [Buffer.from(peerId)] }));
  const secondsInDays = 1 / 86_400;
  const node = await startPeer(await nodeIdentity(authority, "node-1", 3 * secondsInDays));
  const ask = async () => {
    const { body } = await node.link.request(control, "/who");
    return Buffer.from(await receiveBytes(body, 100)).toString();
  };
  expect(await ask()).toBe("node-1");
  // The same connection is used again and again, so its handshake is long over.
  await expect
    .poll(() => ask().catch((error: Error) => error.message), { timeout: 20_000, interval: 100 })
    .toContain("its certificate has expired");
});
