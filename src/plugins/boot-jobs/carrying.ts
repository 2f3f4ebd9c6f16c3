/**
 * Carrying jobs out on a guest's files: one session for all jobs of a boot, each job once.
 *
 * Before each rule a mark inside the guest's own file system says which rule comes, and is on the disk before the rule
 * begins; after the last rule it says how the job ended. So, when the node dies in the middle and the boot comes again:
 *
 * - no mark: the job has not begun, and is carried out;
 * - ended: it is not carried out again; what came out is read from the mark and told once more;
 * - in the middle of writing a file: the file is written again, whole, and the job goes on;
 * - in the middle of appending: the mark holds the size from before; the file is cut there and appended to again;
 * - in the middle of a command: nobody knows how far it came, and half a command twice may be worse than half of it
 *   once. The job has failed, its log says at which command, and a person decides.
 *
 * A mark goes with the disk: a guest that is created anew after its node's death begins without one. When a session
 * breaks off (libguestfs fails), the job under way has failed, and those after it get a session of their own.
 */
import { AppError, fits, type Static, Type } from "jimv";
import { type Appliance, ApplianceError, type ApplianceSession, longestReadBytes } from "./appliance.ts";
import { masked } from "./masking.ts";
import {
  type Outcome,
  Outcome as OutcomeShape,
  type Plan,
  type PlannedJob,
  type PlannedRule,
} from "./plan.ts";
import { filled, hasParts, namesIn, shellName, shellText } from "./variables.ts";

const Mark = Type.Object({
  /** Of the rule that comes, from 0. */
  rule: Type.Integer({ minimum: 0 }),
  /** Of the file that it appends to, from before. */
  size: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  /** Log so far. */
  log: Type.Array(Type.String()),
  ended: Type.Union([Type.Pick(OutcomeShape, ["state", "word", "args"]), Type.Null()]),
});
type Mark = Static<typeof Mark>;

export interface Carrier {
  appliance: Appliance;
  signal: AbortSignal;
  /** `done` of `total` rules. */
  progress(done: number, total: number): void;
}

/** Carries out a plan. Every job has an outcome, in the plan's order. @throws what aborted the task */
export async function carryOut(plan: Plan, { appliance, signal, progress }: Carrier): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const total = plan.jobs.reduce((sum, job) => sum + job.rules.length, 0) + 1;
  let done = 0;
  const touched = new Set<string>();
  let session: ApplianceSession | null = null;
  try {
    for (const job of plan.jobs) {
      const log: string[] = [];
      try {
        if (session === null) {
          session = await appliance.open({ uuid: plan.guest, disks: plan.disks, signal });
          await tidy(session, plan);
        }
        const one = new JobRun(session, plan, job, log, touched, () => progress(++done, total));
        outcomes.push(await one.run());
      } catch (error) {
        signal.throwIfAborted();
        session = null;
        await appliance.end(plan.guest);
        const { word, detail } = applianceError(error);
        outcomes.push(outcomeOf(job, "failed", word, { detail }, log));
        // Without a system on its disks, the next job would wait for the same answer.
        if (word === "boot-jobs.noSystem") {
          const rest = plan.jobs.slice(outcomes.length);
          return [...outcomes, ...rest.map((each) => outcomeOf(each, "failed", word, { detail }, []))];
        }
      }
    }
    if (session) await relabelled(session, touched);
    await session?.close();
  } catch (error) {
    await appliance.end(plan.guest);
    signal.throwIfAborted();
    // Not sure to be on the disks: the task fails, and what comes again reads the marks.
    const { word, detail } = applianceError(error);
    throw new AppError("unavailable", word, { detail }, { cause: error });
  }
  return outcomes;
}

/** Files that were written here have no label, and a guest with SELinux would not read them. */
async function relabelled(session: ApplianceSession, touched: ReadonlySet<string>): Promise<void> {
  if (session.system !== "linux" || touched.size === 0) return;
  await session.relabel(touched.has("/") ? ["/"] : [...touched]);
}

/** The folder at the top that a path is in; what is above it may have been made along with it. */
const topOf = (path: string): string => `/${path.split("/")[1] ?? ""}`;

function applianceError(error: unknown): { word: string; detail: string } {
  if (error instanceof ApplianceError) return error;
  throw error;
}

function outcomeOf(
  job: PlannedJob,
  state: Outcome["state"],
  word: string | null,
  args: Outcome["args"],
  log: readonly string[],
): Outcome {
  return { id: job.id, state, word, args, log: log.join("\n") };
}

const folderOf = (session: ApplianceSession): string =>
  session.system === "windows" ? "/ProgramData/JimV/boot-jobs" : "/var/lib/jimv/boot-jobs";

/** Removes marks of earlier boots: their jobs are over and never come again. */
async function tidy(session: ApplianceSession, plan: Plan): Promise<void> {
  const folder = folderOf(session);
  if (!(await session.exists(folder))) return;
  const ours = new Set(plan.jobs.map((job) => job.id));
  for (const name of await session.list(folder))
    if (!ours.has(name)) await session.remove(`${folder}/${name}`);
}

class JobRun {
  private readonly folder: string;
  private readonly markPath: string;

  constructor(
    private readonly session: ApplianceSession,
    private readonly plan: Plan,
    private readonly job: PlannedJob,
    private readonly log: string[],
    /** Folders in which files were changed. */
    private readonly touched: Set<string>,
    private readonly ruleDone: () => void,
  ) {
    this.folder = folderOf(session);
    this.markPath = `${this.folder}/${job.id}`;
  }

