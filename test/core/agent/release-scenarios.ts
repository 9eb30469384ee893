import assert from "node:assert/strict";
import type { Scenario } from "./crash-loop.ts";
import { seen } from "./site-trial.ts";

/** What an agent does to a site, one scenario for each kind of step. */
export const scenarios: readonly Scenario[] = [
  {
    title: "preparing the first release",
    begin: () => {},
    act: (trial) => trial.prepare(1, 1, 0),
    before: 0,
    after: 0,
    async acknowledged(trial) {
      assert.equal(trial.releases.state.prepared?.version, 1);
      await trial.switchTo(1, 2);
      assert.equal(seen(trial.disk), 1);
    },
  },
  {
    title: "preparing the next release",
    begin: (trial) => trial.publish(1, 1, 0),
    act: (trial) => trial.prepare(2, 3, 1),
    before: 1,
    after: 1,
    async acknowledged(trial) {
      assert.equal(trial.releases.state.prepared?.version, 2);
      await trial.switchTo(2, 4);
      assert.equal(seen(trial.disk), 2);
    },
  },
  {
    title: "the first commit",
    begin: (trial) => trial.prepare(1, 1, 0),
    act: (trial) => trial.switchTo(1, 2),
    before: 0,
    after: 1,
    acknowledged: (trial) => assert.equal(trial.releases.state.lastSerial, 2),
  },
  {
    title: "the next commit",
    async begin(trial) {
      await trial.publish(1, 1, 0);
      await trial.prepare(2, 3, 1);
    },
    act: (trial) => trial.switchTo(2, 4),
    before: 1,
    after: 2,
    acknowledged(trial) {
      assert.equal(trial.releases.state.lastSerial, 4);
      assert.equal(seen(trial.disk, "backup"), 1);
    },
  },
  {
    title: "a commit after which an old release is collected",
    async begin(trial) {
      await trial.publish(1, 1, 0);
      await trial.publish(2, 3, 1);
      await trial.prepare(3, 5, 2);
    },
    async act(trial) {
      await trial.switchTo(3, 6);
      trial.releases.collect();
    },
    before: 2,
    after: 3,
    acknowledged: (trial) => assert.equal(seen(trial.disk, "backup"), 2),
  },
  {
    title: "a commit after which an old release is made into the next one",
    async begin(trial) {
      await trial.publish(1, 1, 0);
      await trial.publish(2, 3, 1);
      await trial.prepare(3, 5, 2);
    },
    async act(trial) {
      await trial.switchTo(3, 6);
      trial.releases.collect();
      await trial.prepare(4, 7, 3);
    },
    before: 2,
    after: 3,
    async acknowledged(trial) {
      assert.equal(trial.releases.state.prepared?.version, 4);
      await trial.switchTo(4, 8);
      assert.equal(seen(trial.disk), 4);
    },
  },
  {
    title: "a rollback",
    async begin(trial) {
      await trial.publish(1, 1, 0);
      await trial.publish(2, 3, 1);
    },
    act: (trial) => trial.switchTo(1, 5, "rollback"),
    before: 2,
    after: 1,
    acknowledged: (trial) => assert.equal(trial.releases.state.lastSerial, 5),
  },
  {
    title: "taking the site away",
    async begin(trial) {
      await trial.publish(1, 1, 0);
      await trial.publish(2, 3, 1);
    },
    act: (trial) => trial.remove(5),
    before: 2,
    after: 0,
    acknowledged: (trial) => assert.equal(trial.releases.state.lastSerial, 5),
  },
  {
    title: "forgetting what was prepared in vain",
    async begin(trial) {
      await trial.publish(1, 1, 0);
      await trial.prepare(2, 3, 1);
    },
    act: (trial) => trial.releases.forget(3),
    before: 1,
    after: 1,
    acknowledged: (trial) => assert.equal(trial.releases.state.prepared, undefined),
  },
];
