/**
 * The leading controller's reader: applies each report exactly once. The effects and the read position
 * are one batch, so a crash in between leaves either both or neither.
 */
import type { Clock } from "../clock.ts";
import { errorText } from "../errors.ts";
import type { Log } from "../log/log.ts";
import {
  type EventRow,
  eq,
  insert,
  LeaseLostError,
  type Statement,
  type Store,
  StoreExpectationError,
  StoreUnavailableError,
  StoreUniqueError,
  update,
} from "../store/index.ts";
import { type Peer, peers } from "../tasks/schema.ts";
import type { Undo } from "../undo.ts";
import type { ControllerRoad, Envelope, ReportEffects, ReportHandler } from "./contract.ts";

/** How often a report is tried whose rows changed under it. */
const staleTries = 5;

export class Applier {
  private readonly handlers = new Map<string, ReportHandler>();
  private readonly known = new Map<string, Peer>();
  private chain: Promise<void> = Promise.resolve();

  constructor(
    private readonly world: {
      store: Store;
      clock: Clock;
      road: ControllerRoad;
      log: Log;
      /** Only nodes that have joined are heard; otherwise whoever says hello is one (a single process). */
      membersOnly?: boolean;
    },
    /** The lease's epoch, so that a controller that lost the lead can't write as leader. */
    private readonly epoch: () => number | undefined,
  ) {}

  on(kind: string, handler: ReportHandler): Undo {
    if (this.handlers.has(kind)) throw new Error(`report kind "${kind}" is handled twice`);
    this.handlers.set(kind, handler);
    return () => this.handlers.delete(kind);
  }

  /** The peer as of the last applied report. */
  peer(name: string): Peer | undefined {
    return this.known.get(name);
  }

  /** Begins to read the road. Called when this controller begins to lead. */
  start(): Undo {
    this.known.clear();
    return this.world.road.onReports((envelopes) => {
      const work = this.chain.then(() => this.applyAll(envelopes));
      this.chain = work.catch(() => {});
      return work;
    });
  }

  /** Nodes were renamed or removed: what is known of them is read again. */
  forget(): void {
    this.known.clear();
  }

  private async applyAll(envelopes: readonly Envelope[]): Promise<void> {
    let last: Envelope | undefined;
    for (const envelope of envelopes) if (await this.apply(envelope)) last = envelope;
    if (!last) return;
    const { node, generation } = last;
    const peer = this.known.get(node);
    // Also what was applied before: a node that has forgotten its numbers goes on behind it.
    const sequence = Math.max(last.sequence, peer?.generation === generation ? peer.position : -1);
    await this.world.road.send(node, { type: "applied", generation, sequence });
  }

  /** False when nothing may be acknowledged: it comes from a machine that is not the node of that name. */
  private async apply(envelope: Envelope): Promise<boolean> {
    for (let left = staleTries; ; left--) {
      const peer = await this.peerOf(envelope);
      if (!peer || (peer.machineId !== "" && peer.machineId !== envelope.machine)) {
        if (envelope.kind === "hello") await this.refuse(envelope, peer);
        return false;
      }
      const position = peer.generation === envelope.generation ? peer.position : -1;
      if (envelope.sequence <= position) return true;
      const effects = await this.effectsOf(envelope);
      const next = {
        ...peer,
        generation: envelope.generation,
        position: envelope.sequence,
        heardAt: this.world.clock.now(),
      };
      const { name, ...changed } = {
        generation: next.generation,
        position: next.position,
        heardAt: next.heardAt,
        name: peer.name,
      };
      try {
        // The position goes first: a handler's own change of the peer's row (hello) comes after and stands.
        await this.write(
          [update(peers, changed, eq(peers.name, name), { expect: 1 }), ...effects.statements],
          effects.events ?? [],
        );
        this.known.set(peer.name, Object.assign(peer, next));
        effects.after?.();
        return true;
      } catch (error) {
        // Whoever leads now applies it.
        if (error instanceof StoreUnavailableError || error instanceof LeaseLostError) throw error;
        // Rows changed, or something booked was taken, since the handler looked: it looks again.
        const isStale = error instanceof StoreExpectationError || error instanceof StoreUniqueError;
        if (isStale && left > 1) {
          this.known.delete(envelope.node);
          continue;
        }
        // A report that can never be applied must not hold up all later ones: it is logged and passed over.
        if (effects.statements.length === 0) throw error;
        this.world.log.error("report passed over", {
          node: envelope.node,
          kind: envelope.kind,
          error: errorText(error),
        });
        await this.write([update(peers, changed, eq(peers.name, name))], []);
        this.known.set(peer.name, Object.assign(peer, next));
        return true;
      }
    }
  }

  /** Tells both sides: the machine by a command, people by the peer's row, which the node's page shows. */
  private async refuse(envelope: Envelope, peer: Peer | null): Promise<void> {
    const { node, machine } = envelope;
    const word = peer ? "node.refused.taken" : "node.refused.unknown";
    const args = { node, machine };
    const { store, road, clock, log } = this.world;
    log.warn(
      peer
        ? "another machine uses this node's name and is not heard: rename it, or remove the old node first"
        : "a machine that has not joined says hello and is not heard: let it join with a token",
      { node, machine },
    );
    if (peer) {
      const refusal = { word, args, at: clock.now(), own: false };
      const event = { topic: "node", key: node, data: { refused: machine } };
      await store.run(update(peers, { refusal }, eq(peers.name, node)), { events: [event] });
      peer.refusal = refusal;
    }
    await road.send(node, { type: "refused", machine, word, args });
  }

  private write(statements: Statement[], events: EventRow[]): Promise<void> {
    const epoch = this.epoch();
    return this.world.store.batch(statements, { events, ...(epoch === undefined ? {} : { epoch }) });
  }

  private async effectsOf(envelope: Envelope): Promise<ReportEffects> {
    const handler = this.handlers.get(envelope.kind);
    if (!handler) {
      this.world.log.debug("report of unknown kind", { node: envelope.node, kind: envelope.kind });
      return { statements: [] };
    }
    try {
      return await handler(envelope);
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error;
      this.world.log.error("report handler failed", {
        node: envelope.node,
        kind: envelope.kind,
        error: errorText(error),
      });
      return { statements: [] };
    }
  }

  /** The node that a report claims to be from; null for one that has not joined. */
  private async peerOf(envelope: Envelope): Promise<Peer | null> {
    const cached = this.known.get(envelope.node);
    if (cached) return cached;
    const stored = await this.world.store.first(peers, { where: eq(peers.name, envelope.node) });
    if (stored) {
      this.known.set(envelope.node, stored);
      return stored;
    }
    if (this.world.membersOnly) return null;
    const fresh: Peer = {
      name: envelope.node,
      machineId: "",
      publicKey: "",
      version: "",
      features: [],
      incarnation: 0,
      generation: envelope.generation,
      position: -1,
      heardAt: this.world.clock.now(),
      protocol: 0,
      refusal: null,
    };
    await this.world.store.batch([insert(peers, fresh)]);
    this.known.set(envelope.node, fresh);
    return fresh;
  }
}
