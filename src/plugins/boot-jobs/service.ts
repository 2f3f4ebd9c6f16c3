/** The rules of boot jobs: making and changing them, and checking what stands in their rules. */
import {
  AppError,
  and,
  asc,
  type ControllerContext,
  type EventRow,
  eq,
  type FieldError,
  fieldError,
  insert,
  made,
  remove,
  StoreExpectationError,
  StoreUniqueError,
  update,
} from "jimv";
import type { BootVariable } from "./contract.ts";
import type { ChangeJob, CreateJob, RuleBody } from "./requests.ts";
import { type BootJob, bootJobs, type FailureWay, queuedJobs, type Rule } from "./schema.ts";
import { hasParts, misplacedIn, namesIn, openPartIn } from "./variables.ts";

/** How often a change is tried anew when somebody else changed the job meanwhile. */
const changeTries = 5;
const mostRules = 50;

export const jobEvent = (id: string, data: unknown = null): EventRow => ({ topic: "bootJob", key: id, data });

type Ground = Pick<ControllerContext, "store" | "clock" | "commit">;

export class Jobs {
  constructor(
    private readonly ground: Ground,
    readonly variables: () => readonly BootVariable[],
  ) {}

  /** All jobs that people see, by name; with `all` those of other plugins, too. */
  async list(all = false): Promise<BootJob[]> {
    const rows = await this.ground.store.select(bootJobs, { orderBy: asc(bootJobs.nameKey) });
    return rows.filter((job) => all || job.scope !== "system");
  }

  /** @throws AppError notFound */
  async need(id: string): Promise<BootJob> {
    const job = await this.ground.store.first(bootJobs, { where: eq(bootJobs.id, id) });
    if (!job) throw new AppError("notFound", "boot-jobs.notFound");
    return job;
  }

  /** @throws AppError notFound, also for jobs that belong to the program */
  async needOwn(id: string): Promise<BootJob> {
    const job = await this.need(id);
    if (job.scope === "system") throw new AppError("notFound", "boot-jobs.notFound");
    return job;
  }

  /** @throws AppError invalid at the fields, conflict (name) */
  async create(request: CreateJob): Promise<BootJob> {
    this.checkRules(request.rules);
    const now = this.ground.clock.now();
    const job: BootJob = {
      id: crypto.randomUUID(),
      name: request.name,
      nameKey: request.name.toLowerCase(),
      remark: request.remark ?? "",
      scope: request.scope,
      onFailure: request.onFailure,
      rules: request.rules.map(ruleOf),
      templateIds: request.scope === "template" ? (request.templateIds ?? []) : [],
      version: 1,
      createdAt: now,
      changedAt: now,
    };
    await named(job.name, () => this.ground.commit([insert(bootJobs, job)], [jobEvent(job.id, made)]));
    return job;
  }

  /** @throws AppError notFound, invalid, conflict */
  async change(id: string, { rules, name, ...rest }: ChangeJob): Promise<BootJob> {
    if (rules) this.checkRules(rules);
    return this.changing(id, () => ({
      ...rest,
      ...(name === undefined ? {} : { name, nameKey: name.toLowerCase() }),
      ...(rules === undefined ? {} : { rules: rules.map(ruleOf) }),
      ...(rest.scope === "user" ? { templateIds: [] } : {}),
    }));
  }

  /** @throws AppError notFound, conflict while it is queued */
  async remove(id: string): Promise<void> {
    const job = await this.needOwn(id);
    const queued = await this.ground.store.select(queuedJobs, { where: eq(queuedJobs.pendingKey, id) });
    if (queued.length > 0)
      throw new AppError("conflict", "boot-jobs.stillQueued", { job: job.name, count: queued.length });
    await this.ground.commit([remove(bootJobs, eq(bootJobs.id, id))], [jobEvent(id)]);
  }

  /** Adds a rule at the end, or puts it in the place of one. @throws AppError notFound, invalid */
  async putRule(jobId: string, ruleId: string | null, body: RuleBody): Promise<BootJob> {
    this.checkRule(body, "");
    return this.changing(jobId, ({ rules }) => {
      if (ruleId === null && rules.length >= mostRules)
        throw new AppError("conflict", "boot-jobs.manyRules", { most: mostRules });
      if (ruleId === null) return { rules: [...rules, ruleOf(body)] };
      needRule(rules, ruleId);
      return { rules: rules.map((rule) => (rule.id === ruleId ? { ...ruleOf(body), id: ruleId } : rule)) };
    });
  }

  async removeRule(jobId: string, ruleId: string): Promise<BootJob> {
    return this.changing(jobId, ({ rules }) => {
      needRule(rules, ruleId);
      return { rules: rules.filter((rule) => rule.id !== ruleId) };
    });
  }

  /** Moves a rule one place up (-1) or down (1) in its job; at the end it stays. */
  async shiftRule(jobId: string, ruleId: string, by: -1 | 1): Promise<BootJob> {
    return this.changing(jobId, ({ rules }) => {
      const from = rules.indexOf(needRule(rules, ruleId));
      const to = Math.min(rules.length - 1, Math.max(0, from + by));
      const next = rules.filter((_, at) => at !== from);
      next.splice(to, 0, rules[from] as Rule);
      return { rules: next };
    });
  }

