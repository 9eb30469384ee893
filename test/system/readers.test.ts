import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { SiteOnDisk } from "../core/agent/site-on-disk.ts";
import { Deployment } from "./deployment.ts";
import { filesOf } from "./readers/file-versions.ts";
import { HttpLoad, ask, staleAnswers } from "./readers/http-load.ts";
import { Switcher } from "./readers/switcher.ts";
import { WebServer, documented, documentedFiles, startPhp } from "./readers/web-server.ts";
import { writeTree } from "./tree.ts";

const scratch = mkdtempSync(join(tmpdir(), "distributary-readers-"));
// Web servers run as somebody else.
chmodSync(scratch, 0o755);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const minutes = 60_000;
const nginxSite = "/etc/nginx/sites-enabled/www";
const nginxSiteWithCache = "/etc/nginx/sites-enabled/www-cached";
const nodeProgram = "serve.js";
const apacheSite = "/etc/apache2/sites-enabled/www.conf";
const script = "/usr/local/sbin/serve-www";
const policy = "/etc/distributary/policy.yaml";

const small = ["/index.html", "/css/site.css"];
const files = [...Array.from({ length: 20 }, () => small).flat(), "/film.mp4"];

describe("the page on web servers", () => {
  it("has no block that is not run here", () => {
    expect(documentedFiles()).toEqual([nginxSite, nginxSiteWithCache, nodeProgram, apacheSite, script, policy]);
  });
});

describe("what the page calls right", () => {
  it(
    "answers all of every request, from one version that is live, during 1,000 commits and rollbacks",
    async () => {
      const site = join(scratch, "site");
      const [here, socket] = [{ "/srv/www": site }, join(scratch, "php.sock")];
      await using switcher = new Switcher({
        directory: site,
        updater: "agent",
        switchesPerVersion: 25,
        graceMs: 2_000,
      });
      await switcher.until(() => switcher.switches.length > 0);
      await using _php = await startPhp(scratch, socket);
      const withCache = documented(nginxSiteWithCache, { ...here, "/run/php/php-fpm.sock": socket });
      await using nginx = await WebServer.nginx(scratch, documented(nginxSite, here));
      await using nginxWithCache = await WebServer.nginx(scratch, withCache);
      await using node = await WebServer.node(scratch, documented(nodeProgram, here));
      await using ofNginx = new HttpLoad(nginx.port, files);
      await using ofNginxWithCache = new HttpLoad(nginxWithCache.port, [...files, ...files.map(() => "/page.php")]);
      await using ofNode = new HttpLoad(node.port, ["/"]);
      const loads = [ofNginx, ofNginxWithCache, ofNode];

      const releases = readdirSync(join(site, "releases")).map((name) => join(site, "releases", name));
      const slowAnswer = ask(nginx.port, "/film.mp4", {
        pause: () => switcher.until(() => !releases.some((release) => existsSync(release))),
      });
      await switcher.until(() => switcher.switches.length >= 1_000);
      for (const load of loads) await load.until(() => load.requestCount >= 5_000);
      const live = await switcher.stop();
      const answersNow = [
        ask(nginx.port, "/index.html"),
        ask(nginxWithCache.port, "/index.html"),
        ask(nginxWithCache.port, "/page.php"),
        ask(node.port, "/"),
      ];
      expect(await Promise.all(answersNow)).toEqual(answersNow.map(() => live));
      expect(await slowAnswer).toBeLessThan(live);
      for (const load of loads) {
        await load.stop();
        expect({ failures: load.failures, repeated: load.repeatedCount }).toEqual({ failures: [], repeated: 0 });
        expect(staleAnswers(load.answers, switcher.switches)).toEqual([]);
      }
    },
    3 * minutes,
  );

  it(
    "answers all of every request while control publishes and rolls back, and the agent tells Apache",
    async () => {
      await using deployment = await Deployment.create({
        groups: { web: { nodes: ["a"] } },
        sites: { www: { group: "web" } },
      });
      const at = (name: string) => join(deployment.directory, name);
      chmodSync(deployment.directory, 0o755);
      const here = { "/srv/www": deployment.site("a", "www") };
      const hereInApache = { ...here, "/etc/apache2/www-release.conf": at("release.conf") };
      const apachectl = `/usr/sbin/apache2 -f ${at("apache.conf")} -k`;
      writeFileSync(at("serve"), documented(script, { ...hereInApache, apachectl }), { mode: 0o755 });
      deployment.declare({ local: parse(documented(policy, { [script]: at("serve") })) as object });
      await deployment.startAll("a");
      const publish = async (version: number) => {
        const { "film.mp4": _, ...pages } = filesOf(version);
        writeTree(deployment.staging("www"), pages);
        expect(await deployment.run("publish", "www")).toMatchObject({ code: 0 });
      };
      await using nginx = await WebServer.nginx(deployment.directory, documented(nginxSite, here));
      await using apache = await WebServer.apache(at("apache.conf"), documented(apacheSite, hereInApache));
      await publish(1);
      await vi.waitFor(() => ask(apache.port, "/index.html"), { timeout: 10_000 });
      await using ofNginx = new HttpLoad(nginx.port, small, 1);
      await using ofApache = new HttpLoad(apache.port, small, 1);
      const areServed = async (version: number) => {
        expect(await ask(nginx.port, "/index.html")).toBe(version);
        await ofApache.until(() => ofApache.answers.at(-1)?.version === version);
      };
      for (let version = 2; version <= 5; version += 1) {
        await publish(version);
        await areServed(version);
        expect(await deployment.run("rollback", "www")).toMatchObject({ code: 0 });
        await areServed(1);
      }
      for (const load of [ofNginx, ofApache]) {
        await load.stop();
        expect(load.failures).toEqual([]);
      }
      expect(ofNginx.repeatedCount).toBe(0);
    },
    3 * minutes,
  );
});

