/**
 * The leading controller's reader of all nodes' report streams: one question over all of them, fair between
 * nodes, several nodes handed over at once and each in order. An entry is removed from its stream when its
 * reports are applied, so whoever leads next begins at the beginning and finds little.
 */
import type { Clock } from "../clock.ts";
import { errorText } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { timing } from "../timing.ts";
import type { Undo } from "../undo.ts";
import type { Envelope } from "./contract.ts";
import type { RedisKeys } from "./redis-keys.ts";
import type { RedisLink } from "./redis-link.ts";
import { decodeReports, entriesOf, isId, type StreamEntry, streamsOf } from "./wire.ts";

/**
 * Nodes whose reports are applied at once. Their batches are committed together, so more of them make fewer commits;
 * their questions to the store stand in line with those of people.
 */
const atOnce = 64;
/** Entries of one node in one answer, and handed over at once. */
const entriesAtOnce = 32;
/** A node of which so many entries wait is not read further. */
const mostWaiting = 128;

interface Entry {
  id: string;
  envelopes: Envelope[];
  /** The last command that the node had read when it wrote this. */
  commands: string | null;
}

interface Stream {
  node: string;
  /** The stream's key in Redis. */
  key: string;
  /** Read up to here. */
  position: string;
  waiting: Entry[];
  busy: boolean;
  trimmedAt: number;
}

export interface ReaderWorld {
  clock: Clock;
  log: Log;
  keys: RedisKeys;
  /** For questions that wait, and for everything else. */
  reading: RedisLink;
  sending: RedisLink;
  /** The nodes whose reports are read; another list when they change. */
  nodes: () => readonly string[];
  /** Redis has lost its data, or may have. */
  onLoss: () => void;
}

export class ReportReader {
  private readonly streams = new Map<string, Stream>();
  private readonly due: Stream[] = [];
  /** The list of nodes that the streams were made after. */
  private followed: readonly string[] | null = null;
  private working = 0;
  /** The connections that the last question went by. */
  private sessions = "";
  private generation: string | null = null;
  private retryPause: number = timing.roadRetryFirstMilliseconds;
  private readonly stopping = new AbortController();

  constructor(
    private readonly world: ReaderWorld,
    private readonly handler: (envelopes: Envelope[]) => Promise<void>,
  ) {}

