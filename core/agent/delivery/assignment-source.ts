import type { KeyObject } from "node:crypto";
import { failure } from "distributary/sdk";
import type { Io, Peer } from "distributary/sdk";
import type { Assignment } from "../../assignment/assignment.ts";
import { linkPaths } from "../../protocol/messages.ts";
import type { AssignmentNotice } from "../../protocol/messages.ts";
import { openAssignment } from "../accept.ts";

/** Everything a sealed buffer may weigh; a larger one is refused before it is read. */
const largestBuffer = 1 << 30;
const largestKey = 64;

/** Gets from control what does not travel by a transport: sealed command buffers, and the keys of their data. */
export class AssignmentSource {
  readonly #io: Io;
  readonly #control: Peer;
  readonly #signingKey: KeyObject;

  constructor(io: Io, control: Peer, signingKey: KeyObject) {
    this.#io = io;
    this.#control = control;
    this.#signingKey = signingKey;
  }

  /** The assignment that a notice names; its signature is checked, and that it is the one named. */
  async assignment(notice: AssignmentNotice, signal: AbortSignal): Promise<Assignment> {
    if (!Number.isSafeInteger(notice.sizeBytes))
      throw failure("DIST_ERR_TRANSFER_BROKEN", { peer: this.#control.id, problem: "a notice without a size" });
    const sealed =
      notice.sealed === undefined
        ? await this.#get(linkPaths.buffer + notice.id, Math.min(notice.sizeBytes, largestBuffer), signal)
        : Buffer.from(notice.sealed, "base64");
    const assignment = openAssignment(sealed, this.#signingKey);
    if (assignment.id !== notice.id) throw failure("DIST_ERR_ASSIGNMENT_HASH", { what: "command buffer" });
    return assignment;
  }

  /** The key of an assignment's data, over this node's own link to control. */
  key(id: string, signal: AbortSignal): Promise<Uint8Array> {
    return this.#get(linkPaths.key + id, largestKey, signal);
  }

  async #get(path: string, mostBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const { status, body } = await this.#io.http.request(this.#control, path, { signal });
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of body) {
      length += chunk.length;
      if (length > mostBytes) break;
      chunks.push(chunk);
    }
    if (status === 200 && length <= mostBytes) return Buffer.concat(chunks);
    const problem = status === 200 ? `more than ${mostBytes} bytes` : `status ${status}`;
    throw failure("DIST_ERR_TRANSFER_BROKEN", { peer: this.#control.id, problem });
  }
}
