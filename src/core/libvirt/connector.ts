/** The connect worker as the main thread sees it: opening may hang as long as libvirtd hangs. */

import { steadyNow } from "../clock.ts";
import { timing } from "../timing.ts";
import { startWorker } from "./entrypoints.ts";
import { HypervisorError, type LaneStatus } from "./hypervisor.ts";
import type { ConnectRequest, FromWorker, Opened, ToWorker } from "./protocol.ts";
import { fromPlainError } from "./protocol.ts";

/** What may be asked for: a connection to be opened, or one to be closed. */
type Asked =
  | Omit<ConnectRequest & { kind: "open" }, "id">
  | Omit<ConnectRequest & { kind: "close" }, "id" | "registered">;

export class Connector {
  /** Made for a request and ended when there was none for a while: it holds nothing. */
  private worker: Worker | null = null;
  private idle: ReturnType<typeof setTimeout> | null = null;
  private readonly waiting = new Map<
    number,
    {
      kind: ConnectRequest["kind"];
      since: number;
      resolve: (value: never) => void;
      reject: (e: HypervisorError) => void;
    }
  >();
  /** Callbacks of the connections that listen. */
  private readonly registered = new Map<number, readonly number[]>();
  private nextId = 1;
  private lastTurnAt: number | null = null;

  private start(): Worker {
    const worker = startWorker();
    worker.onmessage = (event: MessageEvent<FromWorker>) => this.heard(event.data);
    worker.onerror = (event) => {
      if (this.worker === worker) this.worker = null;
      this.failAll(new HypervisorError("internal", `The connect worker ended: ${event.message}`));
    };
    worker.postMessage({ kind: "role", role: "connect" } satisfies ToWorker);
    return worker;
  }

  /** Requests are done one after the other. There is no deadline: see `busySince`. */
  request<T>(asked: Asked): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { kind: asked.kind, since: steadyNow(), resolve, reject });
      if (this.idle) clearTimeout(this.idle);
      this.worker ??= this.start();
      this.worker.postMessage(this.numbered(asked, id) satisfies ToWorker);
    });
  }

  private numbered(asked: Asked, id: number): ConnectRequest {
    if (asked.kind === "open") return { ...asked, id };
    const registered = this.registered.get(asked.conn) ?? [];
    this.registered.delete(asked.conn);
    return { ...asked, id, registered };
  }

  private heard(message: FromWorker): void {
    if (message.kind === "unusable") this.failAll(new HypervisorError("unsupported", message.message));
    if (message.kind !== "answer" && message.kind !== "failed") return;
    this.lastTurnAt = steadyNow();
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.kind === "failed") waiting?.reject(fromPlainError(message.error));
    else waiting?.resolve(this.resultOf(message.value as Opened | null) as never);
    if (this.waiting.size === 0) this.rest();
  }

  private resultOf(opened: Opened | null): number | null {
    if (!opened) return null;
    if (opened.registered.length > 0) this.registered.set(opened.conn, opened.registered);
    return opened.conn;
  }

  private rest(): void {
    if (this.idle) clearTimeout(this.idle);
    this.idle = setTimeout(() => this.stop(), timing.libvirtIdleMilliseconds);
    this.idle.unref();
  }

  private failAll(error: HypervisorError): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  private get oldest() {
    return this.waiting.values().next().value ?? null;
  }

  /** Since when its current request runs. */
  get busySince(): number | null {
    return this.oldest?.since ?? null;
  }

  status(now: number, stuckMilliseconds: number): LaneStatus {
    const { oldest } = this;
    const stuck = oldest !== null && now - oldest.since > stuckMilliseconds;
    return {
      name: "connect",
      state: stuck ? "stuck" : oldest ? "busy" : "ok",
      lastTurnAt: this.lastTurnAt,
      queueLength: Math.max(0, this.waiting.size - 1),
      call: oldest?.kind ?? null,
      since: oldest?.since ?? null,
    };
  }

  /** Ends the thread after what it has been asked for; one that is stuck ends when C lets it. */
  stop(): void {
    if (this.idle) clearTimeout(this.idle);
    this.worker?.postMessage({ kind: "stop" } satisfies ToWorker);
    this.worker = null;
  }
}
