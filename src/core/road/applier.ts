/**
 * The leading controller's reader: applies each report exactly once. The effects and the read position
 * are one batch, so a crash in between leaves either both or neither.
 */
import type { Clock } from "../clock.ts";
import { errorText } from "../errors.ts";
import type { Log } from "../log/log.ts";
import {
  and,
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
  updateEach,
} from "../store/index.ts";
import { type Peer, peers } from "../tasks/schema.ts";
import { timing } from "../timing.ts";
import type { Undo } from "../undo.ts";
import type { ControllerRoad, Envelope, ReportEffects, ReportHandler, ReportOptions } from "./contract.ts";
import { GroupCommit } from "./group-commit.ts";
import { knockKind } from "./pump.ts";

/** How often a report is tried whose rows changed under it. */
const staleTries = 5;

/** Applied reports that a node may not have heard of: well below what it has under way at most. */
const mostUntold = 16;

/** One time of leading: what was read and decided in it is never written under a later epoch. */
interface Term {
  epoch: number | undefined;
  /** Peers as of their last applied report. */
  known: Map<string, Peer>;
  /** By node: when it was last told how far its reports are applied, and how many were since. */
  told: Map<string, { at: number; since: number }>;
}

export class Applier {
  private readonly handlers = new Map<string, { handler: ReportHandler; toldAgain: boolean }>();
  private term: Term = { epoch: undefined, known: new Map(), told: new Map() };
  /** The end of what is under way, by node: reports of one node are applied in order, those of several at once. */
  private readonly chains = new Map<string, Promise<void>>();
  private readonly commits: GroupCommit;

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
  ) {
    this.commits = new GroupCommit(world.store);
  }

  on(kind: string, handler: ReportHandler, { toldAgain = false }: ReportOptions = {}): Undo {
    if (this.handlers.has(kind)) throw new Error(`report kind "${kind}" is handled twice`);
    this.handlers.set(kind, { handler, toldAgain });
    return () => this.handlers.delete(kind);
  }

  /** The peer as of the last applied report. */
  peer(name: string): Peer | undefined {
    return this.term.known.get(name);
  }

  /** Begins to read the road. Called when this controller begins to lead. */
  start(): Undo {
    const term: Term = { epoch: this.epoch(), known: new Map(), told: new Map() };
    this.term = term;
    return this.world.road.onReports((envelopes) => {
      const node = envelopes[0]?.node;
      if (node === undefined) return Promise.resolve();
      const before = this.chains.get(node) ?? Promise.resolve();
      const work = before.then(() => this.applyAll(term, envelopes));
      const end = work
        .catch(() => {})
        .finally(() => {
          if (this.chains.get(node) === end) this.chains.delete(node);
        });
      this.chains.set(node, end);
      return work;
    });
  }

  /** Nodes were renamed or removed: what is known of them is read again. */
  forget(): void {
    this.term.known.clear();
  }

  private async applyAll(term: Term, envelopes: readonly Envelope[]): Promise<void> {
    let missing: Envelope | undefined;
    let last: Envelope | undefined;
    let mayRest = true;
    for (const envelope of withoutSuperseded(envelopes)) {
      const outcome = await this.apply(term, envelope);
      if (outcome === "refused") continue;
      last = envelope;
      if (outcome === "missing") missing = envelope;
      // What the node keeps until it hears of it, what it sends again, and its own question want an answer.
      mayRest &&= outcome === "applied" && envelope.key !== null && envelope.kind !== knockKind;
    }
    if (!last) return;
    const { node, generation } = last;
    if (mayRest && this.rests(term, node, envelopes.length)) return;
    term.told.set(node, { at: this.world.clock.now(), since: 0 });
    const peer = term.known.get(node);
    // Also what was applied before: a node that has forgotten its numbers goes on behind it.
    const sequence = peer?.generation === generation ? Math.max(peer.position, 0) : 0;
    const isBehind = missing?.generation === generation && missing.sequence > sequence;
    try {
      const applied = { type: "applied", generation, sequence } as const;
      await this.world.road.send(node, isBehind ? { ...applied, again: true } : applied);
    } catch (error) {
      // The next report's answer says it as well; a node that hears none asks.
      term.told.delete(node);
      this.world.log.debug("an acknowledgement is lost", { node, error: errorText(error) });
    }
  }

  /** Whether so many more applied reports of a node need no word yet. */
  private rests(term: Term, node: string, count: number): boolean {
    const told = term.told.get(node);
    if (!told || this.world.clock.now() - told.at >= timing.roadRestMilliseconds) return false;
    told.since += count;
    return told.since < mostUntold;
  }

  /**
   * Applies a report unless it was applied before.
   * - `known`: it was
   * - `missing`: one that comes before it is not there, so this one waits until it is
   * - `refused`: it comes from a machine that is not the node of that name; nothing may be acknowledged
   */
  private async apply(term: Term, envelope: Envelope): Promise<"applied" | "known" | "missing" | "refused"> {
    for (let left = staleTries; ; left--) {
      const peer = await this.peerOf(term, envelope);
      if (!peer || (peer.machineId !== "" && peer.machineId !== envelope.machine)) {
        if (envelope.kind === "hello") await this.refuse(envelope, peer);
        return "refused";
      }
      const position = peer.generation === envelope.generation ? peer.position : -1;
      if (envelope.sequence <= position) return "known";
      if (envelope.after > Math.max(position, 0)) return "missing";
      const effects = await this.effectsOf(envelope);
      const moved = {
        generation: envelope.generation,
        position: envelope.sequence,
        heardAt: this.world.clock.now(),
      };
      // Whoever applied a report of this node meanwhile has moved the position: then this decides anew.
      const where = and(eq(peers.generation, peer.generation), eq(peers.position, peer.position));
      const move = updateEach(peers, peers.name, [{ key: peer.name, set: moved, where }]);
      try {
        // The position goes first: a handler's own change of the peer's row (hello) comes after and stands.
        const relaxed = this.handlers.get(envelope.kind)?.toldAgain === true;
        await this.write(term, [move, ...effects.statements], effects.events ?? [], relaxed);
      } catch (error) {
        // Whoever leads now applies it.
        if (error instanceof StoreUnavailableError || error instanceof LeaseLostError) throw error;
        // Rows changed, or something booked was taken, since the handler looked: it looks again.
        const isStale = error instanceof StoreExpectationError || error instanceof StoreUniqueError;
        if (isStale) term.known.delete(peer.name);
        if (isStale && left > 1) continue;
        // A report that can never be applied must not hold up all later ones: it is logged and passed over.
        if (effects.statements.length === 0) throw error;
        this.world.log.error("report passed over", {
          node: envelope.node,
          kind: envelope.kind,
          error: errorText(error),
        });
        await this.write(term, [move], []);
        term.known.set(peer.name, Object.assign(peer, moved));
        return "applied";
      }
      term.known.set(peer.name, Object.assign(peer, moved));
      effects.after?.();
      return "applied";
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
    try {
      await road.send(node, { type: "refused", machine, word, args });
    } catch (error) {
      // It says hello again.
      log.debug("a refusal is lost", { node, error: errorText(error) });
    }
  }

  private write(term: Term, statements: Statement[], events: EventRow[], relaxed = false): Promise<void> {
    return this.commits.batch(statements, { events, epoch: term.epoch, relaxed });
  }

  private async effectsOf(envelope: Envelope): Promise<ReportEffects> {
    const handler = this.handlers.get(envelope.kind)?.handler;
    if (!handler) {
      this.world.log.debug("report of unknown kind", { node: envelope.node, kind: envelope.kind });
      return { statements: [] };
    }
    try {
      // A node's clock may be ahead: nothing has happened later than now.
      return await handler({ ...envelope, at: Math.min(envelope.at, this.world.clock.now()) });
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
  private async peerOf(term: Term, envelope: Envelope): Promise<Peer | null> {
    const cached = term.known.get(envelope.node);
    if (cached) return cached;
    const stored = await this.world.store.first(peers, { where: eq(peers.name, envelope.node) });
    if (stored) {
      term.known.set(envelope.node, stored);
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
      roadHash: null,
      refusal: null,
    };
    await this.write(term, [insert(peers, fresh)], []);
    term.known.set(envelope.node, fresh);
    return fresh;
  }
}

/** Leaves out reports that a later one of the same key and outbox replaces. */
function withoutSuperseded(envelopes: readonly Envelope[]): Envelope[] {
  const last = new Map<string, Envelope>();
  for (const envelope of envelopes)
    if (envelope.key !== null) last.set(`${envelope.generation} ${envelope.key}`, envelope);
  return envelopes.filter((each) => each.key === null || last.get(`${each.generation} ${each.key}`) === each);
}
