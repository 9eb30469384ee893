import { isIP } from "node:net";
import { setTimeout } from "node:timers/promises";
import { failure } from "distributary/sdk";
import type { Exec, Io, Log } from "distributary/sdk";
import { makeDirectories } from "../content/durable-file.ts";
import { loadLocalPolicy, rootOf } from "../../config/local-policy.ts";
import type { LocalPolicy } from "../../config/local-policy.ts";
import { parseBytes } from "../../config/units.ts";
import { readPublicKey } from "../assignment/seal.ts";
import { Kernel } from "../kernel/kernel.ts";
import type { PluginUse } from "../kernel/loader.ts";
import { addressToward } from "../runtime/local-address.ts";
import { lockData } from "../runtime/data-lock.ts";
import { createLink } from "../runtime/http.ts";
import type { Link } from "../runtime/http.ts";
import { controlId } from "../runtime/identity.ts";
import { restSoon } from "../runtime/memory.ts";
import { Agent } from "./agent.ts";
import { enrol, loadIdentity, renewIdentity, renewalTime } from "./enrol.ts";
import type { NodeIdentity } from "./enrol.ts";
import { SegmentMembership } from "./segment/membership.ts";

export interface RunAgentOptions {
  readonly name: string;
  readonly directory: string;
  readonly control: { readonly host: string; readonly port: number };
  readonly labels: Readonly<Record<string, string>>;
  /** The segment it asks to be put in when it enrols. */
  readonly segment?: string;
  /** Where the other members of its segment reach it, if not where is chosen. */
  readonly listen?: { readonly host: string; readonly port: number };
  readonly location?: string;
  /** What control may do here. */
  readonly policyFile?: string;
  /** Needed once, to enrol. */
  readonly token?: string;
  readonly plugins: readonly PluginUse[];
  readonly pluginDirectory: string;
  readonly log: Log;
}

const loopback = "127.0.0.1";

/**
 * Enrols if that was not done before, then runs the agent until the signal. Throws DIST_ERR_STORE_LOCKED if another
 * process has its directory.
 */
export async function runAgent(options: RunAgentOptions, hostIo: Omit<Io, "http">, signal: AbortSignal): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const { name, directory, log } = options;
  const { host: controlHost, port } = options.control;
  const control = { id: controlId, host: controlHost === "" ? loopback : controlHost, port };
  const policy = loadLocalPolicy(options.policyFile);
  makeDirectories(hostIo.disk, directory);
  resources.use(await lockData(directory));
  const kernel = resources.use(
    await Kernel.load({ plugins: options.plugins, directory: options.pluginDirectory, role: "agent", log }),
  );
  const identity = loadIdentity(directory) ?? (await enrolNow(options, control));
  const host = await ownAddress(options);
  const link = await createLink(identity, { host: host ?? loopback, port: options.listen?.port ?? 0, log });
  resources.defer(() => link.close());
  const io: Io = { ...hostIo, http: link };
  await kernel.start("agent", io);
  const agent = new Agent(io, {
    node: identity.id,
    name,
    labels: options.labels,
    ...(options.segment === undefined ? {} : { segment: options.segment }),
    ...(options.location === undefined ? {} : { location: options.location }),
    control,
    ...(host === undefined ? {} : { serves: { address: host, port: link.port } }),
    directory,
    signingKey: readPublicKey(identity.signingKey),
    kernel,
    log,
    permissionFor: (site) => permissionFor(policy, site, name),
    afterSwitch: (site, _release, stop) => tellServer(policy, site, io.exec, stop),
  });
  const membership = new SegmentMembership(io, {
    ...{ node: identity.id, name, control, directory, kernel, log, signingKey: identity.signingKey },
    ...(options.location === undefined ? {} : { location: options.location }),
    ...(options.listen === undefined ? {} : { listen: endpointOf(options.listen) }),
    intake: agent.intake,
    sites: () => agent.states(),
    report: (word) => void agent.report(word),
  });
  log.info({ node: identity.id, name, directory }, "agent runs");
  restSoon();
  await Promise.all([
    agent.run(signal, membership),
    membership.run(signal),
    keepIdentity(identity, link, control, directory, io, log, signal),
  ]);
}

