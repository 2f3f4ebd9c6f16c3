/**
 * One libvirtd as the main thread sees it: keeps a connection, notices when it is lost or hangs, connects
 * again, and tells who listens. Nothing here ever waits for libvirtd on the main thread.
 */

import { steadyNow } from "../clock.ts";
import { timing } from "../timing.ts";
import { Connector } from "./connector.ts";
import { type EventLoop, sharedEventLoop } from "./event-loop.ts";
import { HypervisorError, type HypervisorStatus, type LaneStatus, type Undo } from "./hypervisor.ts";
import { Lane } from "./lane.ts";
import type { CallArgs, CallName, CallResult, RawEvent } from "./protocol.ts";

/** The lanes: how many workers (made on demand), how long a call may take, and when its lamp is lit. */
const laneTable = {
  short: { size: 3, deadline: timing.libvirtShortCallMilliseconds, stuck: timing.libvirtStuckMilliseconds },
  /**
   * As many as libvirtd itself serves at a time (max_workers): a batch of guests should start in one wave, or
   * those that already boot take the processor from those that are still being started.
   */
  long: { size: 20, deadline: timing.libvirtLongCallMilliseconds, stuck: Number.POSITIVE_INFINITY },
  /** One bulk call at a time; libvirt asks each QEMU in turn, which takes about 10 ms a guest. */
  stats: { size: 1, deadline: timing.libvirtLongCallMilliseconds, stuck: Number.POSITIVE_INFINITY },
  /** Images from other machines: each piece blocks a worker, and must not be in the way of anything else. */
  transfer: { size: 2, deadline: timing.imageStallMilliseconds, stuck: Number.POSITIVE_INFINITY },
  /** What takes as long as it takes: each holds its worker until a guest has moved or a file is sent. */
  patient: { size: 8, deadline: timing.libvirtPatientCallMilliseconds, stuck: Number.POSITIVE_INFINITY },
  agent: { size: 2, deadline: timing.libvirtLongCallMilliseconds, stuck: Number.POSITIVE_INFINITY },
} as const satisfies Record<string, { size: number; deadline: number; stuck: number }>;
type LaneKind = keyof typeof laneTable;

export class Session {
  private loop: EventLoop | null = null;
  private opaque = 0;
  private connector = new Connector();
  /** The connection that listens to events; no calls are made on it. */
  private listening: number | null = null;
  private connecting = false;
  private closed = false;
  private since = steadyNow();
  private reason: string | null = "JimV has not connected to libvirtd yet.";
  private pingSince: number | null = null;
  private reported = "";
  private retry: ReturnType<typeof setTimeout> | null = null;
  private readonly pulse: ReturnType<typeof setInterval>;
  private readonly statusListeners = new Set<(status: HypervisorStatus) => void>();
  private readonly lanes: Record<LaneKind, Lane>;

  constructor(
    private readonly uri: string,
    private readonly onEvents: (events: RawEvent[]) => void,
    /** Called each time a connection stands, before any listener hears of it. */
    private readonly onConnected: () => void,
  ) {
    const lane = (kind: LaneKind) =>
      new Lane({
        name: kind,
        size: laneTable[kind].size,
        stuckMilliseconds: laneTable[kind].stuck,
        open: () =>
          this.connector.request<number>({ kind: "open", uri: this.uri, keepalive: null, events: null }),
        release: (conn) => this.release(conn),
        onUnavailable: () => this.loop?.poke(),
        onUnusable: (message) => this.unusable(message),
      });
    this.lanes = {
      short: lane("short"),
      long: lane("long"),
      patient: lane("patient"),
      stats: lane("stats"),
      transfer: lane("transfer"),
      agent: lane("agent"),
    };
    this.pulse = setInterval(() => this.beat(), timing.libvirtHeartbeatMilliseconds);
  }

  get connected(): boolean {
    return this.listening !== null;
  }

  /** Resolves when the first attempt has ended either way, or hangs. */
  async start(): Promise<void> {
    await Promise.race([this.connect(), Bun.sleep(timing.libvirtFirstConnectMilliseconds)]);
  }

  /**
   * A call on a lane, with that lane's deadline unless another is given.
   * @throws HypervisorError unavailable at once while there is no connection
   */
  call<K extends CallName>(
    lane: LaneKind,
    name: K,
    args: CallArgs<K>,
    deadlineMilliseconds: number = laneTable[lane].deadline,
  ): Promise<CallResult<K>> {
    if (!this.connected) {
      return Promise.reject(new HypervisorError("unavailable", this.reason ?? "No connection."));
    }
    return this.lanes[lane].call(name, deadlineMilliseconds, ...args);
  }

  private async connect(): Promise<void> {
    if (this.connecting || this.closed || this.connected) return;
    this.connecting = true;
    const owner = this.connector;
    try {
      this.loop ??= await sharedEventLoop();
      const { loop } = this;
      const opaque = loop.register({
        onEvents: (events) => this.onEvents(events),
        onLost: () => this.lost("The connection to libvirtd was lost; connecting again."),
      });
      try {
        const conn = await owner.request<number>({
          kind: "open",
          uri: this.uri,
          keepalive: { seconds: timing.libvirtKeepaliveSeconds, count: timing.libvirtKeepaliveCount },
          events: { callbacks: loop.callbacks, opaque },
        });
        loop.watch(opaque, conn);
        if (this.closed || owner !== this.connector) {
          // It came too late: another worker connects meanwhile.
          loop.unwatch(opaque);
          await owner.request({ kind: "close", conn });
          if (owner !== this.connector) owner.stop();
          throw new HypervisorError("unavailable", "Connecting took too long.");
        }
        this.opaque = opaque;
        this.stand(conn);
      } catch (error) {
        loop.unregister(opaque);
        throw error;
      }
    } catch (error) {
      if (owner === this.connector) this.away(error instanceof Error ? error.message : String(error));
    } finally {
      if (owner === this.connector) this.connecting = false;
    }
  }

