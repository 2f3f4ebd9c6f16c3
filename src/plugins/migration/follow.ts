/** Watches a running migration: takes samples, tells how far it is, and does what was allowed when it won't end. */
import {
  errorText,
  HypervisorError,
  type MigrationJob,
  type NodeContext,
  type Operation,
  timing,
} from "jimv";
import { type Dirtied, type Estimate, MigrationEstimator } from "./estimate.ts";
import { figuresKind } from "./tasks.ts";

export interface Followed {
  uuid: string;
  autoConverge: boolean;
  postcopy: boolean;
  /** Percent of the whole task that the migration begins and ends with. */
  from: number;
  to: number;
}

/**
 * Follows `running` until it ends either way. A cancelled task cancels the migration; until libvirt has let go of it,
 * this goes on.
 */
export async function follow(
  context: NodeContext,
  operation: Operation,
  running: Promise<void>,
  followed: Followed,
  known: { dirtied: readonly Dirtied[]; usedBytes: number | null },
): Promise<void> {
  const { clock, hypervisor, log } = context;
  const { migrations } = hypervisor;
  const { uuid, from, to } = followed;
  let ended = false;
  let wake = (): void => {};
  const over = running.then(
    () => {
      ended = true;
    },
    () => {
      ended = true;
    },
  );
  const downtimeMilliseconds = await migrations.downtimeMilliseconds(uuid).catch(() => defaultDowntime);
  const estimator = new MigrationEstimator({ ...followed, ...known, downtimeMilliseconds });
  // A new pass is looked at at once: what it begins with is what the one before has dirtied.
  const deaf = hypervisor.onDomain((event) => {
    if (event.kind === "pass" && event.uuid === uuid) wake();
  });
  let switchAt: number | null = null;
  let isPostcopy = false;
  try {
    while (!ended) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([over, woken, clock.sleep(timing.migrateLookMilliseconds)]);
      if (ended) break;
      if (operation.signal.aborted) await quietly(migrations.abort(uuid));
      const job = await migrations.job(uuid).catch((error) => {
        log.debug("a migration's figures are missing", { guest: uuid, error: errorText(error) });
        return null;
      });
      if (!job) continue;
      const estimate = estimator.update(sampleOf(job, clock.now(), isPostcopy));
      operation.progress(
        from + ((to - from) * estimate.percent) / 100,
        estimate.secondsLeft === null ? null : Math.ceil(estimate.secondsLeft),
      );
      tell(context, operation, uuid, estimate);
      if (estimate.remedy?.kind !== "postcopy" || isPostcopy || job.pass < 2) switchAt = null;
      else if (switchAt === null) switchAt = job.pass + 1;
      else if (job.pass >= switchAt) isPostcopy = await quietly(migrations.startPostcopy(uuid));
    }
  } finally {
    deaf();
  }
  await running;
}

/** QEMU's own, where it can't be asked. */
const defaultDowntime = 300;

/** An order to a migration that may have ended in this very moment. False when it had. */
async function quietly(order: Promise<void>): Promise<boolean> {
  try {
    await order;
    return true;
  } catch (error) {
    if (error instanceof HypervisorError) return false;
    throw error;
  }
}

function sampleOf(job: MigrationJob, at: number, isPostcopy: boolean) {
  return { ...job, at, isPostcopy };
}

function tell(context: NodeContext, operation: Operation, uuid: string, estimate: Estimate): void {
  const body = { task: operation.taskId, uuid, figures: { ...estimate } };
  context.report(figuresKind, body, `migration:${operation.taskId}`);
}