  /** Moves a rule to the end of another job: both jobs change at once, or none. @throws AppError notFound, conflict */
  async moveRule(fromId: string, ruleId: string, toId: string): Promise<void> {
    if (fromId === toId) throw fieldError("jobId", "boot-jobs.sameJob");
    await this.again(async () => {
      const [from, to] = [await this.needOwn(fromId), await this.needOwn(toId)];
      const rule = needRule(from.rules, ruleId);
      if (to.rules.length >= mostRules)
        throw new AppError("conflict", "boot-jobs.manyRules", { most: mostRules });
      await this.ground.commit(
        [
          this.changed(from, { rules: from.rules.filter((each) => each !== rule) }),
          this.changed(to, { rules: [...to.rules, rule] }),
        ],
        [jobEvent(fromId), jobEvent(toId)],
      );
    });
  }

  /** Makes or renews a job that belongs to the program, under a lasting id. */
  async keepSystemJob(
    id: string,
    name: string,
    onFailure: FailureWay,
    rules: readonly RuleBody[],
  ): Promise<BootJob> {
    this.checkRules(rules);
    const known = await this.ground.store.first(bootJobs, { where: eq(bootJobs.id, id) });
    const now = this.ground.clock.now();
    const own = { name, nameKey: name.toLowerCase(), onFailure, rules: rules.map(ruleOf), changedAt: now };
    const job: BootJob = known
      ? { ...known, ...own }
      : { id, remark: "", scope: "system", templateIds: [], version: 1, createdAt: now, ...own };
    const statement = known ? this.changed(known, own) : insert(bootJobs, job);
    await named(name, () => this.ground.commit([statement], [jobEvent(id)]));
    return job;
  }

  /** What is wrong with rules, at `rules.<n>.<field>`. @throws AppError invalid */
  private checkRules(rules: readonly RuleBody[]): void {
    for (const [at, rule] of rules.entries()) this.checkRule(rule, `rules.${at}.`);
  }

  /** @throws AppError invalid at the field */
  checkRule(rule: RuleBody, prefix: string): void {
    const known = new Set(this.variables().map(({ name }) => name));
    const wrong = (field: string, word: string, args: FieldError["args"] = {}) =>
      fieldError(`${prefix}${field}`, word, args);
    if (rule.kind === "run") {
      if (rule.path !== undefined) throw wrong("path", "boot-jobs.pathUnused");
      const misplaced = misplacedIn(rule.content);
      if (misplaced) throw wrong("content", `boot-jobs.${misplaced.where}`, { name: misplaced.name });
    } else if (rule.path === undefined) throw wrong("path", "boot-jobs.pathNeeded");
    if (rule.kind !== "write" && rule.mode !== undefined) throw wrong("mode", "boot-jobs.modeUnused");
    for (const [field, text] of [
      ["path", rule.path ?? ""],
      ["content", rule.content],
    ] as const) {
      const open = openPartIn(text);
      if (open !== null) throw wrong(field, "boot-jobs.openPart", { name: open });
      if (hasParts(text) && (field === "path" || rule.kind === "run"))
        throw wrong(field, "boot-jobs.partMisplaced");
      for (const name of namesIn(text))
        if (!known.has(name))
          throw wrong(field, "boot-jobs.unknownVariable", {
            name,
            known: [...known].map((each) => `{${each}}`).join(" "),
          });
    }
  }

  private async changing(id: string, change: (job: BootJob) => Partial<BootJob>): Promise<BootJob> {
    return this.again(async () => {
      const job = await this.needOwn(id);
      const set = change(job);
      await named(set.name ?? job.name, () => this.ground.commit([this.changed(job, set)], [jobEvent(id)]));
      return { ...job, ...set };
    });
  }

  /** A change that holds only while nobody else has changed the job. */
  private changed(job: BootJob, set: Partial<BootJob>) {
    const next = { ...job, ...set, version: job.version + 1, changedAt: this.ground.clock.now() };
    return update(bootJobs, next, and(eq(bootJobs.id, job.id), eq(bootJobs.version, job.version)), {
      expect: 1,
    });
  }

  private async again<T>(decide: () => Promise<T>): Promise<T> {
    for (let left = changeTries; ; left--) {
      try {
        return await decide();
      } catch (error) {
        if (!(error instanceof StoreExpectationError)) throw error;
        if (left <= 1) throw new AppError("conflict", "boot-jobs.changing", {}, { cause: error });
      }
    }
  }
}

function ruleOf({ kind, path, content, mode }: RuleBody): Rule {
  return { id: crypto.randomUUID(), kind, path: path ?? null, content, mode: mode ?? null };
}

function needRule(rules: readonly Rule[], id: string): Rule {
  const rule = rules.find((each) => each.id === id);
  if (!rule) throw new AppError("notFound", "boot-jobs.noRule");
  return rule;
}

async function named(name: string, commit: () => Promise<void>): Promise<void> {
  try {
    await commit();
  } catch (error) {
    if (error instanceof StoreUniqueError && error.index === "boot_jobs_name")
      throw fieldError("name", "boot-jobs.nameTaken", { name }, "conflict");
    throw error;
  }
}
