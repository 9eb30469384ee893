import type { NodeFacts } from "distributary/sdk";
import { logScore, neutral, rankMax, scoreMax, shareScore, whole } from "./score.ts";

/** How much each input counts: whole numbers, 0 … 1,000. */
export interface Weights {
  readonly rank: number;
  readonly recentlyLeader: number;
  readonly membersKnown: number;
  readonly cpu: number;
  readonly memory: number;
  readonly disk: number;
  readonly network: number;
  readonly reliability: number;
  readonly content: number;
}

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;
const TiB = 2 ** 40;

/**
 * The weighted sum. Ranks reach 2,000 steps × 1,000 × weight 1,000, the eight other inputs 8 × weight 1,000 × 16,384:
 * in all 2,131,072,000, which is below 2³¹.
 */
export function weigh(node: NodeFacts, weights: Weights): number {
  return (
    (rankMax + whole(node.rank, -rankMax, rankMax, 0)) * 1_000 * weights.rank +
    ledScore(node.ledAgoMs) * weights.recentlyLeader +
    logScore(node.membersKnown, 1, 16 * KiB) * weights.membersKnown +
    cpuScore(node) * weights.cpu +
    logScore(node.memoryBytes, 64 * MiB, 4 * TiB) * weights.memory +
    logScore(node.freeDiskBytes, 64 * MiB, 64 * TiB) * weights.disk +
    mean(linkScore(node), roundTripScore(node)) * weights.network +
    shareScore(node.reliability) * weights.reliability +
    contentScore(node.versions) * weights.content
  );
}

/** Just now is best; a day ago is as good as never. */
function ledScore(ledAgoMs: number | undefined): number {
  return scoreMax - logScore(ledAgoMs, 1_000, 86_400_000, scoreMax);
}

/** Number and speed of its processors. */
export function cpuScore({ cpuCount, cpuSpeed }: NodeFacts): number {
  return mean(logScore(cpuCount, 1, 256), logScore(cpuSpeed, 125, 8_000));
}

export function linkScore({ linkBytesPerSecond }: NodeFacts): number {
  return logScore(linkBytesPerSecond, 128 * KiB, 16 * GiB);
}

/** 1 ms and less is best, 1 s and more is worst. */
export function roundTripScore({ roundTripMs }: NodeFacts): number {
  return scoreMax - logScore(roundTripMs, 1, 1_000);
}

/** Grows with the versions of all sites: up to a sum of about 1,000 with every single one, then with several. */
function contentScore(versions: NodeFacts["versions"]): number {
  if (typeof versions !== "object" || versions === null) return neutral;
  const most = 2 ** 24;
  let sum = 1;
  for (const version of Object.values(versions)) sum = Math.min(sum + whole(version, 0, most, 0), most);
  return logScore(sum, 1, most);
}

function mean(a: number, b: number): number {
  return Math.floor((a + b) / 2);
}
