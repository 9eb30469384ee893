import { describe, expect, it } from "vitest";
import { Progress } from "../../../../core/cli/terminal/progress.ts";
import { widthOf } from "../../../../core/cli/terminal/terminal.ts";
import { RecordedTerminal } from "./recorded-terminal.ts";

const mib = 2 ** 20;

function begin(traits: ConstructorParameters<typeof RecordedTerminal>[0] = {}) {
  const terminal = new RecordedTerminal(traits);
  const clock = { ms: 0 };
  return { terminal, clock, progress: new Progress(terminal, { unit: "bytes", now: () => clock.ms }) };
}

describe("progress on a terminal", () => {
  it("draws a bar for each, and redraws in place", () => {
    const { terminal, clock, progress } = begin({ isInteractive: true });
    const [web, blog] = [progress.bar("web", 4 * mib), progress.bar("blog-eu")];
    clock.ms = 2000;
    web.update(mib, "node a");
    clock.ms = 2100;
    blog.update(mib);
    expect(terminal.screen()).toEqual([
      "web      [#####---------------]  25%  1 MiB of 4 MiB  7s left  node a",
      "blog-eu  1 MiB",
    ]);
    web.finish();
    expect(terminal.screen()).toEqual(["web: 1 MiB in 2.1s", "blog-eu  1 MiB"]);
    progress.print("a node joined\x07");
    blog.finish("live");
    expect(terminal.screen()).toEqual(["web: 1 MiB in 2.1s", "a node joined\\x07", "blog-eu: live"]);
  });

  it("redraws at most ten times a second", () => {
    const { terminal, clock, progress } = begin({ isInteractive: true });
    const bar = progress.bar("web", 1000);
    const before = terminal.error.length;
    for (clock.ms = 1; clock.ms < 100; clock.ms += 1) bar.update(clock.ms);
    expect(terminal.error.length).toBe(before);
    for (; clock.ms < 1100; clock.ms += 1) bar.update(clock.ms);
    expect(terminal.error.split("\x1b[J").length - 1).toBe(10);
  });

  it.each([80, 40, 20, 5, 2, 1, 0])("keeps each bar on its line in %d columns", (columns) => {
    const { terminal, clock, progress } = begin({ isInteractive: true, columns });
    const bars = ["web", "a-very-long-name-of-a-site-that-is-wide", "日本語日本語日本語日本語"].map((label) =>
      progress.bar(label, 9 * mib),
    );
    for (const bar of bars) {
      clock.ms += 1000;
      bar.update(3 * mib, "x".repeat(300));
    }
    expect(terminal.screen()).toHaveLength(3);
    for (const line of terminal.screen()) expect(widthOf(line)).toBeLessThan(Math.max(2, columns));
  });

  it("draws no more bars than the screen is high", () => {
    const { terminal, progress } = begin({ isInteractive: true, rows: 6 });
    for (let at = 0; at < 10; at += 1) progress.bar(`site-${at}`, 10);
    expect(terminal.screen()).toHaveLength(4);
    expect(terminal.screen().at(-1)).toBe("… and 7 more");
  });

  it("takes away what is left", () => {
    const { terminal, progress } = begin({ isInteractive: true });
    {
      using left = progress;
      left.bar("web", 10);
    }
    expect(terminal.screen()).toEqual([]);
  });

  it("is not confused by amounts that make no sense", () => {
    const { terminal, clock, progress } = begin({ isInteractive: true });
    for (const [done, total] of [
      [5, 0],
      [-5, 10],
      [50, 10],
      [NaN, 10],
    ] as const) {
      clock.ms += 1000;
      progress.bar("x", total).update(done);
    }
    expect(terminal.screen()).toHaveLength(4);
    expect(terminal.screen()[2]).toContain("100%");
  });
});

describe("progress elsewhere", () => {
  it("writes plain lines at the start, at each quarter and at the end", () => {
    const { terminal, clock, progress } = begin();
    const bar = progress.bar("web", 4 * mib);
    for (let part = 0; part <= 16; part += 1) {
      clock.ms += 100;
      bar.update((part * mib) / 4);
    }
    progress.print("a node joined");
    bar.finish();
    bar.finish();
    bar.update(1);
    expect(terminal.error).toBe(
      `web: begins
web: 25% (1 MiB of 4 MiB)
web: 50% (2 MiB of 4 MiB)
web: 75% (3 MiB of 4 MiB)
a node joined
web: 4 MiB in 1.7s
`,
    );
  });

  it("takes a total that is known later", () => {
    const { terminal, progress } = begin();
    const bar = progress.bar("web");
    bar.update(mib);
    bar.setTotal(2 * mib);
    bar.update(mib);
    bar.finish("done\n");
    expect(terminal.error).toBe("web: begins\nweb: 50% (1 MiB of 2 MiB)\nweb: done\\x0a\n");
  });
});
