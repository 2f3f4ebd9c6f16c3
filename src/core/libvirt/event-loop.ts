/**
 * The event worker as the main thread sees it. libvirt's event loop is one per process and can't be taken
 * back, so the worker is made once, shared by all connections, and stays.
 */

import { writeSync } from "node:fs";
import { steadyNow } from "../clock.ts";
import type { EventCallbacks } from "./connection.ts";
import { startWorker } from "./entrypoints.ts";
import { HypervisorError } from "./hypervisor.ts";
import type { EventRequest, FromWorker, RawEvent, ToWorker } from "./protocol.ts";

/** What one connection hears. */
export interface EventListener {
  onEvents(events: RawEvent[]): void;
  /** The connection's socket closed; it is not watched any more. */
  onLost(): void;
}

export class EventLoop {
  private readonly listeners = new Map<number, EventListener>();
  private nextOpaque = 1;
  private pingSentAt: number | null = null;
  lastTurnAt: number | null = null;

  private constructor(
    private readonly worker: Worker,
    private readonly eventfd: number,
    readonly callbacks: EventCallbacks,
  ) {
    worker.onmessage = (event: MessageEvent<FromWorker>) => this.heard(event.data);
  }

  /** @throws HypervisorError unsupported when libvirt can't be loaded */
  static start(): Promise<EventLoop> {
    return new Promise((resolve, reject) => {
      const worker = startWorker();
      const refuse = (message: string) =>
        reject(
          new HypervisorError(
            "unsupported",
            `libvirt can't be used: ${message}. Install libvirt's client libraries.`,
          ),
        );
      worker.onerror = (event) => refuse(event.message);
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (data.kind === "ready" && data.eventfd !== undefined && data.callbacks) {
          resolve(new EventLoop(worker, data.eventfd, data.callbacks));
        } else if (data.kind === "unusable") {
          worker.terminate();
          refuse(data.message);
        }
      };
      const role: ToWorker = { kind: "role", role: "events" };
      worker.postMessage(role);
    });
  }

  private heard(message: FromWorker): void {
    this.lastTurnAt = steadyNow();
    if (message.kind === "events") this.listeners.get(message.opaque)?.onEvents(message.events);
    else if (message.kind === "lost") this.listeners.get(message.opaque)?.onLost();
    else if (message.kind === "answer") this.pingSentAt = null;
  }

  /** Its own messages wait while it sleeps in libvirt's poll: the eventfd wakes it. */
  private post(message: EventRequest): void {
    this.worker.postMessage(message);
    this.poke();
  }

  /** Makes the loop take a turn, which also looks whether connections are alive. Never blocks. */
  poke(): void {
    const one = new Uint8Array(new BigUint64Array([1n]).buffer);
    writeSync(this.eventfd, one);
  }

  /** The number that tells a connection's events from another's. */
  register(listener: EventListener): number {
    const opaque = this.nextOpaque++;
    this.listeners.set(opaque, listener);
    return opaque;
  }

  unregister(opaque: number): void {
    this.listeners.delete(opaque);
  }

  /** Hands over one reference to the connection. */
  watch(opaque: number, conn: number): void {
    this.post({ kind: "watch", opaque, conn });
  }

  unwatch(opaque: number): void {
    this.post({ kind: "unwatch", opaque });
  }

  /** Asks for a sign of life, unless it still owes one. */
  ping(): void {
    if (this.pingSentAt !== null) return;
    this.pingSentAt = steadyNow();
    this.post({ kind: "ping", id: 0 });
  }

  /** Since when it owes a sign of life. */
  get silentSince(): number | null {
    return this.pingSentAt;
  }
}

let shared: Promise<EventLoop> | null = null;

/** The process's one event loop. A failed start is tried again with the next call. */
export function sharedEventLoop(): Promise<EventLoop> {
  shared ??= EventLoop.start().catch((error) => {
    shared = null;
    throw error;
  });
  return shared;
}
