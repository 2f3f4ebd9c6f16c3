/**
 * A lane: call workers that take calls from one queue. Every call ends by its deadline for the caller, even
 * when its worker is still stuck in C; a worker that stays stuck is replaced and left to end by itself.
 *
 * Each worker has a connection of its own: before libvirt 10.3, threads that call on one connection at the
 * same time can crash in the client library (CVE-2024-4418).
 */

import { steadyNow } from "../clock.ts";
import { timing } from "../timing.ts";
import { startWorker } from "./entrypoints.ts";
import { HypervisorError, type LaneStatus } from "./hypervisor.ts";
import type { CallArgs, CallName, CallResult, FromWorker, ToWorker } from "./protocol.ts";
import { fromPlainError } from "./protocol.ts";

interface Job {
  id: number;
  name: CallName;
  args: unknown[];
  deadlineMilliseconds: number;
  resolve: (value: never) => void;
  reject: (error: HypervisorError) => void;
  timer: ReturnType<typeof setTimeout> | null;
}

interface LaneWorker {
  name: string;
  worker: Worker;
  /** It has loaded libvirt. */
  loaded: boolean;
  /** It has a connection. */
  ready: boolean;
  job: Job | null;
  since: number | null;
  lastTurnAt: number | null;
  /** When it last finished a call that others would have waited for, or became ready. */
  neededAt: number | null;
  liveHandles: number;
}

export interface LaneOptions {
  name: string;
  /** Workers are made when there is work for them, up to this many. */
  size: number;
  /** A call that takes longer lights the lamp. */
  stuckMilliseconds: number;
  /** Opens a connection for a worker. */
  open: () => Promise<number>;
  /** Closes one that no worker wants any more. */
  release: (conn: number) => void;
  /** A call found the connection dead. */
  onUnavailable: () => void;
  /** libvirt can't be loaded. */
  onUnusable: (message: string) => void;
}

/** How many workers may be left behind stuck before no more are replaced. */
const leakLimit = 8;
let nextId = 1;

function answerOf(answer: FromWorker & { kind: "answer" }): unknown {
  return answer.json ? JSON.parse(String(answer.value)) : answer.value;
}

