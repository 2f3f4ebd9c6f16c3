/**
 * A pretended road between one controller and its nodes. Like Redis Streams it keeps what it was given: reports
 * are handed over in order and again from the start to a new controller, and may be told to arrive late or twice.
 * Commands to a node that is not there are lost.
 */
import type {
  Command,
  ControllerRoad,
  Envelope,
  NodeRoad,
  RoadStatus,
} from "../../src/core/road/contract.ts";
import type { PretendedClock } from "./clock.ts";
import type { PretendedProcess } from "./process.ts";

/** What the controller refused comes again after this. */
const retryMilliseconds = 100;

type Reader = (envelopes: Envelope[]) => Promise<void>;

interface Stream {
  envelopes: Envelope[];
  /** How many of them the present controller was given. */
  given: number;
}

export class PretendedRoad {
  private readonly handlers = new Map<string, (command: Command) => void>();
  private readonly streams = new Map<string, Stream>();
  private reader: Reader | null = null;
  private busy = false;
  private planned = false;
  private readonly onGone = new Set<() => void>();
  private readonly onLosses = new Set<() => void>();
  /** While true, nothing gets through in either direction, and the ends are told so. */
  away = false;
  delayMilliseconds = 1;
  /** Every batch of reports is handed over this many times. */
  copies = 1;

  constructor(private readonly clock: PretendedClock) {}

  private status = (): RoadStatus => ({
    kind: "redis",
    connected: !this.away,
    since: 0,
    reason: this.away ? "away" : null,
  });

  controller(process: PretendedProcess): ControllerRoad {
    process.onDeath(() => this.setReader(null));
    return {
      send: (node, command) =>
        process.call(`send ${command.type}`, async () => {
          if (this.away) throw new Error("the road is away");
          const copy = structuredClone(command);
          this.clock.after(this.delayMilliseconds, () => this.handlers.get(node)?.(copy));
        }),
      onReports: (reader) => {
        this.setReader(reader);
        for (const stream of this.streams.values()) stream.given = 0;
        void this.hand();
        return () => {
          if (this.reader === reader) this.setReader(null);
        };
      },
      onLoss: (handler) => this.onLoss(() => process.enter(handler)),
      status: this.status,
    };
  }

  node(name: string, process: PretendedProcess): NodeRoad {
    process.onDeath(() => this.handlers.delete(name));
    return {
      onCommand: (handler) => {
        const entered = (command: Command): void => process.enter(() => handler(command));
        this.handlers.set(name, entered);
        return () => {
          if (this.handlers.get(name) === entered) this.handlers.delete(name);
        };
      },
      deliver: (envelopes) =>
        process.call("deliver", async () => {
          if (this.away) throw new Error("the road is away");
          const stream = this.streams.get(name) ?? { envelopes: [], given: 0 };
          this.streams.set(name, stream);
          for (let copy = 0; copy < this.copies; copy++) stream.envelopes.push(...structuredClone(envelopes));
          this.handIn(this.delayMilliseconds);
        }),
      onLoss: (handler) => this.onLoss(() => process.enter(handler)),
      status: this.status,
    };
  }

  /** Everything on the road is gone, as after FLUSHALL. The ends hear of it where they are `told`. */
  lose(told: boolean): void {
    for (const stream of this.streams.values()) {
      stream.envelopes = [];
      stream.given = 0;
    }
    if (told) for (const handler of [...this.onLosses]) handler();
  }

  private onLoss(handler: () => void): () => void {
    this.onLosses.add(handler);
    return () => this.onLosses.delete(handler);
  }

  /** A report as it was, once more: whatever was delivered for a node is handed over again. */
  replay(name: string): void {
    const stream = this.streams.get(name);
    if (stream) stream.given = 0;
    void this.hand();
  }

  /** Hands everything over, in order. What the controller refuses is handed over again a little later. */
  private async hand(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      for (const stream of this.streams.values()) {
        const { reader } = this;
        if (!reader) break;
        const batch = stream.envelopes.slice(stream.given);
        if (batch.length === 0) continue;
        const upTo = stream.envelopes.length;
        await Promise.race([reader(structuredClone(batch)), this.readerGone(reader)]);
        if (this.reader === reader) stream.given = Math.min(upTo, stream.envelopes.length);
        this.onGone.clear();
      }
      this.busy = false;
      if (this.isBehind()) this.handIn(this.delayMilliseconds);
    } catch {
      this.busy = false;
      this.handIn(retryMilliseconds);
    }
  }

  private isBehind(): boolean {
    const behind = [...this.streams.values()].some((stream) => stream.given < stream.envelopes.length);
    return this.reader !== null && behind;
  }

  private handIn(ms: number): void {
    if (this.planned) return;
    this.planned = true;
    this.clock.after(ms, () => {
      this.planned = false;
      void this.hand();
    });
  }

  /** Resolves when this reader is replaced or gone: a dead controller never answers. */
  private readerGone(reader: Reader): Promise<void> {
    if (this.reader !== reader) return Promise.resolve();
    return new Promise((resolve) => this.onGone.add(resolve));
  }

  private setReader(reader: Reader | null): void {
    this.reader = reader;
    for (const gone of this.onGone) gone();
    this.onGone.clear();
  }
}
