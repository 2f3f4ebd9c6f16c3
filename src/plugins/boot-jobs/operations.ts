/** The node's side: carries out a boot's jobs while the guest is off, and tells how each went. */
import { AppError, type NodeContext } from "jimv";
import { guestBooting } from "../guests/index.ts";
import type { Appliance } from "./appliance.ts";
import { carryOut } from "./carrying.ts";
import { guestfishAppliance } from "./guestfish.ts";
import { carriedAs, endedReport, readPlan } from "./plan.ts";

/** Each of the small machines takes more than a gigabyte of memory and a processor. */
const atOnce = 2;
const endAppliance = "boot-jobs.endAppliance";

export function startNode(context: NodeContext, appliance: Appliance = guestfishAppliance(context)): void {
  const lane = new Lane(atOnce);

  context.undo(endAppliance, async ({ uuid }) => {
    if (uuid) await appliance.end(uuid);
  });

  const undo = context.hooks.on(guestBooting, async (boot) => {
    const carried = boot.carry[carriedAs];
    if (carried === undefined) return;
    const plan = readPlan(carried);
    const { operation } = boot;
    const { signal } = operation;
    // Minutes, of which this process does little: starts without jobs go past it.
    operation.becomePatient();
    const leave = await operation.step("boot-jobs.step.wait", null, () => lane.enter(signal));
    try {
      // What is at work on the guest's disks ends before anything else of this task is taken back.
      const outcomes = await operation.step(
        "boot-jobs.step.carryOut",
        { name: endAppliance, args: { uuid: boot.uuid } },
        () => carryOut(plan, { appliance, signal, progress: operation.meter(0, 85) }),
      );
      // Before the boot, and kept until it is applied: a job that was carried out is told of whatever comes next.
      context.report(endedReport, { guest: boot.uuid, outcomes });
      const failed = new Set(outcomes.filter(({ state }) => state === "failed").map(({ id }) => id));
      const first = plan.jobs.find((job) => job.staysOff && failed.has(job.id));
      if (first) boot.staysOff = { word: "boot-jobs.staysOff", args: { job: first.name } };
    } finally {
      leave();
    }
  });
  context.onStop(undo);
}

/** Lets so many in at once; the others wait in their order. */
class Lane {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly places: number) {}

  /** Resolves with what leaves again. @throws the signal's reason when it is aborted first */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.inside < this.places) this.inside++;
    else await this.turn(signal);
    return () => {
      const next = this.waiting.shift();
      if (next) next();
      else this.inside--;
    };
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        this.waiting.splice(this.waiting.indexOf(mine), 1);
        reject(signal.reason ?? new AppError("conflict", "task.cancelled"));
      };
      const mine = (): void => {
        signal.removeEventListener("abort", aborted);
        resolve();
      };
      signal.addEventListener("abort", aborted, { once: true });
      this.waiting.push(mine);
    });
  }
}
