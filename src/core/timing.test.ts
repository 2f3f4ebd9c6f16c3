/** Which durations must be longer than which others, and why. */
import { expect, test } from "bun:test";
import { timing } from "./timing.ts";

/** Each: what must be less than what, and what would go wrong otherwise. */
const orders: readonly (readonly [less: number, more: number, why: string])[] = [
  [
    2 * timing.leaseRenewMilliseconds + timing.leaseMarginMilliseconds,
    timing.leaseMilliseconds,
    "a renewal that fails once would end a leader",
  ],
  [
    timing.leaseRetryMilliseconds,
    timing.leaseRenewMilliseconds,
    "a database that was away would be found again no sooner than usual",
  ],
  [
    timing.storeLockWaitSeconds * 1000,
    timing.storeQueryMilliseconds,
    "a wait for a lock would look like a server that hangs",
  ],
  [timing.sessionIdleMilliseconds, timing.sessionLifeMilliseconds, "sessions could never be idle"],
  [timing.sessionTouchMilliseconds, timing.sessionIdleMilliseconds, "sessions in use would end"],
  [
    2 * timing.streamHeartbeatMilliseconds,
    timing.connectionIdleSeconds * 1000,
    "live streams would be closed as idle",
  ],
  [
    timing.streamHeartbeatMilliseconds,
    timing.streamStuckMilliseconds,
    "a client would be stuck before it could show life",
  ],
  [timing.streamLifeMilliseconds, timing.eventsKeepMilliseconds, "a resumed stream would find a gap"],
  [
    timing.requestBodyMilliseconds,
    timing.connectionIdleSeconds * 1000,
    "a slow body would be cut instead of refused",
  ],
  [timing.requestGraceMilliseconds, timing.stopMilliseconds, "requests would be cut at every stop"],
  [
    2 * timing.heartbeatMilliseconds,
    timing.nodeSilentMilliseconds,
    "a node whose heartbeat is late once would be silent",
  ],
  [
    timing.roadRestMilliseconds + 2 * timing.heartbeatMilliseconds,
    timing.knockMilliseconds,
    "nodes would ask how far their heartbeats are applied",
  ],
  [timing.nodeSilentMilliseconds, timing.nodeOfflineMilliseconds, "nodes would be offline before silent"],
  [
    timing.helloAgainMilliseconds,
    timing.nodeOfflineMilliseconds,
    "a node whose hello was lost once would be offline",
  ],
  [timing.undoRetryMilliseconds, timing.undoPatienceMilliseconds, "undos would never be tried again"],
  [timing.resendMilliseconds, timing.powerDeadlineMilliseconds, "a lost command would never be sent again"],
  [
    timing.libvirtLongCallMilliseconds,
    timing.powerDeadlineMilliseconds,
    "a task would end before the call in it",
  ],
  [
    timing.libvirtLongCallMilliseconds,
    timing.nodeConfigureDeadlineMilliseconds,
    "a task would end before the call in it",
  ],
  [
    timing.shutdownPatienceMilliseconds,
    timing.powerDeadlineMilliseconds,
    "a shutdown would fail without its reason",
  ],
  [
    2 * timing.shutdownAskAgainMilliseconds,
    timing.shutdownPatienceMilliseconds,
    "a guest that boots would hardly be asked again",
  ],
  [
    timing.agentPatienceMilliseconds + 3 * timing.agentCommandSeconds * 1000,
    timing.initDeadlineMilliseconds,
    "a set-up that has just met its agent would be cut",
  ],
  [
    timing.imageQuickMilliseconds,
    timing.checkDeadlineMilliseconds,
    "an image that hangs would have no reason of its own",
  ],
  [
    timing.imageStallMilliseconds,
    timing.createDeadlineMilliseconds,
    "a copy that stands still would have no reason of its own",
  ],
  [timing.libvirtHeartbeatMilliseconds, timing.libvirtStuckMilliseconds, "every probe would light its lamp"],
  [
    timing.libvirtStuckMilliseconds,
    timing.libvirtShortCallMilliseconds,
    "a call would fail before its lamp is lit",
  ],
  [
    timing.libvirtKeepaliveSeconds * (timing.libvirtKeepaliveCount + 1) * 1000,
    timing.nodeOfflineMilliseconds,
    "a dead connection would be noticed later than a dead node",
  ],
  [
    timing.libvirtGrowMilliseconds,
    timing.libvirtIdleMilliseconds,
    "lanes would lose workers while they need more",
  ],
  [
    2 * timing.poolFactsMilliseconds,
    timing.poolSilentMilliseconds,
    "a pool told of late once would be silent",
  ],
  [timing.fetchRetryMilliseconds, timing.fetchPatienceMilliseconds, "a fetch would never be tried again"],
  [
    timing.templateCopyDeadlineMilliseconds,
    timing.createDeadlineMilliseconds,
    "a creation would end before the copy that it waits for",
  ],
  [
    timing.expiryGraceMilliseconds,
    timing.auditOverdueMilliseconds,
    "an audit would name what is just ending",
  ],
  [timing.fullListMilliseconds, timing.auditAgainMilliseconds, "an audit would look twice at the same list"],
  [
    timing.consoleConnectMilliseconds,
    timing.consoleTicketMilliseconds,
    "a ticket would end while its console opens",
  ],
];

test.each(orders.map(([less, more, why]) => ({ less, more, why })))("or else: $why", ({ less, more }) => {
  expect(less).toBeLessThan(more);
});

test("every duration is a positive number with its unit in the name", () => {
  for (const [name, value] of Object.entries(timing)) {
    expect([name, value > 0]).toEqual([name, true]);
    expect(name).toMatch(/(Milliseconds|Seconds|Count)$/);
  }
});
