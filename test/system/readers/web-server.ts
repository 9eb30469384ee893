import { globSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { vi } from "vitest";
import { freePort } from "../deployment.ts";
import { Program, root } from "../program.ts";

const page = readFileSync(join(root, "docs/web-servers.md"), "utf8");

/** The page's blocks by the file that each names at its top. */
const blocks = new Map(
  [...page.matchAll(/^```\w+\n(?:#!.*\n)?\S+ (\S+)\n[^]*?^```$/gm)].map(([block, file = ""]) => [
    file,
    block.slice(block.indexOf("\n") + 1, -3),
  ]),
);

/** The files of which the page on web servers has blocks, in its order. */
export function documentedFiles(): string[] {
  return [...blocks.keys()];
}

/** What the page says is in a file, with other words for some of its words. */
export function documented(file: string, changes: Readonly<Record<string, string>>): string {
  const block = blocks.get(file) ?? "";
  return Object.entries(changes).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the page's block for ${file} has no '${from}'`);
    return text.replaceAll(from, to);
  }, block);
}

/** A web server as a process of its own, with all that it writes in one directory. */
export class WebServer implements AsyncDisposable {
  readonly port: number;
  readonly #program: Program;

  private constructor(port: number, program: Program) {
    this.port = port;
    this.#program = program;
  }

  /** Resolves when it listens. */
  static async #start(port: number, file: string, args: readonly string[]): Promise<WebServer> {
    const program = new Program(file, args);
    const ended = program.ended.then((code) => {
      throw new Error(`${file} ended with ${code}: ${program.errors}`);
    });
    try {
      await Promise.race([ended, vi.waitFor(() => answers(port), { timeout: 10_000 })]);
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
    ended.catch(() => {});
    return new WebServer(port, program);
  }

  /** nginx with a `server` that listens on port 80, which becomes a free one. */
  static async nginx(directory: string, server: string): Promise<WebServer> {
    const port = await freePort();
    const config = join(directory, `nginx-${port}.conf`);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    for (const name of ["snippets", "fastcgi.conf"])
      if (globSync(join(directory, name)).length === 0) symlinkSync(`/etc/nginx/${name}`, join(directory, name));
    writeFileSync(
      config,
      `daemon off; worker_processes 2; pid ${config}.pid; events {}
      http {
        sendfile on; access_log off; ${temporary.map((name) => `${name}_temp_path ${config}.${name};`).join(" ")}
        ${server.replace("listen 80", `listen 127.0.0.1:${port}`)}
      }`,
    );
    return WebServer.#start(port, "/usr/sbin/nginx", ["-e", "stderr", "-c", config]);
  }

  /** Apache with a virtual host on port 80, which becomes a free one. Its configuration is written to `config`. */
  static async apache(config: string, host: string): Promise<WebServer> {
    const port = await freePort();
    const modules = ["mpm_event", "authz_core"];
    writeFileSync(
      config,
      `ServerName localhost\nUser www-data\nGroup www-data\nListen 127.0.0.1:${port}
      PidFile ${config}.pid\nErrorLog ${config}.log\nDefaultRuntimeDir ${dirname(config)}
      ${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`).join("")}
      ${host.replace("*:80", `*:${port}`)}`,
    );
    return WebServer.#start(port, "/usr/sbin/apache2", ["-f", config, "-D", "FOREGROUND"]);
  }

  /** A program for Node that listens on port 8080, which becomes a free one. */
  static async node(directory: string, code: string): Promise<WebServer> {
    const port = await freePort();
    const file = join(directory, `serve-${port}.mjs`);
    writeFileSync(file, code.replace("listen(8080", `listen(${port}`));
    return WebServer.#start(port, process.execPath, [file]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

/** Runs one process of PHP with Debian's settings; resolves when web servers can ask at the socket. */
export async function startPhp(directory: string, socket: string): Promise<Program> {
  const config = join(directory, "php.conf");
  writeFileSync(
    config,
    [
      "[global]",
      "daemonize = no",
      `error_log = ${config}.log`,
      "[www]",
      "user = www-data",
      `listen = ${socket}`,
      "listen.mode = 0666",
      "pm = static",
      "pm.max_children = 1",
      "",
    ].join("\n"),
  );
  const php = new Program(globSync("/usr/sbin/php-fpm*")[0] ?? "php-fpm", ["--force-stderr", "--fpm-config", config]);
  await php.says("ready to handle connections");
  return php;
}

async function answers(port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", resolve).once("error", reject);
  await promise.finally(() => socket.destroy());
}
