import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";

/** Debian packages the tests run real programs of, and a file by which each is recognised. */
const packages: Readonly<Record<string, readonly string[]>> = {
  postgresql: ["/usr/lib/postgresql/*/bin/postgres"],
  rsync: ["/usr/bin/rsync"],
  zstd: ["/usr/bin/zstd"],
  iproute2: ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"],
  attr: ["/usr/bin/setfattr"],
  libfaketime: ["/usr/lib/*/faketime/libfaketime.so.1"],
  nftables: ["/usr/sbin/nft", "/sbin/nft"],
  "clang-14": ["/usr/bin/clang-14"],
  "lld-14": ["/usr/bin/ld.lld-14"],
  nginx: ["/usr/sbin/nginx"],
  "apache2-bin": ["/usr/sbin/apache2"],
  "php-fpm": ["/usr/sbin/php-fpm*"],
};

function missingPackages(): string[] {
  return Object.keys(packages).filter((name) => !packages[name]?.some((pattern) => globSync(pattern).length > 0));
}

/** As root on Debian, installs what is missing. What cannot be installed is an error in CI, elsewhere a warning. */
export function installPackages(): void {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    console.log(`installing ${missing.join(", ")}`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const install = ["install", "--yes", "--no-install-recommends", ...missing];
    for (const args of [["update"], install]) spawnSync("apt-get", ["--quiet=2", ...args], { stdio: "inherit", env });
  }
  const stillMissing = missingPackages();
  if (stillMissing.length === 0) return;
  const problem = `missing packages: ${stillMissing.join(", ")}`;
  if (process.env["CI"] === "true") throw new Error(problem);
  console.warn(`${problem}; tests that need them will fail`);
}