describe("what the page calls wrong is seen to go wrong:", () => {
  const wrong = {
    "a script that renames twice": {
      updater: "double rename",
      start: (site: string) => WebServer.nginx(scratch, documented(nginxSite, { "/srv/www": site })),
      paths: small,
    },
    "a page of files that are looked up one by one": {
      updater: "agent",
      start(site: string) {
        return WebServer.node(
          scratch,
          documented(nodeProgram, { 'await realpath("/srv/www/live")': `"${site}/live"` }),
        );
      },
      paths: ["/"],
    },
    "Apache, following the link": {
      updater: "agent",
      start(site: string) {
        const change = { "${release}": `${site}/live`, "/srv/www": site };
        return WebServer.apache(join(scratch, "apache.conf"), documented(apacheSite, change));
      },
      paths: small,
    },
  } as const;

  it.each(Object.entries(wrong))("%s", async (name, { updater, start, paths }) => {
    const directory = join(scratch, name.replaceAll(" ", "-"));
    await using switcher = new Switcher({ directory, updater, switchesPerVersion: 25, graceMs: 2_000 });
    await switcher.until(() => switcher.switches.length > 0);
    await using server = await start(directory);
    await using load = new HttpLoad(server.port, paths);
    await load.until(() => load.failures.length > 0);
  });

  const socket = join(scratch, "php-that-remembers.sock");
  const remembering = {
    "a cache of open files": {
      file: nginxSite,
      path: "/index.html",
      changes: { "live;": "live; open_file_cache max=9;" },
    },
    "PHP by way of the link": {
      file: nginxSiteWithCache,
      path: "/page.php",
      changes: { $realpath_root: "/srv/www/live", "/run/php/php-fpm.sock": socket },
    },
  };

  it.each(Object.entries(remembering))("%s", async (name, { file, path, changes }) => {
    const directory = join(scratch, name.replaceAll(" ", "-"));
    const site = new SiteOnDisk(directory);
    const publish = async (version: number) => {
      await site.prepare(version, filesOf(version));
      await site.switchTo(version);
    };
    await publish(1);
    await using _php = await startPhp(scratch, socket);
    await using nginx = await WebServer.nginx(scratch, documented(file, { ...changes, "/srv/www": directory }));
    // Each of nginx's processes has a cache of its own: over one connection it is always the same.
    const agent = new Agent({ keepAlive: true });
    expect(await ask(nginx.port, path, { agent })).toBe(1);
    await publish(2);
    expect(await ask(nginx.port, "/css/site.css", { agent })).toBe(2);
    expect(await ask(nginx.port, path, { agent })).toBe(1);
    agent.destroy();
  });
});
