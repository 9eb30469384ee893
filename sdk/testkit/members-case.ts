import type { MembersTransport } from "distributary/sdk";
import type { Case } from "./kit.ts";
import type { MembersScene } from "./members-scene.ts";
import { Trial } from "./members-trial.ts";
import { MemoryPieces } from "./memory-pieces.ts";
import { noiseBytes } from "./sample-bytes.ts";

/** A transport, and a way to try it. */
export interface MembersTransportSubject {
  readonly transport: MembersTransport;
  /** A LAN where this share of the datagrams is lost to each host. */
  connect(options: { loss: number }): Promise<MembersScene>;
}

/** Six pieces, the last shorter than the others. */
export const usualPieceBytes = 192 * 1024;
export const usualContent = noiseBytes(usualPieceBytes * 5 + 1_234);

interface Props {
  readonly title: string;
  /** Three, if absent. */
  readonly members?: number;
  readonly loss?: number;
  readonly content?: Uint8Array;
  readonly pieceBytes?: number;
  readonly sourceHas?: (index: number) => boolean;
  readonly memberHas?: (piece: number, member: number) => boolean;
  /** Who joins before `check`; everybody, if absent. */
  readonly joins?: (member: number) => boolean;
  check(trial: Trial): Promise<void>;
}

const usualMembers = 3;

/** A case with one segment, whose members want what the leader has. */
export function membersCase(props: Props): Case<MembersTransportSubject> {
  const { title, members = usualMembers, loss = 0, content = usualContent, pieceBytes = usualPieceBytes } = props;
  const { sourceHas, memberHas = () => false, joins = () => true } = props;
  return {
    title,
    async check(create) {
      const { transport, connect } = create();
      await using scene = await connect({ loss });
      const source = new MemoryPieces(content, pieceBytes, sourceHas);
      const trial = new Trial(scene, transport, scene.segment(members), [content, source]);
      try {
        for (const [index, member] of trial.members.entries()) {
          member.wants(source, content, (piece) => memberHas(piece, index));
          if (joins(index)) await member.join(transport);
        }
        await props.check(trial);
        await trial.check();
      } finally {
        await trial.leave();
      }
    },
  };
}
