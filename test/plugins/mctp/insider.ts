import { recordingHost, simulatedScene } from "distributary/testkit";
import { decodeAnnouncement } from "../../../plugins/mctp/wire/announcement.ts";
import mctp from "../../../plugins/mctp/index.ts";
import type { Announced } from "../../../plugins/mctp/wire/messages.ts";
import type { Delivered, Delivery, MembersTransport, UdpSocket } from "../../../sdk/index.ts";
import type { MembersEnd } from "../../../sdk/testkit/members-scene.ts";
import { Trial, sooner } from "../../../sdk/testkit/members-trial.ts";
import { MemoryPieces } from "../../../sdk/testkit/memory-pieces.ts";
import { noiseBytes } from "../../../sdk/testkit/sample-bytes.ts";
import { Forger } from "./by-hand.ts";

/** A member of the segment that hears what the leader announces, and sends what it likes. */
export class Insider implements AsyncDisposable {
  readonly id: string;
  /** What was announced last. */
  heard: Announced | undefined;
  readonly #socket: UdpSocket;
  readonly #listening: Disposable;
  #forger: Forger | undefined;

  private constructor({ channel }: MembersEnd, socket: UdpSocket) {
    this.id = channel.self;
    this.#socket = socket;
    this.#listening = channel.listen((_leader, bytes) => {
      const [session] = decodeAnnouncement(bytes) ?? [];
      if (session === undefined) return;
      if (session.number !== this.heard?.number) this.#forger = new Forger(session);
      this.heard = session;
    });
  }

  static async at(end: MembersEnd): Promise<Insider> {
    const { interfaceAddress: address } = end.channel;
    const socket = await end.io.udp.bind({ port: 0, address, interfaceAddress: address, receive: () => undefined });
    return new Insider(end, socket);
  }

  get forger(): Forger {
    if (this.#forger === undefined) throw new Error("nothing was announced yet");
    return this.#forger;
  }

  readonly toLeader = (bytes: Uint8Array): void => {
    const { address, port } = this.forger.session.at;
    this.#socket.send(bytes, address, port);
  };

  readonly toAll = (bytes: Uint8Array): void => {
    const { group, port } = this.forger.session;
    this.#socket.send(bytes, group, port);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]();
    await this.#socket[Symbol.asyncDispose]();
  }
}

/** What came of a delivery among others. */
export interface Outcome {
  readonly delivered: Delivered;
  /** Until all of the others had everything. */
  readonly tookMs: number;
  readonly endedMs: number;
  readonly sentBytes: number;
}

interface Plot {
  readonly sizeBytes: number;
  /** A member that the leader waits for, too; it takes part in nothing but what `act` does in its name. */
  readonly isRegistered?: boolean;
  readonly delivery?: Partial<Delivery>;
  /** Once in a millisecond, from when the session was announced until all others have everything. */
  act(insider: Insider, count: number): void;
}

const others = 4;
const pieceBytes = 1 << 20;

/** A delivery to four members and to somebody who is up to something. The four have all of it in the end, as it was. */
export async function deliverBeside({ sizeBytes, isRegistered = false, delivery = {}, act }: Plot): Promise<Outcome> {
  const transport = recordingHost(mctp, {}).transports.get("mctp") as MembersTransport;
  await using scene = simulatedScene();
  const ends = scene.segment(others + 1);
  const content = noiseBytes(sizeBytes);
  const trial = new Trial(scene, transport, ends, [content, new MemoryPieces(content, pieceBytes)]);
  const honest = trial.members.slice(0, others);
  await using insider = await Insider.at(trial.member(others).end);
  try {
    for (const member of honest) {
      member.wants(trial.source, content);
      await member.join(transport);
    }
    const { clock } = scene;
    const startedAt = clock.now();
    const members = isRegistered ? trial.ids : honest.map(({ id }) => id);
    const sending = trial.send({ members, ...delivery });
    const isWhole = () => honest.every((_, index) => trial.count(index) === trial.source.pieceCount);
    await sooner(clock, "an announcement", () => insider.heard !== undefined);
    for (let count = 0; !isWhole() && clock.now() - startedAt < 20_000; count += 1) {
      act(insider, count);
      await clock.until(clock.now() + 1);
    }
    trial.assertWhole(honest.map((_, index) => index));
    const tookMs = clock.now() - startedAt;
    const delivered = await sending;
    const endedMs = clock.now() - startedAt;
    await trial.check();
    return { delivered, tookMs, endedMs, sentBytes: trial.sentBytes };
  } finally {
    await trial.leave();
  }
}
