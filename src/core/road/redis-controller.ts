/** A controller's end of the road over Redis Streams. */
import type { Clock } from "../clock.ts";
import { errorText } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { timing } from "../timing.ts";
import { steadily } from "../turns.ts";
import { type Undo, UndoList } from "../undo.ts";
import type { Command, ControllerRoad, RoadStatus } from "./contract.ts";
import { type RedisFacts, readFacts } from "./redis-facts.ts";
import { redisKeys } from "./redis-keys.ts";
import { type RedisAddress, RedisLink } from "./redis-link.ts";
import { type RoadMember, RoadMembers } from "./redis-members.ts";
import { ReportReader } from "./redis-reader.ts";
import { encodeCommand } from "./wire.ts";

/** A stream of commands that nobody reads is not kept longer: what still counts is sent again anyway. */
const mostCommands = 2_000;

export interface RedisControllerRoad extends ControllerRoad {
  /** Tells the other controllers that there are new events, or something to send. Gathers; never throws. */
  wakeOthers(): void;
  /** Called when another controller woke us. */
  onWake(fn: () => void): Undo;
  /** Who may speak on the road. */
  readonly members: RoadMembers;
  /** What is known of the Redis server as of the last connection; null before the first. */
  facts(): RedisFacts | null;
  close(): Promise<void>;
}

export interface RedisControllerOptions {
  address: RedisAddress;
  clusterId: string;
  /** Unique to this start of the program. */
  holder: string;
  clock: Clock;
  log: Log;
  /** The nodes that have joined. Asked again and again; may reject while the store is away. */
  nodes: () => Promise<readonly RoadMember[]>;
}

/** Resolves when Redis was reached or could not be: a controller serves people without it, too. */
export async function openRedisControllerRoad(options: RedisControllerOptions): Promise<RedisControllerRoad> {
  const { address, clusterId, holder, clock, log } = options;
  const keys = redisKeys(clusterId);
  const undos = new UndoList();
  const wakes = new Set<() => void>();
  const losses = new Set<() => void>();
  let facts: RedisFacts | null = null;
  const lost = (): void => {
    for (const handler of [...losses]) handler();
  };

  const link = (name: string, more: Partial<ConstructorParameters<typeof RedisLink>[0]>): RedisLink =>
    new RedisLink({ address, clock, log, name: `jimv-${name}`, ...more });
  const sending = link("controller-sends", {
    prepare: async (connection) => {
      facts = await readFacts(connection);
    },
    onUp: () => members.applyAll(),
  });
  const reading = link("controller-reads", {});
  const hearing = link("controller-hears", {
    prepare: (connection) =>
      connection.subscribe(keys.wake, (from) => {
        if (from !== holder) for (const fn of [...wakes]) fn();
      }),
  });
  const links = [sending, reading, hearing];
  const members: RoadMembers = new RoadMembers({
    log,
    keys,
    link: sending,
    access: () => facts?.access ?? null,
    list: options.nodes,
  });
  undos.add(steadily(clock, log, "road members", timing.roadNodesMilliseconds, () => members.refresh()));

  let waking = false;
  const wakeOthers = (): void => {
    if (waking) return;
    waking = true;
    clock.after(timing.wakeGatherMilliseconds, () => {
      waking = false;
      // Who does not hear it looks by himself a little later.
      sending.call(["PUBLISH", keys.wake, holder]).catch((error) => {
        log.debug("others can't be woken", { error: errorText(error) });
      });
    });
  };

  await Promise.all([sending.tried, members.refresh()]);

  return {
    members,
    wakeOthers,
    facts: () => facts,
    onWake: (fn) => registered(wakes, fn),
    onLoss: (handler) => registered(losses, handler),
    async send(node: string, command: Command) {
      const body = encodeCommand(command);
      await sending.call([
        "XADD",
        keys.commands(node),
        "MAXLEN",
        "~",
        `${mostCommands}`,
        "*",
        "command",
        body,
      ]);
    },
    onReports(handler) {
      const nodes = (): readonly string[] => members.names();
      return new ReportReader({ clock, log, keys, reading, sending, nodes, onLoss: lost }, handler).start();
    },
    status: () => roadStatus([sending, reading]),
    async close() {
      undos.run();
      await Promise.all(links.map((each) => each.close()));
    },
  };
}

/** Of several connections the one that is down counts. */
export function roadStatus(links: readonly RedisLink[]): RoadStatus {
  const all = links.map((link) => link.status());
  const down = all.find((status) => !status.connected);
  if (down) return { kind: "redis", ...down };
  return { kind: "redis", connected: true, since: Math.max(...all.map((each) => each.since)), reason: null };
}

/** Adds a listener; each registration has its own undo. */
export function registered(listeners: Set<() => void>, fn: () => void): Undo {
  const own = (): void => fn();
  listeners.add(own);
  return () => listeners.delete(own);
}
