import { unwrap } from "../../../../plugins/mctp/wire/datagram.ts";
import { Receiver } from "../../../../plugins/mctp/receive/receiver.ts";
import { Sender } from "../../../../plugins/mctp/send/sender.ts";

/** What is under test. */
export interface Machines {
  readonly Sender: typeof Sender;
  readonly Receiver: typeof Receiver;
  readonly unwrap: typeof unwrap;
}

export const machines: Machines = { Sender, Receiver, unwrap };
