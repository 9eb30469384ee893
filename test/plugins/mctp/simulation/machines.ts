import { unwrap } from "../../../../plugins/mctp/datagram.ts";
import { Receiver } from "../../../../plugins/mctp/receiver.ts";
import { Sender } from "../../../../plugins/mctp/sender.ts";

/** What is under test. */
export interface Machines {
  readonly Sender: typeof Sender;
  readonly Receiver: typeof Receiver;
  readonly unwrap: typeof unwrap;
}

export const machines: Machines = { Sender, Receiver, unwrap };