  private stand(conn: number): void {
    this.listening = conn;
    this.since = steadyNow();
    this.reason = null;
    this.pingSince = null;
    for (const lane of Object.values(this.lanes)) lane.connect();
    this.onConnected();
    this.report();
  }

  private lost(reason: string): void {
    const conn = this.listening;
    if (conn === null) return;
    this.listening = null;
    this.loop?.unregister(this.opaque);
    this.since = steadyNow();
    for (const lane of Object.values(this.lanes)) lane.disconnect(reason);
    this.release(conn);
    this.away(reason);
  }

  private release(conn: number): void {
    this.connector.request({ kind: "close", conn }).catch(() => undefined);
  }

  /** There is no connection: say so, and try again soon. */
  private away(reason: string): void {
    this.reason = reason;
    this.report();
    if (this.closed) return;
    if (this.retry) clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.connect(), timing.libvirtReconnectMilliseconds);
  }

  private unusable(message: string): void {
    this.reason = `libvirt can't be used: ${message}`;
    this.report();
  }

  /** Once a heartbeat: probes, lamps, replacements. */
  private beat(): void {
    const now = steadyNow();
    this.loop?.ping();
    if (this.connected && this.pingSince === null) {
      this.pingSince = now;
      const { since } = this;
      const done = () => {
        if (since === this.since) this.pingSince = null; // else it belongs to an older connection
      };
      this.call("short", "ping", []).then(done, done);
    }
    for (const lane of Object.values(this.lanes)) lane.sweep(now);
    const { busySince } = this.connector;
    if (!this.connected && busySince !== null && now - busySince > timing.libvirtReplaceMilliseconds) {
      this.connector = new Connector(); // The old one gives its connection back when it comes to itself.
      this.connecting = false;
      this.away("libvirtd accepts connections but does not answer; trying again.");
    }
    this.report();
  }

  /** From memory, at once. */
  status(): HypervisorStatus {
    const now = steadyNow();
    const lanes: LaneStatus[] = [
      this.eventLane(now),
      this.connector.status(now, timing.libvirtStuckMilliseconds),
      ...Object.values(this.lanes).flatMap((lane) => lane.status(now)),
    ];
    return {
      connected: this.connected,
      since: this.since,
      reason: this.reason ?? this.complaint(now, lanes),
      lanes,
    };
  }

  private eventLane(now: number): LaneStatus {
    const since = this.loop?.silentSince ?? null;
    const stuck = since !== null && now - since > timing.libvirtStuckMilliseconds;
    return {
      name: "events",
      state: stuck ? "stuck" : this.loop ? "ok" : "down",
      lastTurnAt: this.loop?.lastTurnAt ?? null,
      queueLength: 0,
      call: null,
      since: stuck ? since : null,
    };
  }

  /** What is wrong although there is a connection. */
  private complaint(now: number, lanes: LaneStatus[]): string | null {
    if (this.pingSince !== null && now - this.pingSince > timing.libvirtStuckMilliseconds) {
      return "libvirtd does not answer: it hangs or is overloaded.";
    }
    const stuck = lanes.find((lane) => lane.state === "stuck");
    if (!stuck) return null;
    return stuck.name === "events"
      ? "The event worker hangs: restart JimV on this machine."
      : `A call to libvirtd ("${stuck.call}") takes unusually long.`;
  }

  /** Tells listeners when something they can see has changed; not every short call. */
  private report(): void {
    const status = this.status();
    const lamps = status.lanes.filter((lane) => lane.state === "stuck").map((lane) => lane.name);
    const seen = JSON.stringify([status.connected, status.reason, lamps]);
    if (seen === this.reported) return;
    this.reported = seen;
    for (const listener of this.statusListeners) listener(status);
  }

  onStatus(listener: (status: HypervisorStatus) => void): Undo {
    this.statusListeners.add(listener);
    return () => void this.statusListeners.delete(listener);
  }

  liveHandles(): number {
    return Object.values(this.lanes).reduce((sum, lane) => sum + lane.liveHandles(), 0);
  }

  /** Ends workers and connections, but does not wait long for a libvirtd that hangs. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.pulse);
    if (this.retry) clearTimeout(this.retry);
    const conn = this.listening;
    this.listening = null;
    if (conn !== null) {
      this.loop?.unregister(this.opaque);
      this.loop?.unwatch(this.opaque);
    }
    for (const lane of Object.values(this.lanes)) lane.close();
    if (conn !== null) {
      const closing = this.connector.request({ kind: "close", conn }).catch(() => undefined);
      await Promise.race([closing, Bun.sleep(timing.libvirtCloseMilliseconds)]);
    }
    this.connector.stop();
  }
}
