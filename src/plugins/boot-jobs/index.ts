/**
 * Boot jobs: lists of rules that change a guest's files while it is off, right before it boots. People queue them on
 * guests, templates bring them along, other plugins add variables and jobs of their own.
 */
import { definePlugin, eq, remove, timing } from "jimv";
import { guestBeforeBoot, guestCreating, guestDeleted, guestInterfaces } from "../guests/index.ts";
import { templateService } from "../templates/index.ts";
import type { Appliance } from "./appliance.ts";
import { type BootVariable, bootJobsService, bootVariables } from "./contract.ts";
import { bootJobsMigrations } from "./migrations.ts";
import { startNode } from "./operations.ts";
import { jobPages } from "./pages.tsx";
import { queuePages } from "./pages-queue.tsx";
import { endedReport } from "./plan.ts";
import { Queue } from "./queue.ts";
import { startRoutes } from "./routes.ts";
import { bootJobs, queuedJobs } from "./schema.ts";
import { putSeeds } from "./seeds.ts";
import { Jobs } from "./service.ts";
import { BootJobSettings } from "./settings.ts";
import { bootJobsWords } from "./words.ts";

export * from "./contract.ts";
export type { BootJob, FailureWay, QueuedJob } from "./schema.ts";

export { networkSeeds } from "./seeds.ts";

/** With another appliance than libguestfs's, for worlds that have none. */
export const bootJobsWith = (appliance?: Appliance) =>
  definePlugin({
    name: "boot-jobs",
    requires: ["guests", "templates", "disks"],
    words: bootJobsWords,
    tables: [bootJobs, queuedJobs],
    migrations: bootJobsMigrations,
    settings: BootJobSettings,
    controller(context) {
      const { hooks, store, vault, slots } = context;
      const jobs = new Jobs(context, () => slots.all(bootVariables));
      const queue = new Queue(context, jobs);
      context.provide(bootJobsService, queue);

      const own = [
        { name: "NAME", label: "boot-jobs.value.name", value: ({ name }) => name },
        { name: "HOSTNAME", label: "boot-jobs.value.hostname", value: ({ hostname }) => hostname },
        { name: "UUID", label: "boot-jobs.value.uuid", value: ({ uuid }) => uuid },
        { name: "USER", label: "boot-jobs.value.user", value: ({ userName }) => userName },
        {
          name: "PASSWORD",
          label: "boot-jobs.value.password",
          isSecret: true,
          value: ({ passwordSealed }) => (passwordSealed === null ? null : vault.unseal(passwordSealed)),
        },
        {
          name: "MAC",
          label: "boot-jobs.value.mac",
          async value({ uuid }, made) {
            const hers =
              made?.interfaces ??
              (await store.select(guestInterfaces, { where: eq(guestInterfaces.guestUuid, uuid) }));
            return hers.find(({ position }) => position === 0)?.mac ?? null;
          },
        },
        {
          name: "SSH-KEY",
          label: "boot-jobs.value.sshKey",
          async value() {
            const { sshKey } = await context.settings.read("boot-jobs", BootJobSettings);
            return sshKey === "" ? null : sshKey;
          },
        },
      ] satisfies BootVariable[];
      for (const variable of own) slots.add(bootVariables, variable);

      context.onStop(hooks.on(guestBeforeBoot, (boot) => queue.pack(boot)));
      context.onStop(
        hooks.on(guestCreating, async (made) => {
          made.statements.push(...(await queue.packNew(made)));
        }),
      );
      context.onStop(
        hooks.on(guestDeleted, ({ guest, statements }) => {
          statements.push(remove(queuedJobs, eq(queuedJobs.guestUuid, guest.uuid)));
        }),
      );
      context.onReport(endedReport, (envelope) => queue.heard(envelope));
      context.whenLeading(() =>
        context.every("boot-jobs.expire", timing.bootJobsExpireMilliseconds, () => queue.expire()),
      );
      context.whenLeading(() =>
        context.every("boot-jobs.prune", timing.pruneMilliseconds, () => queue.prune()),
      );
      context.whenLeading(() => {
        putSeeds(context).catch((error: unknown) =>
          context.log.warn("the boot jobs that come along could not be put there", { error: String(error) }),
        );
        return () => {};
      });
      startRoutes(context, jobs, queue);
      queuePages(context, jobs, queue);
      jobPages({ context, jobs, templates: context.use(templateService) });
    },
    node: (context) => startNode(context, appliance),
  });

export const bootJobsPlugin = bootJobsWith();
