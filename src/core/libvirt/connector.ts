/** The connect worker as the main thread sees it: opening may hang as long as libvirtd hangs. */

import { startWorker } from "./entrypoints.ts";
import { HypervisorError, type LaneStatus } from "./hypervisor.ts";
import type { ConnectRequest, FromWorker, ToWorker } from "./protocol.ts";
import { fromPlainError } from "./protocol.ts";

type Unnumbered<T> = T extends { id: number } ? Omit<T, "id"> : never;

export class Connector {
  private readonly worker = startWorker();
  private readonly waiting = new Map<
    number,
    {
      kind: ConnectRequest["kind"];
      since: number;
      resolve: (value: never) => void;
      reject: (e: HypervisorError) => void;
    }
  >();
  private nextId = 1;
  private lastTurnAt: number | null = null;

  constructor() {
    this.worker.onmessage = (event: MessageEvent<FromWorker>) => this.heard(event.data);
    this.worker.onerror = (event) =>
      this.failAll(new HypervisorError("internal", `The connect worker ended: ${event.message}`));
    this.post({ kind: "role", role: "connect" });
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  /** Requests are done one after the other. There is no deadline: see `busySince`. */
  request<T>(request: Unnumbered<ConnectRequest>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { kind: request.kind, since: Date.now(), resolve, reject });
      this.post({ ...request, id } as ConnectRequest);
    });
  }

  private heard(message: FromWorker): void {
    if (message.kind === "unusable") this.failAll(new HypervisorError("unsupported", message.message));
    if (message.kind !== "answer" && message.kind !== "failed") return;
    this.lastTurnAt = Date.now();
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.kind === "answer") waiting?.resolve(message.value as never);
    else waiting?.reject(fromPlainError(message.error));
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
    this.post({ kind: "stop" });
  }
}
