/**
 * Asks: "report about this now". The answer is an ordinary report, which the newest of its key replaces; nothing
 * waits for it, and an ask that gets lost is only no news. So a page can be fresh without polling, without a task
 * that somebody would find in a list, and without waiting on a node inside a request (ADR 5).
 */
import { errorText } from "../errors.ts";
import type { Log } from "../log/log.ts";
import type { Undo } from "../undo.ts";
import type { Command, NodeRoad } from "./contract.ts";

type Answer = (key: string) => void | Promise<void>;

export class Asks {
  private readonly answers = new Map<string, Answer>();
  /** Topic and key of what is being answered, and whether it was asked once more meanwhile. */
  private readonly busy = new Map<string, boolean>();

  constructor(private readonly log: Log) {}

  /** How to answer a topic. The answer reports by itself; what it throws is logged. */
  on(topic: string, answer: Answer): Undo {
    if (this.answers.has(topic)) throw new Error(`"${topic}" is answered twice`);
    this.answers.set(topic, answer);
    return () => this.answers.delete(topic);
  }

  /** The same road, with the asks taken out of its commands. */
  before(road: NodeRoad): NodeRoad {
    return {
      onCommand: (handler) =>
        road.onCommand((command: Command) => {
          if (command.type === "ask") this.hear(command.topic, command.key);
          else handler(command);
        }),
      deliver: (envelopes) => road.deliver(envelopes),
      onLoss: (handler) => road.onLoss(handler),
      status: () => road.status(),
    };
  }

  /** Answers; one about the same thing at a time, so that many who ask make no more work than two. */
  private hear(topic: string, key: string): void {
    const about = `${topic} ${key}`;
    if (this.busy.has(about)) {
      this.busy.set(about, true);
      return;
    }
    const answer = this.answers.get(topic);
    if (!answer) return;
    this.busy.set(about, false);
    void (async () => {
      try {
        await answer(key);
      } catch (error) {
        this.log.debug("an ask was not answered", { topic, key, error: errorText(error) });
      }
      const again = this.busy.get(about) ?? false;
      this.busy.delete(about);
      if (again) this.hear(topic, key);
    })();
  }
}
