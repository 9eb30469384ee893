import assert from "node:assert/strict";
import { Killed } from "../../../sdk/testkit/sim/disk-faults.ts";
import type { DiskFault } from "../../../sdk/testkit/sim/disk-faults.ts";
import type { Disk } from "../../../sdk/index.ts";
import type { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { readTree } from "../../../sdk/testkit/tree-model.ts";
import { seen, site, SiteTrial } from "./site-trial.ts";
import type { TrialOptions } from "./site-trial.ts";

/** Something an agent does, from a known beginning. */
export interface Scenario {
  readonly title: string;
  /** Made durable before it begins. */
  begin(trial: SiteTrial<Disk>): Promise<unknown> | void;
  act(trial: SiteTrial<Disk>): Promise<unknown> | unknown;
  /** The version that is live before, and after it was acknowledged; 0 for none. */
  readonly before: number;
  readonly after: number;
  /** What must be true as soon as it was acknowledged, also after a crash and a recovery. */
  acknowledged?(trial: SiteTrial<Disk>): Promise<unknown> | void;
}

interface CheckOptions {
  readonly isAcknowledged?: boolean;
  /** Whether the next version is published after it. */
  readonly goesOn?: boolean;
}

/** Serials and versions of what comes next, whatever came before. */
const nextSerial = 100;
const nextVersion = 4;

/**
 * Runs scenarios with one operation on the disk going wrong after the other. Throws at the first thing that must not
 * be.
 */
export class CrashLoop {
  readonly #scenario: Scenario;
  readonly #options: TrialOptions;
  readonly #start: SimDisk;
  #label = "";
  /** How many crashes were looked at. */
  count = 0;

  private constructor(scenario: Scenario, options: TrialOptions, start: SimDisk) {
    this.#scenario = scenario;
    this.#options = options;
    this.#start = start;
  }

  static async prepare(scenario: Scenario, disk: SimDisk, options: TrialOptions = {}): Promise<CrashLoop> {
    await scenario.begin(new SiteTrial(disk));
    new SiteTrial(disk).releases.recover();
    disk.syncTree("/");
    return new CrashLoop(scenario, options, disk);
  }

  /** Once unharmed, and then power lost. */
  async checkAcknowledged(): Promise<void> {
    const trial = this.#begun();
    await this.#scenario.act(trial);
    this.#label = "acknowledged";
    for (const disk of losses(trial.disk, 24)) await this.#check(disk, { isAcknowledged: true });
  }

  /** Killed, or without power, at every operation, and then recovered. */
  async checkCrashes(): Promise<void> {
    for await (const killed of this.#everyAct()) {
      for (const disk of [killed.afterKill(), ...losses(killed, 7)]) await this.#check(disk);
    }
  }

  /** The same, and the recovery killed, or without power, at every operation too. */
  async checkRecoveryCrashes(): Promise<void> {
    const recover = (trial: SiteTrial) => trial.releases.recover();
    for await (const killed of this.#everyAct()) {
      const label = this.#label;
      for (const crashed of [killed.afterKill(), ...losses(killed, 1)]) {
        for await (const again of this.#everyKill(() => this.#trial(crashed.afterKill()), recover)) {
          this.#label = `${label}, its recovery ${this.#label}`;
          for (const disk of [again.afterKill(), ...losses(again, 1)]) await this.#check(disk, { goesOn: false });
        }
      }
    }
  }

  /**
   * An error at every operation: what is live stays whole, is what the state says, and the next good input is accepted.
   */
  async checkErrors(fault: Exclude<DiskFault, "kill">): Promise<void> {
    for (const when of ["before", "after"] as const) {
      for (let count = 1; ; count += 1) {
        const trial = this.#begun();
        const planned = trial.disk.operations + count;
        trial.disk.failAt(count, fault, when);
        const error = await failureOf(() => this.#scenario.act(trial));
        if (trial.disk.operations < planned) break;
        this.#label = `${fault} ${when} operation ${count}`;
        await this.#labelled(() => this.#checkAfterError(trial, error));
      }
    }
  }

  async #checkAfterError(trial: SiteTrial, error: unknown): Promise<void> {
    this.count += 1;
    const { before, after } = this.#scenario;
    const version = seen(trial.disk);
    assert.ok(version === before || version === after, `version ${version} is live`);
    if (error === undefined) assert.equal(version, after, "it said that it was done");
    assert.equal(trial.releases.state.live?.version ?? 0, version, "its state does not say what is live");
    for (const disk of losses(trial.disk, 2))
      await this.#checkImage(disk, { isAcknowledged: error === undefined, goesOn: false });
    // What control does after a failure.
    const { prepared } = trial.releases.state;
    if (error !== undefined && prepared !== undefined) trial.releases.forget(prepared.serial);
    assert.equal(seen(trial.disk), version, "another version is live after control gave up");
    await this.#publishNext(trial, version);
  }

  #everyAct(): AsyncGenerator<SimDisk> {
    return this.#everyKill(
      () => this.#begun(),
      (trial) => this.#scenario.act(trial),
    );
  }

  /** The disk of a program that was killed before its first operation, its second, and so on. */
  async *#everyKill(create: () => SiteTrial, act: (trial: SiteTrial) => unknown): AsyncGenerator<SimDisk> {
    for (let count = 1; ; count += 1) {
      const trial = create();
      const planned = trial.disk.operations + count;
      trial.disk.failAt(count, "kill");
      const error = await failureOf(() => act(trial));
      if (trial.disk.operations < planned) {
        if (error !== undefined) throw error;
        return;
      }
      assert.ok(error instanceof Killed, `it went on after it was killed: ${String(error)}`);
      this.#label = `killed before operation ${count}`;
      yield trial.disk;
    }
  }

  async #check(disk: SimDisk, how: CheckOptions = {}): Promise<void> {
    await this.#labelled(() => this.#checkImage(disk, how));
  }

  async #labelled(check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } catch (error) {
      throw new Error(`${this.#scenario.title}; ${this.#label}: ${(error as Error).message}`, { cause: error });
    }
  }

  async #checkImage(disk: SimDisk, { isAcknowledged = false, goesOn = true }: CheckOptions): Promise<void> {
    this.count += 1;
    const { before, after, acknowledged } = this.#scenario;
    const allowed = isAcknowledged ? [after] : [before, after];
    // Before the agent is back, somebody is already served.
    const served = seen(disk);
    assert.ok(allowed.includes(served), `version ${served} is live, not ${allowed.join(" or ")}`);
    const trial = this.#trial(disk);
    trial.releases.recover();
    this.#checkRecovered(trial, allowed);
    const left = withoutTimes(disk);
    const { state } = trial.releases;
    const again = this.#trial(disk);
    again.releases.recover();
    assert.deepEqual(withoutTimes(disk), left, "recovering twice changes more");
    assert.deepEqual(again.releases.state, state, "recovering twice comes to another state");
    for (const lost of losses(disk, 3)) assert.equal(seen(lost), seen(disk), "what was recovered is not durable");
    if (isAcknowledged) await acknowledged?.(again);
    if (goesOn) await this.#publishNext(again, again.releases.state.live?.version ?? 0);
  }

  #checkRecovered({ disk, releases }: SiteTrial, allowed: readonly number[]): void {
    const { state } = releases;
    const version = seen(disk);
    assert.ok(allowed.includes(version), `version ${version} is live after recovering`);
    assert.equal(state.live?.version ?? 0, version, "its state does not say what is live");
    assert.equal(state.damage, undefined, "what is live is damaged");
    assert.equal(seen(disk, "backup"), state.backup?.version ?? 0, "backup is not what the state says");
    if (disk.stat(`${site}/releases`) === undefined) return;
    for (const name of disk.list(`${site}/releases`)) assert.match(name, /^\d{10}$/, `${name} was left`);
  }

  /** The next good input is accepted, and durable when it is acknowledged. */
  async #publishNext(trial: SiteTrial, from: number): Promise<void> {
    const state = await trial.publish(nextVersion, nextSerial, from);
    assert.equal(state.live?.version, nextVersion, "the next version is not live");
    for (const disk of [trial.disk, ...losses(trial.disk, 1)])
      assert.equal(seen(disk), nextVersion, "the next version is not durable");
  }

  /** An agent that has started, at the beginning of the scenario. */
  #begun(): SiteTrial {
    const trial = this.#trial(this.#start.afterKill());
    trial.releases.recover();
    return trial;
  }

  #trial(disk: SimDisk): SiteTrial {
    return new SiteTrial(disk, this.#options);
  }
}

/** What may be there after so many losses of power; a third of them on a disk that keeps the order of names. */
function* losses(disk: SimDisk, count: number): Generator<SimDisk> {
  for (let seed = 0; seed < count; seed += 1) {
    yield disk.afterPowerLoss(seed % 3 === 1 ? "ext4" : "strict", new SimRandom(seed));
  }
}

function withoutTimes(disk: SimDisk): unknown {
  return Object.entries(readTree(disk, site)).map(([path, leaf]) => [path, { ...leaf, mtimeMs: 0 }]);
}

async function failureOf(act: () => unknown): Promise<unknown> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return error;
  }
}
