import type { Kysely } from "kysely";
import { failure } from "distributary/sdk";
import type { Log } from "distributary/sdk";
import type { FromControl, FromNode, SegmentWord, SiteState } from "../protocol/messages.ts";
import type { Endpoint } from "../protocol/segment/messages.ts";
import { ClonedNodes } from "./cloned-nodes.ts";
import type { Events } from "./events.ts";
import type { Schema } from "./store/schema.ts";

/** A node's stream, as far as control writes to it. */
export interface NodeStream {
  send(message: FromControl): void;
  close(): void;
}

type Hello = Extract<FromNode, { type: "hello" }>;
export type Answer = Exclude<FromNode, Hello | SegmentWord>;

/** Told about nodes; every call may come at any time. */
export interface NodeWatcher {
  connected(node: string): void;
  disconnected(node: string): void;
  answered?(node: string, answer: Answer): void;
  /** Two agents have this identity, and are left out. */
  doubled?(node: string): void;
  /** What it says of its segment; nobody has looked yet whether that can be. */
  said?(node: string, word: SegmentWord): void;
}

interface Connection {
  readonly stream: NodeStream;
  /** Set once it said hello: from then on it counts as connected. */
  bootId: string | undefined;
  /** Where other nodes reach it. */
  serves?: Endpoint;
}

/** Which nodes are connected, what they said last, and how to reach them. */
export class NodeHub {
  readonly #db: Kysely<Schema>;
  readonly #events: Events;
  readonly #log: Log;
  readonly #connections = new Map<string, Connection>();
  readonly #watchers = new Set<NodeWatcher>();
  readonly #cloned = new ClonedNodes();
  /** Nodes of which there were two when they greeted last. */
  readonly #doubled = new Set<string>();

  constructor(db: Kysely<Schema>, events: Events, log: Log) {
    this.#db = db;
    this.#events = events;
    this.#log = log;
  }

  watch(watcher: NodeWatcher): Disposable {
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => this.#watchers.delete(watcher) };
  }

  isConnected(node: string): boolean {
    return this.#connections.get(node)?.bootId !== undefined;
  }

  /** Where other nodes fetch from a node, while it is connected. */
  servesAt(node: string): Endpoint | undefined {
    return this.isConnected(node) ? this.#connections.get(node)?.serves : undefined;
  }

