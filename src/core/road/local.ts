/** The road inside one process: commands and reports are handed over directly, still in order and asynchronously. */
import type { Clock } from "../clock.ts";
import type { Command, ControllerRoad, Envelope, NodeRoad, RoadStatus } from "./contract.ts";

/** Within one process nothing is lost that its end did not hear of. */
const neverLost = () => () => {};

export class LocalRoad {
  private readonly nodes = new Map<string, (command: Command) => void>();
  private apply: ((envelopes: Envelope[]) => Promise<void>) | null = null;
  private readonly since: number;

  constructor(clock: Clock) {
    this.since = clock.now();
  }

  private status = (): RoadStatus => ({ kind: "local", connected: true, since: this.since, reason: null });

  readonly controller: ControllerRoad = {
    send: async (node, command) => {
      const handler = this.nodes.get(node);
      // A copy, as on a real road: neither end may see the other's objects change.
      if (handler) queueMicrotask(() => handler(structuredClone(command)));
    },
    onReports: (handler) => {
      this.apply = handler;
      return () => {
        if (this.apply === handler) this.apply = null;
      };
    },
    onLoss: neverLost,
    status: this.status,
  };

  /** The end of the node `name`. */
  node(name: string): NodeRoad {
    return {
      onCommand: (handler) => {
        this.nodes.set(name, handler);
        return () => {
          if (this.nodes.get(name) === handler) this.nodes.delete(name);
        };
      },
      deliver: async (envelopes) => {
        if (!this.apply) throw new Error("no controller listens on the road");
        await this.apply(structuredClone(envelopes));
      },
      onLoss: neverLost,
      status: this.status,
    };
  }
}
