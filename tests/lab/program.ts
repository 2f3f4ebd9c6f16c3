/** A program that runs on a machine of the lab: it can be stopped, continued, killed and started again. */
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { until } from "../support/client.ts";
import { startTimeOf } from "../support/processes.ts";

const startMilliseconds = 10_000;
const endMilliseconds = 30_000;

/** The process that nsenter or unshare forked into the new namespaces, by its number out here. */
export async function childOf(parent: number): Promise<number> {
  let child = 0;
  await until(
    `process ${parent} has a child`,
    startMilliseconds,
    () => {
      if (startTimeOf(parent) === "") throw new Error(`process ${parent} ended at once`);
      child = Number.parseInt(readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8"), 10);
      return child > 0;
    },
    5,
  );
  return child;
}

export class Program {
  private entrance: Bun.Subprocess | null = null;
  private child = 0;
  private startTime = "";

  /** `command` includes how to get into the machine; what the program prints is appended to `log`. */
  constructor(
    private readonly command: readonly string[],
    private readonly options: { log: string; environment: Record<string, string> },
  ) {}

  async start(): Promise<void> {
    if (this.runs) throw new Error(`${this.command.join(" ")} runs already`);
    const log = openSync(this.options.log, "a");
    try {
      this.entrance = Bun.spawn([...this.command], {
        stdin: "ignore",
        stdout: log,
        stderr: log,
        env: { ...process.env, LANG: "C.UTF-8", ...this.options.environment },
      });
    } finally {
      closeSync(log);
    }
    this.child = await childOf(this.entrance.pid);
    this.startTime = startTimeOf(this.child);
  }

  /** Its process id out here. */
  get pid(): number {
    if (this.child === 0) throw new Error(`${this.command.join(" ")} was not started`);
    return this.child;
  }

  get runs(): boolean {
    return this.child !== 0 && startTimeOf(this.child) === this.startTime;
  }

  /** All that it has printed since the lab began. */
  get output(): string {
    const { log } = this.options;
    return existsSync(log) ? readFileSync(log, "utf8") : "";
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Halts it where it stands, as one that hangs; `cont` lets it go on. */
  stop(): void {
    this.signal("SIGSTOP");
  }

  cont(): void {
    this.signal("SIGCONT");
    // nsenter stops itself together with what it started.
    if (this.entrance?.exitCode === null) this.entrance.kill("SIGCONT");
  }

  /** Ends it and waits for its end; by default as a power cut does. Nothing when it does not run. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (!this.runs) return;
    this.signal(signal);
    this.entrance?.kill("SIGCONT");
    await until(`process ${this.child} ends by ${signal}`, endMilliseconds, () => !this.runs, 5);
  }
}
