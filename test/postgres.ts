import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chownSync, globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";

/** A PostgreSQL server of the tests' own. */
export interface TestServer extends AsyncDisposable {
  /** Of its superuser, with a password; database `postgres`. */
  readonly url: string;
}

const variable = "DISTRIBUTARY_TEST_PG";
let own: Promise<TestServer> | undefined;

/**
 * The URL of a new, empty database on the server that the test command started, or, if a test file is run by itself, on
 * one that is started now and ends with the process.
 */
export async function testDatabaseUrl(): Promise<string> {
  const url = new URL(process.env[variable] ?? (await (own ??= startPostgres())).url);
  const name = `test_${randomBytes(8).toString("hex")}`;
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(`create database ${name}`);
  } finally {
    await client.end();
  }
  url.pathname = `/${name}`;
  return url.href;
}

/** Starts PostgreSQL in a temporary directory on a free port of the loopback; disposing stops and deletes it. */
export async function startPostgres(): Promise<TestServer> {
  const programs = dirname(globSync("/usr/lib/postgresql/*/bin/postgres").sort(byVersion).at(-1) ?? noPostgres());
  const directory = mkdtempSync(join(tmpdir(), "distributary-postgres-"));
  // PostgreSQL refuses to run as root.
  const user = process.getuid?.() === 0 ? await unprivilegedUser() : undefined;
  if (user !== undefined) chownSync(directory, user.uid, user.gid);
  const data = join(directory, "data");
  const passwordFile = join(directory, "password");
  const password = randomBytes(12).toString("hex");
  writeFileSync(passwordFile, password);
  if (user !== undefined) chownSync(passwordFile, user.uid, user.gid);
  const options = ["-U", "postgres", "--pwfile", passwordFile, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-N"];
  const initdb = spawn(join(programs, "initdb"), ["-D", data, ...options], { ...user, cwd: directory, stdio: "pipe" });
  const said = await output(initdb);
  if (initdb.exitCode !== 0) throw new Error(`initdb failed: ${said}`);

  const port = await freePort();
  const settings = ["fsync=off", "full_page_writes=off", "max_connections=200", "logging_collector=off"];
  const where = ["-D", data, "-k", directory, "-h", "127.0.0.1", "-p", String(port)];
  const args = [...where, ...settings.flatMap((it) => ["-c", it])];
  // The kernel stops it when this process ends, in whatever way.
  const identity = user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  const command = [...identity, "--pdeathsig=QUIT", "--", join(programs, "postgres"), ...args];
  const server = spawn("setpriv", command, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  const deleteData = () => rmSync(directory, { recursive: true, force: true });
  process.once("exit", deleteData);
  await ready(server);
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    async [Symbol.asyncDispose]() {
      process.off("exit", deleteData);
      server.ref();
      const ended = once(server, "exit");
      if (server.kill("SIGINT")) await ended;
      deleteData();
    },
  };
}

function byVersion(one: string, other: string): number {
  return one.localeCompare(other, "en", { numeric: true });
}

function noPostgres(): never {
  throw new Error("no PostgreSQL in /usr/lib/postgresql: install the package 'postgresql'");
}

async function unprivilegedUser(): Promise<{ uid: number; gid: number }> {
  for (const name of ["postgres", "nobody"]) {
    const ask = (flag: string) => output(spawn("id", [flag, name], { stdio: "pipe" }));
    const [uid, gid] = await Promise.all([ask("-u"), ask("-g")]);
    if (/^\d+\s*$/.test(uid) && /^\d+\s*$/.test(gid)) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("neither 'postgres' nor 'nobody' is a user here");
}

async function output(child: ChildProcess): Promise<string> {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (bytes: Buffer) => (text += bytes.toString()));
  await once(child, "close");
  return text;
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  listener.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function ready(server: ChildProcess): Promise<void> {
  if (server.stderr === null) throw new Error("no output to read");
  const lines: string[] = [];
  for await (const line of createInterface(server.stderr)) {
    lines.push(line);
    if (line.includes("database system is ready to accept connections")) {
      server.stderr.resume();
      server.unref();
      if (server.stderr instanceof Socket) server.stderr.unref();
      return;
    }
  }
  throw new Error(`PostgreSQL did not start: ${lines.join("\n")}`);
}
