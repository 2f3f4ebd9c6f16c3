/** A node's end of the road over Redis Streams. */
import type { Clock } from "../clock.ts";
import { errorText } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { timing } from "../timing.ts";
import type { Command, Envelope, NodeRoad } from "./contract.ts";
import { registered, roadStatus } from "./redis-controller.ts";
import { redisKeys } from "./redis-keys.ts";
import { type RedisAddress, type RedisConnection, RedisLink } from "./redis-link.ts";
import { compareIds, decodeCommand, encodeReports, isId, streamsOf } from "./wire.ts";

/** A stream of reports that no controller reads is not kept longer: the outbox still has what counts. */
const mostEntries = 2_000;
const commandsAtOnce = 100;

/** A small note that outlives the process; the outbox is one. */
export interface Notes {
  recall(name: string): string | null;
  remember(name: string, note: string): void;
}

export interface RedisNodeOptions {
  address: RedisAddress;
  clusterId: string;
  node: string;
  clock: Clock;
  log: Log;
  /** Where the position in the command stream is kept. */
  notes: Notes;
}

export interface RedisNodeRoad extends NodeRoad {
  close(): Promise<void>;
}

/** Opens the connections and returns at once: a node runs without Redis, too. */
export function openRedisNodeRoad(options: RedisNodeOptions): RedisNodeRoad {
  const { address, clusterId, node, clock, log } = options;
  const keys = redisKeys(clusterId);
  const losses = new Set<() => void>();
  const lost = (): void => {
    for (const handler of [...losses]) handler();
  };
  const place = new Place(options.notes);
  const sending = new RedisLink({
    address,
    clock,
    log,
    name: `jimv-${node}-sends`,
    // What was under way when the last connection broke may have got through or not.
    onUp: lost,
  });
  const reading = new RedisLink({
    address,
    clock,
    log,
    name: `jimv-${node}-reads`,
    prepare: (connection) => place.check(connection, keys.commands(node)),
  });
  const stopping = new AbortController();

  /** One question for new commands. */
  const ask = async (handler: (command: Command) => void): Promise<void> => {
    const key = keys.commands(node);
    const block = timing.roadNodeBlockMilliseconds;
    const [generation, answer] = await Promise.all([
      reading.call(["GET", keys.generation]),
      reading.call(
        ["XREAD", "COUNT", `${commandsAtOnce}`, "BLOCK", `${block}`, "STREAMS", key, place.id],
        block + timing.roadAnswerMilliseconds,
      ),
    ]);
    if (stopping.signal.aborted) return;
    const entries = streamsOf(answer).get(key) ?? [];
    for (const { fields } of entries) {
      const command = decodeCommand(fields.get("command") ?? "");
      if (command) handler(command);
      else log.warn("a command of another version is passed over");
    }
    const last = entries.at(-1);
    if (last) place.moveTo(last.id);
    if (typeof generation === "string" && place.isNewGeneration(generation)) {
      log.info("Redis is new or has lost its data; what is not acknowledged is delivered again");
      lost();
    }
  };

  return {
    onLoss: (handler) => registered(losses, handler),
    onCommand(handler) {
      const listening = new AbortController();
      const run = async (): Promise<void> => {
        while (!listening.signal.aborted && !stopping.signal.aborted) {
          try {
            await ask((command) => {
              if (listening.signal.aborted) return;
              try {
                handler(command);
              } catch (error) {
                // It must not come again for ever, nor hold up those behind it.
                log.error("a command failed", { type: command.type, error: errorText(error) });
              }
            });
          } catch (error) {
            log.debug("commands can't be read", { error: errorText(error) });
            await clock.sleep(timing.roadRetryFirstMilliseconds, stopping.signal).catch(() => {});
          }
        }
      };
      void run();
      return () => listening.abort();
    },
    async deliver(envelopes: Envelope[]) {
      const entry = ["reports", encodeReports(envelopes), "commands", place.id];
      await sending.call(["XADD", keys.reports(node), "MAXLEN", "~", `${mostEntries}`, "*", ...entry]);
    },
    status: () => roadStatus([sending, reading]),
    async close() {
      stopping.abort();
      await Promise.all([sending.close(), reading.close()]);
    },
  };
}

/** How far the command stream was read, and of which generation it was. */
class Place {
  id = "0-0";
  private generation: string | null = null;

  constructor(private readonly notes: Notes) {
    const [generation = "", id] = (notes.recall("road") ?? "").split(" ");
    if (generation === "" || !isId(id)) return;
    this.generation = generation;
    this.id = id;
  }

  moveTo(id: string): void {
    this.id = id;
    this.keep();
  }

  /** Starts over when the generation is not the one that was read so far. */
  isNewGeneration(generation: string): boolean {
    if (generation === this.generation) return false;
    // Before the first one was seen there may have been another; what was read of the stream is right for now.
    if (this.generation !== null) this.id = "0-0";
    this.generation = generation;
    this.keep();
    return true;
  }

  /** A stream that ends before our position is another one, of a Redis that went back in time. */
  async check(connection: RedisConnection, key: string): Promise<void> {
    let last = "0-0";
    try {
      const info = await connection.call(["XINFO", "STREAM", key]);
      if (Array.isArray(info)) last = String(info[info.indexOf("last-generated-id") + 1]);
    } catch (error) {
      if (!/no such key/i.test(errorText(error))) throw error;
    }
    if (isId(last) && compareIds(last, this.id) < 0) this.id = "0-0";
  }

  private keep(): void {
    if (this.generation !== null) this.notes.remember("road", `${this.generation} ${this.id}`);
  }
}
