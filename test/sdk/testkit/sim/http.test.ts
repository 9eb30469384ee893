import { describe, expect, it } from "vitest";
import type { HttpAnswer } from "../../../../sdk/index.ts";
import { SimClock } from "../../../../sdk/testkit/sim/clock.ts";
import { SimNetwork } from "../../../../sdk/testkit/sim/http.ts";

const broken = { code: "DIST_ERR_TRANSFER_BROKEN", retryable: true };
const read = async ({ body }: HttpAnswer) => Buffer.concat(await Array.fromAsync(body));

function setUp(answer: (signal: AbortSignal) => HttpAnswer["body"] = () => [Buffer.from("hello")], latencyMs = 0) {
  const clock = new SimClock();
  const network = new SimNetwork(clock, latencyMs);
  const serving = network.http("a").serve("/", ({ signal }) => Promise.resolve({ status: 200, body: answer(signal) }));
  const ask = (signal = new AbortController().signal) => network.http("b").request(network.peer("a"), "/", { signal });
  return { clock, network, serving, ask };
}

describe("a simulated network", () => {
  it("tells who asks, with method, path and body, and brings the answer", async () => {
    const network = new SimNetwork(new SimClock());
    network
      .http("a")
      .serve("/echo", async ({ method, path, peerId, body }) => ({
        status: 201,
        headers: { "X-Who": peerId },
        body: [Buffer.from(`${method} ${path} `), await read({ status: 0, body })],
      }));
    const asked = { method: "POST", body: Buffer.from("body") };
    const answer = await network.http("b").request(network.peer("a"), "/echo?q", asked);
    expect([answer.status, answer.headers]).toEqual([201, { "x-who": "b" }]);
    expect((await read(answer)).toString()).toBe("POST /echo?q body");
  });

  it("answers from the longest prefix until it is disposed, and 404 from nothing", async () => {
    const { network, serving, ask } = setUp();
    using _longer = network.http("a").serve("/longer", () => Promise.resolve({ status: 204, body: [] }));
    expect((await network.http("b").request(network.peer("a"), "/longer/x")).status).toBe(204);
    serving[Symbol.dispose]();
    expect((await ask()).status).toBe(404);
  });

  it("answers 500 for an error, and the status of one that has it", async () => {
    const network = new SimNetwork(new SimClock());
    network.http("a").serve("/", () => Promise.reject(new Error("secret")));
    const answer = await network.http("b").request(network.peer("a"), "/");
    expect([answer.status, (await read(answer)).toString()]).toEqual([500, "it failed\n"]);
  });

  it("copies what it carries", async () => {
    const bytes = Buffer.from("hello");
    const { ask } = setUp(() => [bytes]);
    const answer = await ask();
    const got = await read(answer);
    bytes.fill(0);
    expect(got.toString()).toBe("hello");
  });

  it("takes its time by the clock", async () => {
    const { clock, ask } = setUp(undefined, 30);
    const asking = ask().then(read);
    let isThere = false;
    void asking.then(() => (isThere = true));
    await clock.advance(89);
    expect(isThere).toBe(false);
    await clock.advance(1);
    expect((await asking).toString()).toBe("hello");
  });

  it("breaks where it is told to, once", async () => {
    const { network, ask } = setUp(() => [new Uint8Array(10_000)]);
    network.breakAfter("a", 5_000);
    await expect(ask().then(read)).rejects.toMatchObject(broken);
    expect((await read(await ask())).length).toBe(10_000);
  });

  it("breaks an answer that is not as long as it said, or fails on the way", async () => {
    const network = new SimNetwork(new SimClock());
    const short: HttpAnswer = { status: 200, headers: { "Content-Length": "9" }, body: [new Uint8Array(8)] };
    network.http("a").serve("/short", () => Promise.resolve(short));
    network.http("a").serve("/fails", () => Promise.resolve({ status: 200, body: failing() }));
    for (const path of ["/short", "/fails"]) {
      await expect(network.http("b").request(network.peer("a"), path).then(read)).rejects.toMatchObject(broken);
    }
  });

  it("does not reach who is down, and reaches who is up again", async () => {
    const { network, ask } = setUp();
    network.down("a");
    await expect(ask()).rejects.toMatchObject(broken);
    network.up("a");
    expect((await read(await ask())).toString()).toBe("hello");
  });

  it("holds up who is stalled until it resumes, or the caller's signal", async () => {
    const { network, ask } = setUp();
    network.stall("a");
    const controller = new AbortController();
    const [patient, impatient] = [ask().then(read), ask(controller.signal)];
    controller.abort(new Error("enough"));
    await expect(impatient).rejects.toThrow("enough");
    network.resume("a");
    expect((await patient).toString()).toBe("hello");
  });

  it("tells who answers that the caller left, by signal or by the iterator", async () => {
    for (const how of ["abort", "return"] as const) {
      const heard = Promise.withResolvers<void>();
      const { ask } = setUp((signal) => {
        signal.addEventListener("abort", () => heard.resolve());
        return endless();
      });
      const controller = new AbortController();
      const { body } = await ask(controller.signal);
      if (how === "abort") controller.abort();
      else await (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().return?.();
      await heard.promise;
    }
  });
});

async function* failing(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(8);
  throw new Error("the disk broke");
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(8);
}