  /** Throws DIST_ERR_AUTH_TWICE for a node of which there are two. */
  checkSingle(node: string): void {
    if (this.#doubled.has(node)) throw failure("DIST_ERR_AUTH_TWICE", { name: node });
  }

  connectedNodes(): string[] {
    return [...this.#connections.keys()].filter((node) => this.isConnected(node));
  }

  /** Says something to a node; lost if it is away, which `connected` will make up for. */
  send(node: string, message: FromControl): void {
    this.#connections.get(node)?.stream.send(message);
  }

  /** A node opened its stream; an older one of it is closed. */
  open(node: string, stream: NodeStream): void {
    const before = this.#connections.get(node);
    before?.stream.close();
    this.#connections.set(node, { stream, bootId: undefined });
    if (before?.bootId !== undefined) for (const watcher of this.#watchers) watcher.disconnected(node);
  }

  /** A stream ended. That of a node which has a newer one means nothing. */
  closed(node: string, stream: NodeStream): void {
    const connection = this.#connections.get(node);
    if (connection?.stream !== stream) return;
    this.#connections.delete(node);
    if (connection.bootId === undefined) return;
    this.#log.info({ node }, "node disconnected");
    this.noteSeen([node]).catch((error: unknown) => {
      this.#log.warn({ node, error: (error as Error).message }, "when it was seen last could not be noted");
    });
    this.#events.emit({ type: "node", node, name: node, connected: false });
    for (const watcher of this.#watchers) watcher.disconnected(node);
  }

  /** Takes what a node posted. What it has of its sites is stored before anybody is told. */
  async receive(node: string, message: FromNode): Promise<void> {
    const now = Date.now();
    if (message.type === "hello") {
      await this.#greet(node, message, now);
      return;
    }
    if (message.type === "segment" || message.type === "unregistered") {
      this.checkSingle(node);
      for (const watcher of this.#watchers) watcher.said?.(node, message);
      return;
    }
    if ("state" in message && message.state !== undefined) await storeState(this.#db, node, message.state, now);
    for (const watcher of this.#watchers) watcher.answered?.(node, message);
  }

  async #greet(node: string, hello: Hello, now: number): Promise<void> {
    const { type: _, sites, bootId, ...facts } = hello;
    const connection = this.#connections.get(node);
    if (this.#cloned.areTwo(node, bootId)) {
      this.#log.error({ node, name: hello.name }, "two agents have one identity, and are both left out");
      if (!this.#doubled.has(node)) for (const watcher of this.#watchers) watcher.doubled?.(node);
      this.#doubled.add(node);
      throw failure("DIST_ERR_AUTH_TWICE", { name: hello.name });
    }
    this.#doubled.delete(node);
    const stored = { facts_json: JSON.stringify(facts), seen_at: now };
    await this.#db.transaction().execute(async (transaction) => {
      await transaction.updateTable("node").set(stored).where("id", "=", node).execute();
      await transaction.deleteFrom("node_site").where("node", "=", node).execute();
      for (const state of sites) await storeState(transaction, node, state, now);
    });
    // Another stream may have taken its place meanwhile; that one greets by itself.
    if (connection === undefined || this.#connections.get(node) !== connection) return;
    connection.bootId = bootId;
    if (hello.serves !== undefined) connection.serves = hello.serves;
    this.#log.info({ node, name: hello.name }, "node connected");
    this.#events.emit({ type: "node", node, name: hello.name, connected: true });
    for (const watcher of this.#watchers) watcher.connected(node);
  }

  /** Writes down that these nodes, or all that are connected, are there at this moment. */
  async noteSeen(nodes: readonly string[] = this.connectedNodes()): Promise<void> {
    if (nodes.length === 0) return;
    await this.#db.updateTable("node").set({ seen_at: Date.now() }).where("id", "in", nodes).execute();
  }

  /** What nodes last said they have of a site; a node that never said anything is not in it. */
  async states(site: string): Promise<Map<string, SiteState>> {
    const rows = await this.#db
      .selectFrom("node_site")
      .select(["node", "state_json"])
      .where("site", "=", site)
      .execute();
    return new Map(rows.map(({ node, state_json }) => [node, JSON.parse(state_json) as SiteState]));
  }

  /** Ends the stream of a node that is not welcome any more. */
  drop(node: string): void {
    this.#connections.get(node)?.stream.close();
  }

  /** Ends every stream. */
  async close(): Promise<void> {
    const streams = [...this.#connections.values()].map(({ stream }) => stream);
    await this.noteSeen().catch(() => undefined);
    this.#connections.clear();
    for (const stream of streams) stream.close();
  }
}

/** What a node says of sites that nobody declared is not kept. */
async function storeState(db: Kysely<Schema>, node: string, state: SiteState, reported_at: number): Promise<void> {
  const state_json = JSON.stringify(state);
  await db
    .insertInto("node_site")
    .columns(["node", "site", "state_json", "reported_at"])
    .expression((from) =>
      from
        .selectFrom("site")
        .select(({ val, cast, ref }) => [
          cast<string>(val(node), "text").as("node"),
          ref("name").as("site"),
          cast<string>(val(state_json), "text").as("state_json"),
          cast<number>(val(reported_at), "bigint").as("reported_at"),
        ])
        .where("name", "=", state.site),
    )
    .onConflict((conflict) => conflict.columns(["node", "site"]).doUpdateSet({ state_json, reported_at }))
    .execute();
}