export class Lane {
  private workers: LaneWorker[] = [];
  private readonly queue: Job[] = [];
  private connected = false;
  /** Counts connects and disconnects, so that a connection that comes too late is known. */
  private generation = 0;
  private closed = false;
  private named = 0;
  private leaked = 0;
  private finishedAt = 0;
  /** Runs while calls wait for a free worker: then there will be more of them. */
  private growth: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly options: LaneOptions) {}

  /** Queues a call. @throws HypervisorError timeout, unavailable, or what the call itself fails with */
  call<K extends CallName>(
    name: K,
    deadlineMilliseconds: number,
    ...args: CallArgs<K>
  ): Promise<CallResult<K>> {
    if (this.closed) return Promise.reject(new HypervisorError("unavailable", "JimV is stopping."));
    return new Promise<CallResult<K>>((resolve, reject) => {
      const job: Job = { id: nextId++, name, args, deadlineMilliseconds, resolve, reject, timer: null };
      this.queue.push(job);
      this.armQueued(job, steadyNow());
      this.pump();
    });
  }

  /** A queued call may wait as long as the lane gets anything done. */
  private armQueued(job: Job, from: number): void {
    job.timer = setTimeout(() => {
      if (this.finishedAt > from) return this.armQueued(job, steadyNow());
      const at = this.queue.indexOf(job);
      if (at < 0) return;
      this.queue.splice(at, 1);
      job.reject(
        new HypervisorError("timeout", `libvirtd does not answer: "${job.name}" was not even begun.`),
      );
    }, job.deadlineMilliseconds);
  }

  private pump(): void {
    if (!this.connected) return;
    while (this.queue.length > 0) {
      const free = this.workers.find((worker) => worker.ready && worker.job === null);
      if (!free) break;
      const job = this.queue.shift();
      if (job) this.start(free, job);
    }
    if (this.queue.length === 0) return;
    if (this.workers.length === 0) this.spawn();
    if (this.growth) return;
    // Most calls take a millisecond or two: waiting for one costs less than the memory of a further worker.
    this.growth = setTimeout(() => {
      this.growth = null;
      const wanted = Math.min(this.options.size - this.workers.length, this.queue.length);
      const busy = this.workers.every((worker) => worker.job !== null);
      if (this.connected && busy) for (let i = 0; i < wanted; i++) this.spawn();
      this.pump();
    }, timing.libvirtGrowMilliseconds);
  }

  private start(worker: LaneWorker, job: Job): void {
    if (job.timer) clearTimeout(job.timer);
    worker.job = job;
    worker.since = steadyNow();
    job.timer = setTimeout(() => {
      job.timer = null;
      const seconds = Math.round(job.deadlineMilliseconds / 1000);
      job.reject(
        new HypervisorError(
          "timeout",
          `libvirtd did not finish "${job.name}" in ${seconds} s; it may still do so.`,
        ),
      );
    }, job.deadlineMilliseconds);
    this.post(worker, { kind: "call", id: job.id, name: job.name, args: job.args });
  }

  private post(worker: LaneWorker, message: ToWorker): void {
    worker.worker.postMessage(message);
  }

  private spawn(): void {
    const entry: LaneWorker = {
      name: `${this.options.name}-${++this.named}`,
      worker: startWorker(),
      loaded: false,
      ready: false,
      job: null,
      since: null,
      lastTurnAt: null,
      neededAt: null,
      liveHandles: 0,
    };
    this.workers.push(entry);
    entry.worker.onmessage = (event: MessageEvent<FromWorker>) => this.heard(entry, event.data);
    entry.worker.onerror = (event) => this.died(entry, event.message);
    this.post(entry, { kind: "role", role: "calls" });
  }

  private heard(entry: LaneWorker, message: FromWorker): void {
    if (message.kind === "ready") {
      entry.loaded = true;
      void this.attach(entry);
      return;
    }
    if (message.kind === "unusable") this.options.onUnusable(message.message);
    if (message.kind !== "answer" && message.kind !== "failed") return;
    entry.liveHandles = message.liveHandles;
    const { job } = entry;
    const now = steadyNow();
    if (entry.since !== null && now - entry.since >= timing.libvirtGrowMilliseconds) entry.neededAt = now;
    entry.job = null;
    entry.since = null;
    entry.lastTurnAt = this.finishedAt = now;
    const isReplaced = !this.workers.includes(entry);
    if (job && job.id === message.id) {
      if (job.timer) clearTimeout(job.timer);
      if (message.kind === "answer") job.resolve(answerOf(message) as never);
      else {
        const error = fromPlainError(message.error);
        job.reject(error);
        if (error.code === "unavailable" && !isReplaced) this.lostOne(entry);
      }
    }
    if (isReplaced) {
      // It was stuck for too long: now it is free to go.
      this.leaked--;
      this.dismiss(entry);
      return;
    }
    this.pump();
  }

  /** A worker's connection broke: perhaps all did, so look; if not, it gets a new one. */
  private lostOne(entry: LaneWorker): void {
    entry.ready = false;
    this.options.onUnavailable();
    setTimeout(() => void this.attach(entry), timing.libvirtReconnectMilliseconds);
  }

  private async attach(entry: LaneWorker): Promise<void> {
    if (!this.connected || entry.ready || !this.workers.includes(entry)) return;
    const { generation } = this;
    const conn = await this.options.open().catch(() => null);
    const wanted = generation === this.generation && !entry.ready && this.workers.includes(entry);
    if (conn === null) {
      if (wanted) this.lostOne(entry);
    } else if (wanted) {
      this.post(entry, { kind: "attach", conn });
      entry.ready = true;
      entry.neededAt = steadyNow();
      this.pump();
    } else this.options.release(conn);
  }

  /** Lets a worker close its connection and end. */
  private dismiss(entry: LaneWorker): void {
    this.post(entry, { kind: "attach", conn: null });
    this.post(entry, { kind: "stop" });
  }

  /** A worker whose thread ended: its call is lost, the next call makes a new one. */
  private died(entry: LaneWorker, message: string): void {
    this.workers = this.workers.filter((worker) => worker !== entry);
    const { job } = entry;
    if (job?.timer) clearTimeout(job.timer);
    job?.reject(new HypervisorError("internal", `A worker of the libvirt binding ended: ${message}`));
    entry.worker.terminate();
    this.pump();
  }

  /** libvirtd can be reached: each worker gets a connection. */
  connect(): void {
    this.connected = true;
    this.generation++;
    for (const entry of this.workers) if (entry.loaded) void this.attach(entry);
    this.pump();
  }

  /** The connection is gone: what waits fails at once; what runs fails by itself or by its deadline. */
  disconnect(reason: string): void {
    this.connected = false;
    this.generation++;
    for (const entry of this.workers) {
      entry.ready = false;
      this.post(entry, { kind: "attach", conn: null });
    }
    for (const job of this.queue.splice(0)) {
      if (job.timer) clearTimeout(job.timer);
      job.reject(new HypervisorError("unavailable", reason));
    }
  }

  /** Replaces workers that have been stuck for too long, and ends idle ones. Called every now and then. */
  sweep(now: number): void {
    const [first] = this.workers;
    for (const entry of this.workers) {
      // A further worker that only does what the first could do as well is idle, too.
      const workedAt = (entry === first && entry.lastTurnAt) || entry.neededAt;
      const idle = entry.ready && entry.job === null && workedAt !== null;
      if (!idle || now - workedAt < timing.libvirtIdleMilliseconds) continue;
      this.workers = this.workers.filter((worker) => worker !== entry);
      this.dismiss(entry);
    }
    for (const entry of this.workers) {
      if (!entry.job || entry.since === null || this.leaked >= leakLimit) continue;
      if (now - entry.since < entry.job.deadlineMilliseconds + timing.libvirtReplaceMilliseconds) continue;
      this.workers = this.workers.filter((worker) => worker !== entry);
      this.leaked++;
      this.pump();
    }
  }

  status(now: number): LaneStatus[] {
    return this.workers.map((entry) => {
      const { job, since } = entry;
      const stuck = job !== null && since !== null && now - since > this.stuckAfter(job);
      const idle = this.connected ? ("ok" as const) : ("down" as const);
      return {
        name: entry.name,
        state: stuck ? "stuck" : job ? "busy" : idle,
        lastTurnAt: entry.lastTurnAt,
        queueLength: this.queue.length,
        call: job?.name ?? null,
        since,
      };
    });
  }

  private stuckAfter(job: Job): number {
    return Math.min(this.options.stuckMilliseconds, job.deadlineMilliseconds);
  }

  /** libvirt objects that the workers hold; zero when no call runs. */
  liveHandles(): number {
    return this.workers.reduce((sum, worker) => sum + worker.liveHandles, 0);
  }

  /** Ends the workers. One that is stuck in C ends when C lets it. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.disconnect("JimV is stopping.");
    for (const entry of this.workers) {
      if (entry.job?.timer) clearTimeout(entry.job.timer);
      entry.job?.reject(new HypervisorError("unavailable", "JimV is stopping."));
      this.post(entry, { kind: "stop" });
    }
    this.workers = [];
  }
}
