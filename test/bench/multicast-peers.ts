import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./measuring.ts";
import { sender } from "./multicast-trial.ts";
import type { Contender, Sending } from "./multicast-trial.ts";

/** Whether a program is there. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"]).error === undefined;
}

const multicast = { copies: () => 1, copy: () => ["file"] };
const oneByOne = { copies: (receivers: number) => receivers, copy: () => ["file"] };

/**
 * UFTP, which sends again what anybody misses, in passes. Its defaults wait for half a second where 50 ms do, and it
 * knows no rate but the one it is told. Sealed if a cipher is named.
 */
export function uftp({ cipher, share = 1 }: { cipher?: string; share?: number } = {}): Contender {
  const options = ["-I", "eth0", "-B", "4194304"];
  const sealed = cipher === undefined ? [] : ["-Y", cipher, "-h", "sha256"];
  return {
    name: cipher === undefined ? "uftp" : `uftp, ${cipher}`,
    ...multicast,
    async prepare(trial) {
      const { megabits } = trial.cell;
      const daemons = trial.receivers.map((host) =>
        trial.start(host, "uftpd", "-d", ...options, "-D", trial.directory(host)),
      );
      await Promise.all(daemons.map((daemon) => daemon.says("Loaded")));
      const rate = ["-R", `${megabits === undefined ? -1 : Math.round(megabits * 1_000 * share)}`];
      const times = ["-r", "0.05:0.01:0.5"];
      const members = ["-H", trial.receivers.map((host) => hexAddress(trial.lan.address(host))).join(",")];
      // As large as fits a frame, with room for what its manual says is needed.
      const size = ["-b", "1400"];
      const command = ["uftp", ...options, ...rate, ...times, ...size, ...members, ...sealed, trial.source];
      return () => ({
        copied: daemons.map((daemon) => daemon.says("File transfer complete")),
        ended: trial.run(sender, ...command),
      });
    },
  };
}

/** The name uftp gives a host that has none. */
function hexAddress(address: string): string {
  const bytes = Buffer.from(address.split(".").map(Number));
  return `0x${bytes.toString("hex").toUpperCase()}`;
}

/** udpcast, which goes on when everybody has a slice. With this much parity beforehand, if any. */
export function udpcast({ fec, isPaced = true }: { fec?: string; isPaced?: boolean } = {}): Contender {
  return {
    name: fec === undefined ? "udpcast" : `udpcast, parity ${fec}`,
    ...multicast,
    async prepare(trial) {
      const options = ["--nokbd", "--no-progress", "--interface", "eth0", "--file"];
      const daemons = trial.receivers.map((host) => trial.start(host, "udp-receiver", ...options, "file"));
      await Promise.all(daemons.map((daemon) => daemon.says("UDP receiver for")));
      const { megabits } = trial.cell;
      const rate = isPaced && megabits !== undefined ? ["--max-bitrate", `${megabits}m`] : [];
      const parity = fec === undefined ? [] : ["--fec", fec];
      // Else a hello that was lost is waited for without end.
      const start = ["--min-receivers", `${trial.receivers.length}`, "--rexmit-hello-interval", "50"];
      return () => atOnce(trial.run(sender, "udp-sender", ...start, ...rate, ...parity, ...options, trial.source));
    },
  };
}

/** nginx, and a curl on each receiver, all at once. */
export const http: Contender = {
  name: "nginx and curl, in parallel",
  ...oneByOne,
  async prepare(trial) {
    const directory = trial.directory(sender);
    const file = join(directory, "nginx.conf");
    const server = `server { listen 80; root ${directory}; }`;
    const own = `access_log off; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
      fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;`;
    writeFileSync(
      file,
      `user root; daemon off; master_process off; pid ${directory}/pid; error_log stderr notice;
      events {} http { sendfile on; ${own} ${server} }`,
    );
    await trial.start(sender, "nginx", "-c", file).says("nginx/");
    const url = `http://${trial.lan.address(sender)}/file`;
    const get = (host: number) => trial.run(host, "curl", "--silent", "--fail", "--output", "file", url);
    return () => atOnce(Promise.all(trial.receivers.map(get)));
  },
};

/** A daemon, from which one receiver after the other fetches. */
export const rsync: Contender = {
  name: "rsync, in a loop",
  ...oneByOne,
  async prepare(trial) {
    const directory = trial.directory(sender);
    const [file, log] = [join(directory, "rsyncd.conf"), join(directory, "log")];
    writeFileSync(file, `use chroot = no\nuid = root\nlog file = ${log}\n[files]\npath = ${directory}\n`);
    trial.start(sender, "rsync", "--daemon", "--no-detach", "--config", file);
    await until(() => existsSync(log) && readFileSync(log, "utf8").includes("listening"), 10_000);
    const url = `rsync://${trial.lan.address(sender)}/files/file`;
    const loop = async () => {
      for (const host of trial.receivers) await trial.run(host, "rsync", "--whole-file", url, "file");
    };
    return () => atOnce(loop());
  },
};

/** When the sender has nothing more to do, the last copy is there. */
function atOnce(ended: Promise<unknown>): Sending {
  return { copied: [ended], ended };
}
