import { describe, expect, it, onTestFinished } from "vitest";
import { ControlStream } from "../../../core/agent/control-stream.ts";
import { linkPaths } from "../../../core/protocol/messages.ts";
import type { FromControl, FromNode } from "../../../core/protocol/messages.ts";
import type { Log } from "../../../sdk/index.ts";
import { SimClock } from "../../../sdk/testkit/sim/clock.ts";
import { SimNetwork } from "../../../sdk/testkit/sim/http.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const welcome: FromControl = { type: "welcome", node: "n1", control: "c" };
const forget = (serial: number): FromControl => ({ type: "forget", job: "j", site: "shop", serial });
const hello: FromNode = { type: "room", job: "hello", able: true };

/** Control's end: what it writes on each new stream, and what it hears. */
async function connected(write: (stream: number) => AsyncIterable<string> | Iterable<string>) {
  const clock = new SimClock();
  const network = new SimNetwork(clock);
  const control = network.http("control");
  const heard: FromNode[] = [];
  const streams: number[] = [];
  control.serve(linkPaths.stream, async () => {
    streams.push(clock.now());
    const lines = write(streams.length);
    return {
      status: 200,
      body: (async function* () {
        for await (const line of lines) yield Buffer.from(line);
      })(),
    };
  });
  control.serve(linkPaths.report, async ({ body }) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    heard.push(JSON.parse(Buffer.concat(chunks).toString()) as FromNode);
    return { status: 204, body: [] };
  });
  const stop = new AbortController();
  const stream = new ControlStream(simIo({ clock, http: network.http("node") }), network.peer("control"), quiet);
  const taken: FromControl[] = [];
  const running = stream.run({ greet: () => hello, take: (message) => void taken.push(message) }, stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await clock.advance(1);
    await running;
  });
  return { clock, network, stream, heard, taken, streams };
}

const line = (message: FromControl) => `${JSON.stringify(message)}\n`;

/** Lines, and then nothing more while the stream stands. */
async function* standing(...lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
  await new Promise(() => {});
}

describe("a node's stream from control", () => {
  it("is greeted when it is welcomed, and takes what comes in its order, however it is cut up", async () => {
    const text = line(welcome) + line(forget(1)) + line(forget(2)) + line({ type: "ping" });
    const { clock, heard, taken, stream } = await connected(() =>
      standing(text.slice(0, 9), text.slice(9, 80), text.slice(80)),
    );
    await clock.advance(1);
    expect(heard).toEqual([hello]);
    expect(taken).toEqual([forget(1), forget(2), { type: "ping" }]);
    await stream.report({ type: "room", job: "j", able: false });
    expect(heard.at(-1)).toMatchObject({ job: "j" });
  });

  it("says nothing before it is welcomed", async () => {
    const { clock, heard, stream } = await connected(() => standing());
    await clock.advance(1);
    await stream.report(hello);
    expect(heard).toEqual([]);
  });

  it("is made anew when it ends, and greets again", async () => {
    const { clock, heard, streams } = await connected(() => [line(welcome)]);
    await clock.advance(1_000);
    expect(streams.length).toBeGreaterThan(3);
    expect(heard.length).toBe(streams.length);
    // Not at once, and not all nodes at the same moment.
    for (const [index, moment] of streams.slice(1).entries())
      expect(moment - (streams[index] ?? 0)).toBeGreaterThanOrEqual(50);
  });

  it("tries less often while control is away, every five seconds or so, and finds it again", async () => {
    const { clock, network, streams, heard } = await connected(() => standing(line(welcome)));
    await clock.advance(1);
    expect(heard).toHaveLength(1);
    const away = await connected(() => standing(line(welcome)));
    away.network.down("control");
    await away.clock.advance(120_000);
    away.network.up("control");
    await away.clock.advance(7_500);
    expect(away.heard.length).toBeGreaterThan(0);
    expect([network.peer("control").id, streams.length]).toEqual(["control", 1]);
  });

  it.for([
    ["a line that is no message", "not json\n"],
    ["a line that is nothing", "null\n"],
  ] as const)("breaks at %s, and is made anew", async ([, wrong]) => {
    const { clock, taken, streams } = await connected((stream) =>
      standing(line(welcome), stream === 1 ? wrong : "", line(forget(3))),
    );
    await clock.advance(1_000);
    expect(streams.length).toBe(2);
    expect(taken).toEqual([forget(3)]);
  });

  it("is a failure to report, and no more, when a report is not delivered", async () => {
    const { clock, network, stream } = await connected(() => standing(line(welcome)));
    await clock.advance(1);
    network.down("control");
    await expect(stream.report(hello)).resolves.toBeUndefined();
  });
});