  async run(): Promise<Outcome> {
    const { job, log } = this;
    const before = await this.readMark();
    if (before === "unreadable") return this.end("failed", "boot-jobs.markUnreadable", {});
    // What went before its node died has not been labelled.
    if (before) this.touched.add("/");
    if (before?.ended)
      return outcomeOf(job, before.ended.state, before.ended.word, before.ended.args, before.log);
    log.push(...(before?.log ?? []));
    const first = before?.rule ?? 0;
    if (before && job.rules[first]?.kind === "run" && !this.isSkipped(job.rules[first])) {
      log.push(`${first + 1}. run: the node ended while this command ran; it is not carried out again`);
      return this.end("failed", "boot-jobs.interrupted", { rule: first + 1 });
    }
    for (const [at, rule] of job.rules.entries()) {
      if (at < first) continue;
      const failed = await this.carry(rule, at, before?.rule === at ? before.size : null);
      this.ruleDone();
      if (failed !== null)
        return this.end("failed", "boot-jobs.commandFailed", { rule: at + 1, code: failed });
    }
    const { rules } = job;
    if (rules.length > 0 && rules.every((rule) => this.isSkipped(rule)))
      return this.end("failed", "boot-jobs.allLeftOut", {});
    return this.end("done", null, {});
  }

  private isSkipped(rule: PlannedRule): boolean {
    return rule.kind === "run" && this.session.system === "windows";
  }

  /** Carries out one rule. The exit code of a command that failed, else null. */
  private async carry(rule: PlannedRule, at: number, sizeBefore: number | null): Promise<number | null> {
    const { session, log } = this;
    const line = (text: string): void => void log.push(`${at + 1}. ${text}`);
    if (this.isSkipped(rule)) {
      line("run: left out, as commands are not carried out on Windows");
      return null;
    }
    const text = rule.kind === "run" ? "" : this.lineEnds(filled(rule.content, this.values()));
    const path = this.pathOf(rule);
    // An empty file is not what a rule means whose values the guest has not.
    if (text === "" && rule.kind !== "run" && hasParts(rule.content)) {
      line(`${rule.kind} ${path}: left out, as the guest has none of its values`);
      return null;
    }
    const size =
      rule.kind !== "append"
        ? null
        : (sizeBefore ?? ((await session.exists(path)) ? await session.size(path) : 0));
    await this.mark({ rule: at, size, log, ended: null });
    this.touched.add(topOf(this.folder));
    // A command may change anything.
    this.touched.add(rule.kind === "run" ? "/" : topOf(path));
    if (rule.kind === "run") return this.command(rule, line);
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (parent !== "") await session.makeFolder(parent, null);
    if (rule.kind === "write") {
      const isNew = !(await session.exists(path));
      await session.write(path, text, rule.mode ?? (isNew ? "0644" : null));
    } else {
      if (sizeBefore !== null && (await session.exists(path))) await session.truncate(path, sizeBefore);
      await session.writeAt(path, text, size ?? 0);
    }
    line(`${rule.kind} ${path}: ${Buffer.byteLength(text)} bytes`);
    return null;
  }

  private async command(rule: PlannedRule, line: (text: string) => void): Promise<number | null> {
    const { session } = this;
    const values = this.values();
    const end = await session.command({
      text: shellText(rule.content),
      values: Object.fromEntries(namesIn(rule.content).map((name) => [shellName(name), values[name] ?? ""])),
    });
    const { code } = end;
    const output = this.withoutSecrets(end.output.trimEnd());
    line(`run: exit code ${code}`);
    if (output !== "") this.log.push(output);
    return code === 0 ? null : Number.isNaN(code) ? -1 : code;
  }

  private pathOf({ path }: PlannedRule): string {
    const text = filled(path ?? "", this.values()).replace(/^[A-Za-z]:/, "");
    return this.session.system === "windows" ? text.replaceAll("\\", "/") : text;
  }

  private lineEnds(text: string): string {
    return this.session.system === "windows" ? text.replaceAll(/\r?\n/g, "\r\n") : text;
  }

  private values(): Record<string, string> {
    return Object.fromEntries(Object.entries(this.plan.values).map(([name, { value }]) => [name, value]));
  }

  private withoutSecrets(text: string): string {
    const values = Object.values(this.plan.values);
    return masked(
      text,
      values.flatMap(({ value, isSecret }) => (isSecret ? [value] : [])),
    );
  }

  private async end(state: Outcome["state"], word: string | null, args: Outcome["args"]): Promise<Outcome> {
    await this.mark({ rule: this.job.rules.length, size: null, log: this.log, ended: { state, word, args } });
    return outcomeOf(this.job, state, word, args, this.log);
  }

  /**
   * Null where the job has not begun. A mark is renamed into its place whole: half of one is not to be found. What is
   * no mark of ours was put there by the guest.
   */
  private async readMark(): Promise<Mark | null | "unreadable"> {
    if (!(await this.session.exists(this.markPath))) return null;
    const text = await this.session.read(this.markPath);
    if (text === null) return "unreadable";
    try {
      const mark: unknown = JSON.parse(text);
      return fits(Mark, mark) ? mark : "unreadable";
    } catch (error) {
      if (error instanceof SyntaxError) return "unreadable";
      throw error;
    }
  }

  private async mark(mark: Mark): Promise<void> {
    const { session, folder, markPath } = this;
    // What the rule before did comes first: a mark must not be ahead of what it says.
    await session.sync();
    await session.makeFolder(folder, "0700");
    await session.write(`${markPath}.new`, fitting(mark), "0600");
    await session.rename(`${markPath}.new`, markPath);
    await session.sync();
  }
}

/** A mark's text, short enough to be read again: of a log that is too long, the end is kept. */
function fitting(mark: Mark): string {
  for (let { log } = mark; ; log = ["…", ...log.slice(2)]) {
    const text = JSON.stringify({ ...mark, log });
    if (Buffer.byteLength(text) <= longestReadBytes || log.length < 2) return text;
  }
}