/** Where other nodes reach this host; none do while it has no way even to control. */
async function ownAddress({ listen, control, log }: RunAgentOptions): Promise<string | undefined> {
  if (listen !== undefined) return endpointOf(listen).address;
  try {
    return await addressToward(control.host === "" ? loopback : control.host);
  } catch (error) {
    log.warn({ error: (error as Error).message }, "no way to control: until a restart nobody is served from here");
    return undefined;
  }
}

/** Throws DIST_ERR_OPTIONS_INVALID if others cannot reach this host there. */
function endpointOf({ host, port }: { host: string; port: number }): { address: string; port: number } {
  if (isIP(host) !== 0 && host !== "0.0.0.0" && host !== "::") return { address: host, port };
  const problems = `'${host}' is no IP address of this host by which others can reach it`;
  throw failure("DIST_ERR_OPTIONS_INVALID", { owner: "agent.listen", problems });
}

async function enrolNow(
  { token, name, labels, segment, directory, log }: RunAgentOptions,
  control: { host: string; port: number },
): Promise<NodeIdentity> {
  if (token === undefined)
    throw failure("DIST_ERR_AUTH_TOKEN", { problem: `node '${name}' is not enrolled and has none` });
  const asked = { labels, ...(segment === undefined ? {} : { segment }) };
  const identity = await enrol({ control, token, name, directory, ...asked });
  log.info({ node: identity.id, name }, "enrolled");
  return identity;
}

function permissionFor(policy: LocalPolicy, site: string, name: string) {
  return {
    directory: rootOf(policy, site, name),
    maxEntries: policy.maxEntries,
    maxBytes: parseBytes(policy.maxBytes),
    maxFileBytes: parseBytes(policy.maxFileBytes),
    extensions: policy.extensions,
    names: policy.names,
    symlinks: policy.symlinks,
    keepReleases: policy.keepReleases,
  };
}

/** How long a site may take to answer its probe, and the pause between two tries. */
const probeMs = 10_000;
const probePauseMs = 200;

/** Runs the node's own reload command, then waits until the site answers its probe. */
async function tellServer(
  { reload, probe }: LocalPolicy,
  site: string,
  exec: Exec,
  signal: AbortSignal,
): Promise<void> {
  const [file, ...args] = Object.hasOwn(reload, site) ? (reload[site] ?? []) : [];
  if (file !== undefined) {
    const { code, stderr } = await exec(file, args, { signal });
    if (code !== 0)
      throw failure("DIST_ERR_SERVE_FAILED", {
        site,
        problem: `'${file}' ended with ${code}: ${stderr.slice(0, 500)}`,
      });
  }
  const url = Object.hasOwn(probe, site) ? probe[site] : undefined;
  if (url !== undefined) await untilServed(site, url, signal);
}

/** A server that was only told to reload may answer with what it had for a moment. */
async function untilServed(site: string, url: string, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(probeMs)]);
  let problem = `${url} does not answer`;
  while (!deadline.aborted) {
    try {
      const response = await fetch(url, { signal: deadline, redirect: "manual" });
      await response.body?.cancel();
      if (response.ok) return;
      problem = `${url} answers ${response.status}`;
    } catch (error) {
      if (!deadline.aborted) problem = `${url}: ${(error as Error).message}`;
    }
    await setTimeout(probePauseMs, undefined, { signal: deadline }).catch(() => undefined);
  }
  signal.throwIfAborted();
  throw failure("DIST_ERR_SERVE_FAILED", { site, problem });
}

const pauseAfterFailureMs = 60_000;
/** Timers of Node hold at most 2³¹ ms. */
const longestSleepMs = 24 * 60 * 60 * 1000;

/** Renews the certificate two thirds through its life. */
async function keepIdentity(
  first: NodeIdentity,
  link: Link,
  control: { id: string; host: string; port: number },
  directory: string,
  io: Io,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let identity = first;
  let pauseMs = 0;
  while (!signal.aborted) {
    const wait = Math.max(pauseMs, Math.min(longestSleepMs, renewalTime(identity) - io.clock.wallTime()));
    await io.clock.until(io.clock.now() + wait, signal).catch(() => undefined);
    if (signal.aborted || renewalTime(identity) > io.clock.wallTime()) continue;
    try {
      identity = await renewIdentity(identity, { http: link, control, directory });
      link.use(identity);
      pauseMs = 0;
    } catch (error) {
      log.warn({ error: (error as Error).message }, "certificate not renewed");
      pauseMs = pauseAfterFailureMs;
    }
  }
}
