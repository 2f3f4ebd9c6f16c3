/**
 * A node's one way out: everything goes through the outbox, and the pump carries it to the road, in order. It
 * lets only so much be under way unacknowledged, so that nothing piles up while no controller reads.
 */
import type { Clock } from "../clock.ts";
import { errorText } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { timing } from "../timing.ts";
import { type Undo, UndoList } from "../undo.ts";
import type { Command, Envelope, NodeRoad } from "./contract.ts";
import type { Outbox } from "./outbox.ts";

/** Reports that may be under way unacknowledged. */
const window = 64;
/** The pause between two questions grows up to so many times the first one. */
const longestQuiet = 8;
/** A report without content: its acknowledgement says how far the controller is. */
export const knockKind = "knock";

type Acknowledgement = Extract<Command, { type: "applied" }>;

export class Pump {
  /** Reports up to here are on the road. */
  private deliveredTo = 0;
  /** … and up to here applied. */
  private appliedTo = 0;
  /** Sequences of those in between. */
  private underWay: number[] = [];
  /** Rises when delivery starts over, so that a delivery under way does not move `deliveredTo` on. */
  private round = 0;
  private busy = false;
  /** Somebody kicked since the last look. */
  private wanted = false;
  private exempt = false;
  private cancelPause: Undo | null = null;
  private retryPause: number = timing.roadRetryFirstMilliseconds;
  private quiet = 0;
  private patience = 1;
  private stopped = false;
  private readonly undos = new UndoList();

  constructor(
    private readonly world: { clock: Clock; road: NodeRoad; log: Log; outbox: Outbox },
    /** Who speaks. */
    private readonly sender: () => Pick<Envelope, "incarnation" | "machine">,
  ) {}

  start(): Undo {
    const { clock, road, outbox } = this.world;
    this.undos.add(outbox.onAdded(() => this.kick()));
    this.undos.add(road.onLoss(() => this.startOver(0)));
    this.undos.add(clock.every(timing.knockMilliseconds, () => this.knockIfQuiet()));
    this.kick();
    return () => {
      this.stopped = true;
      this.cancelPause?.();
      this.undos.run();
    };
  }

  /** The controller says how far it is. */
  applied({ generation, sequence, again }: Acknowledgement): void {
    const { outbox } = this.world;
    if (generation !== outbox.generation) return;
    outbox.applied(generation, sequence);
    this.appliedTo = Math.max(this.appliedTo, sequence);
    this.quiet = 0;
    this.patience = 1;
    if (again) {
      this.startOver(sequence);
      return;
    }
    this.underWay = this.underWay.filter((each) => each > sequence);
    this.kick();
  }

  /** Delivers again what comes after `sequence`. */
  private startOver(sequence: number): void {
    this.round++;
    this.deliveredTo = sequence;
    this.underWay = [];
    this.cancelPause?.();
    this.kick();
  }

  private kick(): void {
    this.wanted = true;
    if (this.busy || this.stopped) return;
    this.busy = true;
    queueMicrotask(() => void this.run());
  }

  private async run(): Promise<void> {
    try {
      while (this.wanted) {
        this.wanted = false;
        while (await this.deliverSome()) this.retryPause = timing.roadRetryFirstMilliseconds;
      }
      this.busy = false;
    } catch (error) {
      this.world.log.debug("road is away", { error: errorText(error) });
      const pause = this.retryPause;
      this.retryPause = Math.min(timing.roadRetryLongestMilliseconds, pause * 2);
      const resume = (): void => {
        this.cancelPause = null;
        this.busy = false;
        this.kick();
      };
      const cancel = this.world.clock.after(pause, resume);
      this.cancelPause = () => {
        cancel();
        this.cancelPause = null;
        this.busy = false;
      };
    }
  }

  /** Delivers the next reports. False when there are none, or too many are under way. */
  private async deliverSome(): Promise<boolean> {
    const { outbox, road } = this.world;
    const room = this.exempt ? window : window - this.underWay.length;
    this.exempt = false;
    if (this.stopped || room <= 0) return false;
    const { round } = this;
    const batch = outbox.pending(this.deliveredTo, this.sender(), room);
    const last = batch.at(-1);
    if (!last) return false;
    await road.deliver(batch);
    outbox.delivered(last.sequence);
    if (round !== this.round) return true;
    this.deliveredTo = last.sequence;
    // The acknowledgement may have been quicker than the road's own answer.
    this.underWay.push(...batch.map((each) => each.sequence).filter((each) => each > this.appliedTo));
    return true;
  }

  /**
   * Asks when nobody has acknowledged anything for a while, ever more rarely: where the reports were lost the
   * controller meets a hole and says so, where the acknowledgement was lost it says it again.
   */
  private knockIfQuiet(): void {
    const { outbox } = this.world;
    if (this.underWay.length === 0 && outbox.count() === 0) {
      this.quiet = 0;
      return;
    }
    if (++this.quiet < this.patience) return;
    this.quiet = 0;
    this.patience = Math.min(longestQuiet, this.patience * 2);
    this.exempt = true;
    outbox.add(knockKind, {}, knockKind);
  }
}
