/** A controller's end of the road over Redis, with the nodes that the store says have joined. */
import { hostname } from "node:os";
import type { Clock } from "../core/clock.ts";
import type { RedisConnection } from "../core/config/connections.ts";
import type { Log } from "../core/log/log.ts";
import { openRedisControllerRoad } from "../core/road/redis-controller.ts";
import type { RedisAddress } from "../core/road/redis-link.ts";
import { ne, type Store } from "../core/store/index.ts";
import { peers } from "../core/tasks/schema.ts";
import type { ControllerEnd } from "./controller-side.ts";

export function redisAddress({ url, user, password, ca }: RedisConnection): RedisAddress {
  return {
    url,
    ...(user === null ? {} : { user }),
    ...(password === null ? {} : { password }),
    ...(ca === null ? {} : { tls: { ca } }),
  };
}

/** Resolves also while Redis is away: people are served without it. */
export async function redisEnd(
  connection: RedisConnection,
  world: { clock: Clock; log: Log; store: Store; clusterId: string },
): Promise<ControllerEnd> {
  const { clock, log, store, clusterId } = world;
  const road = await openRedisControllerRoad({
    address: redisAddress(connection),
    clusterId,
    holder: `${hostname()}:${process.pid}:${crypto.randomUUID()}`,
    clock,
    log,
    nodes: async () =>
      (await store.select(peers, { where: ne(peers.machineId, "") })).map(({ name, roadHash }) => ({
        name,
        passwordHash: roadHash,
      })),
  });
  const access = () => road.facts()?.access ?? null;
  return {
    road,
    members: {
      warnings: () => road.facts()?.warnings ?? [],
      newTicket(node) {
        const { url, ca } = connection;
        // Before Redis 6 there is one password for all: the page of nodes says what that means.
        if (access() === "none") return { ticket: connection, hash: null };
        const { user, password, passwordHash } = road.members.newCredentials(node);
        return { ticket: { url, ca, user, password }, hash: passwordHash };
      },
      admit: (name, passwordHash) => road.members.admit({ name, passwordHash }),
      expel: (node) => road.members.expel(node),
    },
    wakeOthers: () => road.wakeOthers(),
    onWake: (listener) => road.onWake(listener),
    close: () => road.close(),
  };
}
