import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { simIo } from "distributary/testkit";
import { ContentReader } from "../../core/assignment/content.ts";
import type { PlanView } from "../../sdk/index.ts";
import type { Job } from "../../core/control/jobs/job.ts";
import type { Compressor, DeltaEngine, FileCommand, Interpreter } from "../../sdk/index.ts";
import { SiteTrial, emptyDisk, posix, seen, site } from "../core/agent/site-trial.ts";
import { PluginShelf } from "../core/kernel/plugin-shelf.ts";
import { commitHeader, hashA } from "../core/assignment/sample.ts";
import { Trial } from "../core/control/trial.ts";

const failing = (code: string) => expect.objectContaining({ code }) as Error;
const never = () => new Promise<never>(() => undefined);
const calm = () => new AbortController().signal;

/** A plugin that does, at the moment, what the file beside it says: `<where> <how>`. */
const hostile = `
  import { readFileSync } from "node:fs";
  const mode = () => readFileSync(new URL("mode", import.meta.url), "utf8").split(" ");
  const acts = {
    throws() { throw new Error("boom\\u001b[2J"); },
    rejects: async () => { throw null; },
    answers: () => ({ extensions: [{ kind: "remove", path: "index.html" }] }),
    empty: () => ({}),
    huge: () => ({ extensions: Array(20_000).fill({ kind: "x-a", parameters: {} }) }),
    talks: () => "no ".repeat(1_000_000),
    exits() { process.exit(7); },
    nonsense: () => new Uint8Array(3),
  };
  const at = (here) => (...args) => { const [where, how] = mode(); return where === here ? acts[how](...args) : undefined; };
  export default {
    name: "hostile", api: 1,
    setup({ hooks, compressors }) {
      for (const name of ["jobProposed", "jobPlanned", "jobPrepared", "beforeSwitch", "afterSwitch", "groupSwitched", "jobEnded"])
        hooks[name].tap(at(name));
      compressors.add("odd", { compress: (bytes) => at("compress")(bytes) ?? bytes, decompress: (bytes) => bytes });
    },
  };
`;