  start(): Undo {
    void this.run();
    return () => this.stopping.abort();
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.ask();
      } catch (error) {
        this.world.log.debug("reports can't be read", { error: errorText(error) });
        await this.pause(timing.roadRetryFirstMilliseconds);
      }
    }
  }

  private async ask(): Promise<void> {
    const { reading, sending, keys } = this.world;
    this.followNodes();
    // On new connections from the beginning: what could not be removed is still there and is acknowledged again,
    // and Redis may have gone back in time.
    const sessions = `${reading.session} ${sending.session}`;
    if (sessions !== this.sessions) {
      if (this.sessions !== "") this.world.onLoss();
      this.sessions = sessions;
      this.startOver();
    }
    const read = [...this.streams.values()].filter((stream) => stream.waiting.length < mostWaiting);
    if (read.length === 0) {
      await this.pause(timing.roadBlockMilliseconds / 10);
      return;
    }
    // Streams that are left out may be read again any moment.
    const block =
      read.length < this.streams.size ? timing.roadBlockMilliseconds / 10 : timing.roadBlockMilliseconds;
    const names = read.map((stream) => stream.key);
    const positions = read.map((stream) => stream.position);
    const [generation, answer] = await Promise.all([
      reading.call(["GET", keys.generation]),
      reading.call(
        ["XREAD", "COUNT", `${entriesAtOnce}`, "BLOCK", `${block}`, "STREAMS", ...names, ...positions],
        block + timing.roadAnswerMilliseconds,
      ),
    ]);
    if (this.stopped) return;
    const found = streamsOf(answer);
    for (const stream of read) {
      const entries = found.get(stream.key);
      if (entries) this.take(stream, entries);
    }
    await this.checkGeneration(generation);
    const gather = Math.max(
      timing.roadGatherMilliseconds,
      read.length * timing.roadGatherPerNodeMilliseconds,
    );
    if (found.size > 0) await this.pause(gather);
  }

  /** Makes the generation where there is none: Redis is new, or was emptied. */
  private async checkGeneration(found: unknown): Promise<void> {
    const { reading, keys } = this.world;
    let generation = found;
    if (typeof generation !== "string") {
      await reading.call(["SET", keys.generation, Bun.randomUUIDv7(), "NX"]);
      generation = await reading.call(["GET", keys.generation]);
    }
    if (typeof generation !== "string" || generation === this.generation) return;
    const isLoss = this.generation !== null;
    this.generation = generation;
    this.startOver();
    if (!isLoss) return;
    this.world.log.warn("Redis has lost its data; everything that is open is sent again");
    this.world.onLoss();
  }

  private startOver(): void {
    for (const stream of this.streams.values()) stream.position = "0";
  }

  private followNodes(): void {
    const known = this.world.nodes();
    if (known === this.followed) return;
    this.followed = known;
    const nodes = new Set(known);
    for (const node of this.streams.keys()) if (!nodes.has(node)) this.streams.delete(node);
    for (const node of nodes)
      if (!this.streams.has(node))
        this.streams.set(node, {
          node,
          key: this.world.keys.reports(node),
          position: "0",
          waiting: [],
          busy: false,
          trimmedAt: 0,
        });
  }

  private take(stream: Stream, entries: readonly StreamEntry[]): void {
    // Shut out while the answer was under way.
    if (this.streams.get(stream.node) !== stream) return;
    for (const { id, fields } of entries) {
      stream.position = id;
      const envelopes = decodeReports(stream.node, fields.get("reports") ?? "");
      if (!envelopes)
        this.world.log.warn("a report can't be read and is passed over", { node: stream.node, id });
      const commands = fields.get("commands");
      stream.waiting.push({ id, envelopes: envelopes ?? [], commands: isId(commands) ? commands : null });
    }
    this.schedule(stream);
  }

  private schedule(stream: Stream): void {
    if (stream.busy || stream.waiting.length === 0) return;
    stream.busy = true;
    this.due.push(stream);
    this.work();
  }

  private work(): void {
    while (!this.stopped && this.working < atOnce) {
      const stream = this.due.shift();
      if (!stream) return;
      this.working++;
      void this.handOver(stream).finally(() => {
        this.working--;
        stream.busy = false;
        this.schedule(stream);
        this.work();
      });
    }
  }

  private async handOver(stream: Stream): Promise<void> {
    const entries = stream.waiting.slice(0, entriesAtOnce);
    try {
      const envelopes = entries.flatMap((entry) => entry.envelopes);
      if (envelopes.length > 0) await this.handler(envelopes);
    } catch (error) {
      // The store is away, or somebody else leads now: they stay, and are handed over again.
      this.world.log.debug("reports can't be applied", { node: stream.node, error: errorText(error) });
      const pause = this.retryPause;
      this.retryPause = Math.min(timing.roadRetryLongestMilliseconds, pause * 2);
      await this.pause(pause);
      return;
    }
    this.retryPause = timing.roadRetryFirstMilliseconds;
    stream.waiting.splice(0, entries.length);
    await this.remove(stream, entries).catch((error) => {
      // They are found and removed by the next connection's reading from the beginning.
      this.world.log.debug("applied reports can't be removed", { error: errorText(error) });
    });
  }

  private async remove(stream: Stream, entries: readonly Entry[]): Promise<void> {
    const { sending } = this.world;
    const heard = entries.findLast((entry) => entry.commands !== null)?.commands;
    await Promise.all([
      sending.call(["XDEL", stream.key, ...entries.map((entry) => entry.id)]),
      heard ? this.trimCommands(stream, heard) : null,
    ]);
  }

  /** Removes commands that the node has read. XTRIM by id would do, but came with Redis 6.2. */
  private async trimCommands(stream: Stream, heard: string): Promise<void> {
    const { sending, keys, clock } = this.world;
    if (clock.now() - stream.trimmedAt < timing.roadTrimMilliseconds) return;
    stream.trimmedAt = clock.now();
    const key = keys.commands(stream.node);
    const old = entriesOf(await sending.call(["XRANGE", key, "-", heard, "COUNT", "1000"]));
    if (old.length > 0) await sending.call(["XDEL", key, ...old.map((entry) => entry.id)]);
  }

  /** Waits; ends at once when the reader stops. */
  private pause(milliseconds: number): Promise<void> {
    if (this.stopped) return Promise.resolve();
    return this.world.clock.sleep(milliseconds, this.stopping.signal).catch(() => {});
  }
}
