import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enrol } from "../../../core/agent/enrol.ts";
import { createCertificateRequest } from "../../../core/runtime/certificate-request.ts";
import { Trial, databases } from "./trial.ts";

describe.each(databases)("who may do what, with the %s database", (database) => {
  let trial: Trial;
  let count = 0;

  beforeAll(async () => {
    trial = await Trial.start(database);
  });
  afterAll(() => trial[Symbol.asyncDispose]());

  const ask = (token: string, name: string) => {
    const control = { host: "127.0.0.1", port: trial.control.linkPort };
    return enrol({ control, token, name, directory: join(trial.directory, "identities", String((count += 1))) });
  };
  const token = async (options: { nodeName?: string; uses?: number; lifeMs?: number }) =>
    (await trial.control.enrolment.createToken({ uses: 1, lifeMs: 60_000, by: "test", ...options })).text;

  describe("join tokens", () => {
    it("let in as many nodes as they say, at the same time too", async () => {
      const text = await token({ uses: 3 });
      const results = await Promise.allSettled(Array.from({ length: 8 }, (_, index) => ask(text, `many-${index}`)));
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
      const names = await trial.control.db.selectFrom("node").select("name").where("name", "like", "many-%").execute();
      expect(names).toHaveLength(3);
    });

    it("give a node the name they carry, whatever it calls itself", async () => {
      const { id } = await ask(await token({ nodeName: "given" }), "chosen");
      expect(await trial.control.db.selectFrom("node").select("name").where("id", "=", id).execute()).toEqual([
        { name: "given" },
      ]);
    });

    it.each([
      ["that expired", async () => token({ lifeMs: -1 }), "new", "it expired"],
      ["for a name that is taken", async () => token({}), "given", "'given' already"],
      [
        "of which the secret was guessed",
        async () => (await token({})).replace(/^(dst1\.\w+)\.\w+/, `$1.${"0".repeat(32)}`),
        "new",
        "nobody issued it",
      ],
      [
        "nobody made",
        async () => (await token({})).replace(/^dst1\.\w+/, `dst1.${"0".repeat(16)}`),
        "new",
        "nobody issued it",
      ],
    ])("%s let nobody in", async (_, make, name, reason) => {
      const before = await trial.control.db.selectFrom("node").select("id").execute();
      await expect(ask(await make(), name)).rejects.toMatchObject({
        code: "DIST_ERR_AUTH_TOKEN",
        message: expect.stringContaining(reason) as string,
      });
      expect(await trial.control.db.selectFrom("node").select("id").execute()).toEqual(before);
    });

    it("are not used up by a node that was refused", async () => {
      const text = await token({});
      await expect(ask(text, "given")).rejects.toMatchObject({ code: "DIST_ERR_AUTH_TOKEN" });
      expect((await ask(text, "free")).id).toMatch(/^[0-9a-f-]{36}$/);
    });

    it("are nowhere in the database or the log in plain", async () => {
      const text = await token({});
      const secret = text.split(".")[2] ?? "";
      const rows = await trial.control.db.selectFrom("join_token").selectAll().execute();
      expect(JSON.stringify(rows)).not.toContain(secret);
      expect(JSON.stringify(trial.log.entries)).not.toContain(secret);
      const entries = await trial.control.audit.read(100);
      expect(JSON.stringify(entries)).not.toContain(secret);
    });
  });

  it("a node that is revoked stays so after a restart, and its name is free", async () => {
    const { id } = await ask(await token({ nodeName: "leaver" }), "leaver");
    await trial.control.enrolment.revoke("leaver", "test");
    await trial.restartControl();
    expect(trial.control.enrolment.isRevoked(id)).toBe(true);
    expect((await ask(await token({ nodeName: "leaver" }), "leaver")).id).not.toBe(id);
  });

  it("a request to sign is of no use without a token", async () => {
    const { csr } = await createCertificateRequest();
    await expect(ask("", csr)).rejects.toMatchObject({ code: "DIST_ERR_AUTH_TOKEN" });
  });

  describe("accounts", () => {
    it("have the role they were given last", async () => {
      const { accounts } = trial.control;
      await accounts.put("changing", "admin");
      const secret = await accounts.createToken("changing", "test");
      await accounts.put("changing", "viewer");
      expect(await accounts.caller(secret)).toEqual({ name: "changing", role: "viewer" });
    });

    it("have tokens of which only hashes are kept, and which end with them", async () => {
      const { accounts, db } = trial.control;
      await accounts.put("ending", "viewer");
      const [secret, expired] = [
        await accounts.createToken("ending", "test"),
        await accounts.createToken("ending", "test", -1),
      ];
      expect(JSON.stringify(await db.selectFrom("api_token").selectAll().execute())).not.toContain(secret);
      expect(await accounts.caller(expired)).toBeUndefined();
      await accounts.remove("ending");
      expect(await accounts.caller(secret)).toBeUndefined();
      await expect(accounts.createToken("ending", "test")).rejects.toMatchObject({ code: "DIST_ERR_ACCOUNT_UNKNOWN" });
    });

    it("begin with one for the command line of this host, which survives a restart", async () => {
      const secret = readFileSync(join(trial.data, "admin-token"), "utf8");
      await trial.restartControl();
      expect(readFileSync(join(trial.data, "admin-token"), "utf8")).toBe(secret);
      expect(await trial.control.accounts.caller(secret)).toEqual({ name: "admin", role: "admin" });
    });
  });

  describe("the audit", () => {
    it("is a chain without gaps, however many write at once", async () => {
      const { audit } = trial.control;
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => audit.record("test", "count", String(index), { index })),
      );
      expect(await audit.verify()).toBeUndefined();
      const entries = await audit.read(20);
      expect(entries.map(({ object }) => object).reverse()).toEqual(
        Array.from({ length: 20 }, (_, index) => String(index)),
      );
    });

    const tampering: [string, (number: number) => Promise<unknown>, number][] = [
      [
        "changed",
        (number) =>
          trial.control.db.updateTable("audit").set({ who: "somebody else" }).where("number", "=", number).execute(),
        0,
      ],
      ["taken out", (number) => trial.control.db.deleteFrom("audit").where("number", "=", number).execute(), 1],
    ];
    it.each(tampering)("shows that an entry was %s", async (_, tamper, shift) => {
      const { audit, db } = trial.control;
      const [newest] = await audit.read(1);
      const number = (newest?.number ?? 0) - 3;
      const before = await db.selectFrom("audit").selectAll().where("number", "=", number).executeTakeFirstOrThrow();
      await tamper(number);
      expect(await audit.verify()).toBe(number + shift);
      await db.deleteFrom("audit").where("number", "=", number).execute();
      await db.insertInto("audit").values(before).execute();
      expect(await audit.verify()).toBeUndefined();
    });
  });
});
