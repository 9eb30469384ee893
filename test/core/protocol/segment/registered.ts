import type { SegmentEffect, SegmentEvent, SegmentReport } from "../../../../core/protocol/segment/events.ts";
import type { Checker } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { Violation } from "../../../../sdk/testkit/sim/world/violation.ts";
import { mutuallyReaching } from "./view.ts";
import type { SegmentRun, SegmentWorld } from "./world.ts";

/**
 * What control has of a segment, from reports alone: of those who are well, the one of the newest epoch. In the end it
 * is complete (R1), without ghosts (R2), and of the leader that leads (R3).
 */
export function registrationChecker(world: SegmentWorld, run: SegmentRun): Checker<SegmentEvent, SegmentEffect> {
  /** The last one of each leader. */
  const reports = new Map<string, SegmentReport>();
  const leading = new Set<string>();
  return {
    process(node) {
      leading.delete(`n${node}`);
    },
    effect(node, effect, now) {
      if (effect.type === "tell" && effect.fact.what === "state") {
        if (effect.fact.state === "leader is me") leading.add(`n${node}`);
        else leading.delete(`n${node}`);
      }
      if (effect.type !== "report") return;
      const { report } = effect;
      if (report.leader !== `n${node}` || !leading.has(report.leader))
        throw new Violation("R3", now, `n${node} reports and does not lead`);
      const ids = report.members.map(({ id }) => id);
      if (ids.includes(report.leader)) throw new Violation("R3", now, `${report.leader} reports itself as a member`);
      if (ids.some((id, index) => index > 0 && id <= (ids[index - 1] ?? "")))
        throw new Violation("R3", now, `the members of a report are in disorder: ${ids.join(" ")}`);
      const last = reports.get(report.leader);
      if (last !== undefined && (report.epoch - last.epoch || report.revision - last.revision) < 0)
        throw new Violation("R3", now, `${report.leader} goes back to ${report.epoch}.${report.revision}`);
      reports.set(report.leader, report);
    },
    finish(now) {
      const counted = mutuallyReaching(world, run).map((node) => `n${node}`);
      const running = new Set(world.nodes.filter(({ index }) => world.isRunning(index)).map(({ name }) => name));
      const leads = counted.filter((name) => leading.has(name));
      if (counted.length === 0 || leads.length !== 1) return;
      const [leader = ""] = leads;
      const [table] = [...reports.values()]
        .filter((report) => counted.includes(report.leader))
        .sort((a, b) => b.epoch - a.epoch || (a.leader === leader ? -1 : 1));
      if (table?.leader !== leader)
        throw new Violation("R3", now, `control has ${table?.leader} in epoch ${table?.epoch}; ${leader} leads`);
      const listed = new Set(table.members.map(({ id }) => id));
      const missing = counted.filter((name) => name !== leader && !listed.has(name));
      if (missing.length > 0) throw new Violation("R1", now, `${missing.join(" ")} not reported by ${leader}`);
      const ghosts = [...listed].filter((name) => !running.has(name));
      if (ghosts.length > 0) throw new Violation("R2", now, `${ghosts.join(" ")} reported by ${leader}, and gone`);
    },
  };
}
