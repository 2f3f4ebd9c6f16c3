/**
 * People at work: guests are created, stopped, started, paused, migrated and deleted, again and again, whatever happens.
 */
import { type TaskBody, until } from "../support/client.ts";
import type { Cluster } from "./lab.ts";

/** A pause after a refusal, so that a cluster in trouble is not also flooded. */
const pauseMilliseconds = 300;
/** A task that takes longer than this is looked after by the audit. */
const patienceMilliseconds = 180_000;

type Begun = { task: { id: string }; guests?: { uuid: string }[] };

export class Load {
  /** What became of the tasks that were accepted. */
  readonly ended: TaskBody[] = [];
  /** Requests that were not accepted or not answered. */
  refusals = 0;
  private working = false;
  private workers: Promise<void>[] = [];
  private names = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly templateId: string,
  ) {}

  /** Begins with so many people at once. */
  begin(people: number): void {
    this.working = true;
    this.workers = Array.from({ length: people }, () => this.work());
  }

  /** Lets everybody finish what they are at. */
  async end(): Promise<void> {
    this.working = false;
    await Promise.all(this.workers);
  }

  get succeeded(): number {
    return this.ended.filter((task) => task.state === "succeeded").length;
  }

  /** Waits until so many more tasks have succeeded. */
  async more(count: number, ms: number): Promise<void> {
    const before = this.succeeded;
    const what = (): string =>
      `${count} more tasks succeed (${this.succeeded - before} did, ${this.ended.length} ended, ${this.refusals} refusals)`;
    await until("…", ms, () => this.succeeded >= before + count).catch(() => {
      const failures = this.ended.filter((task) => task.state === "failed").slice(-3);
      throw new Error(`waited ${ms} ms in vain: ${what()} ${JSON.stringify(failures)}`);
    });
  }

  private async work(): Promise<void> {
    while (this.working) {
      const guest = await this.create();
      if (guest === null) continue;
      // Migrated off and running, and back from where it went: to whatever node has most room.
      const deeds = ["force-stop", "migrate", "start", "pause", "resume", "migrate"];
      for (const deed of deeds)
        if (this.working)
          await this.ask("POST", `/guests/${guest}/${deed}`, deed === "migrate" ? {} : undefined);
      await this.ask("DELETE", `/guests/${guest}`, { force: true });
    }
  }

  private async create(): Promise<string | null> {
    const name = `load-${process.pid}-${++this.names}`;
    // Every other one on storage that all nodes share.
    const { sharedPoolId } = this.cluster;
    const pool = this.names % 2 === 1 && sharedPoolId !== "" ? { poolId: sharedPoolId } : {};
    const body = { name, templateId: this.templateId, vcpus: 1, memoryMiB: 64, ...pool };
    const begun = await this.ask("POST", "/guests", body);
    return begun?.guests?.[0]?.uuid ?? null;
  }

  /** Asks once, and waits for the end of the task that comes of it. Null when it was refused. */
  private async ask(method: string, path: string, body?: unknown): Promise<Begun | null> {
    try {
      const { status, body: answer } = await this.cluster.api<Begun>(method, path, body);
      if (status === 202) {
        await this.follow(answer.task.id);
        return answer;
      }
    } catch {
      // No controller answers; whether it was done is for the audit to say.
    }
    this.refusals++;
    await Bun.sleep(pauseMilliseconds);
    return null;
  }

  private async follow(id: string): Promise<void> {
    const late = Date.now() + patienceMilliseconds;
    while (Date.now() < late) {
      const answer = await this.cluster.api<TaskBody>("GET", `/tasks/${id}`).catch(() => null);
      if (answer?.status === 200 && !["queued", "running"].includes(answer.body.state)) {
        this.ended.push(answer.body);
        return;
      }
      await Bun.sleep(pauseMilliseconds / 3);
    }
  }
}