describe("SEC-47: a plugin of control", () => {
  let directory: string;
  let trial: Trial;
  let count = 0;
  const live = () => readFileSync(join(trial.live("a", "www"), "index.html"), "utf8");

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "distributary-plugins-"));
    writeFileSync(join(directory, "hostile.mjs"), hostile);
    writeFileSync(join(directory, "mode"), "nowhere");
    const plugins = [{ use: join(directory, "hostile.mjs") }];
    trial = await Trial.start("embedded", plugins);
    await trial.declare({
      groups: { web: { nodes: ["a"] } },
      sites: {
        www: {
          staging: "./staging/www",
          group: "web",
          policy: { compress: [{ types: ["*"], use: "odd" }], belowQuorum: "cancel", commitTimeout: "10s" },
        },
      },
    });
    await trial.startAgent("a", { plugins });
    await publish("nowhere");
  });
  afterAll(async () => {
    await trial[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  /** All of the log. */
  const said = () =>
    JSON.stringify(trial.log.entries, (_, value: unknown) => (value instanceof Error ? value.message : value));

  /** Publishes something new while the plugin is in this mode; undefined if the job was not accepted. */
  async function publish(mode: string): Promise<Job> {
    writeFileSync(join(directory, "mode"), mode);
    count += 1;
    writeFileSync(join(trial.staging("www"), "index.html"), `${count} `.repeat(2_000));
    return trial.run({ kind: "publish", site: "www" });
  }

  it.each(["throws", "rejects", "talks", "empty", "answers"])(
    "that %s when a job is asked for has it refused",
    async (how) => {
      const before = live();
      await expect(publish(`jobProposed ${how}`)).rejects.toThrow(/hostile/);
      expect(live()).toBe(before);
    },
  );

  it.each([
    ["jobPlanned throws", "failed"],
    ["jobPlanned answers", "failed"],
    ["jobPlanned empty", "failed"],
    ["jobPlanned huge", "failed"],
    ["beforeSwitch throws", "failed"],
    ["beforeSwitch talks", "failed"],
    ["compress throws", "failed"],
    ["compress exits", "failed"],
  ])("that does this: '%s', fails that job and leaves what is live; the next one is as always", async (mode, state) => {
    const before = live();
    const job = await publish(mode);
    expect(job).toMatchObject({ state });
    expect(JSON.stringify(job).length).toBeLessThan(100_000);
    if (!mode.startsWith("compress")) expect(JSON.stringify(await details(job.id))).toContain("hostile");
    expect(live()).toBe(before);
    expect(await publish("nowhere")).toMatchObject({ state: "done" });
    expect(live()).toContain(`${count} `);
  });

  it.each([
    "jobPrepared throws",
    "afterSwitch throws",
    "afterSwitch rejects",
    "groupSwitched throws",
    "jobEnded throws",
  ])("that only is told, and does this: '%s', holds nothing up, and the log says who it was", async (mode) => {
    trial.log.entries.splice(0);
    expect(await publish(mode)).toMatchObject({ state: "done" });
    expect(live()).toContain(`${count} `);
    await expect.poll(() => said().includes("hostile"), { timeout: 10_000 }).toBe(true);
  });

  it("that makes something else of the content than it gets is found out by every node", async () => {
    const before = live();
    const job = await publish("compress nonsense");
    expect(job.state).toBe("cancelled");
    expect(JSON.stringify(await details(job.id))).toMatch(/DIST_ERR_(ASSIGNMENT|COMPRESS)_/);
    expect(live()).toBe(before);
    expect(await publish("nowhere")).toMatchObject({ state: "done" });
  });

  async function details(id: string): Promise<unknown> {
    return (await trial.api("GET", `/v1/jobs/${id}`, await trial.token("viewer"))).json();
  }
});

describe("SEC-47: a plugin that hangs", () => {
  let shelf: PluginShelf;
  beforeEach(() => {
    shelf = new PluginShelf();
  });
  afterEach(() => shelf[Symbol.dispose]());

  it("is not waited for longer than it may take, wherever it hangs, and is named", async () => {
    const hangs = shelf.plugin("hangs", ({ hooks, defer }) => {
      hooks.jobPlanned.tap(never);
      hooks.stopping.tap(never);
      defer(never);
    });
    const kernel = await shelf.load([hangs], { timeoutMs: 20 });
    await kernel.start("control", simIo());
    const job = { id: "1", kind: "publish", site: "www", group: "web", nodes: [] };
    const planning = kernel.hooks.jobPlanned.promise({ job, extensions: [] } as PlanView, calm());
    await expect(planning).rejects.toThrow(failing("DIST_ERR_HOOK_TIMEOUT"));
    await kernel[Symbol.asyncDispose]();
    const named = shelf.lines.filter(({ fields }) => String((fields["error"] as Error).message).includes("'hangs'"));
    expect(named).toHaveLength(2);
  });
});

describe("SEC-47: a provider on a node", () => {
  const content = Buffer.from("what control meant");
  const command: FileCommand = {
    kind: "file",
    path: "a",
    mode: 0o644,
    mtimeMs: 0,
    sizeBytes: content.length,
    hash: hashA,
    part: 0,
  };

  /** Reads the one file of an assignment of one block, compressed by `compressor` and a delta of `engine`. */
  function read(compressor: Partial<Compressor>, engine: Partial<DeltaEngine> = {}): Buffer {
    const sizeBytes = content.length;
    const part = {
      offset: 0,
      engine: "e",
      base: [],
      sizeBytes,
      deltaBytes: sizeBytes,
      compressor: "c",
      cipher: "none",
      blocks: [[3, true] as const],
    };
    const header = { ...commitHeader, type: "update" as const, parts: [part] };
    const nobody = { sizeBytes: 0, read: () => new Uint8Array(), [Symbol.dispose]() {} };
    using reader = new ContentReader(
      { id: hashA, header, commands: () => [command] },
      {
        data: { sizeBytes: 3, read: () => new Uint8Array(3) },
        base: () => nobody,
        engine: () => ({ encode: () => [], decode: (_, chunks) => chunks, ...engine }) as DeltaEngine,
        compressor: () => ({ compress: (bytes) => bytes, decompress: () => content, ...compressor }) as Compressor,
        sealing: () => undefined,
      },
    );
    return Buffer.concat([...reader.read(command)].map((chunk) => Buffer.from(chunk)));
  }

  it("that gives more, less or something else than was signed is refused, however much that is", () => {
    for (const size of [0, content.length - 1, content.length + 1, 256 << 20])
      expect(() => read({ decompress: () => new Uint8Array(size) }), String(size)).toThrow(
        failing("DIST_ERR_ASSIGNMENT_FORMAT"),
      );
    expect(() => read({ decompress: () => Buffer.alloc(content.length) })).toThrow(failing("DIST_ERR_ASSIGNMENT_HASH"));
    expect(() => read({}, { decode: () => [] })).toThrow(failing("DIST_ERR_ASSIGNMENT_FORMAT"));
    expect(() =>
      read({
        decompress: () => {
          throw new RangeError("boom");
        },
      }),
    ).toThrow("boom");
  });

  it("that never ends is left when there is enough", () => {
    let made = 0;
    const endless = function* (): Generator<Uint8Array> {
      for (;;) {
        made += 1;
        yield new Uint8Array(7);
      }
    };
    expect(() => read({}, { decode: endless })).toThrow(failing("DIST_ERR_ASSIGNMENT_HASH"));
    expect(made).toBeLessThan(10);
  });

  const builds: Record<string, (disk: { directory: string }, io: Parameters<Interpreter["build"]>[1]) => void> = {
    "a file too many": ({ directory }, { disk }) => disk.open(`${directory}/more`, "create").close(),
    "a file too few": ({ directory }, { disk }) => disk.unlink(`${directory}/index.html`),
    "other modes": ({ directory }, { disk }) => disk.chmod(`${directory}/index.html`, 0o4777),
    "other times": ({ directory }, { disk }) => disk.setMtime(`${directory}/index.html`, 5),
    "a link in place of a file": ({ directory }, { disk }) => {
      disk.unlink(`${directory}/index.html`);
      disk.symlink("/etc/passwd", `${directory}/index.html`);
    },
    "another content": ({ directory }, { disk }) => {
      const { sizeBytes, mtimeMs, mode } = disk.stat(`${directory}/index.html`) ?? {
        sizeBytes: 0,
        mtimeMs: 0,
        mode: 0,
      };
      disk.unlink(`${directory}/index.html`);
      const file = disk.open(`${directory}/index.html`, "create");
      file.write(new Uint8Array(sizeBytes));
      file.close();
      disk.chmod(`${directory}/index.html`, mode);
      disk.setMtime(`${directory}/index.html`, mtimeMs);
    },
  };

  it.each(Object.entries(builds))("that builds %s is found out before the release is one", async (_, spoil) => {
    const disk = emptyDisk();
    await new SiteTrial(disk).publish(1, 1, 0);
    const { renew: _renew, ...rest } = posix;
    const spoiling: Interpreter = {
      ...rest,
      async build(work, io, signal) {
        await posix.build(work, io, signal);
        spoil(work, io);
      },
    };
    const trial = new SiteTrial(disk, { interpreter: spoiling });
    trial.releases.recover();
    await expect(trial.publish(2, 3, 1)).rejects.toThrow(failing("DIST_ERR_ASSIGNMENT_RESULT"));
    expect(seen(disk)).toBe(1);
    expect(disk.list(`${site}/releases`)).toHaveLength(1);
  });
});

it("SEC-47: what nobody listed is not loaded, though it lies there, and nobody can name it from afar", async () => {
  using shelf = new PluginShelf();
  const mark = join(shelf.directory, "was-loaded");
  const folder = join(shelf.directory, "node_modules/distributary-plugin-unlisted");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "package.json"),
    '{"name":"distributary-plugin-unlisted","type":"module","main":"index.js"}',
  );
  const code = `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(mark)}, "");`;
  writeFileSync(join(folder, "index.js"), `${code}\nexport default { name: "unlisted", api: 1, setup() {} };\n`);
  await using kernel = await shelf.load([]);
  expect(kernel.plugins.map(({ id }) => id)).not.toContain("unlisted");
  const names = ["unlisted", "distributary-plugin-unlisted", join(folder, "index.js"), `file://${folder}/index.js`];
  for (const name of [...names, "http://169.254.169.254/plugin.js", "__proto__", "constructor", "../posix"]) {
    for (const kind of ["deltas", "compressors", "ciphers", "transports", "priorities", "interpreters"] as const)
      expect(() => kernel.usable(kind, name, simIo()), name).toThrow(failing("DIST_ERR_PROVIDER_UNKNOWN"));
  }
  expect(existsSync(mark)).toBe(false);
  await using listed = await shelf.load([{ use: "unlisted" }]);
  expect([listed.plugins.at(-1)?.id, existsSync(mark)]).toEqual(["unlisted", true]);
});
